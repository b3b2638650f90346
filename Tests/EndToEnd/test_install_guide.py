"""The quickstart for platform engineers, an upgrade, a rollback and the removal, as their pages say, with assertions.

Each test is a step that goes on from the one before. On a cluster of the user's they run for real; on this machine pods
are processes (site_of_guide).
"""

import guides
import yaml
from site_of_guide import BROKER_NAMESPACE, LocalSite

QUICKSTART, UPGRADE, MIGRATE = guides.FOLLOWED
KIND = "docs/how-to/kind.md"
CRD = "asyncactors.asya.sh"


def block_with(page, text):
    """The one block of commands of a page that contains a text."""
    found = [block for block in guides.blocks(page) if block.language == "sh" and text in block.body]
    assert len(found) == 1, f"{len(found)} blocks of {page} with {text!r}"
    return found[0]


def condition(site, name, kind):
    """Status of a condition of an actor in the guide's namespace."""
    actor = site.get("asyncactor", name, "-n", "asya") or {}
    found = [one for one in actor.get("status", {}).get("conditions", []) if one["type"] == kind]
    return found[0]["status"] if found else None


def replicas(site, name):
    """(wanted, ready) replicas of a Deployment in the guide's namespace."""
    deployment = site.get("deployment", name, "-n", "asya") or {"spec": {}}
    return deployment["spec"].get("replicas", 0), deployment.get("status", {}).get("readyReplicas", 0)


def test_the_cluster_answers_and_holds_nothing_of_asya(site):
    """A cluster in use is left alone: the removal at the end deletes the CRD and with it every actor."""
    site.shell("kubectl version")
    for kind, name in (("crd", CRD), ("namespace", "asya"), ("namespace", "asya-system")):
        assert site.get(kind, name) is None, f"the cluster has {kind} {name} already: use one without Asya"


def test_keda_is_there(site):
    assert site.get("crd", "scaledobjects.keda.sh"), "KEDA is missing: docs/how-to/kind.md shows how to install it"


def test_a_broker_is_there(site):
    if isinstance(site, LocalSite):
        return
    site.write(next(block for block in guides.blocks(KIND) if block.file == "rabbitmq.yaml"))
    # Its first line makes another password; the rest is the same for any cluster.
    block = block_with(KIND, "create namespace messaging")
    block.body = block.body.partition("\n")[2]
    site.run(block)


def test_the_files_of_the_guide_are_written(site):
    for block in guides.blocks(QUICKSTART):
        if block.language == "yaml":
            site.write(block)


def test_crd_and_operator_are_installed_and_the_charts_own_test_passes(site):
    output = site.run(block_with(QUICKSTART, "helm install asya-operator"))
    assert "asya-operator" in output
    served = site.get("crd", CRD)["status"]["conditions"]
    assert "Established" in [one["type"] for one in served if one["status"] == "True"]
    script = site.get("configmap", "asya-runtime", "-n", "asya-system")["data"]["asya_runtime.py"]
    assert len(script) > 100


def test_the_end_actors_become_ready(site):
    site.run(block_with(QUICKSTART, "helm install asya-crew"))
    for name in ("happy-end", "error-end"):
        assert condition(site, name, "Ready") == "True"


def test_the_gateway_starts(site):
    site.run(block_with(QUICKSTART, "helm install asya-gateway"))
    site.wait_until(lambda: replicas(site, "asya-gateway") == (1, 1), "the gateway")


def test_an_envelope_wakes_an_actor_and_comes_through(site):
    block = block_with(QUICKSTART, "asya mcp call")
    apply, *rest = block.body.splitlines(keepends=True)
    site.shell(apply)
    site.wait_until(lambda: condition(site, "hello", "ScalingReady") == "True", "the ScaledObject")
    site.wait_until(lambda: replicas(site, "hello")[0] == 0, "no replica before there is a message")
    block.body = "".join(rest)
    # None ran before; that of the answer may be gone already, since the cooldown is short.
    output = site.run(block)
    assert "Hello World" in output, f"{output}\n{site.report()}"


def test_the_actor_scales_with_its_queue_and_back_to_nothing(site):
    """With a handler that takes its time, or one replica would be done before anybody has counted the queue."""
    # KEDA's autoscaler looks every 15 s, ours twice a second.
    seconds = 0.3 if isinstance(site, LocalSite) else 2
    slow = f"import time\ndef process(payload):\n    time.sleep({seconds})\n    return payload\n"
    site.shell(
        f"kubectl -n asya create configmap hello-code --from-literal=handler.py='{slow}' --dry-run=client -o yaml"
        " | kubectl apply -f - && kubectl -n asya delete pods -l asya.sh/actor=hello --wait=true"
    )
    lines = site.text(block_with(QUICKSTART, "asya mcp call")).splitlines()
    forward = next(line for line in lines if "ASYA_CLI_MCP_URL" in line)
    call = "asya mcp --no-stream call greet --name=Nr$number >/dev/null"
    site.shell(f"{forward}\nfor number in $(seq 60); do {call}; done", what="sixty calls")
    most = site.wait_until(lambda: replicas(site, "hello")[0] > 1 and replicas(site, "hello")[0], "more than one replica")
    assert 2 <= most <= 5
    site.wait_until(lambda: replicas(site, "hello") == (0, 0), "no replica when the queue is empty", limit=300)
    site.wait_until(
        lambda: site.get("asyncactor", "hello", "-n", "asya")["status"]["status"] == "Napping", "the state Napping"
    )


def test_an_upgrade_leaves_the_actors_alone(site):
    before = {one["metadata"]["uid"] for one in site.get("asyncactors", "-n", "asya")["items"]}
    site.run(block_with(UPGRADE, "helm upgrade asya-operator"))
    after = site.get("asyncactors", "-n", "asya")["items"]
    assert {one["metadata"]["uid"] for one in after} == before and len(before) == 3
    backup = yaml.safe_load(site.shell("cat asyncactors-backup.yaml"))
    assert {one["metadata"]["name"] for one in backup["items"]} == {"hello", "happy-end", "error-end"}


def test_a_rollback_brings_the_values_back(site):
    site.run(block_with(MIGRATE, "helm get values"))
    values = yaml.safe_load(site.shell("cat operator-values.yaml"))
    assert values["transports"]["rabbitmq"]["config"]["username"] == "asya"
    site.run(block_with(MIGRATE, "helm rollback"))
    site.wait_until(lambda: replicas(site, "asya-gateway") == (1, 1), "the gateway")


def test_the_removal_leaves_nothing(site):
    site.run(block_with(UPGRADE, "helm uninstall"))
    assert site.get("crd", CRD) is None
    for namespace in ("asya", "asya-system"):
        left = site.get("deployments,pods", "-n", namespace)["items"]
        assert not [one for one in left if one["kind"] == "Deployment"]
    site.shell("kubectl delete namespace asya asya-system --wait=false")
    if not isinstance(site, LocalSite):
        site.shell(f"asya mcp-forward --stop; kubectl delete namespace {BROKER_NAMESPACE} --wait=false")
