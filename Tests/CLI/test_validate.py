"""`asya validate`: every finding at its line."""

import pytest

VALID = """\
apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata:
  name: {name}
spec:
  transport: rabbitmq
  workload:
    template:
      spec:
        containers:
        - name: asya-runtime
          image: registry.example/word-counter:1.4
          env:
          - {{name: ASYA_HANDLER, value: counter.count_words}}
"""

FAULTY = """\
apiVersion: asya.sh/v1alpha1
kind: AsyncActor
metadata:
  name: Word_Counter
spec:
  scaling: {minReplicas: 5, maxReplicas: 2, qeueLength: 3}
  timeout:
    processing: -1
  workload:
    kind: DaemonSet
    template:
      spec:
        volumes:
        - name: tmp
        containers:
        - name: asya-runtime
          command: [sh]
          env:
          - {name: ASYA_HANDLER, value: 5}
        - name: asya-sidecar
          image: x
"""

# In the order of the file.
FAULTY_LINES = """\
bad.yaml:4:3: error: metadata.name: "Word_Counter" is no name for Kubernetes: lower-case letters, digits, '-' and '.', \
beginning and ending with a letter or digit, at most 253 characters
bad.yaml:5:1: error: spec.transport: is required
bad.yaml:6:13: error: spec.scaling.minReplicas: spec.scaling.minReplicas (5) must not be greater than \
spec.scaling.maxReplicas (2)
bad.yaml:6:45: warning: spec.scaling.qeueLength: unknown field: kubectl refuses it, the API server drops it; did you \
mean "queueLength"?
bad.yaml:8:5: error: spec.timeout.processing: must be at least 0, not -1
bad.yaml:10:5: error: spec.workload.kind: must be one of Deployment, StatefulSet, not "DaemonSet"
bad.yaml:14:11: error: spec.workload.template.spec.volumes[0].name: volume name 'tmp' is reserved for the operator
bad.yaml:16:11: error: spec.workload.template.spec.containers[0]: container 'asya-runtime' has no image
bad.yaml:17:11: error: spec.workload.template.spec.containers[0].command: container 'asya-runtime' cannot override \
command (command is managed by operator)
bad.yaml:19:34: error: spec.workload.template.spec.containers[0].env[0].value: must be a string, not an integer; put it \
in quotes: "5"
bad.yaml:20:11: error: spec.workload.template.spec.containers[1].name: container name 'asya-sidecar' is reserved for \
the injected sidecar and cannot be defined in the AsyncActor spec
"""


def test_all_findings_of_a_file_stand_at_their_lines(asya):
    (asya.folder / "bad.yaml").write_text(FAULTY)
    result = asya("validate", "-f", "bad.yaml", status=1)
    assert result.stdout == FAULTY_LINES
    assert "1 actor, 10 errors, 1 warning" in result.stderr


def test_json_has_the_same_findings(asya):
    (asya.folder / "bad.yaml").write_text(FAULTY)
    report = asya("validate", "-f", "bad.yaml", "-o", "json", status=1).json
    assert report["valid"] is False
    lines = [
        f"{each['file']}:{each['line']}:{each['column']}: {each['severity']}: {each['path']}: {each['message']}\n"
        for each in report["findings"]
    ]
    assert "".join(lines) == FAULTY_LINES
    assert {"required", "enum", "minimum", "type", "reserved-container"} <= {each["rule"] for each in report["findings"]}


def test_folders_several_files_and_standard_input(asya):
    folder = asya.folder / "actors"
    folder.mkdir()
    (folder / "b.yaml").write_text(VALID.format(name="b"))
    (folder / "a.yml").write_text(VALID.format(name="a1") + "---\n" + VALID.format(name="a2"))
    (folder / "compose.yaml").write_text("services: {}\n")
    (folder / "config.yaml").write_text("apiVersion: v1\nkind: ConfigMap\n")
    (folder / "notes.txt").write_text("not: [yaml")
    result = asya("validate", "-f", "actors", "-", "-o", "json", stdin=VALID.format(name="c"))
    assert [actor["name"] for actor in result.json["actors"]] == ["a1", "a2", "b", "c"]
    assert result.json["actors"][-1]["file"] == "<stdin>"
    assert "actors/config.yaml:1:1: kind ConfigMap is not checked" in result.stderr


def test_without_files_the_manifests_of_this_folder_are_taken(asya):
    for name in ("one", "two"):
        (asya.folder / name).mkdir()
        (asya.folder / name / "actor.yaml").write_text(VALID.format(name=name))
    names = lambda: [actor["name"] for actor in asya("validate", "-o", "json").json["actors"]]  # noqa: E731
    assert names() == ["one", "two"]
    (asya.folder / "three.yaml").write_text(VALID.format(name="three"))
    assert names() == ["three"]
    (asya.folder / "asya.yaml").write_text("actors: {four: handler.process}\n")
    assert names() == ["four"]


def test_the_same_actor_in_two_files(asya):
    for name in ("a.yaml", "b.yaml"):
        (asya.folder / name).write_text(VALID.format(name="twin"))
    result = asya("validate", status=1)
    assert result.stdout == (
        'b.yaml:4:3: error: metadata.name: the actor "twin" is defined already at a.yaml:1:1\n'
    )


def test_warnings_are_no_errors_unless_strict(asya):
    (asya.folder / "a.yaml").write_text(VALID.format(name="my.actor"))
    result = asya("validate")
    assert "warning: metadata.name" in result.stdout
    asya("validate", "--strict", status=1)


@pytest.mark.parametrize(
    "content, text",
    [
        (b"a: [1", "a.yaml:2:1: error: "),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"a: " + b"x" * (1 << 20), "larger than"),
        (b"[" * 100_000, "nested more than"),
        (b"x: 1", "is no actor"),
    ],
    ids=["unfinished", "bytes", "large", "deep", "foreign"],
)
def test_files_that_are_no_manifests(asya, content, text):
    (asya.folder / "a.yaml").write_bytes(content)
    result = asya("validate", "-f", "a.yaml", status=1)
    assert text in result.stdout + result.stderr


def test_missing_files_and_empty_folders_are_named(asya):
    assert "cannot read nope.yaml: No such file" in asya("validate", "-f", "nope.yaml", status=1).stderr
    (asya.folder / "empty").mkdir()
    assert "no *.yaml file in the folder empty" in asya("validate", "-f", "empty", status=1).stderr
    assert "there are no manifests here" in asya("validate", status=1).stderr
    (asya.folder / "empty.yaml").write_text("")
    assert "there is no actor" in asya("validate", "-f", "empty.yaml", status=1).stderr


def test_the_plain_form(asya):
    (asya.folder / "asya.yaml").write_text("actors:\n  a: {handler: h.f, timout: 5s}\n  b: {}\n")
    result = asya("validate", "--local", status=1)
    assert result.stdout == (
        'asya.yaml:2:21: error: actors.a.timout: unknown field; did you mean "timeout"?\n'
        "asya.yaml:3:3: error: actors.b.handler: is required\n"
    )
