"""The generated reference is what the program says."""

import os
import subprocess

from harness.paths import REPOSITORY, sidecar_binary

PAGE = os.path.join(REPOSITORY, "docs", "reference", "sidecar.md")


def test_the_page_of_the_sidecars_variables_is_up_to_date():
    said = subprocess.run([sidecar_binary(), "--help=markdown"], capture_output=True, text=True, check=True).stdout
    with open(PAGE, encoding="utf-8") as file:
        assert file.read() == said, "run: bin/asya-sidecar --help=markdown > docs/reference/sidecar.md"
