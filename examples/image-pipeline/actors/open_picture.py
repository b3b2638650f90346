"""open-picture: a path becomes a picture's bytes and facts. {"path"} -> {"path", "width", "height", "jpeg"}"""

import base64
import io
import os
import pathlib

from PIL import Image

PICTURES = pathlib.Path(os.environ.get("PICTURES", pathlib.Path(__file__).parent.parent / "pictures"))
# A message travels through every queue of the route, so a picture is made small once, at the start.
LARGEST_SIDE = 512


def open_picture(payload):
    """Reads a picture below the pictures' folder; anything else is the sender's mistake and ends at error-end."""
    path = (PICTURES / payload["path"]).resolve()
    if PICTURES.resolve() not in path.parents:
        raise ValueError(f"{payload['path']} is outside of the pictures' folder")
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        return {"path": payload["path"], "width": picture.width, "height": picture.height, "jpeg": encoded(picture)}


def encoded(picture):
    """A picture as it travels in a payload: JPEG in Base64."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def decoded(jpeg):
    """The picture of a payload's member `jpeg`."""
    return Image.open(io.BytesIO(base64.b64decode(jpeg))).convert("RGB")
