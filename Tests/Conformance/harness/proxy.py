"""A TCP proxy between sidecar and broker that can delay, stall and cut, also in the middle of a frame."""

import collections
import socket
import threading
import time

TO_BROKER = "to broker"
TO_SIDECAR = "to sidecar"
CHUNK = 65536


class Proxy:
    """Forwards to `host:port`. Settings apply to what is forwarded from now on, on all connections."""

    def __init__(self, host, port, delay=0.0):
        self.target = (host, port)
        self.delay = delay
        self.accepted = 0
        self.refusing = False
        self._cut_after = {}
        self._pairs = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Resets every open connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                _abort(end)

    def cut_after(self, direction, byte_count):
        """Cuts all connections once after this many more bytes went in a direction, wherever that is in a frame."""
        self._cut_after[direction] = byte_count

    @property
    def cut_pending(self):
        return bool(self._cut_after)

    def stall_existing(self):
        """Silences the connections of now for ever; new ones work."""
        with self._lock:
            for pair in self._pairs:
                pair.stalled = True

    def stop(self):
        self.refusing = True
        _abort(self._listener)
        self.cut()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.refusing:
                _abort(near)
                continue
            try:
                far = socket.create_connection(self.target, timeout=10)
            except OSError:
                _abort(near)
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(near, far)
            with self._lock:
                if not self.refusing:
                    self._pairs.append(pair)
            if self.refusing:  # Since the look above: `cut` may not have seen this one.
                for end in pair:
                    _abort(end)
                continue
            _Pump(self, pair, near, far, TO_BROKER).start()
            _Pump(self, pair, far, near, TO_SIDECAR).start()

    def admit(self, pair, direction, data):
        """How much of `data` may pass; fewer bytes than given mean: cut after them."""
        while pair.stalled:
            time.sleep(0.05)
            if pair.closed:
                return 0
        with self._lock:
            left = self._cut_after.get(direction)
            if left is None:
                return len(data)
            if left >= len(data):
                self._cut_after[direction] = left - len(data)
                return len(data)
            del self._cut_after[direction]
            return left


class _Pair(tuple):
    """Both ends of one proxied connection."""

    def __new__(cls, near, far):
        self = super().__new__(cls, (near, far))
        self.stalled = False
        self.closed = False
        return self


class _Pump:
    """One direction of one connection: a reader that timestamps, a writer that waits for the delay to pass."""

    def __init__(self, proxy, pair, source, sink, direction):
        self.proxy, self.pair, self.source, self.sink, self.direction = proxy, pair, source, sink, direction
        self.queue = collections.deque()
        self.filled = threading.Condition()

    def start(self):
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._write, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = self.source.recv(CHUNK)
            except OSError:
                data = b""
            with self.filled:
                while len(self.queue) > 256:  # 16 MiB: TCP pushes back beyond that, as a real network does.
                    self.filled.wait(1)
                self.queue.append((time.monotonic() + self.proxy.delay, data))
                self.filled.notify_all()
            if not data:
                return

    def _write(self):
        while True:
            with self.filled:
                while not self.queue:
                    self.filled.wait()
                due, data = self.queue.popleft()
                self.filled.notify_all()
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            if not self._forward(data):
                return

    def _forward(self, data):
        if not data:
            return self._end()
        passed = self.proxy.admit(self.pair, self.direction, data)
        try:
            self.sink.sendall(data[:passed])
        except OSError:
            return self._end()
        if passed < len(data):
            self.proxy.cut()
            return self._end()
        return True

    def _end(self):
        self.pair.closed = True
        for end in self.pair:
            _abort(end)
        return False


def _abort(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # Not connected, or closed by the other pump.
    connection.close()
