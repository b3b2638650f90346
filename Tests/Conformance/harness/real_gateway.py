"""The built gateway in front of a world's queues, with real sidecars that report to it."""

import importlib.util
import os

from .embedded import EmbeddedWorld
from .paths import REPOSITORY
from .sqs import SQSWorld

# By its path: the suites call their helpers alike.
_SPEC = importlib.util.spec_from_file_location(
    "gateway_process", os.path.join(REPOSITORY, "Tests", "Gateway", "harness.py")
)
gateway_process = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(gateway_process)

CREW = {"PYTHONPATH": os.path.join(REPOSITORY, "Sources", "Crew"), "ASYA_ENABLE_VALIDATION": "false"}
TOOLS = """
tools:
- name: pipeline
  route: [a, b]
  progress: true
  timeout: 60
  parameters: {text: {type: string, required: true}}
"""


def queue_settings(world):
    """What tells a gateway where the queues of a world are."""
    if isinstance(world, EmbeddedWorld):
        return {"ASYA_EMBEDDED_PATH": world.path}
    if isinstance(world, SQSWorld):
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ASYA_SQS_ENDPOINT")
        settings = world.transport_settings()
        return {key: settings[key] for key in keys}
    return {"ASYA_RABBITMQ_URL": world.url}


def start(world, tools=TOOLS, **environment):
    """A gateway that ends with the world."""
    directory = world.directory()
    settings = {"ASYA_GATEWAY_STORE_PATH": os.path.join(directory, "gateway.db"), **queue_settings(world)}
    gateway = gateway_process.Gateway(directory, {**settings, **environment}, tools)
    gateway.start()
    world.add_other(gateway)
    return gateway


def start_pipeline(world, gateway, second="conformance_handlers.echo", **environment):
    """Sidecars `a` and `b` with Python handlers and the two end actors of the crew, all reporting to the gateway."""
    for actor, handler in (("a", "conformance_handlers.echo"), ("b", second)):
        world.sidecar(actor, world.python(handler), gateway, **environment)
    for actor, handler in (("happy-end", "happy_end_handler"), ("error-end", "error_end_handler")):
        runtime = world.python("handlers.end_handlers." + handler, "envelope", **CREW)
        world.end_sidecar(actor, runtime, gateway, **environment)
