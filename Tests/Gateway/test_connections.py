"""What clients do with their connections: bodies that break off, expectations, answers that nobody waits for."""

import socket

import pytest
from localservers import processes
from test_metrics import number, wait_number

WAIT = 30
REQUESTS = 'asya_gateway_requests_total{route="%s",code="%s"}'
TOOLS = """
tools:
- {name: echo, route: [first, second], parameters: {text: {type: string, required: true}}}
- {name: endless, route: [first], timeout: 0}
"""


@pytest.fixture
def gateway(make_gateway, tmp_path, broker, channel):
    environment = {"ASYA_RABBITMQ_URL": broker.url, "ASYA_GATEWAY_STORE_PATH": str(tmp_path / "gateway.db"),
                   "ASYA_GATEWAY_MAX_BODY_BYTES": "100000"}
    return make_gateway(environment, tools=TOOLS).start()


def connect(gateway):
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT)


def read_to_the_end(connection):
    answer = b""
    while part := connection.recv(4096):
        answer += part
    return answer


@pytest.mark.parametrize("rest", [b"zz\r\n{\r\n", b"5\r\nhello\r\nzz\r\n"], ids=["first-chunk", "later-chunk"])
def test_malformed_chunks_are_the_clients_fault(gateway, rest):
    with connect(gateway) as connection:
        head = b"POST /tools/call HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + rest)
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 400 ")
    wait_number(gateway, REQUESTS % ("/tools/call", 400), 1)
    assert number(gateway, REQUESTS % ("/tools/call", 500)) == 0


def test_a_body_that_breaks_off_is_the_clients_fault(gateway):
    with connect(gateway) as connection:
        connection.sendall(b'POST /tools/call HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"name":')
        connection.shutdown(socket.SHUT_WR)
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 400 ")
    wait_number(gateway, REQUESTS % ("/tools/call", 400), 1)
    assert number(gateway, REQUESTS % ("/tools/call", 500)) == 0
    assert "Request failed" not in gateway.log()


def expecting(connection, length):
    head = f"POST /tools/call HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode())


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(gateway):
    body = b'{"name":"echo","arguments":{"text":"hi"}}'
    with connect(gateway) as connection:
        for _ in range(2):  # The connection serves on.
            expecting(connection, len(body))
            assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)
            answer = b""
            while b"envelope_id" not in answer:
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_too_large_is_not_asked_for(gateway):
    with connect(gateway) as connection:
        expecting(connection, 1_000_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_waiting_call_ends_when_its_client_leaves(gateway):
    connection = connect(gateway)
    body = b'{"name":"endless"}'
    head = f"POST /tools/call?wait=true HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    started = 'asya_gateway_calls_total{tool="endless"}'
    processes.wait_until(lambda: number(gateway, started) == 1, WAIT, what="the call")
    connection.close()
    wait_number(gateway, REQUESTS % ("/tools/call", 200), 1, limit=10)
