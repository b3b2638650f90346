"""The generated reference pages are what the programs say, and the operator's names every variable that it reads."""

import glob
import os
import re
import subprocess

import pytest
from harness.paths import REPOSITORY, sidecar_binary

PROGRAMS = {
    "sidecar": sidecar_binary(),
    "gateway": os.environ.get("ASYA_GATEWAY") or os.path.join(REPOSITORY, "bin", "asya-gateway"),
    "operator": os.environ.get("ASYA_OPERATOR") or os.path.join(REPOSITORY, "bin", "asya-operator"),
}


@pytest.mark.parametrize("part", sorted(PROGRAMS))
def test_the_page_is_up_to_date(part):
    program = PROGRAMS[part]
    said = subprocess.run([program, "--help=markdown"], capture_output=True, text=True, check=True, timeout=30).stdout
    with open(os.path.join(REPOSITORY, "docs", "reference", part + ".md"), encoding="utf-8") as file:
        assert file.read() == said, "run: bin/asya-%s --help=markdown > docs/reference/%s.md" % (part, part)


def test_the_operators_page_names_every_variable_that_it_reads():
    # Its configuration reads a dictionary, not rows of a table as the other programs do.
    read = set()
    for path in glob.glob(os.path.join(REPOSITORY, "Sources", "Operator", "**", "*.swift"), recursive=True):
        with open(path, encoding="utf-8") as file:
            read |= set(re.findall(r'(?:text\(|environment\[)"(ASYA_[A-Z_]+)"', file.read()))
    with open(os.path.join(REPOSITORY, "docs", "reference", "operator.md"), encoding="utf-8") as file:
        page = file.read()
    assert len(read) > 8
    assert not [name for name in sorted(read) if "`%s`" % name not in page]


@pytest.mark.parametrize("part", sorted(PROGRAMS))
def test_help_is_for_people_and_misuse_is_not_success(part):
    said = subprocess.run([PROGRAMS[part], "--help"], capture_output=True, text=True, check=True, timeout=30).stdout
    assert said.startswith("usage: asya-" + part)
    wrong = subprocess.run([PROGRAMS[part], "--nonsense"], capture_output=True, text=True, check=False, timeout=30)
    assert wrong.returncode == 2
