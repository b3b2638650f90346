"""Which metrics the dashboards, the alert rules and the monitoring guide name, and whether a program's page has them."""

import glob
import json
import os
import re

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Whose page must have a name, by its beginning; `process_` is exported by both.
OWNERS = {
    "asya_actor_": ("sidecar",),
    "asya_gateway_": ("gateway",),
    "asya_operator_": ("operator",),
    "controller_runtime_": ("operator",),
    "leader_election_": ("operator",),
    "rest_client_": ("operator",),
    "workqueue_": ("operator",),
    "process_": ("gateway", "operator"),
}
# Exported by programs that are not ours, such as KEDA and kube-state-metrics: name and who has it.
FOREIGN = {}

_WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}


def names_of(expression):
    """Metric names of a PromQL expression, or of Grafana's label_values(metric, label)."""
    text = re.sub(r'"[^"]*"|\'[^\']*\'', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    text = re.sub(r"label_values\(\s*([^,)]+),[^)]*\)", r"\1", text)
    names = re.findall(r"(?<![\w$.])([a-zA-Z_:][\w:]*)(?!\w*\s*\()", text)
    return {name for name in names if name not in _WORDS and not re.fullmatch(r"e\d+", name)}


def used():
    """Name of each metric → the files that use it."""
    found = {}
    for path, expression in _expressions():
        for name in names_of(expression):
            found.setdefault(name, set()).add(os.path.relpath(path, ROOT))
    return found


def owners(name):
    """The programs that must export a metric; empty for nobody's."""
    for beginning, programs in OWNERS.items():
        if name.startswith(beginning):
            return programs
    return ()


def missing(page, program):
    """Names that a program's /metrics page should have and has not, with the files that use them."""
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))

    def is_there(name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return name in types or types.get(base) == "histogram"

    return {name: files for name, files in used().items() if program in owners(name) and not is_there(name)}


def _expressions():
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy", "grafana", "*.json"))):
        with open(path, encoding="utf-8") as file:
            board = json.load(file)
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield path, variable["query"]
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield path, target["expr"]
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy", "helm-charts", "*", "files", "alert-rules.yaml"))):
        with open(path, encoding="utf-8") as file:
            rules = yaml.safe_load(file)
        for group in rules["groups"]:
            for rule in group["rules"]:
                yield path, rule["expr"]
    path = os.path.join(ROOT, "docs", "how-to", "monitoring.md")
    with open(path, encoding="utf-8") as file:
        for span in re.findall(r"`([^`\n]+)`", file.read()):
            if re.search(r"\b(asya|controller_runtime)_\w+", span):
                yield path, span
