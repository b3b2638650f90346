"""What the guides show is right: YAML is rendered, validated or checked by `asya validate`; links, pictures and paths lead
somewhere; error texts that are quoted exist in the sources."""

import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

import charts
import guides
from test_charts import check, schema

ASYA = os.path.join(charts.ROOT, "bin", "asya")
# What a chart needs besides the values a guide shows.
COMPLETION = {"asya-crew": ["-set", "happy-end.enabled=true"]}
YAML_BLOCKS = [block for block in guides.blocks() if block.language == "yaml"]


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=map(repr, YAML_BLOCKS))
def test_a_yaml_block_is_right(block, tmp_path):
    path = tmp_path / "values.yaml"
    if block.values_of:
        path.write_text(block.body, encoding="utf-8")
        arguments = [*COMPLETION.get(block.values_of, []), "-f", str(path)]
        jsonschema.validate(charts.merged_values(block.values_of, *arguments), schema(block.values_of))
        objects = charts.render(block.values_of, *arguments)
    else:
        objects = [one for one in yaml.safe_load_all(block.body) if isinstance(one, dict) and "apiVersion" in one]
    for one in objects:
        check(one, "1.36")
    actors = [one for one in objects if one["kind"] == "AsyncActor"]
    if actors:
        if not os.path.exists(ASYA):
            pytest.skip("needs make build")
        path.write_text(yaml.safe_dump_all(actors), encoding="utf-8")
        done = subprocess.run([ASYA, "validate", "--file", str(path)], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_json_blocks_can_be_read():
    """`…` stands for something left out, inside a text."""
    for block in guides.blocks():
        if block.language == "json":
            json.loads(block.body)


def test_a_yaml_block_with_an_object_says_which_file_it_is():
    """Commands refer to it; `test_guide_commands` looks for it there."""
    for block in YAML_BLOCKS:
        assert "\nkind:" not in f"\n{block.body}" or block.file, f"{block}: add file=NAME behind yaml"


@pytest.mark.parametrize("page", guides.pages())
def test_links_and_pictures_lead_somewhere(page):
    text = guides.text_of(page)
    folder = os.path.dirname(os.path.join(charts.ROOT, page))
    for target, _, anchor in re.findall(r"\]\(([^)#\s]*)(#([^)\s]+))?\)", text):
        if "://" in target:
            continue
        path = os.path.normpath(os.path.join(folder, target)) if target else os.path.join(charts.ROOT, page)
        assert os.path.exists(path), f"{page}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", open(path, encoding="utf-8").read(), re.MULTILINE)
            assert anchor in [slug(one) for one in headings], f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", guides.pages())
def test_paths_named_on_a_page_exist(page):
    """Also in prose: `deploy/grafana`."""
    for path in re.findall(r"(?<![\w/.-])((?:deploy|examples|tools|perf|docs|Tests|Sources)/[\w./+-]*[\w/])", guides.text_of(page)):
        found = os.path.join(charts.ROOT, path)
        assert os.path.exists(found) or os.path.exists(f"{found}.swift"), f"{page}: {path}"


def test_every_page_is_in_the_table_of_contents():
    contents = guides.text_of("docs/README.md")
    for page in guides.pages():
        if page.startswith("docs/") and page != "docs/README.md":
            assert f"({os.path.relpath(page, 'docs')})" in contents, page


def test_every_variable_of_runtime_and_end_actors_is_explained():
    page = set(re.findall(r"`(\w+)`", guides.text_of("docs/reference/runtime.md")))
    for path in ("Runtime/asya_runtime.py", "Crew/handlers/end_handlers.py"):
        with open(os.path.join(charts.ROOT, "Sources", path), encoding="utf-8") as file:
            variables = re.findall(r'environ\.get\("(\w+)"', file.read())
        assert len(variables) > 5 and set(variables) <= page, path


def test_quoted_error_texts_exist_in_the_sources():
    """The symptoms of the troubleshooting page are the programs' own words; NAME and … stand for anything."""
    sources = ""
    for folder, _, names in os.walk(os.path.join(charts.ROOT, "Sources")):
        for name in names:
            if name.endswith((".swift", ".py")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    sources += file.read()
    # What is put together at run time, or wrapped in the source.
    sources = re.sub(r'"\s*\n\s*(\+ )?"', "", sources)
    sources = re.sub(r"\\\((?:[^()]|\([^()]*\))*\)", "…", sources)
    rows = [line for line in guides.text_of("docs/how-to/troubleshooting.md").splitlines() if line.startswith("| ")]
    # Others' words, quoted for orientation.
    rows = [row for row in rows if not row.startswith(("| Helm:", "| symptom in"))]
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert len(quoted) > 30
    missing = [text for text in quoted if not occurs(text, sources)]
    assert not missing


def occurs(text, sources):
    """Whether all literal parts of a quoted text occur in one place, in this order."""
    parts = [re.escape(part) for part in re.split(r"…|NAME", text) if part.strip()]
    return re.search(r"[^\n]{0,80}".join(parts), sources)


def slug(heading):
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
