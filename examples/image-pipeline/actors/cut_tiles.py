"""cut-tiles: one picture becomes one envelope per tile (fan-out)."""

from open_picture import decoded, encoded

COLUMNS, ROWS = 3, 2


def cut(payload):
    """A list as a result makes one envelope of each element."""
    picture = decoded(payload["jpeg"])
    width, height = picture.width // COLUMNS, picture.height // ROWS
    tiles = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            left, top = column * width, row * height
            tile = picture.crop((left, top, left + width, top + height))
            tiles.append({"path": payload["path"], "column": column, "row": row, "jpeg": encoded(tile)})
    return tiles
