"""Asya's Python runtime: loads the user's handler once and answers the sidecar's requests on a Unix socket.

One file, standard library only, CPython 3.7 and later: the operator mounts it into the user's container, whose
interpreter runs it. Requests are served strictly one at a time, in order, in the main thread, whatever the number of
connections. Payloads never appear in the log. The contract is the specification "Python runtime"; the section
numbers below are its own.
"""

import collections
import collections.abc
import faulthandler
import importlib
import inspect
import json
import logging
import marshal
import math
import os
import re
import selectors
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings

logger = logging.getLogger("asya.runtime")

# A hostile length field must not become an allocation. The sidecar refuses longer replies, so nothing longer is sent.
FRAME_LIMIT_BYTES = 512 * 1024 * 1024
# How long a started frame, or a reply its client does not read, may stay incomplete.
FRAME_TIMEOUT_SECONDS = 60.0

_LENGTH = struct.Struct(">I")
_SMALL_FRAME_BYTES = 64 * 1024  # Reusable buffer of a connection: holds all requests sent ahead when they are small.
_FIRST_ALLOCATION_BYTES = 256 * 1024  # Longer frames grow by doubling, as their bytes arrive.
_READS_PER_TURN = 64  # 4 MiB with the default chunk; then the other connections have their turn.
_TURN_SECONDS = 0.001  # How long requests sent ahead on one connection are preferred to a look at the others.
_BACKLOG = 128
_CONNECTION_LIMIT = 256  # A sidecar needs one or two; beyond this the connection that was idle longest is closed.
_IDLE_CHECK_SECONDS = 1.0  # Bounds the wait if a signal arrives in the instant before the wait begins.
_DRAIN_SECONDS = 1.0  # After a signal: how long requests that already lie in the sockets are still started.
_METRIC_VALUES_LIMIT = 10000  # Per request; a handler that calls `metric` in a loop must not fill the memory.
_INTEGER_DIGITS_LIMIT = 1000000  # Python's own limit of 4300 digits would refuse valid JSON.
_SEND_FLAGS = getattr(socket, "MSG_NOSIGNAL", 0)  # Handlers may have reset SIGPIPE to its deadly default.
_READY_FILE_NAME = "runtime-ready"
# `ahead`: how many requests may wait in the socket behind the one being served.
_READY_FILE_TEXT = 'ready\n{"protocol":2,"keepalive":true,"ahead":8,"metrics":true}\n'


# --- Configuration (section 2) ---------------------------------------------------------------------------------------


def _fail(message, *arguments, **options):
    """Ends the process because of its configuration: one CRITICAL record, then exit status 1."""
    logger.critical(message, *arguments, **options)
    raise SystemExit(1)


def _chunk_size_setting():
    text = os.environ.get("ASYA_CHUNK_SIZE", "65536")
    try:
        size = int(text)
    except ValueError:
        size = 0
    if size <= 0:
        _fail("Invalid ASYA_CHUNK_SIZE=%r: not a positive number of bytes", text)
    return size


def _log_level_setting():
    name = os.environ.get("ASYA_LOG_LEVEL", "").upper()
    return getattr(logging, name) if name in ("DEBUG", "INFO", "WARNING", "ERROR") else logging.INFO


ASYA_HANDLER = os.environ.get("ASYA_HANDLER", "")
ASYA_HANDLER_MODE = os.environ.get("ASYA_HANDLER_MODE", "").lower() or "payload"
ASYA_SOCKET_CHMOD = os.environ.get("ASYA_SOCKET_CHMOD", "0o666")
ASYA_CHUNK_SIZE = _chunk_size_setting()
ASYA_ENABLE_VALIDATION = os.environ.get("ASYA_ENABLE_VALIDATION", "true").lower() in ("true", "1", "yes", "on")
SOCKET_DIR = os.environ.get("ASYA_SOCKET_DIR") or "/var/run/asya"
SOCKET_NAME = os.environ.get("ASYA_SOCKET_NAME") or "asya-runtime.sock"
SOCKET_PATH = os.path.join(SOCKET_DIR, SOCKET_NAME)


def _configure_logging():
    """Standard error gets all records, and `print` in a handler shows up at once."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s - %(name)s - %(levelname)s - %(message)s", "%Y-%m-%d %H:%M:%S"))
    root.addHandler(handler)
    root.setLevel(_log_level_setting())
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)


# --- Loading the handler (section 3) ---------------------------------------------------------------------------------

_HANDLER_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")


def _load_function():
    """The callable that `ASYA_HANDLER` names: `module.function` or `module.Class.method`, in packages as well."""
    modes = ("payload", "envelope")
    if ASYA_HANDLER_MODE.lower() not in modes:
        raise ValueError("Invalid ASYA_HANDLER_MODE=%s: not in %s" % (ASYA_HANDLER_MODE, modes))
    if not ASYA_HANDLER:
        _fail("ASYA_HANDLER is not set")
    if not _HANDLER_PATTERN.fullmatch(ASYA_HANDLER):
        _fail("Invalid ASYA_HANDLER=%r: expected module.function or module.Class.method", ASYA_HANDLER)
    module, names = _import_longest_prefix(ASYA_HANDLER.split("."))
    owner = module
    for name in names[:-1]:
        owner = getattr(owner, name, None)
        if not isinstance(owner, type):
            _fail("ASYA_HANDLER=%s: %s is not a class in %s", ASYA_HANDLER, name, module.__name__)
    if owner is not module:
        owner = _instantiate(owner)
    function = getattr(owner, names[-1], None)
    if not callable(function):
        state = "not callable" if hasattr(owner, names[-1]) else "missing"
        _fail("ASYA_HANDLER=%s: attribute %s is %s", ASYA_HANDLER, names[-1], state)
    logger.info("Handler %s loaded, mode %s", ASYA_HANDLER, ASYA_HANDLER_MODE)
    return function


def _import_longest_prefix(parts):
    """Imports as much of the dotted name as is a module; returns it and the names that remain."""
    for count in range(len(parts) - 1, 0, -1):
        candidate = ".".join(parts[:count])
        try:
            return importlib.import_module(candidate), parts[count:]
        except ModuleNotFoundError as error:
            # Only the absence of the candidate itself says "try a shorter name"; a dependency that is missing inside
            # the user's module must be reported under its own name.
            if error.name is None or not (candidate + ".").startswith(error.name + "."):
                _fail("Importing %s failed: no module named %r", candidate, error.name, exc_info=True)
        except Exception:
            _fail("Importing %s failed", candidate, exc_info=True)
    return _fail("ASYA_HANDLER=%s: could not import module", ASYA_HANDLER)


def _instantiate(cls):
    try:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        parameters = []  # Classes written in C may not tell; calling them will.
    for parameter in parameters:
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.default is parameter.empty and not variadic:
            _fail("Class %s: parameter %r of __init__ has no default", cls.__qualname__, parameter.name)
    try:
        return cls()
    except Exception:
        return _fail("Class %s could not be instantiated", cls.__qualname__, exc_info=True)


# --- JSON (sections 5 and 12) ----------------------------------------------------------------------------------------


def _refuse_constant(name):
    raise ValueError("%s is not JSON" % name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ASCII_ENCODER = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))

# Every digit becomes 0 and every other byte a space, so that one search finds a number too long for 64 bits.
_DIGITS_ONLY = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG_NUMBER = b"0" * 19


def _usable_orjson():
    """orjson from the user's image if it behaves as `_decode_json` and `_encode_json` assume, else None."""
    try:
        import orjson

        pairs = list(orjson.loads(b'{"a":1,"b":-0,"a":[1e2,18446744073709551615,"\\u00e9"]}').items())
        text = orjson.dumps([float("nan"), 1, True, "\x7f\u20ac", -0.5])
        try:
            orjson.loads(b"[" * 2000 + b"]" * 2000)
            return None  # Before 3.9.15 deep nesting could overflow the stack (CVE-2024-27454).
        except ValueError:
            pass
        same = repr(pairs) == repr([("a", [100.0, 2**64 - 1, "\xe9"]), ("b", 0)])
        return orjson if same and text == '[null,1,true,"\x7f\u20ac",-0.5]'.encode() else None
    except Exception:
        return None  # Absent, broken or a stranger of the same name: the standard library does it all.


_orjson = _usable_orjson()


def _decode_json(data):
    """The value of UTF-8 JSON. orjson only where it cannot differ: it rounds integers beyond 64 bits."""
    if _orjson is not None:
        try:
            text = bytes(data) if isinstance(data, memoryview) else data
            if _LONG_NUMBER not in text.translate(_DIGITS_ONLY):
                return _orjson.loads(data)
        except Exception:
            pass  # It refuses valid input too (lone surrogates, 1e400, deep nesting), and words errors differently.
    return _with_long_integers(_DECODER.decode, str(data, "utf-8"))


def _encode_json(value):
    """UTF-8 JSON of `value`; `TypeError` or `ValueError` for what JSON cannot express."""
    if _orjson is not None:
        try:
            # orjson also writes types that `json` refuses (UUID, enumerations, dataclasses …) and writes NaN as null.
            # `marshal` refuses every object that is not exactly of a built-in type, at a fraction of the cost of JSON;
            # and where no null is, no NaN was.
            marshal.dumps(value, 2)
            text = _orjson.dumps(value)
            if b"null" not in text:
                return text
        except Exception:
            pass  # Long integers, other keys than strings, lone surrogates, subclasses: `json` decides.
    text = _with_long_integers(_ENCODER.encode, value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _with_long_integers(_ASCII_ENCODER.encode, value).encode("ascii")


def _with_long_integers(convert, value):
    """`convert(value)`, repeated with more digits allowed if it failed, where Python limits them."""
    try:
        return convert(value)
    except ValueError:
        limit = getattr(sys, "get_int_max_str_digits", int)()
        if not 0 < limit < _INTEGER_DIGITS_LIMIT:
            raise
    sys.set_int_max_str_digits(_INTEGER_DIGITS_LIMIT)
    try:
        return convert(value)
    finally:
        sys.set_int_max_str_digits(limit)


def _parse_envelope_json(data):
    """The JSON object in `data`; `UnicodeDecodeError`, `json.JSONDecodeError` or another `ValueError` if it is none."""
    value = _decode_json(data)
    if not isinstance(value, dict):
        raise ValueError("Envelope must be a JSON object, not %s" % type(value).__name__)
    return value


# --- Validation (section 7) ------------------------------------------------------------------------------------------


def _validate_envelope(e, expected_current_actor=None, input_route=None):
    """A new dict with the known members of `e`, `route.current` filled in; `ValueError` at the first violation.

    The optional arguments are for outputs: the actor that has just run, and the route as it was before it ran.
    """
    if not isinstance(e, dict):
        raise ValueError("Missing required field 'payload' in envelope: it is of type %s" % type(e).__name__)
    if "payload" not in e:
        raise ValueError("Missing required field 'payload' in envelope")
    if "route" not in e:
        raise ValueError("Missing required field 'route' in envelope")
    route = _validate_route(e["route"])
    if "headers" in e and not isinstance(e["headers"], dict):
        raise ValueError("Field 'headers' must be a dict")
    if input_route is not None:
        _check_processed_actors(route["actors"], input_route)
    if expected_current_actor is not None:
        _check_current_actor(route, expected_current_actor, input_route)
    if "id" in e and not isinstance(e["id"], str):
        raise ValueError("Field 'id' must be a string")
    checked = {"payload": e["payload"], "route": route}
    for name in ("id", "parent_id", "headers"):
        if name in e:
            checked[name] = e[name]
    return checked


def _validate_route(route):
    """A copy of the route in which `current` is present."""
    if not isinstance(route, dict):
        raise ValueError("Field 'route' must be a dict")
    if "actors" not in route:
        raise ValueError("Missing required field 'actors' in route")
    actors = route["actors"]
    if not isinstance(actors, list):
        raise ValueError("Field 'route.actors' must be a list")
    current = route.get("current", 0)
    if not isinstance(current, int) or isinstance(current, bool):
        raise ValueError("Field 'route.current' must be an integer")
    if not actors:
        raise ValueError("Field 'route.actors' cannot be empty")
    if not 0 <= current <= len(actors):
        raise ValueError("Invalid route.current=%d: out of bounds for actors of length %d" % (current, len(actors)))
    return dict(route, current=current)


def _check_processed_actors(actors, input_route):
    current = input_route.get("current", 0)
    before = input_route["actors"][: current + 1]
    after = actors[: len(before)]
    if after != before:
        raise ValueError(
            "Route modification error: already-processed actors cannot be erased. "
            "Input route had %s (actors 0-%d), but output route starts with %s. "
            "Only actors after position %d can be added or replaced." % (before, current, after, current)
        )


def _check_current_actor(route, expected, input_route):
    position = (route if input_route is None else input_route).get("current", 0)
    actual = route["actors"][position] if position < len(route["actors"]) else None
    if actual != expected:
        raise ValueError(
            "Route mismatch: input route points to '%s' at position %d, but output route has '%s' at that position. "
            "A handler cannot replace the actor it runs in." % (expected, position, actual)
        )


# --- Metrics (section 9) ---------------------------------------------------------------------------------------------

_metric_values = []


def metric(name, value, **labels):
    """Records a value for a metric declared in `ASYA_CUSTOM_METRICS`; it travels with the reply to the request."""
    if not isinstance(name, str) or not name:
        raise ValueError("the name of a metric must be a non-empty string")
    # Other numeric types, those of numpy for example, are not JSON.
    value = int(value) if isinstance(value, int) else float(value)
    if not math.isfinite(value):
        raise ValueError("the value of metric %s must be finite" % name)
    count = len(_metric_values)
    if count < _METRIC_VALUES_LIMIT:
        entry = {"name": name, "value": value, "labels": {key: str(text) for key, text in labels.items()}}
        _metric_values.append(entry)
    elif count == _METRIC_VALUES_LIMIT:
        _metric_values.append(None)  # Marks that the warning has been given.
        logger.warning("More than %d metric values in one request: the others are dropped", _METRIC_VALUES_LIMIT)


def _with_metrics(reply):
    """Moves the values recorded so far into the first reply element."""
    if not _metric_values:
        return reply
    values = [value for value in _metric_values if value is not None]
    del _metric_values[:]
    if reply and isinstance(reply[0], dict):
        reply[0] = dict(reply[0], metrics=values)
    return reply


# --- One request (section 5) -----------------------------------------------------------------------------------------


def _recv_exact(sock, n):
    """Exactly `n` bytes from `sock`; `ConnectionError` if it ends before."""
    if isinstance(sock, _Connection):
        return sock.take(n)
    data = bytearray()
    while len(data) < n:
        chunk = sock.recv(min(n - len(data), ASYA_CHUNK_SIZE))
        if not chunk:
            raise ConnectionError("Connection closed while reading")
        data += chunk
    return data


def _send_envelope(sock, data):
    """Sends `data` as one frame, completely, header and body without joining them."""
    header = _LENGTH.pack(len(data))
    sent = sock.sendmsg((header, data), (), _SEND_FLAGS)
    if sent < len(header):
        sock.sendall(header[sent:])
        sent = len(header)
    if sent - len(header) < len(data):
        with memoryview(data) as view:
            sock.sendall(view[sent - len(header) :])


def _error_response(code, exc=None):
    """The reply that consists of one error element."""
    if exc is None:
        return [{"error": code}]
    try:
        message = str(exc)
    except Exception:
        message = "<unprintable %s>" % type(exc).__name__
    try:
        trace = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    except Exception:  # An exception class of the user's can break this as well, and memory may be short.
        trace = message
    return [{"error": code, "details": {"message": message, "type": type(exc).__name__, "traceback": trace}}]


def _failure(code, exc):
    """The reply to a request that failed, and one line about it that shows where, but nothing of the payload."""
    location = exc.__traceback__
    while location is not None and location.tb_next is not None:
        location = location.tb_next
    place = "%s:%d" % (location.tb_frame.f_code.co_filename, location.tb_lineno) if location else "unknown place"
    logger.error("%s: %s raised at %s", code, type(exc).__name__, place)
    if isinstance(exc, (SystemExit, KeyboardInterrupt)):
        _process.exit_request = exc if isinstance(exc, SystemExit) else SystemExit(128 + signal.SIGINT)
    return _error_response(code, exc)


def _handle_request(conn, handler):
    """Reads one request, calls the handler and returns the list that becomes the reply."""
    try:
        (length,) = _LENGTH.unpack(_recv_exact(conn, 4))
        if length > FRAME_LIMIT_BYTES:
            raise ValueError("a frame of %d bytes exceeds the limit of %d" % (length, FRAME_LIMIT_BYTES))
        body = _recv_exact(conn, length)
    except Exception as exc:
        return _failure("connection_error", exc)
    try:
        envelope = _parse_envelope_json(body)
        body = None  # Big requests must not stay in memory while their reply is built.
        if ASYA_ENABLE_VALIDATION:
            envelope.update(_validate_envelope(envelope))  # Unknown members stay.
    except Exception as exc:
        return _failure("msg_parsing_error", exc)
    # BaseException: neither a cancelled task nor `sys.exit` in a handler may leave a request without a reply.
    try:
        call = _envelope_outputs if ASYA_HANDLER_MODE.lower() == "envelope" else _payload_outputs
        reply = call(handler, envelope)
    except BaseException as exc:
        reply = _failure("processing_error", exc)
    return _with_metrics(reply)


def _payload_outputs(handler, envelope):
    route = envelope["route"]
    common = {"route": dict(route, current=route.get("current", 0) + 1)}
    if "headers" in envelope:
        common["headers"] = envelope["headers"]
    return [dict(common, payload=output) for output in _outputs(handler(envelope["payload"]))]


def _envelope_outputs(handler, envelope):
    if not ASYA_ENABLE_VALIDATION:
        return _outputs(handler(envelope))
    # A snapshot, because handlers edit the envelope they are given.
    current, actors = envelope["route"]["current"], list(envelope["route"]["actors"])
    expected = actors[current] if current < len(actors) else None
    outputs = _outputs(handler(envelope))
    for index, output in enumerate(outputs):
        try:
            outputs[index] = _validate_envelope(output, expected, {"actors": actors, "current": current})
        except ValueError as exc:
            raise ValueError("Invalid output envelope[%d/%d]: %s" % (index, len(outputs), exc)) from exc
    return outputs


_PLAIN_TYPES = frozenset((dict, list, tuple, str, int, float, bool, type(None)))


def _outputs(result):
    """The outputs that a handler's result stands for, once coroutines have run and generators are exhausted."""
    if type(result) not in _PLAIN_TYPES:
        if inspect.isawaitable(result):
            result = _run_to_completion(result)
        if isinstance(result, collections.abc.AsyncGenerator):
            result = _run_to_completion(_collect(result))
        elif isinstance(result, collections.abc.Generator):
            result = list(result)
    if result is None:
        return []
    return list(result) if isinstance(result, (list, tuple)) else [result]


async def _collect(generator):
    return [item async for item in generator]


_event_loop = None


def _run_to_completion(awaitable):
    """Runs `awaitable` on the one event loop of this process, which does not move between requests."""
    global _event_loop
    if _event_loop is None or _event_loop.is_closed():
        import asyncio  # Costs tens of milliseconds and some megabytes that synchronous handlers need not pay.

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                # Before Python 3.10 locks and queues made in the handler's constructor are bound to this loop.
                loop = asyncio.get_event_loop()
            except RuntimeError:
                loop = None
        if loop is None or loop.is_closed():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
        _event_loop = loop
    return _event_loop.run_until_complete(awaitable)


def _encode_reply(reply):
    """The bytes of a reply; if they cannot be made, those of the error that says so."""
    try:
        data = _encode_json(reply)
        if len(data) > FRAME_LIMIT_BYTES:
            raise ValueError("a reply of %d bytes exceeds the limit of %d" % (len(data), FRAME_LIMIT_BYTES))
        return data
    except BaseException as exc:
        return _encode_json(_failure("processing_error", exc))


# --- Connections (section 6) -----------------------------------------------------------------------------------------


class _Connection:
    """One client: collects frames without blocking, and keeps what the client does not read at once.

    To `_recv_exact` and `_send_envelope` it is the socket; neither waits, because a frame is handed out only when
    it is complete or will never be. Unread bytes are `_view[_start:_end]`, and there is always room behind them.
    """

    def __init__(self, sock):
        self.socket = sock
        self.deadline = None  # Until when the frame begun, or the reply not yet read, must be complete.
        self.is_waiting = False  # In the server's line of connections that have something to serve.
        self.frames = 0  # Frames taken as a whole; tells whether the stream is still in step.
        self.ended = False  # The client sends no more.
        self.failure = None  # Why the frame begun will not become complete.
        self.unsent = []
        self._in_frame = False  # The header was taken, the body was not.
        self._view = memoryview(bytearray(_SMALL_FRAME_BYTES))
        self._start = self._end = 0

    def receive(self):
        """Reads what has arrived; true if there is something to serve: a frame, or one that failed."""
        try:
            for _ in range(_READS_PER_TURN):
                free = self._view[self._end :]
                count = self.socket.recv_into(free, min(len(free), ASYA_CHUNK_SIZE))
                self._end += count
                if count == 0:
                    self.ended = True
                    break
                if self.has_frame():
                    return True
        except BlockingIOError:
            pass
        except (OSError, MemoryError) as exc:
            self.failure = exc
            self.ended = True
        return self.ended and self.is_mid_frame()

    def has_frame(self):
        """True if a whole frame can be taken, or a header that no body will be accepted for."""
        available, needed = self._end - self._start, 4
        if available >= 4:
            (length,) = _LENGTH.unpack_from(self._view, self._start)
            needed += length
            if available >= needed or length > FRAME_LIMIT_BYTES:
                return True
        if available == 0:
            self._start = self._end = 0
        elif self._start + needed > len(self._view):
            self._make_room(available, needed)
        return False

    def _make_room(self, available, needed):
        """Moves the frame begun to the front of a buffer as long as it, at most twice as long as what has arrived."""
        unread = self._view[self._start : self._end]
        if needed <= len(self._view):
            self._view[:available] = bytes(unread)
        elif self._start > 0 or available == len(self._view):
            capacity = min(needed, max(2 * available, _FIRST_ALLOCATION_BYTES))
            self._view = memoryview(bytearray(capacity))
            self._view[:available] = unread
        self._start, self._end = 0, available

    def is_mid_frame(self):
        """True if the next frame has begun."""
        return self._end > self._start

    def take(self, count):
        """The next `count` bytes, valid until the next `receive`."""
        if count > self._end - self._start:
            raise self.failure or ConnectionError("Connection closed while reading")
        self.frames += self._in_frame
        self._in_frame = not self._in_frame
        self._start += count
        taken = self._view[self._start - count : self._start]
        if len(self._view) > _SMALL_FRAME_BYTES and self._start == self._end:
            self._view = memoryview(bytearray(_SMALL_FRAME_BYTES))  # The memory goes with the request.
            self._start = self._end = 0
        return taken

    def sendmsg(self, buffers, ancillary, flags):
        """Accepts all of `buffers`; what the client does not take now is left to `flush`."""
        total = sum(len(buffer) for buffer in buffers)
        try:
            sent = self.socket.sendmsg(buffers, ancillary, flags)
        except BlockingIOError:
            sent = 0
        if sent < total:
            for buffer in buffers:
                if sent < len(buffer):
                    self.unsent.append(memoryview(buffer)[sent:])
                sent = max(0, sent - len(buffer))
        return total

    def flush(self):
        """Goes on sending; true when nothing is left."""
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent[0], _SEND_FLAGS)
            except BlockingIOError:
                return False
            if sent == len(self.unsent[0]):
                del self.unsent[0]
            else:
                self.unsent[0] = self.unsent[0][sent:]
        return True

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # Processes forked by the handler may hold the descriptor too.
        except OSError:
            pass  # The client is gone already.
        self.socket.close()


# --- Process (section 8) ---------------------------------------------------------------------------------------------


class _Process:
    """What signals, handlers and the serving loop tell one another."""

    def __init__(self):
        self.begin()

    def begin(self):
        self.process_id = os.getpid()
        self.stop_requested_at = None  # Monotonic time of the first signal.
        self.exit_request = None  # The `SystemExit` a handler raised; carried out once the reply is sent.
        self.listener = None

    def install_signal_handlers(self):
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_signal)
            signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number, frame):
        if os.getpid() != self.process_id:
            self._end_child(number, frame)
            return
        if self.stop_requested_at is not None:
            os._exit(1)  # A handler could catch an exception.
        self.stop_requested_at = time.monotonic()
        _remove_file(SOCKET_PATH)
        _remove_file(_ready_file_path())
        if self.listener is None:
            raise SystemExit(0)  # Still loading.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # Refuses clients and wakes the loop, which closes it.
        except OSError:
            pass  # Not everywhere possible on a listener; the loop looks at the time of the request as well.

    @staticmethod
    def _end_child(number, frame):
        """Workers that a handler forked inherit our handlers; a signal to them must not remove our socket."""
        if number == signal.SIGINT:
            signal.default_int_handler(number, frame)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


_process = _Process()


def _install_stack_dump():
    """SIGUSR1 shows where a hung handler is; requests continue."""
    try:
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    except (AttributeError, OSError, RuntimeError, ValueError) as exc:
        logger.warning("No stack dump on SIGUSR1: %s", exc)  # No such signal here, or standard error is no file.


def _ready_file_path():
    return os.path.join(SOCKET_DIR, _READY_FILE_NAME)


def _remove_file(path):
    """Removes a file if it exists; false, with the reason logged, if that fails."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        logger.error("Cannot remove %s: %s", path, exc)
        return False
    return True


def _write_ready_file():
    """Tells the sidecar, all at once, that the socket is listening and what this runtime can do."""
    path = _ready_file_path()
    temporary = path + ".new"
    try:
        with open(temporary, "w") as file:
            file.write(_READY_FILE_TEXT)
        os.chmod(temporary, 0o644)  # The sidecar may run as another user.
        os.replace(temporary, path)
    except OSError as exc:
        logger.error("Cannot write %s: %s", path, exc)


# --- Serving (sections 4, 6 and 8) -----------------------------------------------------------------------------------


def _setup_socket(path):
    """The listening socket at `path`, in place of whatever file was there."""
    mode = None
    if ASYA_SOCKET_CHMOD:
        try:
            mode = int(ASYA_SOCKET_CHMOD, 8)
        except ValueError:
            mode = -1
        if not 0 <= mode <= 0o7777:
            _fail("Invalid ASYA_SOCKET_CHMOD=%r: not an octal mode", ASYA_SOCKET_CHMOD)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        if mode is not None:
            os.chmod(path, mode)  # Before anybody can connect.
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


class _Server:
    """Serves requests one at a time, in the thread that calls `run`; waits on the listener and all connections."""

    def __init__(self, listener, handler):
        self._listener = listener
        self._handler = handler
        self._selector = selectors.DefaultSelector()
        self._connections = collections.OrderedDict()  # In the order of their last use; the values mean nothing.
        self._waiting = collections.deque()  # Connections that have something to serve, each once.
        self._accept_again_at = None

    def run(self):
        """Returns after a signal; raises what a handler asked for with `SystemExit`."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        try:
            while True:
                events = self._selector.select(self._wait_seconds())
                if self._is_finished(events):
                    return
                self._turn(events)
        finally:
            for connection in list(self._connections):
                self._close(connection)
            self._selector.close()

    def _wait_seconds(self):
        if self._waiting:
            return 0
        if _process.stop_requested_at is not None and not self._has_unsent():
            return 0
        return _IDLE_CHECK_SECONDS

    def _has_unsent(self):
        return any(connection.unsent for connection in self._connections)

    def _is_finished(self, events):
        """After a signal, true when all is answered that had been sent by then.

        Requests sent ahead lie in the socket when the signal comes. Their sender could not tell them from started
        ones, so they are served, too, unless that would take long; but nothing more is waited for.
        """
        if _process.stop_requested_at is None:
            return False
        if self._is_past_drain():
            for connection in list(self._connections):
                if not connection.unsent:
                    self._close(connection)
            return not self._connections
        return not (events or self._waiting or self._has_unsent())

    @staticmethod
    def _is_past_drain():
        stop = _process.stop_requested_at
        return stop is not None and time.monotonic() > stop + _DRAIN_SECONDS

    def _turn(self, events):
        started = time.monotonic()
        for key, mask in events:
            if key.data is None:
                self._accept()
            elif key.data in self._connections:
                self._connection_ready(key.data, mask)
        if self._accept_again_at is not None and started >= self._accept_again_at:
            self._accept_again_at = None
            self._selector.register(self._listener, selectors.EVENT_READ)
        self._serve_waiting(started + _TURN_SECONDS)
        self._check_deadlines(time.monotonic() - started)

    def _accept(self):
        for _ in range(_BACKLOG):
            try:
                sock, _address = self._listener.accept()
            except BlockingIOError:
                if _process.stop_requested_at is not None:
                    self._selector.unregister(self._listener)  # Shut down, it would be readable for ever.
                return
            except OSError as exc:
                self._selector.unregister(self._listener)
                if _process.stop_requested_at is None:
                    # Out of descriptors, most likely: the client stays in the backlog; asking at once would spin.
                    logger.warning("Accepting a connection failed: %s", exc)
                    self._accept_again_at = time.monotonic() + _IDLE_CHECK_SECONDS
                return
            sock.setblocking(False)
            connection = _Connection(sock)
            self._connections[connection] = None
            self._selector.register(sock, selectors.EVENT_READ, connection)
            if len(self._connections) > _CONNECTION_LIMIT:
                idle = (other for other in self._connections if not other.is_waiting and other.deadline is None)
                self._close(next(idle))
            if connection in self._connections:
                self._connection_ready(connection, selectors.EVENT_READ)

    def _connection_ready(self, connection, mask):
        if connection.is_waiting:
            return  # Back-pressure: served first, read later.
        if mask & selectors.EVENT_WRITE:
            self._continue_sending(connection)
        elif connection.receive():
            self._wait_in_line(connection)
        elif connection.ended:
            self._close(connection)
        else:
            self._start_clock(connection)

    def _wait_in_line(self, connection):
        connection.deadline = None
        connection.is_waiting = True
        self._waiting.append(connection)

    def _start_clock(self, connection):
        if connection.is_mid_frame() and connection.deadline is None:
            connection.deadline = time.monotonic() + FRAME_TIMEOUT_SECONDS

    def _serve_waiting(self, turn_end):
        for _ in range(len(self._waiting)):
            if self._is_past_drain():
                return
            connection = self._waiting.popleft()
            connection.is_waiting = False
            self._serve(connection)
            while connection in self._connections and not connection.unsent:
                if not connection.has_frame():
                    self._start_clock(connection)
                    break
                if time.monotonic() >= turn_end:
                    self._wait_in_line(connection)
                    break
                self._serve(connection)

    def _serve(self, connection):
        """Answers the oldest request of a connection."""
        frames = connection.frames
        self._connections.move_to_end(connection)
        try:
            _send_envelope(connection, _encode_reply(_handle_request(connection, self._handler)))
        except Exception as exc:
            logger.warning("Reply not delivered: %s", type(exc).__name__)
            self._close(connection)
        if _process.exit_request is not None:
            self._exit_as_requested(connection)
        if connection.frames == frames:
            self._close(connection)  # The frame was not read to its end: what follows in the stream is unknown.
        elif connection.unsent and connection in self._connections:
            connection.deadline = time.monotonic() + FRAME_TIMEOUT_SECONDS
            self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)

    def _continue_sending(self, connection):
        try:
            if not connection.flush():
                return
        except OSError as exc:
            logger.warning("Reply not delivered: %s", type(exc).__name__)
            self._close(connection)
            return
        connection.deadline = None
        self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        if connection.has_frame():
            self._wait_in_line(connection)
        else:
            self._start_clock(connection)

    def _exit_as_requested(self, connection):
        try:
            connection.socket.settimeout(FRAME_TIMEOUT_SECONDS)
            connection.flush()
        except OSError:
            pass  # The client is gone; its connection ends with this process anyway.
        raise _process.exit_request

    def _check_deadlines(self, busy_seconds):
        now = time.monotonic()
        for connection in [other for other in self._connections if other.deadline is not None]:
            connection.deadline += busy_seconds  # A client is not to blame for the time a handler took.
            if now < connection.deadline:
                continue
            if connection.unsent:
                logger.warning("Reply not delivered: not read within %g s", FRAME_TIMEOUT_SECONDS)
                self._close(connection)
            else:
                connection.failure = TimeoutError("frame not complete within %g s" % FRAME_TIMEOUT_SECONDS)
                self._wait_in_line(connection)

    def _close(self, connection):
        if connection in self._connections:
            del self._connections[connection]
            if connection.is_waiting:
                self._waiting.remove(connection)
            self._selector.unregister(connection.socket)
            connection.close()


def _close_event_loop():
    """Lets the tasks that handlers left behind end in order."""
    if _event_loop is None or _event_loop.is_closed() or _event_loop.is_running():
        return
    import asyncio

    tasks = asyncio.all_tasks(_event_loop)
    for task in tasks:
        task.cancel()
    if tasks:
        _event_loop.run_until_complete(asyncio.wait(tasks, timeout=_DRAIN_SECONDS))
    _event_loop.run_until_complete(_event_loop.shutdown_asyncgens())
    _event_loop.close()


def handle_requests():
    """Loads the handler, listens, and serves until a signal or a handler ends the process."""
    _process.begin()
    _process.install_signal_handlers()
    # A restarted runtime must not be believed ready while it loads.
    _remove_file(_ready_file_path())
    if not _remove_file(SOCKET_PATH):
        raise OSError("%s is in the way" % SOCKET_PATH)
    handler = _load_function()
    _process.install_signal_handlers()  # Again: libraries like to bring their own.
    try:
        with _setup_socket(SOCKET_PATH) as listener:
            _process.listener = listener
            logger.info("Listening on %s", SOCKET_PATH)
            _write_ready_file()
            _Server(listener, handler).run()
        logger.info("Stopped by a signal")
    finally:
        _remove_file(SOCKET_PATH)
        _remove_file(_ready_file_path())
        _close_event_loop()


def main():
    """Runs the file as a script."""
    _configure_logging()
    _install_stack_dump()
    try:
        handle_requests()
    except OSError:
        _fail("The runtime cannot serve", exc_info=True)


if __name__ == "__main__":
    sys.modules["asya_runtime"] = sys.modules["__main__"]  # `import asya_runtime` in a handler means this instance.
    main()
