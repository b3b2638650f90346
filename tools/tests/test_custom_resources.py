"""What other projects' schemas refuse is refused here."""

import copy
import pathlib
import sys

import jsonschema
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import custom_resources

SCALED_OBJECT = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "x", "labels": {"a": "b"}},
    "spec": {
        "scaleTargetRef": {"name": "x"},
        "triggers": [{"type": "rabbitmq", "metadata": {"queueName": "asya-x"}}],
    },
}


def test_a_valid_object_passes():
    assert custom_resources.is_known(SCALED_OBJECT)
    custom_resources.validate(SCALED_OBJECT)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda spec: spec.update(maxReplica=3), "maxReplica"),
        (lambda spec: spec["triggers"][0].update(kind="x"), "kind"),
        (lambda spec: spec["triggers"][0]["metadata"].update(value=5), "5 is not of type 'string'"),
        (lambda spec: spec.update(pollingInterval="often"), "'often' is not of type 'integer'"),
        (lambda spec: spec.pop("triggers"), "'triggers' is a required property"),
    ],
)
def test_what_the_schema_does_not_have_is_refused(change, words):
    body = copy.deepcopy(SCALED_OBJECT)
    change(body["spec"])
    with pytest.raises(jsonschema.ValidationError, match=words):
        custom_resources.validate(body)


def test_an_object_of_kubernetes_is_somebody_elses_business():
    assert not custom_resources.is_known({"apiVersion": "v1", "kind": "Service"})
