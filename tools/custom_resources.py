"""Checks resources of other projects against the schemas of their CRDs (custom-resource-schemas.yaml)."""

import functools
import os

import jsonschema
import yaml

_METADATA = {"type": "object", "required": ["name"]}


def is_known(body):
    """Whether an object, as parsed from YAML or JSON, is of one of these projects."""
    return body["apiVersion"].split("/")[0] in {name.split("/")[0] for name in _specs()}


def validate(body):
    """Raises ``jsonschema.ValidationError`` for a wrong value, a missing field, and one that the schema does not have."""
    spec = _specs()[f"{body['apiVersion']} {body['kind']}"]
    fields = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": _METADATA, "spec": spec}
    jsonschema.validate(
        body, {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    )


@functools.lru_cache(maxsize=1)
def _specs():
    """Schemas of the member `spec` by apiVersion and kind."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "custom-resource-schemas.yaml")
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)
