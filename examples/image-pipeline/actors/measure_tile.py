"""measure-tile: a class handler. It is made once per process, as a model would be, and called per message."""

from open_picture import decoded
from PIL import ImageFilter, ImageStat

PALETTE = {
    "black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128), "red": (200, 30, 40),
    "orange": (230, 130, 40), "yellow": (235, 215, 60), "green": (50, 140, 60), "blue": (40, 80, 180),
    "brown": (110, 70, 40), "pink": (235, 160, 170),
}
# Mean edge strength above which a tile counts as sharp; the pictures here lie between 5 and 40.
SHARP_FROM = 15.0


class TileMeter:
    """Names the main colour of a tile and says how bright and how sharp it is."""

    def __init__(self, palette=None):
        self.palette = palette or PALETTE

    def measure(self, payload):
        """Replaces the picture by what was measured: the pixels need not travel on."""
        tile = decoded(payload["jpeg"])
        mean = ImageStat.Stat(tile).mean
        edges = ImageStat.Stat(tile.convert("L").filter(ImageFilter.FIND_EDGES)).mean[0]
        return {
            "path": payload["path"],
            "column": payload["column"],
            "row": payload["row"],
            "colour": self.nearest_colour(mean),
            "brightness": round(sum(mean) / 3 / 255, 3),
            "sharpness": round(edges, 1),
            "is_sharp": edges >= SHARP_FROM,
        }

    def nearest_colour(self, rgb):
        """Name of the palette's colour with the smallest distance."""
        return min(self.palette, key=lambda name: sum((a - b) ** 2 for a, b in zip(self.palette[name], rgb)))
