"""Tests of the result counting in tools/run_suites.py."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import run_suites


@pytest.mark.parametrize(
    ("line", "status", "counts"),
    [
        ("12 passed, 1 skipped in 3.21s", 0, (12, 0, 1)),
        ("=== 2 failed, 10 passed, 1 error in 61.02s (0:01:01) ===", 1, (10, 3, 0)),
        ("no tests ran in 0.01s", 5, (0, 1, 0)),
        ("", 2, (0, 1, 0)),
        ("1 passed, 3 warnings in 0.10s", 0, (1, 0, 0)),
    ],
)
def test_pytest_lines(line, status, counts):
    assert run_suites.count_pytest(["test output: 7 passed", line], status) == counts


SWIFT = [
    "◇ Test run started.",
    "✔ Test \"adds\" passed after 0.001 seconds.",
    "➜ Test \"later\" skipped.",
    "✘ Test failing() failed after 0.002 seconds with 1 issue.",
    "✘ Suite Arithmetic failed after 0.003 seconds with 1 issue.",
]


def test_swift_lines_of_a_failed_run():
    closing = "✘ Test run with 3 tests in 1 suite failed after 0.003 seconds with 1 issue."
    assert run_suites.count_swift([*SWIFT, closing], 1) == (1, 1, 1)


def test_swift_lines_of_a_passed_run():
    assert run_suites.count_swift(["✔ Test run with 34 tests in 5 suites passed after 0.1 seconds."], 0) == (34, 0, 0)


def test_a_swift_run_that_does_not_build_is_a_failure():
    assert run_suites.count_swift(["error: no such module"], 1) == (0, 1, 0)


@pytest.fixture(name="second_attempt")
def _second_attempt(monkeypatch, tmp_path):
    monkeypatch.setattr(run_suites, "SECOND_ATTEMPT", True)
    monkeypatch.setattr(run_suites, "SUMMARY_FILE", str(tmp_path / "summary.txt"))
    return tmp_path


def suite_of(tmp_path, first, second):
    """A suite in the form of Swift's that prints one thing when it is run first and another one afterwards."""
    script = tmp_path / "suite.sh"
    script.write_text('if mkdir "$0.ran" 2>/dev/null; then %s; else %s; fi\n' % (first, second), encoding="utf-8")
    return run_suites.Suite("unit", ["bash", str(script)], "Package.swift", run_suites.count_swift, repeats_whole=True)


FAILED = "printf 'Test fragile() failed after 1 s.\\nTest run with 2 tests in 1 suite failed after 1 s.\\n'; exit 1"
PASSED = "echo 'Test run with 2 tests in 1 suite passed after 1 s.'"


def test_a_second_attempt_counts_and_names_what_needed_it(second_attempt, monkeypatch):
    monkeypatch.setitem(run_suites.SUITES, "unit", suite_of(second_attempt, FAILED, PASSED))
    assert run_suites.main(["unit"]) == 0
    summary = (second_attempt / "summary.txt").read_text(encoding="utf-8")
    assert "unit: Test fragile() failed after 1 s." in summary
    assert summary.endswith("\n2 passed, 0 failed\n")


def test_what_fails_twice_has_failed(second_attempt, monkeypatch):
    monkeypatch.setitem(run_suites.SUITES, "unit", suite_of(second_attempt, FAILED, FAILED))
    assert run_suites.main(["unit"]) == 1
    assert (second_attempt / "summary.txt").read_text(encoding="utf-8").endswith("\n1 passed, 1 failed\n")


def test_without_the_setting_there_is_no_second_attempt(second_attempt, monkeypatch):
    monkeypatch.setattr(run_suites, "SECOND_ATTEMPT", False)
    monkeypatch.setitem(run_suites.SUITES, "unit", suite_of(second_attempt, FAILED, PASSED))
    assert run_suites.main(["unit"]) == 1
