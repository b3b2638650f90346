"""What the charts can do besides the default: each optional object comes with its switch and only with it."""

import jsonschema
import pytest

import charts
from charts import merged_values, named, render
from test_charts import check, schema

CERTIFICATE = ["-set", "webhook.enabled=true", "-set", "webhook.existingSecret=cert", "-set", "webhook.caBundle=QUJD"]
DATABASE = [
    "-set", "externalDatabase={host: db, port: 5432, database: d, username: u, existingSecret: s,"
    " existingSecretKey: password, sslmode: require}",
]  # fmt: skip
# chart, arguments, (kind, name) of what they add, and one fact about it: a path of keys and its value.
SWITCHES = [
    ("asya-operator", ["-set", "replicaCount=2"], "PodDisruptionBudget", "asya-operator", "spec.maxUnavailable", 1),
    ("asya-operator", ["-set", "podDisruptionBudget.enabled=true"], "PodDisruptionBudget", "asya-operator",
     "spec.selector.matchLabels", {"app.kubernetes.io/name": "asya-operator", "app.kubernetes.io/instance": "asya-operator"}),
    ("asya-operator", ["-set", "networkPolicy.enabled=true"], "NetworkPolicy", "asya-operator",
     "spec.ingress", [{"ports": [{"port": "metrics", "protocol": "TCP"}, {"port": "health", "protocol": "TCP"}]}]),
    ("asya-operator", ["-set", "serviceMonitor.enabled=true"], "ServiceMonitor", "asya-operator",
     "spec.endpoints", [{"port": "metrics", "interval": "30s"}]),
    ("asya-operator", ["-set", "podMonitor.enabled=true"], "PodMonitor", "asya-operator-actors",
     "spec.podMetricsEndpoints", [{"port": "asya-metrics", "interval": "30s"}]),
    ("asya-operator", ["-set", "prometheusRule={enabled: true, labels: {release: prometheus}}"], "PrometheusRule",
     "asya-operator", "metadata.labels.release", "prometheus"),
    ("asya-operator", ["-set", "crd.install=true"], "CustomResourceDefinition", "asyncactors.asya.sh",
     "metadata.annotations", {"helm.sh/resource-policy": "keep"}),
    ("asya-operator", CERTIFICATE, "ValidatingWebhookConfiguration", "asya-operator-webhook",
     "webhooks.0.clientConfig.service.path", "/validate-asya-sh-v1alpha1-asyncactor"),
    ("asya-operator", CERTIFICATE, "Service", "asya-operator-webhook", "spec.ports.0.targetPort", "webhook"),
    ("asya-gateway", ["-set", "podDisruptionBudget.enabled=true"], "PodDisruptionBudget", "asya-gateway",
     "spec.maxUnavailable", 1),
    ("asya-gateway", ["-set", "networkPolicy.enabled=true"], "NetworkPolicy", "asya-gateway",
     "spec.policyTypes", ["Ingress", "Egress"]),
    ("asya-gateway", ["-set", "serviceMonitor.enabled=true"], "ServiceMonitor", "asya-gateway",
     "spec.endpoints.0.port", "http"),
    ("asya-gateway", ["-set", "prometheusRule.enabled=true"], "PrometheusRule", "asya-gateway",
     "metadata.namespace", "asya"),
    ("asya-gateway", ["-set", "ingress.enabled=true"], "Ingress", "asya-gateway",
     "spec.rules.0.http.paths.0.backend.service.port.name", "http"),
    ("asya-gateway", [*DATABASE, "-set", "autoscaling.enabled=true"], "HorizontalPodAutoscaler", "asya-gateway",
     "spec.scaleTargetRef.name", "asya-gateway"),
]  # fmt: skip


@pytest.mark.parametrize("chart, arguments, kind, name, path, value", SWITCHES, ids=[f"{s[0]}-{s[2]}" for s in SWITCHES])
def test_a_switch_adds_its_object(chart, arguments, kind, name, path, value):
    assert not [one for one in render(chart) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    jsonschema.validate(merged_values(chart, *arguments), schema(chart))
    found = named(render(chart, *arguments), kind, name)
    for key in path.split("."):
        found = found[int(key) if key.isdigit() else key]
    assert found == value


@pytest.mark.parametrize("version", ["1.27", "1.36"])
@pytest.mark.parametrize("chart", ["asya-operator", "asya-gateway"])
def test_with_everything_switched_on_kubernetes_accepts_every_object(chart, version):
    arguments = [word for switch in SWITCHES if switch[0] == chart for word in switch[1]]
    for one in render(chart, *arguments):
        check(one, version)


@pytest.mark.parametrize("chart", ["asya-operator", "asya-gateway"])
def test_monitors_select_the_service_of_the_chart(chart):
    objects = render(chart, "-set", "serviceMonitor.enabled=true")
    monitor = next(one for one in objects if one["kind"] == "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    services = [one for one in objects if one["kind"] == "Service" and wanted <= one["metadata"]["labels"].items()]
    assert len(services) == 1
    assert monitor["spec"]["endpoints"][0]["port"] in [port["name"] for port in services[0]["spec"]["ports"]]


@pytest.mark.parametrize("chart", ["asya-operator", "asya-gateway"])
def test_placement_reaches_the_pods(chart):
    spread = "[{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]"
    settings = [f"topologySpreadConstraints={spread}", "priorityClassName=high", "nodeSelector={pool: small}"]
    objects = render(chart, *[word for one in settings for word in ("-set", one)])
    pod = next(one for one in objects if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert (pod["priorityClassName"], pod["nodeSelector"]) == ("high", {"pool": "small"})
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "zone"


class TestWebhook:
    def test_the_operator_serves_it_with_the_certificate_of_the_secret(self):
        pod = named(render("asya-operator", *CERTIFICATE), "Deployment", "asya-operator")["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert "--webhook-bind-address=:9443" in container["args"] and "--webhook-cert-dir=/certificates" in container["args"]
        assert {"name": "webhook", "containerPort": 9443, "protocol": "TCP"} in container["ports"]
        assert {"name": "certificates", "secret": {"secretName": "cert"}} in pod["volumes"]

    def test_it_is_off_by_default(self):
        pod = named(render("asya-operator"), "Deployment", "asya-operator")["spec"]["template"]["spec"]
        assert not [one for one in pod["containers"][0]["args"] if "webhook" in one]

    def test_cert_manager_makes_the_certificate_that_is_mounted(self):
        objects = render("asya-operator", "-set", "webhook={enabled: true, certManager: {enabled: true}}")
        for one in objects:
            check(one, "1.36")
        certificate = named(objects, "Certificate", "asya-operator-webhook")
        assert certificate["spec"]["dnsNames"][0] == "asya-operator-webhook.asya-system.svc"
        assert certificate["spec"]["issuerRef"] == {"kind": "Issuer", "name": "asya-operator-webhook"}
        named(objects, "Issuer", "asya-operator-webhook")
        volumes = named(objects, "Deployment", "asya-operator")["spec"]["template"]["spec"]["volumes"]
        assert {"name": "certificates", "secret": {"secretName": certificate["spec"]["secretName"]}} in volumes
        configuration = named(objects, "ValidatingWebhookConfiguration", "asya-operator-webhook")
        assert configuration["metadata"]["annotations"] == {
            "cert-manager.io/inject-ca-from": "asya-system/asya-operator-webhook"
        }
        assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]

    @pytest.mark.parametrize("settings, words", [
        (["-set", "webhook.enabled=true"], "needs a certificate"),
        (CERTIFICATE[:4], "webhook.caBundle is required"),
    ])  # fmt: skip
    def test_a_missing_certificate_is_told(self, settings, words):
        with pytest.raises(charts.RenderError, match=words):
            render("asya-operator", *settings)


class TestUninstallCheck:
    def test_a_hook_asks_for_actors_that_are_left(self):
        pod = named(render("asya-operator"), "Pod", "asya-operator-uninstall")
        assert pod["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
        assert pod["spec"]["containers"][0]["args"] == ["check", "--no-actors=warn"]

    def test_it_may_only_list_actors(self):
        role = named(render("asya-operator"), "ClusterRole", "asya-operator-uninstall-asya-system")
        assert role["rules"] == [{"apiGroups": ["asya.sh"], "resources": ["asyncactors"], "verbs": ["list"]}]

    def test_it_can_be_switched_off(self):
        objects = render("asya-operator", "-set", "uninstallCheck=none")
        assert not [one for one in objects if one["metadata"]["name"].startswith("asya-operator-uninstall")]


class TestNotes:
    """NOTES.txt is what an installer reads next; its commands name what the release made."""

    @pytest.mark.parametrize("chart, arguments, words", [
        ("asya-operator", [], "helm test asya-operator -n asya-system"),
        ("asya-gateway", [], "port-forward svc/asya-gateway 8089:80"),
        ("asya-gateway", [], "history goes with the pod"),
        ("asya-gateway", ["-set", "routes.tools=[{name: a, route: [b]}]", *DATABASE], "http://asya-gateway.asya"),
        ("asya-crew", ["-set", "happy-end.transport=rabbitmq", "-set", "error-end.transport=sqs"], "asya/happy-end"),
        ("asya-actor", ["-set", "name=x", "-set", "transport=sqs", "-set", "image=i"], "default/x"),
    ])  # fmt: skip
    def test_they_render(self, chart, arguments, words):
        text = charts.notes(chart, *arguments)
        assert words in text and "<no value>" not in text
