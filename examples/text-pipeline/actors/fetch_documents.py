"""Actor fetch-documents: a path in, the text of that file and what is known about it out."""

import os
import pathlib
import time

DIRECTORY = pathlib.Path(os.environ.get("DOCUMENTS_DIRECTORY", pathlib.Path(__file__).parent.parent / "documents"))


def read_document(payload):
    """{"path"} → {"path", "title", "text", "byte_count", "modified"}.

    What cannot be read raises, which sends the envelope to error-end together with the reason.
    """
    directory = DIRECTORY.resolve()
    path = (directory / payload["path"]).resolve()
    if directory not in path.parents:
        raise PermissionError(f"{payload['path']} is outside of the documents directory")
    content = path.read_bytes()
    text = content.decode("utf-8").strip()
    if not text:
        raise ValueError(f"{payload['path']} is empty")
    modified = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
    return {
        "path": payload["path"],
        "title": text.splitlines()[0].lstrip("# "),
        "text": text,
        "byte_count": len(content),
        "modified": modified,
    }
