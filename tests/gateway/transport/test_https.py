"""HTTP-01 to HTTP-05 over mutual TLS with raw clients: framing, limits, time, early answers, drain."""

import gzip
import threading
import time
import zlib
from typing import Any

import pytest

from gateway.errors import Malformed, MediaTypeUnsupported, TooLarge
from gateway.stores.threads import HeavyWork
from gateway.transport.body import stream_body, take_body

LIMIT = 100_000
HEAVY = HeavyWork()
HEAD = b"POST /echo?q=1 HTTP/1.1\r\nHost: localhost\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers the size of the body, or the status its reader's error stands for."""
    try:
        body = (await take_body(stream_body(receive, LIMIT, scope["headers"]), None, HEAVY)).body
        status, answer = 200, b"%d" % len(body)
    except TooLarge:
        status, answer = 413, b""
    except MediaTypeUnsupported:
        status, answer = 415, b""
    except Malformed:
        status, answer = 400, b""
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture
def running(listeners: Any) -> Any:
    return listeners.http(echo)


def ask(running: Any, certificates: Any, *parts: Any, pause: Any = 0.0) -> Any:
    """Send the parts, read to the end; the answer as text."""
    with running.connect(certificates.client()) as sock:
        for part in parts:
            sock.sendall(part)
            time.sleep(pause)
        return read_all(sock)


def read_all(sock: Any) -> Any:
    answer = b""
    while chunk := sock.recv(65536):
        answer += chunk
    return answer.decode()


def read_until(sock: Any, mark: Any, times: Any = 1) -> Any:
    answer = b""
    while answer.count(mark) < times:
        answer += sock.recv(65536)
    return answer


def status(answer: Any) -> Any:
    return int(answer.split(" ", 2)[1])


def post(body: Any, *fields: Any) -> Any:
    lines = b"".join(
        field + b"\r\n" for field in (*fields, b"Content-Length: %d" % len(body), b"Connection: close")
    )
    return HEAD + lines + b"\r\n" + body


def lives(running: Any, certificates: Any) -> None:
    assert ask(running, certificates, post(b"abc")).endswith("\r\n\r\n3")


def test_answer_names_no_product(running: Any, certificates: Any) -> None:
    answer = ask(running, certificates, post(b"abc"))
    assert status(answer) == 200
    assert "server:" not in answer.lower()
    assert "date:" in answer


def test_kept_alive_connection_serves_several_requests(running: Any, certificates: Any) -> None:
    request = HEAD + b"Content-Length: 3\r\n\r\nabc"
    with running.connect(certificates.client()) as sock:
        for _ in range(3):
            sock.sendall(request)
            assert read_until(sock, b"\r\n\r\n3").count(b"200 OK") == 1
        sock.sendall(request + request)
        assert read_until(sock, b"\r\n\r\n3", times=2).count(b"200 OK") == 2
    assert running.seen.abuses == []


@pytest.mark.parametrize(
    ("name", "request_bytes"),
    {
        "length and chunked": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "two equal lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "length with sign": HEAD + b"Content-Length: +1\r\n\r\na",
        "obs-fold": HEAD + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "bare LF in chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        "bare LF line": HEAD + b"X: a\nContent-Length: 0\r\n\r\n",
        "space before colon": HEAD + b"Content-Length : 0\r\n\r\n",
        "other transfer coding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "chunked in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Late: 1\r\n\r\n",
        "no host": b"GET / HTTP/1.1\r\n\r\n",
        "two hosts": HEAD + b"Host: other\r\n\r\n",
        "absolute target": b"GET http://other/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HTTP 0.9": b"GET /\r\n\r\n",
        "upgrade": HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "nul in a value": HEAD + b"X: a\0b\r\n\r\n",
    }.items(),
)
def test_http_01_ambiguous_framing(running: Any, certificates: Any, name: Any, request_bytes: Any) -> None:
    answer = ask(running, certificates, request_bytes + post(b"second"))
    assert status(answer) == 400, name
    assert answer.count("HTTP/1.1") == 1, "a second request was processed"
    assert "connection: close" in answer
    assert running.seen.abused()
    lives(running, certificates)


def test_http_02_slow_body_is_ended(listeners: Any, certificates: Any) -> None:
    running = listeners.http(echo, body_rate_grace_seconds=0.4, body_rate_minimum=1000)
    with running.connect(certificates.client()) as sock:
        sock.sendall(HEAD + b"Content-Length: 50000\r\n\r\n")
        began = time.monotonic()
        stop = threading.Event()
        drip = threading.Thread(target=_drip, args=(sock, stop))
        drip.start()
        answer = read_all(sock)
        stop.set()
        drip.join()
    assert status(answer) == 408
    assert time.monotonic() - began < 2
    assert running.seen.abused() == "body slower than the minimum rate"
    lives(running, certificates)


def _drip(sock: Any, stop: Any) -> None:
    while not stop.wait(0.05):
        try:
            sock.sendall(b"x")
        except OSError:
            return


def test_http_02_body_above_the_minimum_rate_is_taken(listeners: Any, certificates: Any) -> None:
    running = listeners.http(echo, body_rate_grace_seconds=0.2, body_rate_minimum=1000)
    parts = [b"x" * 500] * 8
    answer = ask(
        running, certificates, HEAD + b"Connection: close\r\nContent-Length: 4000\r\n\r\n", *parts, pause=0.1
    )
    assert answer.endswith("\r\n\r\n4000")


def test_whole_request_has_its_time(listeners: Any, certificates: Any) -> None:
    running = listeners.http(echo, request_seconds=0.4)
    answer = ask(running, certificates, HEAD + b"Content-Length: 10\r\n\r\n1")
    assert status(answer) == 408
    assert running.seen.abused() == "request not received in time"


def test_octets_that_came_lengthen_the_time(listeners: Any, certificates: Any) -> None:
    running = listeners.http(echo, request_seconds=0.2, long_body_rate_minimum=1000)
    head = HEAD + b"Connection: close\r\nContent-Length: 4000\r\n\r\n"
    began = time.monotonic()
    assert ask(running, certificates, head, *[b"x" * 500] * 8, pause=0.1).endswith("\r\n\r\n4000")
    assert time.monotonic() - began > 0.6, "three times what a small request may take"
    assert status(ask(running, certificates, head, *[b"x" * 20] * 8, pause=0.1)) == 408
    assert running.seen.abused() == "request not received in time"


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"POST /ec", HEAD])
def test_head_has_its_time(listeners: Any, certificates: Any, begun: Any) -> None:
    running = listeners.http(echo, request_head_seconds=0.4)
    assert ask(running, certificates, begun) == ""
    assert running.seen.abused() == "head not received in time"


def test_head_of_a_second_request_has_its_time(listeners: Any, certificates: Any) -> None:
    running = listeners.http(echo, request_head_seconds=0.4)
    answer = ask(running, certificates, HEAD + b"Content-Length: 0\r\n\r\n" + b"POST /sec")
    assert answer.count("HTTP/1.1") == 1
    assert running.seen.abused() == "head not received in time"


def test_idle_connection_is_closed_without_complaint(listeners: Any, certificates: Any) -> None:
    running = listeners.http(echo, keep_alive_seconds=0.3)
    assert status(ask(running, certificates, HEAD + b"Content-Length: 0\r\n\r\n")) == 200
    assert running.seen.abuses == []


def test_answer_that_is_not_read_is_given_up(listeners: Any, certificates: Any) -> None:
    async def flood(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(50):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})

    running = listeners.http(flood, request_seconds=0.5)
    with running.connect(certificates.client()) as sock:
        sock.sendall(post(b""))
        assert running.seen.abused() == "answer not read in time"


@pytest.mark.parametrize(
    ("size", "expected"),
    [(LIMIT, 200), (LIMIT + 1, 413)],
)
def test_http_03_size_limit(running: Any, certificates: Any, size: Any, expected: Any) -> None:
    assert status(ask(running, certificates, post(b"x" * size))) == expected
    chunk = b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(ask(running, certificates, head + chunk)) == expected
    lives(running, certificates)


def test_http_03_announced_length_is_refused_before_the_body(running: Any, certificates: Any) -> None:
    answer = ask(running, certificates, HEAD + b"Content-Length: 100001\r\n\r\n")
    assert status(answer) == 413
    assert "connection: close" in answer


def test_http_03_length_above_every_limit_never_reaches_the_application(
    running: Any, certificates: Any
) -> None:
    answer = ask(running, certificates, HEAD + b"Content-Length: 999999999999\r\n\r\n")
    assert status(answer) == 413
    assert running.seen.abused() == "content length above the limit"


def test_http_03_endless_chunks_end_at_the_limit(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 10_000 + b"x" * 10_000 + b"\r\n"
        for _ in range(12):
            sock.sendall(chunk)
        assert status(read_all(sock)) == 413


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT"])
def test_http_04_methods(running: Any, certificates: Any, method: Any) -> None:
    target = b"localhost:443" if method == b"CONNECT" else b"/"
    answer = ask(running, certificates, method + b" " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status(answer) == 405
    assert running.seen.abused() == "method not allowed"
    lives(running, certificates)


@pytest.mark.parametrize(
    ("name", "field", "body", "expected"),
    [
        ("plain", b"gzip", gzip.compress(b"<a>%d</a>" % 7 * 100), 200),
        ("ratio", b"gzip", gzip.compress(b"\0" * 90_000), 413),
        ("size", b"gzip", gzip.compress(bytes(range(256)) * 400 + b"x" * 10), 413),
        ("nested", b"gzip, gzip", gzip.compress(gzip.compress(b"a")), 413),
        ("truncated", b"gzip", gzip.compress(b"abc" * 100)[:-10], 400),
        ("trailing bytes", b"gzip", gzip.compress(b"abc") + b"more", 400),
        ("two members", b"gzip", gzip.compress(b"abc") + gzip.compress(b"def"), 400),
        ("not gzip", b"gzip", b"plain text", 400),
        ("zlib, not gzip", b"gzip", zlib.compress(b"abc"), 400),
        ("br", b"br", b"abc", 415),
        ("deflate", b"deflate", zlib.compress(b"abc"), 415),
        ("identity", b"identity", b"abc", 200),
    ],
)
def test_http_05_content_encoding(
    running: Any, certificates: Any, name: Any, field: Any, body: Any, expected: Any
) -> None:
    answer = ask(running, certificates, post(body, b"Content-Encoding: " + field))
    assert status(answer) == expected, name
    lives(running, certificates)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET /" + b"a" * 8_190 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"GET /" + b"a" * 8_193 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (HEAD + b"X: 1\r\n" * 98 + b"Content-Length: 0\r\n\r\n", 200),
        (HEAD + b"X: 1\r\n" * 99 + b"Content-Length: 0\r\n\r\n", 431),
        (HEAD + b"X: " + b"a" * 32_600 + b"\r\nContent-Length: 0\r\n\r\n", 200),
        (HEAD + b"X: " + b"a" * 32_768 + b"\r\nContent-Length: 0\r\n\r\n", 431),
        (HEAD + b"X: " + b"a" * 60_000, 431),
        (b"GET /" + b"a" * 60_000, 414),
    ],
)
def test_limits_of_the_head(listeners: Any, certificates: Any, head: Any, expected: Any) -> None:
    running = listeners.http(echo, keep_alive_seconds=0.2)
    assert status(ask(running, certificates, head)) == expected


def test_expect_continue(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(b"abc")
        assert read_all(sock).endswith("\r\n\r\n3")


def test_stop_lets_a_running_request_finish(listeners: Any, certificates: Any) -> None:
    entered = threading.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await echo(scope, receive, send)

    running = listeners.http(slow)
    with running.connect(certificates.client()) as sock:
        sock.sendall(HEAD + b"Content-Length: 6\r\n\r\nabc")
        assert entered.wait(5)
        running.stop()
        wait_until_closed(running)
        sock.sendall(b"def")
        answer = read_all(sock)
    assert answer.endswith("\r\n\r\n6")
    assert "connection: close" in answer
    running.ended()


def wait_until_closed(running: Any) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            running.connect().close()
        except ConnectionError:
            return
    pytest.fail("the listener stayed open")
