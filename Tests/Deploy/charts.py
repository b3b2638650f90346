"""Rendering of the charts as the tests need it."""

import functools
import os
import subprocess

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHARTS = os.path.join(ROOT, "deploy", "helm-charts")
VALUE_SETS = os.path.join(ROOT, "Tests", "Deploy", "value-sets")
NAMES = sorted(os.listdir(CHARTS))
RENDERER = os.path.join(ROOT, ".build-chart-renderer", "chart-renderer")
# What each chart is called in the guides; hooks and other charts look for these names.
RELEASES = {
    "asya-operator": ("asya-operator", "asya-system"),
    "asya-gateway": ("asya-gateway", "asya"),
    "asya-crew": ("asya-crew", "asya"),
    "asya-actor": ("demo", "asya"),
}


class RenderError(Exception):
    """The renderer's complaint."""


@functools.lru_cache(maxsize=1)
def renderer():
    """Path of the renderer, built when its sources are newer."""
    subprocess.run(
        ["bash", os.path.join(ROOT, "tools", "build-chart-renderer.sh"), RENDERER], check=True, stdin=subprocess.DEVNULL
    )
    return RENDERER


def render_text(chart, *arguments, release=None, namespace=None):
    """The manifests of a chart as text."""
    default_release, default_namespace = RELEASES[chart]
    command = [
        renderer(), "-release", release or default_release, "-namespace", namespace or default_namespace,
        *arguments, os.path.join(CHARTS, chart),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RenderError(done.stderr)
    return done.stdout


def render(chart, *arguments, **keywords):
    """The manifests of a chart as objects."""
    return [one for one in yaml.safe_load_all(render_text(chart, *arguments, **keywords)) if one]


def notes(chart, *arguments):
    """What Helm prints after an install."""
    return render_text(chart, "-notes", *arguments)


def merged_values(chart, *arguments):
    """The values that a render with these arguments uses."""
    return yaml.safe_load(render_text(chart, "-values", *arguments))


def value_sets():
    """(chart, path of a values file) for each stored set."""
    return [
        (chart, os.path.join(VALUE_SETS, chart, name))
        for chart in NAMES
        for name in sorted(os.listdir(os.path.join(VALUE_SETS, chart)))
        if not name.endswith(".golden.yaml")
    ]


def pods(objects):
    """(kind/name, pod spec) of everything that runs pods, hooks included."""
    for one in objects:
        label = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            yield label, one["spec"]
        elif one["kind"] in ("Deployment", "Job"):
            yield label, one["spec"]["template"]["spec"]


def named(objects, kind, name):
    """The one object with this kind and name."""
    found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind}/{name}"
    return found[0]


def environment(objects, deployment, container):
    """Environment of a container as a dictionary of its entries."""
    for one in named(objects, "Deployment", deployment)["spec"]["template"]["spec"]["containers"]:
        if one["name"] == container:
            return {entry["name"]: entry for entry in one["env"]}
    raise AssertionError(f"no container {container}")
