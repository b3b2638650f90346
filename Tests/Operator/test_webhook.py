"""The admission webhook, asked by a real API server."""

import base64
import os
import shutil
import socket
import ssl
import urllib.error
import urllib.request

import pytest
import yaml
from conftest import ROOT
from localservers import ports
from localservers.certificates import Certificates
from localservers.kubernetes import ApiError
from test_validation import REPORTED
from world import ACTORS, MERGE, actor, wait_until

HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
PATH = "/validate-asya-sh-v1alpha1-asyncactor"
INVALID = "command"
DENIED = 'admission webhook "asyncactors.asya.sh" denied the request: '


class Webhook:
    """An operator with a webhook, and its configuration in the API server."""

    def __init__(self, cluster, start_operator, directory):
        self._cluster = cluster
        self._directory = directory
        self.port = ports.free_port()
        self.certificates = None
        self.serve_new_certificate("first")
        self.operator = start_operator(
            f"--webhook-bind-address=127.0.0.1:{self.port}", f"--webhook-cert-dir={self._path('serving')}"
        )

    def _path(self, name):
        return os.path.join(self._directory, name)

    def serve_new_certificate(self, name):
        """Another authority and certificate, put in place as the kubelet does it: by one rename."""
        self.certificates = Certificates(self._path(f"{name}-authority"))
        self.certificates.create()
        os.mkdir(self._path(name))
        shutil.copy(self.certificates.server_cert, os.path.join(self._path(name), "tls.crt"))
        shutil.copy(self.certificates.server_key, os.path.join(self._path(name), "tls.key"))
        self._point_to(name)

    def serve_nonsense(self):
        """Files that are no certificate."""
        os.mkdir(self._path("nonsense"))
        for name in ("tls.crt", "tls.key"):
            with open(os.path.join(self._path("nonsense"), name), "w", encoding="ascii") as file:
                file.write("nonsense")
        self._point_to("nonsense")

    def _point_to(self, name):
        os.symlink(self._path(name), self._path("next"))
        os.replace(self._path("next"), self._path("serving"))

    def configuration(self):
        """That of deploy/webhook, with a URL in place of the Service."""
        with open(os.path.join(ROOT, "deploy", "webhook", "operator.yaml"), encoding="utf-8") as file:
            found = [one for one in yaml.safe_load_all(file) if one["kind"] == "ValidatingWebhookConfiguration"][0]
        hook = found["webhooks"][0]
        assert hook["clientConfig"]["service"]["path"] == PATH and hook["failurePolicy"] == "Ignore"
        with open(self.certificates.ca_file, "rb") as file:
            bundle = base64.b64encode(file.read()).decode()
        hook["clientConfig"] = {"url": f"https://127.0.0.1:{self.port}{PATH}", "caBundle": bundle}
        return found

    def install(self):
        """Makes the API server ask."""
        self._cluster.request("POST", HOOKS, self.configuration())

    def trust_new_certificate(self):
        """As cert-manager does after a renewal."""
        patch = {"webhooks": self.configuration()["webhooks"]}
        self._cluster.request("PATCH", f"{HOOKS}/asya-operator-webhook", patch, content_type=MERGE)

    def remove(self):
        """The configuration, if it is there."""
        try:
            self._cluster.request("DELETE", f"{HOOKS}/asya-operator-webhook")
        except ApiError as error:
            if error.code != 404:
                raise

    def fetch(self, body=None, path=PATH):
        """Status code and text of a request of our own."""
        context = ssl.create_default_context(cafile=self.certificates.ca_file)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(f"https://127.0.0.1:{self.port}{path}", data=body, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def webhook(cluster, start_operator, tmp_path):
    """Not running yet."""
    made = Webhook(cluster, start_operator, str(tmp_path))
    yield made
    made.remove()
    made.operator.stop()


def is_refused(world, name, message):
    """Whether the API server refuses an invalid actor with these words. It learns of a configuration with a delay."""
    try:
        world.apply(actor(name, **REPORTED[INVALID][0]))
    except ApiError as error:
        assert error.body["message"] == DENIED + message
        return True
    world.delete(ACTORS, name)
    return False


def test_invalid_actors_are_refused_with_the_words_of_the_condition(world, webhook):
    spec, message = REPORTED[INVALID]
    with webhook.operator:
        # Older than the webhook.
        world.apply(actor("older", **spec))
        world.wait_for_condition("older", "WorkloadReady", "False", "ValidationError")
        webhook.install()
        wait_until(lambda: is_refused(world, "refused", message), "the API server to ask the webhook")
        for name, (wrong, words) in REPORTED.items():
            with pytest.raises(ApiError) as error:
                world.apply(actor(name, **wrong))
            assert error.value.body["message"].startswith(DENIED + words), name
        with pytest.raises(ApiError) as error:
            world.apply(actor("a" * 64))
        assert error.value.body["message"] == DENIED + "actor name must not be longer than 63 characters, but has 64"
        world.apply(actor("fine"))
        world.wait_for_deployment("fine")
        # What is stored already can be labelled, corrected and deleted.
        world.patch(ACTORS, "older", {"metadata": {"labels": {"team": "x"}}})
        world.patch(ACTORS, "older", {"spec": actor("older")["spec"]})
        world.wait_for_deployment("older")
        page = webhook.operator.metrics()
        assert f'controller_runtime_webhook_requests_total{{code="200",webhook="{PATH}"}}' in page


def test_an_invalid_actor_of_before_can_be_deleted(world, webhook):
    with webhook.operator:
        world.apply(actor("older", **REPORTED[INVALID][0]))
        world.wait_for_condition("older", "WorkloadReady", "False", "ValidationError")
        webhook.install()
        wait_until(lambda: is_refused(world, "refused", REPORTED[INVALID][1]), "the API server to ask the webhook")
        world.delete(ACTORS, "older")
        world.wait_gone(ACTORS, "older")


def test_without_an_answer_actors_are_accepted(world, webhook):
    webhook.install()
    world.apply(actor("unasked", **REPORTED[INVALID][0]))
    with webhook.operator:
        world.wait_for_condition("unasked", "WorkloadReady", "False", "ValidationError")


def test_a_renewed_certificate_is_served_and_a_broken_one_is_not(world, webhook):
    message = REPORTED[INVALID][1]
    with webhook.operator:
        webhook.install()
        wait_until(lambda: is_refused(world, "first", message), "the API server to ask the webhook")
        webhook.serve_new_certificate("second")
        assert webhook.fetch(b"{}")[0] == 400
        webhook.trust_new_certificate()
        wait_until(lambda: is_refused(world, "second", message), "the API server to trust the new certificate")
        webhook.serve_nonsense()
        assert webhook.fetch(b"{}")[0] == 400
        assert webhook.operator.log().count("keeping the webhook's old certificate") == 1
        assert is_refused(world, "third", message)


def test_other_requests_are_refused(webhook):
    with webhook.operator:
        assert webhook.fetch()[0] == 405
        assert webhook.fetch(b"{}", path="/other")[0] == 404
        code, text = webhook.fetch(b"{}")
        assert code == 400 and "AdmissionReview" in text
        assert webhook.fetch(b" " * (8 * 1024 * 1024 + 1))[0] == 413


def test_too_many_connections_are_closed_and_room_is_made_again(webhook):
    with webhook.operator:
        context = ssl.create_default_context(cafile=webhook.certificates.ca_file)

        def connect():
            return context.wrap_socket(
                socket.create_connection(("127.0.0.1", webhook.port), timeout=10), server_hostname="127.0.0.1"
            )

        held = [connect() for _ in range(128)]
        with pytest.raises(OSError):
            connect()
        for one in held:
            one.close()
        wait_until(lambda: is_answering(webhook), "room")


def is_answering(webhook):
    """Whether a request gets an answer."""
    try:
        return webhook.fetch(b"{}")[0] == 400
    except OSError:
        return False


def test_without_a_certificate_it_ends_and_says_which_file(start_operator, tmp_path):
    operator = start_operator("--webhook-bind-address=127.0.0.1:0", f"--webhook-cert-dir={tmp_path}")
    operator.start(wait=False)
    assert operator.process.wait(30) == 1
    assert f"{tmp_path}/tls.crt" in operator.log()
