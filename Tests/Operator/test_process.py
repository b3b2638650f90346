"""The program itself: flags, probes, metrics, logs, exit codes, rights."""

import json

import metric_names
import yaml
from world import actor, run, wait_until
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


def test_rights_are_no_more_than_the_contract_allows():
    with open(f"{ROOT}/deploy/rbac/operator.yaml", encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    rules = [rule for document in documents if document["kind"] == "ClusterRole" for rule in document["rules"]]
    verbs = {resource: rule["verbs"] for rule in rules for resource in rule["resources"]}
    assert verbs["secrets"] == ["get"]
    assert "leases" not in verbs and "statefulsets" not in verbs
    assert not {"create", "delete"} & set(verbs["asyncactors"])
    assert "*" not in str(rules)
