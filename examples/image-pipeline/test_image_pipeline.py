"""The handlers are plain functions; so are their tests."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "actors"))

pytest.importorskip("PIL", reason="needs Pillow: pip install -r examples/image-pipeline/requirements.txt")

import caption_tile  # noqa: E402
import cut_tiles  # noqa: E402
import measure_tile  # noqa: E402
import open_picture  # noqa: E402

PICTURES = sorted(path.name for path in open_picture.PICTURES.glob("*.jpg"))


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_gives_six_captions(name):
    tiles = cut_tiles.cut(open_picture.open_picture({"path": name}))
    assert len(tiles) == cut_tiles.COLUMNS * cut_tiles.ROWS
    meter = measure_tile.TileMeter()
    for tile in tiles:
        measured = meter.measure(tile)
        assert "jpeg" not in measured
        assert 0 <= measured["brightness"] <= 1
        captioned = caption_tile.caption(measured)
        assert captioned is None or name in captioned["caption"]


def test_a_path_outside_of_the_folder_is_refused():
    with pytest.raises(ValueError, match="outside"):
        open_picture.open_picture({"path": "../README.md"})


def test_a_file_that_is_no_picture_is_refused():
    with pytest.raises(Exception, match="cannot identify|No such file"):
        open_picture.open_picture({"path": "nothing.jpg"})


@pytest.mark.parametrize("colour", sorted(measure_tile.PALETTE))
def test_a_colour_of_the_palette_is_its_own_name(colour):
    assert measure_tile.TileMeter().nearest_colour(measure_tile.PALETTE[colour]) == colour


def test_a_dark_flat_tile_ends_its_route():
    assert caption_tile.caption({"brightness": 0.01, "is_sharp": False}) is None
