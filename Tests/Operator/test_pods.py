"""Pods in trouble, as their kubelet would report it, one after the other on one actor."""

import pytest
from world import actor, condition

pytestmark = pytest.mark.usefixtures("shared_operator")


@pytest.fixture
def pod(world):
    """The only pod of the actor `patient`."""
    world.apply(actor("patient"))
    return world.wait_for_pods("patient", 1)[0]


def test_states_follow_the_pod(world, pod):
    world.make_waiting(pod, "asya-runtime", "ImagePullBackOff", "no such image")
    world.wait_for_state("patient", "ImagePullError")
    name = pod["metadata"]["name"]
    found = world.wait_for_condition("patient", "WorkloadReady", "False", "PodsNotHealthy")
    assert found["message"] == f"Container asya-runtime in ImagePullBackOff (pod: {name}): no such image"
    assert world.actor("patient")["status"]["failingPods"] == 1
    world.make_waiting(pod, "asya-runtime", "CrashLoopBackOff")
    world.wait_for_state("patient", "RuntimeError")
    world.make_waiting(pod, "asya-sidecar", "CrashLoopBackOff")
    world.wait_for_state("patient", "SidecarError")
    world.wait_for_event("patient", "PodsNotHealthy")
    world.make_ready(pod)
    world.set_pod_status(pod, containerStatuses=[])
    world.wait_for_state("patient", "Running")


def test_a_pod_without_a_node(world, pod):
    text = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    world.set_pod_status(pod, phase="Pending", conditions=[condition("PodScheduled", "False", "Unschedulable", text)])
    world.wait_for_state("patient", "PendingResources")
    assert world.condition("patient", "WorkloadReady")["message"] == f"Pod {pod['metadata']['name']} unschedulable: {text}"


@pytest.mark.parametrize(
    ("message", "state"),
    [('MountVolume.SetUp failed for volume "v"', "VolumeError"), ('configmap "c" not found', "ConfigError")],
)
def test_a_pod_that_lacks_something(world, pod, message, state):
    world.set_pod_status(pod, phase="Pending", conditions=[condition("ContainersReady", "False", "X", message)])
    world.wait_for_state("patient", state)
