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
