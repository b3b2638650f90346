"""The program itself: flags, probes, metrics, logs, exit codes, rights."""

import json

import metric_names
import yaml
from world import actor, create, run, wait_until
from conftest import ROOT


def test_help_names_every_flag():
    done = run("--help")
    assert done.returncode == 0
    for flag in ("--metrics-bind-address", "--leader-elect", "--runtime-namespace", "ASYA_TRANSPORT_CONFIG"):
        assert flag in done.stdout


def test_misuse_exits_with_2():
    done = run("--no-such-flag")
    assert done.returncode == 2
    assert "flag provided but not defined: -no-such-flag" in done.stderr


def test_without_an_api_server_it_exits_with_1(tmp_path):
    done = run("--kubeconfig", str(tmp_path / "missing"))
    assert done.returncode == 1
    assert "missing" in done.stderr


def test_a_bad_transport_configuration_ends_it(start_operator):
    operator = start_operator(config={"sqs": {"type": "sqs", "config": {"reigon": "x"}}})
    operator.start(wait=False)
    assert operator.process.wait(30) == 1
    assert "reigon" in operator.log()


def test_an_unreadable_script_ends_it(start_operator):
    operator = start_operator(ASYA_RUNTIME_SCRIPT_PATH="/no/such/file")
    operator.start(wait=False)
    assert operator.process.wait(30) == 1
    assert "failed to load runtime script" in operator.log()


def test_logs_are_json_and_say_what_users_look_for(shared_operator):
    lines = [json.loads(line) for line in shared_operator.log().splitlines()]
    assert any("Transport registry loaded" in line["msg"] and line["count"] == "1" for line in lines)


def test_probes_and_metrics(world, shared_operator):
    world.apply(actor("seen"))
    world.wait_for_condition("seen", "TransportReady", "True")
    wait_until(lambda: "reconcile_time_seconds_bucket" in shared_operator.metrics(), "the end of a reconcile")
    assert shared_operator.fetch(shared_operator.probe_port, "/healthz") == "ok"
    assert shared_operator.fetch(shared_operator.probe_port, "/readyz") == "ok"
    page = shared_operator.metrics()
    for name in (
        'controller_runtime_reconcile_total{controller="asyncactor",result="success"}',
        "controller_runtime_reconcile_time_seconds_bucket",
        "workqueue_depth",
        "rest_client_requests_total",
        "leader_election_master_status",
        "process_resident_memory_bytes",
        "asya_operator_queue_operations_total",
    ):
        assert name in page
    wait_until(lambda: "asya_operator_actors{status=" in shared_operator.metrics(), "the gauge of actors")
    wait_until(
        lambda: metric_names.missing(shared_operator.metrics(), "operator") == {},
        lambda: f"what dashboards and alerts name: {metric_names.missing(shared_operator.metrics(), 'operator')}",
    )


def test_a_stop_is_clean(start_operator):
    with start_operator() as operator:
        assert operator.stop() == 0


def test_a_plugin_of_the_kubeconfig_brings_a_certificate(world, cluster, start_operator, tmp_path):
    # The certificate's user gets the operator's rights.
    for kind, role in (("ClusterRole", "asya-operator"), ("ClusterRole", "admin")):
        create(cluster, {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": f"plugin-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "asya-sidecar"}],
        })
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {}}
    for member, file in (
        ("clientCertificateData", cluster.certificates.client_cert), ("clientKeyData", cluster.certificates.client_key),
    ):
        with open(file, encoding="ascii") as text:
            answer["status"][member] = text.read()
    (tmp_path / "answer").write_text(json.dumps(answer), encoding="ascii")
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", f"echo run >> {tmp_path}/runs; cat {tmp_path}/answer"],
    }
    with open(cluster.kubeconfig(), encoding="utf-8") as file:
        config = json.load(file)
    config["users"] = [{"name": "test", "user": {"exec": plugin}}]
    (tmp_path / "config").write_text(json.dumps(config), encoding="utf-8")
    with start_operator("--kubeconfig", str(tmp_path / "config")):
        world.apply(actor("plugged"))
        world.wait_for_deployment("plugged")
        world.wait_for_condition("plugged", "TransportReady", "True")
    # Without an end of its life the answer is kept. Two requests at once may both have asked for the first.
    assert 1 <= (tmp_path / "runs").read_text(encoding="ascii").count("run") <= 12


def test_rights_are_no_more_than_the_contract_allows():
    with open(f"{ROOT}/deploy/rbac/operator.yaml", encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    rules = [rule for document in documents if document["kind"] == "ClusterRole" for rule in document["rules"]]
    verbs = {resource: rule["verbs"] for rule in rules for resource in rule["resources"]}
    assert verbs["secrets"] == ["get"]
    assert "leases" not in verbs and "statefulsets" not in verbs
    assert not {"create", "delete"} & set(verbs["asyncactors"])
    assert "*" not in str(rules)
