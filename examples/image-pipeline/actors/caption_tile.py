"""caption-tile: numbers become a sentence; a tile that says nothing is dropped (None ends the route)."""


def caption(payload):
    """Adds "caption". A tile that is dark and flat all over is not worth one."""
    if payload["brightness"] < 0.05 and not payload["is_sharp"]:
        return None
    light = "dark" if payload["brightness"] < 0.35 else "bright" if payload["brightness"] > 0.65 else "half-lit"
    detail = "full of detail" if payload["is_sharp"] else "smooth"
    place = f"{('upper', 'lower')[payload['row']]} {('left', 'middle', 'right')[payload['column']]}"
    return {**payload, "caption": f"{place} of {payload['path']}: {light}, mostly {payload['colour']}, {detail}"}
