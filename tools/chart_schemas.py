"""Writes values.schema.json of every chart from its values.yaml: chart_schemas.py [--check].

An unknown key is refused, so that a typo fails the install. Maps that are empty by default, and those of FREE, take
any key: they are Kubernetes' own types, or the operator checks them more strictly than a schema could.
"""

import json
import os
import sys

import derived_files
import yaml

CHARTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "deploy", "helm-charts")

# Kubernetes' own types, by the last name in the path.
FREE = {
    "resources",
    "defaultResources",
    "podSecurityContext",
    "securityContext",
    "workload",
    "hosts",
}
TRANSPORT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "config"],
    "properties": {
        "enabled": {"type": "boolean"},
        "type": {"enum": ["rabbitmq", "sqs"]},
        "config": {"type": "object"},
    },
}
ITEM = {"type": "object", "required": ["name"], "additionalProperties": False}
# What a values file may hold beyond the keys of values.yaml, or in another form than the default suggests.
SPECIAL = {
    "asya-operator": {
        "transports": {"type": "object", "additionalProperties": TRANSPORT},
        "operator": {
            "description": "The original's place of these two; honoured when the top level does not set them.",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "transports": {"type": "object", "additionalProperties": TRANSPORT},
                "gatewayURL": {"type": "string"},
            },
        },
        "logLevel": {"type": "string"},
        "uninstallCheck": {"enum": ["warn", "refuse", "none"]},
        "webhook.failurePolicy": {"enum": ["Ignore", "Fail"]},
        "webhook.timeoutSeconds": {"type": "integer", "minimum": 1, "maximum": 30},
    },
    "asya-gateway": {
        "routes.tools": {"type": "array", "items": {"type": "object", "required": ["name", "route"]}},
        "config.port": {"type": ["string", "integer"]},
        "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    },
    "asya-crew": {},
    "asya-actor": {},
}
# Keys of an item of `actors` are those of the single actor, besides these of the chart itself.
NOT_OF_AN_ACTOR = {"nameOverride", "fullnameOverride", "actors", "default", "infrastructure", "checks"}


def schema_of(value, path, special):
    """The schema of one value, from its default."""
    if path in special:
        return special[path]
    name = path.rsplit(".", 1)[-1]
    if isinstance(value, dict):
        if not value or name in FREE:
            return {"type": "object"}
        properties = {key: schema_of(child, f"{path}.{key}" if path else key, special) for key, child in value.items()}
        if name == "scaling":
            properties["advanced"] = {"type": "object"}
        return {"type": "object", "additionalProperties": False, "properties": properties}
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string"}} if value and name not in FREE else {"type": "array"}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer", "minimum": 0}
    return {"type": ["string", "null"]}


def chart_schema(chart):
    """The schema of a chart as text."""
    with open(os.path.join(CHARTS, chart, "values.yaml"), encoding="utf-8") as file:
        values = yaml.safe_load(file)
    special = SPECIAL[chart]
    schema = schema_of(values, "", special)
    for path, extra in special.items():
        if "." not in path:
            schema["properties"][path] = extra
    if chart == "asya-actor":
        keys = {key: value for key, value in schema["properties"].items() if key not in NOT_OF_AN_ACTOR}
        schema["properties"]["actors"] = {"type": "array", "items": {**ITEM, "properties": keys}}
    schema["properties"]["global"] = {"type": "object"}
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **schema}, indent=2) + "\n"


def main(arguments):
    """Writes the schemas, or with --check tells which are not up to date."""
    texts = {os.path.join(CHARTS, chart, "values.schema.json"): chart_schema(chart) for chart in sorted(SPECIAL)}
    return derived_files.write(texts, only_check=arguments == ["--check"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
