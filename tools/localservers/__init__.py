"""Real servers for the demo, the tests and perf, as private processes on loopback.

Each server runs on free ports with a data directory of its own, is ready when its constructor's ``start`` returns,
and is gone, files included, when the process that started it ends, whichever way it ends. Standard library only.
"""
