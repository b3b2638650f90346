"""`asya manifests`: the plain form as what Kubernetes takes."""

import jsonschema
import pytest
import yaml

from conftest import ROOT
from up_run import Folder

PLAIN = """\
namespace: vision
workdir: actors
python: .venv
env: {BATCH: 8, ON: "yes", TEXT: "a: b # c"}
timeout: 2m
gracefulShutdown: 150s

actors:
  small: text.split
  large:
    handler: model.Model.run
    mode: envelope
    image: registry.example/large:7
    env: {BATCH: 16}
    gpu: 2
    scaling: {maxReplicas: 8, advanced: {formula: "queue * 2", target: "5"}}
  fixed: {handler: m.f, replicas: 3}
"""


def schema_errors(resource):
    """What the API server would say by the schema of the custom resource."""
    definition = yaml.safe_load((ROOT / "deploy" / "crd" / "asya.sh_asyncactors.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(resource)]


@pytest.fixture
def plain(asya):
    (asya.folder / "asya.yaml").write_text(PLAIN)
    return asya


def resources(done):
    return {resource["metadata"]["name"]: resource for resource in yaml.safe_load_all(done.stdout)}


def test_every_setting_has_its_place(plain):
    done = plain("manifests", "--image", "registry.example/{actor}:1")
    found = resources(done)
    assert list(found) == ["small", "large", "fixed"]
    for resource in found.values():
        assert schema_errors(resource) == []
        assert resource["metadata"]["namespace"] == "vision"
        assert resource["metadata"]["annotations"] == {"asya.sh/workdir": "actors", "asya.sh/python": ".venv"}
        assert resource["spec"]["transport"] == "rabbitmq", "embedded is of this machine"
        assert resource["spec"]["timeout"] == {"processing": 120, "gracefulShutdown": 150}
    large = found["large"]["spec"]
    assert large["scaling"]["maxReplicas"] == 8 and large["scaling"]["advanced"] == {"formula": "queue * 2", "target": "5"}
    (container,) = large["workload"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/large:7"
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 2}
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "ASYA_HANDLER": "model.Model.run", "ASYA_HANDLER_MODE": "envelope", "BATCH": "16", "ON": "yes",
        "TEXT": "a: b # c",
    }
    assert found["fixed"]["spec"]["workload"]["replicas"] == 3
    assert found["small"]["spec"]["workload"]["template"]["spec"]["containers"][0]["image"] == "registry.example/small:1"
    assert "[+] 3 actors" in done.stderr


def test_what_is_printed_is_valid_and_means_the_same_on_this_machine(plain):
    (plain.folder / "actors.yaml").write_text(plain("manifests", "--image", "i:1", "--transport", "own").stdout)
    checked = plain("validate", "-f", "actors.yaml", "--strict")
    assert checked.stderr == "[+] 3 actors, 0 errors, 0 warnings\n"
    (plain.folder / "actors" / ".venv").mkdir(parents=True)
    (plain.folder / ".venv" / "bin").mkdir(parents=True)
    (plain.folder / ".venv" / "bin" / "python").symlink_to("/usr/bin/env")
    environment = {"ASYA_RUNTIME_PATH": str(ROOT / "Sources" / "Runtime" / "asya_runtime.py")}

    def plan(name):
        return plain("up", "--dry-run", "--no-gateway", "--gpus", "2", "-f", name, "-o", "json", env=environment).json

    assert plan("actors.yaml") == plan("asya.yaml")


def test_a_pipeline_runs_from_what_was_printed(asya):
    folder = Folder(asya)
    folder.write(steps_py="def work(payload):\n    return payload + 1\n", asya_yaml="actors: {work: steps.work}\n")
    folder.write(actors_yaml=asya("manifests", "--image", "i:1").stdout)
    (asya.folder / "asya.yaml").unlink()
    with folder.up() as run:
        run.started()
        assert asya("send", "work", "--payload", "1", "--wait").stdout == "2\n"
        assert run.stop() == 0


@pytest.mark.parametrize(
    "text, options, words",
    [
        (PLAIN, [], ["no image for small, fixed", "--image"]),
        ("actors: {a: {replicas: 1}}\n", ["--image", "i"], ["asya.yaml:1", "handler"]),
        ("actors: {A_b: m.f}\n", ["--image", "i"], ["asya.yaml:1", "A_b"]),
        ("kind: Deployment\napiVersion: apps/v1\n", ["--image", "i"], ["no actor"]),
        (None, ["--image", "i"], ["asya.yaml"]),
    ],
)
def test_what_kubernetes_would_not_take_is_not_printed(asya, text, options, words):
    if text is not None:
        (asya.folder / "asya.yaml").write_text(text)
    failed = asya("manifests", *options, status=1)
    assert failed.stdout == ""
    assert all(word in failed.stderr for word in words), failed


def test_custom_resources_need_no_conversion(asya):
    asya("new", "shout")
    failed = asya("manifests", "-f", "shout/actor.yaml", status=1)
    assert "shout/actor.yaml:3:1: shout" in failed.stderr and "already" in failed.stderr


def test_warnings_are_shown_and_count_when_they_shall(plain):
    text = PLAIN.replace("gracefulShutdown: 150s\n", "")
    (plain.folder / "asya.yaml").write_text(text)
    assert "[!] warning: spec.timeout.gracefulShutdown" in plain("manifests", "--image", "i").stderr
    assert plain("manifests", "--image", "i", "--strict", status=1).stdout == ""
