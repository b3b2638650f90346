"""Writes a CycloneDX bill of materials of one image: sbom.py sidecar|operator|gateway|crew [--version V] [--output FILE].

Swift packages come from the resolved dependencies, shared libraries from ldd, libraries linked statically from the
Debian packages that hold their archives. Run it where the binaries in bin/ were built.
"""

import argparse
import functools
import json
import os
import re
import subprocess
import sys
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARIES = {
    # Installed as asya-sidecar: it knows every transport.
    "sidecar": ["asya-sidecar-sqs"],
    "operator": ["asya-operator"],
    "gateway": ["asya-gateway"],
    "crew": [],
}
# Archives that end up inside static binaries, by image.
STATIC_PACKAGES = {
    "sidecar": [
        "libc6-dev", "libuv1-dev", "librabbitmq-dev", "libssl-dev", "zlib1g-dev", "libsqlite3-dev", "libcurl4-openssl-dev",
    ],
    "operator": ["libc6-dev", "librabbitmq-dev", "libssl-dev", "zlib1g-dev", "libsqlite3-dev", "libyaml-dev"],
    "gateway": [],
    "crew": [],
}
PYTHON_PACKAGES = {"crew": ["boto3"]}


def main(arguments):
    """Writes the document; returns the exit status."""
    parser = argparse.ArgumentParser(description="CycloneDX bill of materials of an image")
    parser.add_argument("image", choices=sorted(BINARIES))
    parser.add_argument("--version", default="0.2.0")
    parser.add_argument("--output", help="file; standard output when left out")
    options = parser.parse_args(arguments)
    text = json.dumps(document(options.image, options.version), indent=2) + "\n"
    if options.output is None:
        sys.stdout.write(text)
    else:
        os.makedirs(os.path.dirname(os.path.abspath(options.output)), exist_ok=True)
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    return 0


def document(image, version):
    """The document of one image."""
    name = f"asya-{image}"
    components = [*swift_packages(image), *debian_packages(image), *python_packages(image)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'asya/{name}/{version}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container", "bom-ref": name, "name": name, "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": sorted(components, key=lambda one: one["bom-ref"]),
    }


def swift_packages(image):
    """Resolved Swift packages; the crew has none."""
    if not BINARIES[image]:
        return []
    found = {}

    def visit(node):
        for child in node["dependencies"]:
            found[child["identity"]] = child
            visit(child)

    visit(json.loads(dependency_tree()))
    return [
        component("swift", one["name"], one["version"], f"pkg:swift/{one['url'].removeprefix('https://')}@{one['version']}")
        for one in found.values()
    ]


@functools.lru_cache(maxsize=1)
def dependency_tree():
    """What Swift's package manager says, once: it takes seconds."""
    return run("swift", "package", "show-dependencies", "--format", "json")


def debian_packages(image):
    """Debian packages whose code is in the image."""
    names = set(STATIC_PACKAGES[image])
    for binary in BINARIES[image]:
        path = os.path.join(ROOT, "bin", binary)
        if os.path.exists(path):
            for library in re.findall(r"/\S+", run("ldd", path, check=False)):
                owner = run("dpkg", "-S", os.path.realpath(library), check=False) or run("dpkg", "-S", library, check=False)
                names.update(re.findall(r"^([^:\s]+):", owner, re.MULTILINE))
    result = []
    for name in names:
        version = run("dpkg-query", "-W", "-f", "${Version}", name, check=False).strip()
        if version:
            result.append(component("deb", name, version, f"pkg:deb/debian/{name}@{version}"))
    return result


def python_packages(image):
    """What pip installs into the image; the version is chosen when it is built."""
    return [component("pypi", name, "", f"pkg:pypi/{name}") for name in PYTHON_PACKAGES.get(image, [])]


def component(kind, name, version, purl):
    """One entry."""
    entry = {"type": "library", "bom-ref": f"{kind}:{name}", "name": name, "purl": purl}
    return {**entry, "version": version} if version else entry


def run(*command, check=True):
    """Output of a command; empty when it fails and that is allowed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check)
    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
