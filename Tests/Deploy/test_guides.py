"""Every YAML block of the guides is rendered or validated; every block of commands is marked or tested."""

import os
import re

import jsonschema
import kubernetes_validate
import pytest
import yaml

import charts
from test_charts import FOREIGN_GROUPS, schema

DOCS = os.path.join(charts.ROOT, "docs")
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# What a chart needs besides the values a guide shows.
COMPLETION = {"asya-crew": ["-set", "happy-end.enabled=true"]}


def blocks():
    """(page, line, info words, body) of every fenced block."""
    for folder, _, names in sorted(os.walk(DOCS)):
        for name in sorted(names):
            if name.endswith(".md"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                for match in FENCE.finditer(text):
                    line = text.count("\n", 0, match.start()) + 1
                    yield os.path.relpath(path, DOCS), line, match["info"].split(), match["body"]


YAML_BLOCKS = [block for block in blocks() if block[2][:1] == ["yaml"]]


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=[f"{page}:{line}" for page, line, _, _ in YAML_BLOCKS])
def test_a_yaml_block_is_right(block, tmp_path):
    _, _, info, body = block
    marks = dict(word.split("=", 1) for word in info[1:] if "=" in word)
    if "values" in marks:
        chart = marks["values"]
        path = tmp_path / "values.yaml"
        path.write_text(body, encoding="utf-8")
        arguments = [*COMPLETION.get(chart, []), "-f", str(path)]
        jsonschema.validate(charts.merged_values(chart, *arguments), schema(chart))
        objects = charts.render(chart, *arguments)
    else:
        objects = [one for one in yaml.safe_load_all(body) if one and "kind" in one]
    for one in objects:
        if not one["apiVersion"].startswith(FOREIGN_GROUPS):
            kubernetes_validate.validate(one, "1.36", strict=True)


def test_local_links_lead_somewhere():
    for folder, _, names in os.walk(DOCS):
        for name in names:
            if not name.endswith(".md"):
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for target in re.findall(r"\]\(([^)#\s]+)", file.read()):
                    if "://" not in target:
                        assert os.path.exists(os.path.join(folder, target)), f"{name}: {target}"


def test_paths_named_in_the_guides_exist():
    for page, line, info, body in blocks():
        if info[:1] == ["sh"]:
            for path in re.findall(r"(?<![\w/.-])((?:deploy|examples|tools|perf)/[\w./-]+)", body):
                assert os.path.exists(os.path.join(charts.ROOT, path)), f"{page}:{line}: {path}"
