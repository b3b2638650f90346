"""What is measured: the sidecar, its rivals and the C floors, all started the same way with the same environment."""

import os
from dataclasses import dataclass, field

ACTOR = "perf-a"
NEXT_ACTOR = "perf-b"
END_ACTORS = ("happy-end", "error-end")
# The window that an adaptive sidecar reaches with a fast handler (sidecar.md 4.5), and the pinned one of the targets.
ADAPTIVE_WINDOW = 16
PINNED_WINDOW = 100


@dataclass(frozen=True)
class Subject:
    """One command in one setting. `window` None means the subject's own default."""

    name: str
    command: tuple
    window: int = None
    calls_runtime: bool = True
    gateway: str = None
    # Sizes for which this setting is worth its time; empty means all.
    sizes: tuple = field(default=())

    def environment(self, url, socket_directory, metrics_port, gateway_url):
        """Only what the sidecar documents; nothing of the caller's environment but the path."""
        variables = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "ASYA_ACTOR_NAME": ACTOR,
            "ASYA_RABBITMQ_URL": url,
            "ASYA_SOCKET_DIR": socket_directory,
            "ASYA_METRICS_ADDR": f"127.0.0.1:{metrics_port}",
        }
        if self.window is not None:
            variables["ASYA_RABBITMQ_PREFETCH"] = str(self.window)
        if self.gateway is not None:
            variables["ASYA_GATEWAY_URL"] = gateway_url
        return variables


def all_subjects(floor, sidecars, one_shot):
    """Floors and sidecars (name to binary), so ordered that what is compared runs one after the other.

    The floors keep their connection to the runtime, so they cannot work with a one-shot one.
    """
    floors = [] if one_shot else [(f"floor, window {window}", window) for window in (PINNED_WINDOW, ADAPTIVE_WINDOW)]
    found = [Subject("floor, no runtime call, window 100", (floor, "--no-runtime"), PINNED_WINDOW, calls_runtime=False)]
    found.extend(Subject(name, (floor,), window) for name, window in floors[:1])
    found.extend(Subject(f"{name}, window 100", (binary,), PINNED_WINDOW) for name, binary in sidecars.items())
    found.extend(Subject(name, (floor,), window) for name, window in floors[1:])
    for name, binary in sidecars.items():
        found.append(Subject(f"{name}, default", (binary,)))
        found.append(Subject(f"{name}, gateway hangs", (binary,), gateway="hangs", sizes=("256 B",)))
    return found


def is_default(subject):
    """The settings that starts, idle memory and system calls are measured with."""
    return subject.gateway is None and subject.calls_runtime and subject.window != PINNED_WINDOW
