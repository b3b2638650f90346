"""The alert rules of the charts: syntax and behaviour, by promtool."""

import os
import subprocess

import pytest

import charts

FOLDER = os.path.join(charts.ROOT, "Tests", "Deploy", "alerts")
CHARTS = sorted(name[: -len(".test.yaml")] for name in os.listdir(FOLDER))


@pytest.fixture(scope="session", autouse=True)
def promtool():
    """Debian's package has it beside the server, which it does not start here."""
    installer = os.path.join(charts.ROOT, "tools", "install-debian-packages.sh")
    subprocess.run(["bash", installer, "prometheus"], check=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("chart", CHARTS)
def test_alerts_fire_when_they_should(chart, tmp_path):
    rules = os.path.join(charts.CHARTS, chart, "files", "alert-rules.yaml")
    with open(os.path.join(FOLDER, f"{chart}.test.yaml"), encoding="utf-8") as file:
        (tmp_path / "test.yaml").write_text(file.read().replace("RULES", rules), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "test.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("chart", CHARTS)
def test_rules_are_well_formed(chart):
    rules = os.path.join(charts.CHARTS, chart, "files", "alert-rules.yaml")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
