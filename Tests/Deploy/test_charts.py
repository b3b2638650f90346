"""The charts render what deploy.md promises, from its defaults and from stored value sets."""

import json
import os
import re

import jsonschema
import kubernetes_validate
import pytest
import yaml

import charts
import custom_resources
from charts import environment, merged_values, named, pods, render, render_text, value_sets

KUBERNETES_VERSIONS = ["1.27", "1.36"]
SETS = value_sets()
SET_NAMES = [f"{chart}-{os.path.basename(path)[:-5]}" for chart, path in SETS]


@pytest.fixture(params=SETS, ids=SET_NAMES)
def stored_set(request):
    """(chart, values file)"""
    return request.param


def test_output_is_as_recorded(stored_set):
    chart, path = stored_set
    golden = path[: -len(".yaml")] + ".golden.yaml"
    text = render_text(chart, "-f", path)
    if os.environ.get("ASYA_UPDATE_GOLDEN"):
        with open(golden, "w", encoding="utf-8") as file:
            file.write(text)
    with open(golden, encoding="utf-8") as file:
        assert text == file.read(), "if the change is wanted: ASYA_UPDATE_GOLDEN=1 pytest Tests/Deploy"


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_kubernetes_accepts_every_object(stored_set, version):
    chart, path = stored_set
    for one in render(chart, "-f", path):
        check(one, version)


def test_values_match_the_schema(stored_set):
    chart, path = stored_set
    jsonschema.validate(merged_values(chart, "-f", path), schema(chart))


@pytest.mark.parametrize("chart", charts.NAMES)
def test_an_unknown_value_is_refused(chart):
    values = merged_values(chart)
    jsonschema.validate(values, schema(chart))
    with pytest.raises(jsonschema.ValidationError, match="replicaCuont"):
        jsonschema.validate({**values, "replicaCuont": 2}, schema(chart))


@pytest.mark.parametrize(
    "chart, path",
    [
        ("asya-operator", "controller.queueHealthCheckIntervall"),
        ("asya-gateway", "externalDatabase.hots"),
        ("asya-crew", "happy-end.transprot"),
        ("asya-actor", "default.scaling.minReplica"),
    ],
)
def test_an_unknown_nested_value_is_refused(chart, path):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(merged_values(chart, "-set", f"{path}=1"), schema(chart))


@pytest.mark.parametrize("chart", charts.NAMES)
def test_every_default_value_is_used(chart):
    templates = "".join(
        open(os.path.join(folder, name), encoding="utf-8").read()
        for folder, _, names in os.walk(os.path.join(charts.CHARTS, chart, "templates"))
        for name in names
    )
    # Read through `get $.Values $key`, or by the code that merges whole actors.
    indirect = {"asya-crew": ["happy-end", "error-end"], "asya-actor": list(merged_values(chart))}.get(chart, [])
    # Understood for the sake of old files, with no effect of their own (deploy.md 2, 4).
    inert = {"asya-actor": ["infrastructure.rabbitmq", "infrastructure.sqs"], "asya-gateway": ["migration", "postgresql.auth"]}.get(chart, [])
    for path in leaves(merged_values(chart)):
        if path.split(".")[0] in indirect or any(path.startswith(one) for one in inert):
            continue
        prefixes = [path.rsplit(".", cut)[0] for cut in range(path.count(".") + 1)]
        assert any(re.search(rf"\.Values\.{re.escape(one)}\b", templates) for one in prefixes), f"{path} is not used"


def test_every_reference_resolves(stored_set):
    """A secret or ConfigMap is either made by the chart or named by the user in the values."""
    chart, path = stored_set
    objects = render(chart, "-f", path)
    made = {(one["kind"], one["metadata"]["name"]) for one in objects}
    # `asya-runtime` is written by the operator.
    named_by_user = json.dumps(merged_values(chart, "-f", path))
    for label, pod in pods(objects):
        for kind, name in references(pod):
            assert (kind, name) in made or f'"{name}"' in named_by_user, f"{label} refers to {kind} {name}"


def test_pods_meet_the_restricted_standard(stored_set):
    chart, path = stored_set
    for label, pod in pods(render(chart, "-f", path)):
        context = pod.get("securityContext", {})
        assert context.get("seccompProfile", {}).get("type") == "RuntimeDefault", label
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, label
            assert own["capabilities"] == {"drop": ["ALL"]}, label
            assert own["readOnlyRootFilesystem"] is True, label
            assert own.get("runAsNonRoot", context.get("runAsNonRoot")) is True, label
            assert "limits" in container["resources"], label


def test_no_secret_is_made(stored_set):
    chart, path = stored_set
    text = render_text(chart, "-f", path)
    assert "kind: Secret\n" not in text
    assert not re.search(r"://[^/\s]*:[^/\s]+@", text), "a URL with a password"


class TestOperator:
    def test_a_default_install_has_rabbitmq_enabled(self):
        entry = environment(render("asya-operator"), "asya-operator", "manager")["ASYA_TRANSPORT_CONFIG"]
        transports = json.loads(entry["value"])["transports"]
        assert transports["rabbitmq"]["enabled"] is True
        assert transports["rabbitmq"]["config"]["host"] == "rabbitmq.default.svc.cluster.local"
        assert transports["rabbitmq"]["config"]["queues"]["dlq"] == {"enabled": True, "maxRetryCount": 3}
        assert transports["sqs"]["enabled"] is False

    def test_one_setting_keeps_the_other_defaults(self):
        objects = render("asya-operator", "-set", "transports.rabbitmq.config.host=broker")
        config = json.loads(environment(objects, "asya-operator", "manager")["ASYA_TRANSPORT_CONFIG"]["value"])
        assert config["transports"]["rabbitmq"]["config"]["host"] == "broker"
        assert config["transports"]["rabbitmq"]["config"]["port"] == 5672

    @pytest.mark.parametrize("level, flags", [("info", 1), ("debug", 1), ("warn", 0), ("", 0)])
    def test_only_info_and_debug_become_a_flag(self, level, flags):
        deployment = named(render("asya-operator", "-set", f"logLevel={level}"), "Deployment", "asya-operator")
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        assert len([one for one in arguments if one.startswith("--zap-log-level")]) == flags

    def test_names_are_those_of_the_original(self):
        objects = render("asya-operator")
        named(objects, "ClusterRole", "asya-operator-manager-role")
        named(objects, "ClusterRoleBinding", "asya-operator-manager-rolebinding")
        named(objects, "Service", "asya-operator-metrics")

    def test_the_release_name_is_part_of_the_names(self):
        objects = render("asya-operator", release="mine")
        named(objects, "Deployment", "mine-asya-operator")

    @pytest.mark.parametrize("replicas, budgets", [(1, 0), (2, 1)])
    def test_a_disruption_budget_comes_with_the_second_replica(self, replicas, budgets):
        objects = render("asya-operator", "-set", f"replicaCount={replicas}")
        assert len([one for one in objects if one["kind"] == "PodDisruptionBudget"]) == budgets

    def test_the_role_reads_secrets_only_one_by_one(self):
        rules = named(render("asya-operator"), "ClusterRole", "asya-operator-manager-role")["rules"]
        secrets = [rule for rule in rules if "secrets" in rule["resources"]]
        assert [rule["verbs"] for rule in secrets] == [["get"]]
        assert not any("*" in rule["verbs"] + rule["resources"] + rule["apiGroups"] for rule in rules)


class TestGateway:
    def test_more_replicas_need_a_database(self):
        with pytest.raises(charts.RenderError, match="externalDatabase.host"):
            render("asya-gateway", "-set", "replicaCount=2")

    def test_postgresql_enabled_says_what_to_do(self):
        with pytest.raises(charts.RenderError, match="deploys nothing.*externalDatabase.host"):
            render("asya-gateway", "-set", "postgresql.enabled=true")

    @pytest.mark.parametrize("settings, words", [
        ("externalDatabase.host=db", "existingSecret, or set externalDatabase.passwordless"),
        ("config.postgresHost=db", "existingSecret, or set externalDatabase.passwordless"),
        ("externalDatabase={host: db, password: p}", "plain text"),
    ])  # fmt: skip
    def test_a_database_needs_a_secret(self, settings, words):
        with pytest.raises(charts.RenderError, match=words):
            render("asya-gateway", "-set", settings)

    def test_a_database_without_password_is_said_to_be_one(self):
        objects = render("asya-gateway", "-set", "externalDatabase={host: db, passwordless: true}")
        entries = environment(objects, "asya-gateway", "gateway")
        assert "PGPASSWORD" not in entries and "@db:5432/" in entries["ASYA_DATABASE_URL"]["value"]

    def test_the_password_comes_from_the_secret(self):
        path = os.path.join(charts.VALUE_SETS, "asya-gateway", "postgres.yaml")
        entries = environment(render("asya-gateway", "-f", path), "asya-gateway", "gateway")
        assert entries["PGPASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "gateway-database", "key": "password"}
        assert entries["ASYA_DATABASE_URL"]["value"] == (
            "postgresql://asya@postgres.databases.svc.cluster.local:5432/asya_gateway?sslmode=verify-full"
        )

    def test_changed_tools_roll_the_pods(self):
        def checksum(timeout):
            tools = "routes.tools=[{name: a, route: [b], timeout: %d}]" % timeout
            deployment = named(render("asya-gateway", "-set", tools), "Deployment", "asya-gateway")
            return deployment["spec"]["template"]["metadata"]["annotations"]["checksum/routes"]

        assert checksum(1) != checksum(2)

    def test_without_tools_there_is_no_configuration(self):
        objects = render("asya-gateway")
        assert "ASYA_CONFIG_PATH" not in environment(objects, "asya-gateway", "gateway")
        assert not [one for one in objects if one["kind"] == "ConfigMap"]

    @pytest.mark.parametrize("release, name", [("asya-gateway", "gateway-routes"), ("b", "b-asya-gateway-routes")])
    def test_two_gateways_fit_in_one_namespace(self, release, name):
        named(render("asya-gateway", "-set", "routes.tools=[{name: a, route: [b]}]", release=release), "ConfigMap", name)


class TestCrew:
    def test_a_missing_transport_names_the_key(self):
        with pytest.raises(charts.RenderError, match="happy-end.transport is required"):
            render("asya-crew")

    def test_the_two_mandatory_variables_come_first(self):
        path = os.path.join(charts.VALUE_SETS, "asya-crew", "s3.yaml")
        for actor in render("asya-crew", "-f", path):
            entries = actor["spec"]["workload"]["template"]["spec"]["containers"][0]["env"]
            assert entries[:2] == [
                {"name": "ASYA_HANDLER_MODE", "value": "envelope"},
                {"name": "ASYA_ENABLE_VALIDATION", "value": "false"},
            ]
            assert entries[2]["name"] == "ASYA_HANDLER"

    def test_a_mandatory_variable_cannot_be_overridden(self):
        env = "happy-end.workload.template.spec.containers=[{name: r, env: [{name: ASYA_HANDLER_MODE, value: payload}]}]"
        with pytest.raises(charts.RenderError, match="ASYA_HANDLER_MODE is set by the chart"):
            render("asya-crew", "-set", "happy-end.transport=sqs", "-set", env)

    def test_other_pod_fields_pass_through(self):
        path = os.path.join(charts.VALUE_SETS, "asya-crew", "s3.yaml")
        actor = named(render("asya-crew", "-f", path), "AsyncActor", "happy-end")
        assert actor["spec"]["workload"]["template"]["spec"]["nodeSelector"] == {"pool": "small"}


class TestActor:
    def test_short_forms_set_the_runtime_container(self):
        actor = named(render("asya-actor", *single("env=[{name: A, value: b}]")), "AsyncActor", "x")
        container = actor["spec"]["workload"]["template"]["spec"]["containers"][0]
        assert container["image"] == "i:1"
        assert container["env"] == [{"name": "ASYA_HANDLER", "value": "m.f"}, {"name": "A", "value": "b"}]

    def test_an_actor_without_image_or_workload_is_refused(self):
        with pytest.raises(charts.RenderError, match="actor x: set image .* or workload"):
            render("asya-actor", "-set", "actors=[{name: x, transport: rabbitmq}]")

    def test_scaling_switched_off_renders_only_that(self):
        actor = named(render("asya-actor", *single("scaling={enabled: false, minReplicas: 3}")), "AsyncActor", "x")
        assert actor["spec"]["scaling"] == {"enabled": False}

    def test_presets_expand(self):
        actor = named(render("asya-actor", *single("gpu={count: 2, type: T4}", "spot=true")), "AsyncActor", "x")
        pod = actor["spec"]["workload"]["template"]["spec"]
        assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 2
        assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "T4", "karpenter.sh/capacity-type": "spot"}
        assert [one["key"] for one in pod["tolerations"]] == ["nvidia.com/gpu", "spot"]

    def test_a_preset_can_be_overridden(self):
        pod = "workload={template: {spec: {nodeSelector: {karpenter.sh/capacity-type: on-demand}}}}"
        actor = named(render("asya-actor", *single("spot=true", pod)), "AsyncActor", "x")
        selector = actor["spec"]["workload"]["template"]["spec"]["nodeSelector"]
        assert selector == {"karpenter.sh/capacity-type": "on-demand"}


@pytest.mark.parametrize("chart", charts.NAMES)
def test_every_key_of_the_original_is_understood(chart):
    path = os.path.join(charts.ROOT, "Tests", "Deploy", "original-values", f"{chart}.yaml")
    jsonschema.validate(merged_values(chart, "-f", path), schema(chart))
    assert render(chart, "-f", path)


def test_the_schemas_are_up_to_date():
    import chart_schemas

    assert chart_schemas.main(["--check"]) == 0


def test_the_charts_webhook_is_the_one_in_deploy_webhook():
    with open(os.path.join(charts.ROOT, "deploy", "webhook", "operator.yaml"), encoding="utf-8") as file:
        manifests = list(yaml.safe_load_all(file))
    rendered = render("asya-operator", "-set", "webhook={enabled: true, certManager: {enabled: true}}")
    for one in manifests:
        found = named(rendered, one["kind"], one["metadata"]["name"])
        assert found["metadata"].get("annotations") == one["metadata"].get("annotations")
        assert found.get("webhooks") == one.get("webhooks")


def check(one, version):
    """Raises unless Kubernetes of that version, or the project whose resource it is, takes the object."""
    if custom_resources.is_known(one):
        custom_resources.validate(one)
    elif not one["apiVersion"].startswith("asya.sh/"):  # Those are checked against our own CRD.
        kubernetes_validate.validate(one, version, strict=True)


def single(*settings):
    """Arguments for one actor x in the short form."""
    base = ["name=x", "transport=rabbitmq", "image=i:1", "handler=m.f"]
    return [word for setting in [*base, *settings] for word in ("-set", setting)]


def schema(chart):
    """The chart's values.schema.json."""
    with open(os.path.join(charts.CHARTS, chart, "values.schema.json"), encoding="utf-8") as file:
        return json.load(file)


def leaves(value, path=""):
    """Dotted paths of all leaves of a map."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, f"{path}.{key}" if path else key)
    else:
        yield path


def references(pod):
    """(kind, name) of each Secret and ConfigMap that a pod refers to."""
    for volume in pod.get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in pod["containers"]:
        for entry in container.get("env", []):
            source = entry.get("valueFrom", {})
            if "secretKeyRef" in source:
                yield "Secret", source["secretKeyRef"]["name"]
            if "configMapKeyRef" in source:
                yield "ConfigMap", source["configMapKeyRef"]["name"]


def test_every_yaml_file_of_the_examples_is_an_actor():
    folder = os.path.join(charts.ROOT, "examples", "asyas")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            documents = list(yaml.safe_load_all(file))
        assert [one["kind"] for one in documents] == ["AsyncActor"], name


def test_charts_programs_and_image_recipes_have_one_version():
    with open(os.path.join(charts.ROOT, "Sources", "Support", "BuildVersion.swift"), encoding="utf-8") as file:
        version = re.search(r'current = "(.*)"', file.read()).group(1)
    for chart in charts.NAMES:
        with open(os.path.join(charts.CHARTS, chart, "Chart.yaml"), encoding="utf-8") as file:
            metadata = yaml.safe_load(file)
        assert (metadata["version"], metadata["appVersion"]) == (version, version)
    with open(os.path.join(charts.ROOT, "deploy", "images", "Dockerfile"), encoding="utf-8") as file:
        assert set(re.findall(r"^ARG VERSION=(.*)$", file.read(), re.MULTILINE)) == {version}


def test_the_charts_copy_of_the_crd_is_the_crd():
    paths = [
        os.path.join(charts.ROOT, "deploy", "crd", "asya.sh_asyncactors.yaml"),
        os.path.join(charts.CHARTS, "asya-operator", "files", "asya.sh_asyncactors.yaml"),
    ]
    original, copy = [open(path, encoding="utf-8").read() for path in paths]
    assert original == copy


def test_the_charts_role_is_the_one_in_deploy_rbac():
    """Least privilege is written down twice, for those who use the chart and for those who do not."""

    def rules(objects, kind):
        found = [rule for one in objects if one["kind"] == kind for rule in one["rules"]]
        return sorted(
            (group, resource, verb)
            for rule in found
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )

    with open(os.path.join(charts.ROOT, "deploy", "rbac", "operator.yaml"), encoding="utf-8") as file:
        manifests = [one for one in yaml.safe_load_all(file) if one]
    rendered = render("asya-operator", "-set", "tests.enabled=false", "-set", "uninstallCheck=none")
    for kind in ("ClusterRole", "Role"):
        assert rules(rendered, kind) == rules(manifests, kind), kind
