"""examples/image-pipeline under `asya up`: real pictures, a fan-out, and the whole route as one tool."""

import shutil

import pytest

from conftest import ROOT
from up_run import Folder

EXAMPLE = ROOT / "examples" / "image-pipeline"
ROUTE = "open-picture,cut-tiles,measure-tile,caption-tile"
TILES = 6


@pytest.fixture
def folder(asya):
    shutil.copytree(EXAMPLE, asya.folder, dirs_exist_ok=True)
    return Folder(asya)


def test_every_picture_becomes_captions_and_a_broken_one_an_error(folder):
    names = sorted(path.name for path in (EXAMPLE / "pictures").glob("*.jpg"))
    with folder.up(gateway=True) as run:
        run.wait(lambda: run.find("gatewayReady"), "the gateway")
        folder.send(ROUTE, [{"path": name} for name in [*names, "nothing.jpg"]])
        called = folder.asya("mcp", "call", "describe-picture", "--path", "coffee.jpg")
        assert called.json["result"]["caption"].startswith("upper left of coffee.jpg: ")
        total = (len(names) + 1) * TILES + 1
        # A tile that says nothing ends its route without a result; none of these pictures has one.
        run.wait(lambda: len(folder.results()) == total, lambda: f"{total} results, {len(folder.results())} now")
        assert run.stop() == 0
    results = folder.results()
    failed = [entry for entry in results if entry["outcome"] == "failed"]
    assert len(failed) == 1 and "nothing.jpg" in str(failed[0])
    captions = [entry["envelope"]["payload"]["caption"] for entry in results if entry["outcome"] == "succeeded"]
    assert len(captions) == total - 1
    for name in names:
        places = {caption.partition(" of ")[0] for caption in captions if f" of {name}:" in caption}
        assert len(places) == TILES, name
    assert folder.duplicates() == {} and folder.left() == 0


def test_the_example_is_valid_for_kubernetes_too(folder):
    assert folder.asya("validate", "-f", "asya.yaml").stderr == "[+] 4 actors, 0 errors, 0 warnings\n"
