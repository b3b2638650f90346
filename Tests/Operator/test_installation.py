"""The charts and the example actors on a real API server, and `asya-operator check`."""

import os
import sys

import pytest
import yaml
from world import create, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "Tests", "Deploy"))

import charts  # noqa: E402

EXAMPLES = os.path.join(ROOT, "examples", "asyas")
# Needs the CRDs of the Prometheus operator, or a newer API server than ours (1.20).
NOT_HERE = ("monitoring.coreos.com/", "policy/v1", "autoscaling/v2")
SETS = [one for one in charts.value_sets() if one[0] != "asya-crew" or "s3" not in one[1]]


@pytest.mark.parametrize("name", sorted(os.listdir(EXAMPLES)))
@pytest.mark.usefixtures("keda", "shared_operator")
def test_an_example_becomes_a_deployment(world, name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        actor = yaml.safe_load(file)
    actor["metadata"].pop("namespace", None)
    world.apply(actor)
    deployment = world.wait_for_deployment(actor["metadata"]["name"])
    names = [container["name"] for container in deployment["spec"]["template"]["spec"]["containers"]]
    assert "asya-runtime" in names and names[-1] == "asya-sidecar"


@pytest.mark.parametrize("chart, path", SETS, ids=[f"{chart}-{os.path.basename(path)[:-5]}" for chart, path in SETS])
@pytest.mark.usefixtures("keda")
def test_the_api_accepts_what_a_chart_renders(world, chart, path):
    for one in charts.render(chart, "-f", path, namespace=world.namespace):
        # The CRD is there already, and its name cannot be changed.
        if one["apiVersion"].startswith(NOT_HERE) or one["kind"] == "CustomResourceDefinition":
            continue
        # Hooks and clusters' names would collide between tests; the namespace is what they have in common.
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = world.namespace
        else:
            one["metadata"]["name"] += f"-{world.namespace}"
        create(world.cluster, one)


@pytest.mark.usefixtures("keda")
def test_an_actor_of_the_chart_is_reconciled(world, shared_operator):
    del shared_operator
    values = os.path.join(charts.CHARTS, "asya-actor", "examples", "echo-actor.yaml")
    for one in charts.render("asya-actor", "-f", values, namespace=world.namespace):
        if one["kind"] == "AsyncActor":
            one["metadata"]["namespace"] = world.namespace
            create(world.cluster, one)
    world.wait_for_deployment("echo-actor")


class TestCheck:
    def test_it_waits_for_a_ready_actor(self, world, shared_operator):
        del shared_operator
        world.apply(actor_named("checked"))
        pod = world.wait_for_pods("checked", 1)[0]
        before = self.run(world, "--actor=checked", "--timeout=0s")
        assert before.returncode == 1 and "[-] actor" in before.stdout
        world.make_ready(pod)
        world.wait_for_condition("checked", "Ready", "True")
        after = self.run(world, "--actor=checked", "--crd=asyncactors.asya.sh", "--timeout=20s")
        assert after.returncode == 0, after.stdout + after.stderr
        assert after.stdout.count("[+]") == 2

    def test_what_is_missing_is_named(self, world):
        done = self.run(world, "--crd=nothing.example.org", "--deployment=none", "--timeout=0s")
        assert done.returncode == 1
        assert "CRD nothing.example.org does not exist" in done.stdout
        assert f"Deployment {world.namespace}/none does not exist" in done.stdout

    def test_actors_that_are_left_warn_or_refuse(self, world, shared_operator):
        del shared_operator
        assert self.run(world, "--no-actors=refuse").returncode == 0
        world.apply(actor_named("left"))
        warned, refused = self.run(world, "--no-actors=warn"), self.run(world, "--no-actors=refuse")
        assert (warned.returncode, refused.returncode) == (0, 1)
        for done, mark in ((warned, "[!]"), (refused, "[-]")):
            assert f"{mark} the cluster still has 1 AsyncActors ({world.namespace}/left)" in done.stdout

    def test_misuse_is_told(self, world):
        done = self.run(world, "--frob=1")
        assert done.returncode == 2 and "--frob" in done.stderr

    @staticmethod
    def run(world, *arguments):
        return run("check", f"--namespace={world.namespace}", f"--kubeconfig={world.cluster.kubeconfig()}", *arguments)


def actor_named(name):
    """A small actor."""
    with open(os.path.join(EXAMPLES, "simple-actor.yaml"), encoding="utf-8") as file:
        actor = yaml.safe_load(file)
    actor["metadata"]["name"] = name
    return actor
