"""`asya mcp` against gateways that misbehave: cut streams, old gateways, tokens."""

import json
import socket
import subprocess
import threading
import types

import pytest

from localservers.http_server import Handler, Server


class Keeping(Handler):
    """Answers what the stub says, and keeps the connection."""

    def _serve(self):
        stub = self.server.owner
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        stub.requests.append((self.command, self.path, dict(self.headers), body))
        answer = stub.answers.get((self.command, self.path.partition("?")[0]), not_found)
        answer(self)

    do_GET = do_POST = _serve


class Closing(Keeping):
    """The same, with a connection for each request."""

    protocol_version = "HTTP/1.0"


class Stub(Server):
    """A gateway that answers what a test says: `answers[(method, path)]` is a function of the handler."""

    def __init__(self, handler=Closing, certificates=None):
        self.answers = {}
        self.requests = []
        super().__init__(handler, certificates)
        self.url = f"http{'s' if certificates else ''}://127.0.0.1:{self.port}"


def reply(handler, status, body, **headers):
    data = body.encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def not_found(handler):
    reply(handler, 404, "404 page not found\n")


@pytest.fixture
def stub():
    running = Stub()
    yield running
    running.stop()


@pytest.fixture
def mcp(asya, stub):
    asya.environment["ASYA_CLI_MCP_URL"] = stub.url
    return lambda *words, **options: asya("mcp", *words, **options)


def event(number, percent):
    status = "succeeded" if percent == 100 else "running"
    data = json.dumps({"id": "e", "status": status, "progress_percent": percent})
    return f"id: {number}\nevent: update\ndata: {data}\n\n"


def test_a_stream_that_is_cut_three_times_shows_every_event_once(mcp, stub):
    def stream(handler):
        last = int(handler.headers.get("Last-Event-ID") or 0)
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        upto = min(last + 2, 8)
        for number in range(last + 1, upto + 1):
            handler.wfile.write(event(number, 100 if number == 8 else number * 10).encode())
        if upto < 8:
            # Half an event: it must not be shown, and comes again.
            handler.wfile.write(event(upto + 1, 99).encode()[:30])

    stub.answers[("GET", "/envelopes/e/stream")] = stream
    lines = mcp("stream", "e").lines
    assert [line["progress_percent"] for line in lines] == [10, 20, 30, 40, 50, 60, 70, 100]
    resumed = [headers.get("Last-Event-ID") for _, _, headers, _ in stub.requests]
    assert resumed == [None, "2", "4", "6"]


def drop(handler):
    """Closes the connection without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def dropping_first(count, answer):
    """Answers after `count` connections that were closed instead."""
    left = [count]

    def serve(handler):
        left[0] -= 1
        (drop if left[0] >= 0 else answer)(handler)

    return serve


DONE = '{"id":"e","status":"succeeded","result":7}'


@pytest.fixture
def keeping_stub():
    """Keeps connections open, as every real gateway does."""
    running = Stub(Keeping)
    yield running
    running.stop()


def test_a_connection_that_ends_with_its_stream_is_not_used_again(asya, keeping_stub):
    streamed = []

    def stream(handler):
        data = event(1, 100).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "keep-alive")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        # Event and end in one piece: the client sees a stream that is over, on a connection that is still open.
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        streamed.append(handler.connection)

    def document(handler):
        (drop if handler.connection in streamed else lambda handler: reply(handler, 200, DONE))(handler)

    keeping_stub.answers[("GET", "/envelopes/e/stream")] = stream
    keeping_stub.answers[("GET", "/envelopes/e")] = document
    for _ in range(10):
        assert asya("mcp", "--url", keeping_stub.url, "wait", "e").json["result"] == 7
    assert len(keeping_stub.requests) == 20


def tools_answer(handler):
    reply(handler, 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "t"}]}}))


@pytest.mark.parametrize(
    "words, route, answer",
    [
        (["status", "e"], ("GET", "/envelopes/e"), DONE),
        (["ls"], ("GET", "/api/v1/envelopes"), "[]"),
        (["children", "e"], ("GET", "/api/v1/envelopes/e/children"), "[]"),
        (["list"], ("POST", "/mcp"), None),
        (["call", "--idempotency-key", "k", "t"], ("POST", "/tools/call"), "{}"),
    ],
)
def test_a_request_that_may_be_repeated_is_when_its_connection_ends(mcp, stub, words, route, answer):
    stub.answers[route] = dropping_first(2, lambda handler: reply(handler, 200, answer) if answer else tools_answer(handler))
    assert mcp(*words).stdout
    assert len(stub.requests) == 3


@pytest.mark.parametrize("words", [["call", "t"], ["cancel", "e"]])
def test_a_request_that_may_not_be_repeated_is_sent_once(mcp, stub, words):
    stub.answers[("POST", "/tools/call")] = stub.answers[("POST", "/envelopes/e/cancel")] = drop
    failed = mcp(*words, status=1)
    assert failed.stderr.startswith("[-] Request failed: ") and failed.stdout == ""
    assert len(stub.requests) == 1


def test_waiting_goes_on_while_the_gateway_is_away_for_a_moment(mcp, stub):
    def unready(handler):
        reply(handler, 503, "starting\n")

    answers = [unready, drop, lambda handler: reply(handler, 200, DONE)]
    stub.answers[("GET", "/envelopes/e/stream")] = dropping_first(1, lambda handler: reply(handler, 200, event(1, 100)))
    stub.answers[("GET", "/envelopes/e")] = lambda handler: answers.pop(0)(handler)
    assert mcp("wait", "e").json["result"] == 7 and not answers


def test_a_time_limit_holds_whatever_the_gateway_does(mcp, stub):
    stub.answers[("GET", "/envelopes/e/stream")] = lambda handler: reply(handler, 200, event(1, 100))
    stub.answers[("GET", "/envelopes/e")] = lambda handler: reply(handler, 503, "starting\n")
    assert mcp("wait", "e", "--timeout", "1s", status=6).stdout == ""


def test_a_stream_of_an_old_gateway_that_ends_early(mcp, stub):
    def stream(handler):
        reply(handler, 200, 'event: update\ndata: {"status":"running","progress_percent":5}\n\n')

    answer = {"content": [{"type": "text", "text": json.dumps({"envelope_id": "e"})}]}
    stub.answers[("POST", "/tools/call")] = lambda handler: reply(handler, 200, json.dumps(answer))
    stub.answers[("GET", "/envelopes/e/stream")] = stream
    stub.answers[("GET", "/envelopes/e")] = lambda handler: reply(handler, 200, '{"id":"e","status":"running"}')
    assert mcp("call", "t").json == {"id": "e", "status": "running"}


def test_a_stream_that_is_refused(mcp, stub):
    failed = mcp("stream", "e", status=1)
    assert "[-] Stream failed: 404 Not Found" in failed.stderr


@pytest.mark.parametrize("words", [["ls"], ["children", "e"], ["cancel", "e"]])
def test_new_functions_of_an_old_gateway(mcp, stub, words):
    stub.answers[("POST", "/envelopes/e/cancel")] = lambda handler: reply(handler, 400, "Invalid envelope path\n")
    failed = mcp(*words, status=5)
    assert failed.stdout == "" and "too old" in failed.stderr


def test_an_old_gateway_lists_its_tools_after_a_handshake(mcp, stub):
    def serve(handler):
        message = json.loads(stub.requests[-1][3])
        session = handler.headers.get("Mcp-Session-Id")
        if message["method"] == "initialize":
            result = {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {}}
            reply(handler, 200, json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}), Mcp_Session_Id="s-1")
        elif session != "s-1":
            reply(handler, 400, "Invalid session ID\n")
        else:
            tools = [{"name": "t", "inputSchema": {"type": "object", "properties": {}}}]
            reply(handler, 200, json.dumps({"jsonrpc": "2.0", "id": 2, "result": {"tools": tools}}))

    stub.answers[("POST", "/mcp")] = serve
    assert mcp("list").stdout == "- name: t\n  description: ''\n\n"
    opening = json.loads(stub.requests[1][3])
    assert opening["params"]["protocolVersion"] == "2024-11-05"
    assert opening["params"]["clientInfo"] == {"name": "asya-cli", "version": "1.0.0"}


def test_no_tools(mcp, stub):
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}})
    stub.answers[("POST", "/mcp")] = lambda handler: reply(handler, 200, message)
    listed = mcp("list")
    assert (listed.stdout, listed.stderr) == ("", "[!] No tools available\n")


def test_an_error_of_the_server(mcp, stub):
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "broken"}})
    stub.answers[("POST", "/mcp")] = lambda handler: reply(handler, 200, message)
    failed = mcp("list", status=1)
    assert failed.stderr == "[-] MCP error: broken\n"


def test_the_token_is_sent_and_never_shown(mcp, stub, tmp_path):
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    for words, env in (
        (["--token", "s3cret"], {}), (["--token-file", str(file)], {}), ([], {"ASYA_CLI_TOKEN": "s3cret"}),
    ):  # fmt: skip
        failed = mcp(*words, "--debug", "status", "e", status=1, env=env)
        assert "s3cret" not in failed.stdout + failed.stderr
        assert stub.requests[-1][2]["Authorization"] == "Bearer s3cret"


@pytest.fixture
def proxy(stub):
    """(URL, targets it was asked for): a proxy whose tunnels all lead to the stub."""
    asked = []

    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The other direction has ended first.

    class Tunnel(Handler):
        protocol_version = "HTTP/1.0"

        def do_CONNECT(self):  # noqa: N802
            asked.append(self.path)
            with socket.create_connection(("127.0.0.1", stub.port)) as upstream:
                self.send_response(200)
                self.end_headers()
                threading.Thread(target=copy, args=(self.connection, upstream), daemon=True).start()
                copy(upstream, self.connection)

    server = Server(Tunnel)
    yield f"http://127.0.0.1:{server.port}", asked
    server.stop()


def test_a_proxy_is_used_unless_the_host_is_exempt(mcp, stub, proxy):
    address, asked = proxy
    stub.answers[("GET", "/envelopes/e")] = lambda handler: reply(handler, 200, DONE)
    words = ["--url", "http://gateway.test", "status", "e"]
    for name in ("http_proxy", "HTTP_PROXY"):
        assert mcp(*words, env={name: address}).json["result"] == 7
    assert asked == ["gateway.test:80"] * 2
    failed = mcp(*words, status=1, env={"http_proxy": address, "NO_PROXY": "other.test,gateway.test"})
    assert failed.stderr.startswith("[-] Request failed: ")
    # A gateway of this machine is out of any proxy's reach.
    assert mcp("status", "e", env={"http_proxy": address}).json["result"] == 7
    assert len(asked) == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate, key) for 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1"])
def test_where_nobody_listens_the_reason_is_told_in_words(mcp, url):
    refused = mcp("--url", url, "status", "e", status=1)
    assert refused.stderr.startswith(f"[-] Request failed: cannot connect to {url}: Connection refused")
    assert "--url" in refused.stderr and not refused.stdout


@pytest.fixture
def tls_stub(certificate):
    running = Stub(certificates=types.SimpleNamespace(server_cert=certificate[0], server_key=certificate[1]))
    yield running
    running.stop()


def test_certificates_are_checked_with_a_given_authority_or_not_at_all(mcp, tls_stub, certificate, tmp_path):
    tls_stub.answers[("GET", "/envelopes/e")] = lambda handler: reply(handler, 200, DONE)
    url = tls_stub.url
    for option in (["--cacert", certificate[0]], ["--insecure"]):
        assert mcp("--url", url, *option, "status", "e").json["result"] == 7
    refused = mcp("--url", url, "status", "e", status=1)
    assert refused.stderr.startswith("[-] Request failed: ") and not refused.stdout
    (tmp_path / "empty.pem").touch()
    for file in ("empty.pem", "none.pem"):
        failed = mcp("--url", url, "--cacert", tmp_path / file, "status", "e", status=1)
        assert f"cannot read certificates from {tmp_path / file}" in failed.stderr
    assert len(tls_stub.requests) == 2


def test_text_from_a_gateway_cannot_move_the_cursor(mcp, stub):
    stub.answers[("GET", "/envelopes/e")] = lambda handler: reply(handler, 500, "bad \x1b[2J\n")
    assert "\x1b" not in mcp("status", "e", status=1).stderr
