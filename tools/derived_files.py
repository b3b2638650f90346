"""Files that a tool derives from others and that are in the repository all the same."""

import os
import sys


def write(texts, only_check=False):
    """Writes each path's text, or only tells which files differ from theirs; returns the exit status."""
    stale = []
    for path, text in texts.items():
        if only_check:
            with open(path, encoding="utf-8") as file:
                if file.read() != text:
                    stale.append(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    for path in stale:
        print(f"not up to date, run make manifests: {os.path.relpath(path)}", file=sys.stderr)
    return 1 if stale else 0
