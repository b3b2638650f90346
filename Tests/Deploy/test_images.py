"""The images' file sets, run under chroot: no container engine runs on the machines that test this."""

import os
import subprocess
import sys

import pytest

import charts

LOOK_UP = os.path.join(charts.ROOT, "Tests", "Deploy", "name_lookup.py")
ASSEMBLE = os.path.join(charts.ROOT, "deploy", "images", "assemble.sh")
# The sidecar's image is pulled with every actor.
COMPRESSED_LIMITS = {"sidecar": 12_000_000}
PROGRAMS = {
    "sidecar": [("asya-sidecar", ["--version"], 0), ("asya-sidecar", ["--frob"], 2), ("asya-sidecar", [], 1)],
    "operator": [("asya-operator", ["--help"], 0)],
    "gateway": [("asya-gateway", ["check"], 2)],
}

BINARIES = {"sidecar": ["asya-sidecar-sqs"], "operator": ["asya-operator"], "gateway": ["asya-gateway"]}

# Container engines mount /proc, and the Swift runtime wants it; nothing else is added.
IN_ROOT = """
mkdir -p "$0/proc" && mount --bind /proc "$0/proc" || exit 125
exec env -i /usr/sbin/chroot --userspec=65532:65532 "$0" "$@"
"""


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def image(request, tmp_path_factory):
    """(name, folder with the image's files)"""
    if not all(os.path.exists(os.path.join(charts.ROOT, "bin", program)) for program in BINARIES[request.param]):
        pytest.skip("needs make build")
    folder = str(tmp_path_factory.mktemp(request.param))
    subprocess.run(["bash", ASSEMBLE, request.param, folder], check=True, stdin=subprocess.DEVNULL)
    return request.param, folder


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_the_programs_run_with_the_images_files_alone(image):
    name, folder = image
    for program, arguments, status in PROGRAMS[name]:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", IN_ROOT, folder, f"/usr/local/bin/{program}", *arguments],
            capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr


# Both ways to look up names: libuv's for RabbitMQ, libcurl's for SQS.
LOOK_UPS = {
    "rabbitmq": ["ASYA_RABBITMQ_HOST=broker.example"],
    "sqs": ["ASYA_SQS_ENDPOINT=http://broker.example:4566", "ASYA_AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=a",
            "AWS_SECRET_ACCESS_KEY=b"],
}  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize("transport", sorted(LOOK_UPS))
@pytest.mark.parametrize("image", ["sidecar"], indirect=True)
def test_the_sidecar_finds_names_with_the_images_files_alone(image, transport):
    _, folder = image
    variables = ["ASYA_ACTOR_NAME=a", f"ASYA_TRANSPORT={transport}", "ASYA_SOCKET_DIR=/tmp", *LOOK_UPS[transport]]
    command = ["unshare", "--net", "--mount", sys.executable, LOOK_UP, folder, *variables, "--", "/usr/local/bin/asya-sidecar"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.stdout == "broker.example\n", done.stdout + done.stderr


def test_there_is_no_shell(image):
    _, folder = image
    found = [os.path.join(where, one) for where, _, names in os.walk(folder) for one in names if one in ("sh", "bash")]
    assert not found


def test_the_image_is_small(image):
    name, folder = image
    packed = subprocess.run(["tar", "-C", folder, "-czf", "-", "."], check=True, capture_output=True).stdout
    print(f"asya-{name}: {len(packed) / 1e6:.1f} MB compressed")
    if name in COMPRESSED_LIMITS:
        assert len(packed) <= COMPRESSED_LIMITS[name]
