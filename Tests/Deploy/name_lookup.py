"""Which name a sidecar asks DNS for when it has an image's files alone: name_lookup.py FOLDER VARIABLE=VALUE… -- PROGRAM …

Runs in a network of its own (`unshare --net`), where the only name server is this script, with a runtime's socket in
FOLDER/tmp that somebody listens on: a sidecar looks for the runtime first. Prints the first name that is asked for.
"""

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
LIMIT_SECONDS = 20


def bring_up_loopback():
    """A new network has it, but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def listening_runtime(folder):
    """A runtime that is ready, as far as a sidecar can see before the first call."""
    path = os.path.join(folder, "tmp", "asya-runtime.sock")
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
    runtime = socket.socket(socket.AF_UNIX)
    runtime.bind(path)
    os.chmod(path, 0o666)
    runtime.listen(8)
    with open(os.path.join(folder, "tmp", "runtime-ready"), "w", encoding="ascii"):
        return runtime


def question(packet):
    """The name in a DNS query (RFC 1035, 4.1.2)."""
    labels, position = [], 12
    while packet[position]:
        count = packet[position]
        labels.append(packet[position + 1 : position + 1 + count].decode())
        position += 1 + count
    return ".".join(labels)


def main(folder, *rest):
    """Starts the program under chroot and waits for its first question."""
    separator = rest.index("--")
    variables = dict(word.split("=", 1) for word in rest[:separator])
    bring_up_loopback()
    with open(os.path.join(folder, "etc", "resolv.conf"), "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\n")
    os.makedirs(os.path.join(folder, "proc"), exist_ok=True)
    subprocess.run(["mount", "--bind", "/proc", os.path.join(folder, "proc")], check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, listening_runtime(folder):
        server.bind(("127.0.0.1", 53))
        server.settimeout(LIMIT_SECONDS)
        command = ["/usr/sbin/chroot", "--userspec=65532:65532", folder, *rest[separator + 1 :]]
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
            try:
                print(question(server.recv(4096)))
            except TimeoutError:
                print("nothing was asked")
            finally:
                program.kill()
                sys.stderr.write(program.stdout.read().decode(errors="replace"))


if __name__ == "__main__":
    main(*sys.argv[1:])
