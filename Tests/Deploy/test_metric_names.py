"""What dashboards, alert rules and the guide name is some program's; each program's suite looks it up in a real page."""

import os
import subprocess
import sys

import metric_names


def test_every_name_is_a_programs_or_listed_as_foreign():
    nobodys = {name: files for name, files in metric_names.used().items() if not metric_names.owners(name)}
    assert {name for name in nobodys if name not in metric_names.FOREIGN} == set(), nobodys
    assert set(metric_names.FOREIGN) <= set(nobodys), "listed as foreign and not used"


def test_every_dashboard_and_every_rule_file_uses_metrics():
    files = set().union(*metric_names.used().values())
    assert {os.path.basename(path) for path in files if path.startswith("deploy/grafana")} == {
        "asya-actors.json", "asya-gateway.json", "asya-operator.json",
    }
    assert sum(path.endswith("alert-rules.yaml") for path in files) == 2


def test_names_are_found_in_expressions():
    text = """histogram_quantile(0.95, sum by (le, pod) (rate(a_bucket{x=~"b_total|c"}[5m]))) > 1e3 * max without (q) (d_e)
        unless on (pod) f:g offset 5m"""
    assert metric_names.names_of(text) == {"a_bucket", "d_e", "f:g"}
    assert metric_names.names_of("label_values(asya_x_total{a=\"b\"}, queue)") == {"asya_x_total"}


def test_dashboards_are_generated():
    script = os.path.join(metric_names.ROOT, "tools", "dashboards.py")
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0
