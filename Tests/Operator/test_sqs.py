"""SQS queues on moto: made, tagged, changed in place, deleted."""

import json

import pytest
from interruption import HTTPProxy
from localservers.moto import ACCOUNT_ID
from world import ACTORS, SCALED_OBJECTS, TRIGGER_AUTHENTICATIONS, actor, wait_until

SECRETS = "/api/v1/namespaces/{}/secrets"


def transport(aws, **config):
    """The operator's configuration of moto."""
    reference = lambda key: {"name": "aws", "key": key}
    return {
        "sqs": {
            "type": "sqs", "enabled": True,
            "config": {
                "region": aws.region, "accountId": ACCOUNT_ID, "endpoint": aws.url,
                "credentials": {
                    "accessKeyIdSecretRef": reference("id"), "secretAccessKeySecretRef": reference("secret"),
                },
                "queues": dead_letters(4),
                **config,
            },
        }
    }


def dead_letters(count):
    """Settings of dead letters."""
    return {"dlq": {"enabled": True, "maxRetryCount": count}}


def add_secret(world):
    """The keys, in the actor's namespace."""
    data = {"id": "testing", "secret": "testing"}
    world.create(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws"}, "stringData": data})


def attributes(sqs, name):
    """Attributes of a queue, or None."""
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except sqs.exceptions.QueueDoesNotExist:
        return None


def test_a_queue_is_made_changed_and_deleted(world, aws, sqs, start_operator):
    with start_operator(config=transport(aws, visibilityTimeout=120)) as operator:
        world.apply(actor("caption", transport="sqs"))
        found = world.wait_for_condition("caption", "TransportReady", "False", "QueueError")
        assert found["message"].startswith("failed to create SQS client")
        add_secret(world)
        world.wait_for_condition("caption", "TransportReady", "True")
        made = attributes(sqs, "asya-caption")
        assert made["VisibilityTimeout"] == "120" and made["MessageRetentionPeriod"] == "345600"
        assert json.loads(made["RedrivePolicy"])["maxReceiveCount"] in (4, "4")
        assert attributes(sqs, "asya-dlq")["MessageRetentionPeriod"] == str(14 * 86400)
        url = sqs.get_queue_url(QueueName="asya-caption")["QueueUrl"]
        tags = sqs.list_queue_tags(QueueUrl=url)["Tags"]
        assert tags["asya.sh/actor"] == "caption" and tags["asya.sh/namespace"] == world.namespace
        env = {v["name"]: v for v in world.wait_for_deployment("caption")["spec"]["template"]["spec"]["containers"][1]["env"]}
        assert env["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"] == {"name": "aws", "key": "id"}
        assert env["ASYA_SQS_VISIBILITY_TIMEOUT"]["value"] == "120"
        sqs.send_message(QueueUrl=url, MessageBody="{}")
        assert "testing" not in operator.log()
    # Another visibility timeout changes the queue where it is: its message stays.
    with start_operator(config=transport(aws, visibilityTimeout=240, tags={"team": "vision"})):
        wait_until(lambda: sqs.list_queue_tags(QueueUrl=url)["Tags"].get("team") == "vision", "the new tag")
        wait_until(lambda: attributes(sqs, "asya-caption")["VisibilityTimeout"] == "240", "the new visibility timeout")
        assert attributes(sqs, "asya-caption")["ApproximateNumberOfMessages"] == "1"
        world.delete(ACTORS, "caption")
        world.wait_gone(ACTORS, "caption")
        assert attributes(sqs, "asya-caption") is None
        assert attributes(sqs, "asya-dlq") is not None


def test_a_changed_limit_of_receives_reaches_the_queue_and_nothing_is_written_again(world, aws, sqs, start_operator):
    calls = []

    def note(_method, _path, sent, _body):
        calls.append(sent.get("X-Amz-Target", "").rpartition(".")[2])

    def limit():
        return int(json.loads(attributes(sqs, "asya-limited")["RedrivePolicy"])["maxReceiveCount"])

    add_secret(world)
    with HTTPProxy(aws.url) as front:
        front.answer = note
        with start_operator(config=transport(aws, endpoint=front.url)):
            world.apply(actor("limited", transport="sqs"))
            world.wait_for_condition("limited", "TransportReady", "True")
        assert limit() == 4
        url = sqs.get_queue_url(QueueName="asya-limited")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="{}")
        for writes in (1, 0):
            calls.clear()
            with start_operator(config=transport(aws, endpoint=front.url, queues=dead_letters(7))):
                # The last call of a reconcile.
                wait_until(lambda: calls.count("GetQueueAttributes") >= 2, "the queue to be looked at")
                assert limit() == 7
            assert calls.count("SetQueueAttributes") == writes
        assert attributes(sqs, "asya-limited")["ApproximateNumberOfMessages"] == "1"


def test_a_lost_queue_comes_back(world, aws, sqs, start_operator):
    add_secret(world)
    with start_operator(config=transport(aws), ASYA_QUEUE_HEALTH_CHECK_INTERVAL="1s"):
        world.apply(actor("lost", transport="sqs"))
        world.wait_for_condition("lost", "TransportReady", "True")
        # Twice the processing time where nothing is configured.
        assert attributes(sqs, "asya-lost")["VisibilityTimeout"] == "600"
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="asya-lost")["QueueUrl"])
        wait_until(lambda: attributes(sqs, "asya-lost"), "the queue to return")
        world.wait_for_event("lost", "QueueRecreated")
        world.delete(ACTORS, "lost")
        world.wait_gone(ACTORS, "lost")


@pytest.mark.usefixtures("keda")
def test_a_role_brings_its_service_account_and_keda_its_identity(world, aws, start_operator):
    add_secret(world)
    role = "arn:aws:iam::1:role/actor"
    with start_operator(config=transport(aws, actorRoleArn=role)):
        world.apply(actor("roled", transport="sqs", scaling={"enabled": True}))
        world.wait_for_condition("roled", "ScalingReady", "True")
        account = world.get("/api/v1/namespaces/{}/serviceaccounts", "asya-roled")
        assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == role
        assert world.deployment("roled")["spec"]["template"]["spec"]["serviceAccountName"] == "asya-roled"
        targets = world.get(TRIGGER_AUTHENTICATIONS, "roled-trigger-auth")["spec"]["secretTargetRef"]
        assert [target["parameter"] for target in targets] == ["awsAccessKeyID", "awsSecretAccessKey"]
        assert world.get(SCALED_OBJECTS, "roled")["spec"]["triggers"][0]["metadata"]["scaleOnInFlight"] == "true"
        own = actor("own", transport="sqs")
        own["spec"]["workload"]["template"]["spec"]["serviceAccountName"] = "mine"
        world.apply(own)
        found = world.wait_for_condition("own", "WorkloadReady", "False", "ReconcileError")
        assert found["message"].startswith('cannot use custom serviceAccountName "mine" when IRSA')
        for name in ("roled", "own"):
            world.delete(ACTORS, name)
            world.wait_gone(ACTORS, name)


def test_a_name_that_cannot_be_a_queue_is_reported(world, aws, start_operator):
    add_secret(world)
    with start_operator(config=transport(aws)):
        world.apply(actor("my.actor", transport="sqs"))
        found = world.wait_for_condition("my.actor", "WorkloadReady", "False", "ValidationError")
        assert found["message"] == "actor name 'my.actor' cannot name an SQS queue (only letters, digits, '-' and '_')"
        world.delete(ACTORS, "my.actor")
        world.wait_gone(ACTORS, "my.actor")


def test_a_name_that_was_deleted_a_moment_ago_is_waited_for_without_a_worker(world, aws, sqs, start_operator):
    text = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    refusal = {"__type": "com.amazonaws.sqs#QueueDeletedRecently", "message": text}
    headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("x-amzn-query-error", "AWS.SimpleQueueService.QueueDeletedRecently;Sender"),
    ]

    def refuse(_method, _path, sent, body):
        is_late = sent.get("X-Amz-Target", "").endswith(".CreateQueue") and b"asya-late" in body
        return (400, headers, json.dumps(refusal).encode()) if is_late else None

    add_secret(world)
    with HTTPProxy(aws.url) as front:
        # Moto has no such rule: this is what AWS answers.
        front.answer = refuse
        with start_operator(config=transport(aws, endpoint=front.url), ASYA_MAX_CONCURRENT_RECONCILES="1") as operator:
            world.apply(actor("late", transport="sqs"))
            found = world.wait_for_condition("late", "TransportReady", "False", "QueueError")
            assert text in found["message"]
            # The only worker is free.
            world.apply(actor("other", transport="sqs"))
            world.wait_for_condition("other", "TransportReady", "True")
            counter = 'controller_runtime_reconcile_total{controller="asyncactor",result="%s"} '
            page = operator.metrics()
            assert counter % "error" + "0\n" in page, page
            assert counter % "requeue_after" + "0\n" not in page, page
            assert world.events("late", "QueueError") == []
            front.answer = lambda *_: None
            operator.stop()
            operator.start()
            world.wait_for_condition("late", "TransportReady", "True")
            for name in ("late", "other"):
                world.delete(ACTORS, name)
                world.wait_gone(ACTORS, name)


def test_a_role_on_the_actor_itself_is_ignored_and_told(world, aws, start_operator):
    add_secret(world)
    with start_operator(config=transport(aws)):
        body = actor("hopeful", transport="sqs")
        body["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/mine"}
        world.apply(body)
        event = world.wait_for_event("hopeful", "RoleAnnotationIgnored")
        assert event["type"] == "Warning" and "actorRoleArn" in event["message"]
        assert "serviceAccountName" not in world.wait_for_deployment("hopeful")["spec"]["template"]["spec"]
        world.delete(ACTORS, "hopeful")
        world.wait_gone(ACTORS, "hopeful")
