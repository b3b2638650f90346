"""The bill of materials of each image names what is really in it."""

import json
import os

import pytest
import sbom

import charts

# Program, and what must be named: a package of Swift, a library of Debian.
EXPECTED = {
    "sidecar": ("asya-sidecar-sqs", ["deb:libcurl4-openssl-dev", "deb:librabbitmq-dev", "deb:libssl-dev"]),
    "operator": ("asya-operator", ["swift:swift-nio", "deb:libyaml-dev"]),
    "gateway": ("asya-gateway", ["swift:hummingbird", "deb:libpq5"]),
    "crew": (None, ["pypi:boto3"]),
}


@pytest.mark.parametrize("image", sorted(EXPECTED))
def test_it_is_cyclonedx_with_the_libraries_of_the_image(image, tmp_path):
    program, wanted = EXPECTED[image]
    if program and not os.path.exists(os.path.join(charts.ROOT, "bin", program)):
        pytest.skip("needs make build")
    path = tmp_path / "bom.json"
    assert sbom.main([image, "--version", "9.9", "--output", str(path)]) == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (document["bomFormat"], document["metadata"]["component"]["version"]) == ("CycloneDX", "9.9")
    names = [one["bom-ref"] for one in document["components"]]
    assert len(names) == len(set(names))
    assert not [one for one in wanted if one not in names], names
