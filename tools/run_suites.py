"""Runs test suites one after the other and adds up their results: run_suites.py SUITE …

The last line is "N passed, N failed, N skipped" over all suites; the status is 0 only when every suite passed and ran
at least one test. A suite that does not exist (yet) is named and left out.

With ASYA_TEST_ATTEMPTS=2, as continuous integration sets it, a test that fails is given one more attempt, and what needed
it is named above the result: a defect to look at, of the test or of the program, but no reason to refuse everything else.
"""

import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Read by .ci/run, which has to repeat the result at the very end.
SUMMARY_FILE = os.path.join(ROOT, ".build", "test-summary.txt")
FUZZ_SECONDS = "20"

SWIFT_TEST = ["swift", "test", "--disable-xctest"]
SECOND_ATTEMPT = os.environ.get("ASYA_TEST_ATTEMPTS") == "2"
# With more failures than these no more is repeated: that is not bad luck.
MOST_FAILED = 3
RERUNS = ["--reruns=1", f"--max-suite-reruns={MOST_FAILED}", "--rerun-show-tracebacks"] if SECOND_ATTEMPT else []
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", *RERUNS]


class Suite:
    """A command, the path it needs, and how its output tells (passed, failed, skipped).

    `repeats_whole`: a second attempt runs all of it, since its runner cannot repeat single tests.
    """

    def __init__(self, title, command, path, count, repeats_whole=False):
        self.title = title
        self.command = command
        self.path = path
        self.count = count
        self.repeats_whole = repeats_whole


# Neither the closing line nor the cases of a parameterised test, which has a line of its own.
_FAILED_TEST = re.compile(r"^\S*\s*Test (?!run with |case ).* failed after ")


def count_swift(lines, status):
    """Swift Testing: one line per failed and skipped test, the total in the closing line."""
    total = sum(int(match.group(1)) for match in _matches(r"Test run with (\d+) tests?\b", lines))
    failed = len([line for line in lines if _FAILED_TEST.search(line)])
    skipped = len(_matches(r"^\S*\s*Test .* skipped", lines))
    return max(total - failed - skipped, 0), max(failed, int(status != 0)), skipped


def count_pytest(lines, status):
    """pytest: the counts stand in its last line; errors are failures."""
    closing = [line for line in lines if re.search(r"\b(passed|failed|errors?|skipped)\b.* in [\d.]+s", line)]
    counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
    for number, word in re.findall(r"(\d+) (passed|failed|error|skipped)", closing[-1] if closing else ""):
        counts[word] += int(number)
    return counts["passed"], max(counts["failed"] + counts["error"], int(status != 0)), counts["skipped"]


def count_once(_lines, status):
    """Anything else counts as one test."""
    return int(status == 0), int(status != 0), 0


SUITES = {
    # Without XCTest's runner, which would report that it executed no tests.
    # With a private PostgreSQL for the gateway's store and a private broker for the queue client.
    "swift": Suite(
        "Swift unit tests",
        [
            *["env", "PYTHONPATH=tools", sys.executable, "-m", "localservers.postgres", "--"],
            *[sys.executable, "-m", "localservers.rabbitmq", "--tls", "--", *SWIFT_TEST],
        ],
        "Package.swift",
        count_swift,
        repeats_whole=True,
    ),
    "python": Suite("Python unit tests", [*PYTEST, "Tests/Python"], "Tests/Python", count_pytest),
    "examples": Suite("tools and examples", [*PYTEST, "tools", "examples"], "examples", count_pytest),
    "conformance": Suite("conformance", [*PYTEST, "Tests/Conformance"], "Tests/Conformance", count_pytest),
    "cli": Suite("command line", [*PYTEST, "Tests/CLI"], "Tests/CLI", count_pytest),
    "deploy": Suite("charts and examples", [*PYTEST, "Tests/Deploy"], "Tests/Deploy", count_pytest),
    "gateway": Suite("gateway", [*PYTEST, "Tests/Gateway"], "Tests/Gateway", count_pytest),
    "mcp": Suite("MCP and the page", [*PYTEST, "Tests/MCP"], "Tests/MCP", count_pytest),
    "operator": Suite("operator", [*PYTEST, "Tests/Operator"], "Tests/Operator", count_pytest),
    "install": Suite(
        "install guide", ["env", "ASYA_E2E_CONTEXT=local", *PYTEST, "Tests/EndToEnd"], "Tests/EndToEnd", count_pytest
    ),
    "fuzz": Suite("fuzz smoke run", ["bash", "Tests/Fuzz/run.sh", FUZZ_SECONDS], "Tests/Fuzz/run.sh", count_once),
}


def main(names):
    """Runs the named suites; returns the exit status."""
    rows, totals, repeated = [], [0, 0, 0], []
    for name in names:
        suite = SUITES[name]
        if not os.path.exists(os.path.join(ROOT, suite.path)):
            rows.append(f"{suite.title:20} left out: there is no {suite.path}")
            continue
        print(f"== {suite.title}: {' '.join(suite.command)}", flush=True)
        started = time.monotonic()
        lines, status = _run(suite.command)
        counts = suite.count(lines, status)
        if SECOND_ATTEMPT and suite.repeats_whole and 0 < counts[1] <= MOST_FAILED:
            print(f"== {suite.title}: the second attempt", flush=True)
            repeated += [f"{suite.title}: {line.strip()}" for line in lines if _FAILED_TEST.search(line)]
            counts = suite.count(*_run(suite.command))
        repeated += [line for line in lines if line.startswith("RERUN ")]
        totals = [total + count for total, count in zip(totals, counts)]
        rows.append(f"{suite.title:20} {_sentence(counts)} in {time.monotonic() - started:.0f} s")
    if repeated:
        rows += ["needed a second attempt:", *(f"  {line}" for line in repeated)]
    summary = "\n".join([*rows, _sentence(totals)])
    print(f"\n{summary}", flush=True)
    os.makedirs(os.path.dirname(SUMMARY_FILE), exist_ok=True)
    with open(SUMMARY_FILE, "w", encoding="utf-8") as file:
        file.write(summary + "\n")
    if totals[0] == 0:
        print("no test was run", file=sys.stderr)
    return 0 if totals[1] == 0 and totals[0] > 0 else 1


def _run(command):
    """Passes the output through while it comes; returns its lines without colours, and the exit status."""
    lines = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip("\n")))
    return lines, process.returncode


def _matches(pattern, lines):
    return [match for match in (re.search(pattern, line) for line in lines) if match]


def _sentence(counts):
    passed, failed, skipped = counts
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in SUITES]
    if unknown or len(sys.argv) < 2:
        sys.exit(f"usage: run_suites.py {{{'|'.join(SUITES)}}} …")
    sys.exit(main(sys.argv[1:]))
