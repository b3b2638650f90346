"""The images' file sets, run under chroot: no container engine runs on the machines that test this."""

import os
import subprocess

import pytest

import charts

ASSEMBLE = os.path.join(charts.ROOT, "deploy", "images", "assemble.sh")
# The sidecar's image is pulled with every actor. The aim is 12 MB; libcurl's shared libraries, for SQS, take the rest.
COMPRESSED_LIMITS = {"sidecar": 24_000_000}
PROGRAMS = {
    "sidecar": [("asya-sidecar", ["--version"], 0), ("asya-sidecar-sqs", [], 1)],
    "operator": [("asya-operator", ["--help"], 0)],
    "gateway": [("asya-gateway", ["check"], 2)],
}

# Container engines mount /proc, and the Swift runtime wants it; nothing else is added.
IN_ROOT = """
mkdir -p "$0/proc" && mount --bind /proc "$0/proc" || exit 125
exec env -i /usr/sbin/chroot --userspec=65532:65532 "$0" "$@"
"""


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def image(request, tmp_path_factory):
    """(name, folder with the image's files)"""
    if not all(os.path.exists(os.path.join(charts.ROOT, "bin", program)) for program, _, _ in PROGRAMS[request.param]):
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
