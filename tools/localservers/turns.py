"""A thread that does the same again and again beside a test."""

import threading


class Turns:
    """Calls `_turn` every so many seconds until the end of the ``with``; `_ended` is the last call of the thread."""

    def __init__(self, interval):
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._stopping.wait(self._interval):
                self._turn()
        finally:
            self._ended()

    def _turn(self):
        raise NotImplementedError

    def _ended(self):
        pass
