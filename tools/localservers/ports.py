"""Free TCP ports on loopback for servers that are started a moment later."""

import random
import socket
import threading

# Below the kernel's range for outgoing connections (32768 and up), so that no client socket takes a port between our
# look and the server's bind. The choice is random because several suites run side by side on one machine.
_FIRST_PORT = 20000
_LAST_PORT = 32000
_ATTEMPT_LIMIT = 1000

_given_out = set()
_lock = threading.Lock()


def free_port(host="127.0.0.1"):
    """Returns a TCP port that nobody listens on; one process never gets the same port twice."""
    for _ in range(_ATTEMPT_LIMIT):
        port = random.randint(_FIRST_PORT, _LAST_PORT)
        with _lock:
            if port in _given_out:
                continue
            _given_out.add(port)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the servers themselves do; without it a port in TIME_WAIT would look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no free port on {host} between {_FIRST_PORT} and {_LAST_PORT}")
