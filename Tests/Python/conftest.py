"""Makes the Python sources importable without installing anything."""

import os
import pathlib
import sys

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

for _path in (_REPOSITORY / "Sources" / "Runtime", _REPOSITORY / "Sources" / "Crew", pathlib.Path(__file__).resolve().parent / "runtime"):
    sys.path.insert(0, str(_path))

# A variable of the developer's shell must not decide what a test sees.
for _name in [name for name in os.environ if name.startswith("ASYA_")]:
    del os.environ[_name]
