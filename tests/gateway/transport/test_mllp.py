"""V2-01 to V2-04 and V2-11 over mutual TLS: framing, order, time, connections per node; the client."""

import asyncio
import threading
import time
from typing import Any

import pytest

from gateway.client.mllp import MllpClient
from gateway.errors import Busy, Malformed, NodeRefused, TooLarge
from gateway.transport.gate import Failure
from gateway.transport.mllp import Framer, framed

MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|%d|P|2.5\r"


async def acknowledge(message: Any, _peer: Any) -> Any:
    await asyncio.sleep(0)
    return b"ACK " + message[-20:]


def admit(_peer: Any) -> Any:
    return "hospital"


@pytest.fixture
def running(listeners: Any) -> Any:
    return listeners.mllp(acknowledge, admit)


def read_all(sock: Any) -> Any:
    answer = b""
    while chunk := sock.recv(65536):
        answer += chunk
    return answer


def read_acknowledgements(sock: Any, count: Any) -> Any:
    answer = b""
    while answer.count(b"\x1c\r") < count:
        chunk = sock.recv(65536)
        assert chunk, "closed too early"
        answer += chunk
    return answer


def lives(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(framed(b"MSH|alive"))
        assert read_acknowledgements(sock, 1) == framed(b"ACK MSH|alive")


def test_v2_01_no_end_block_is_closed_in_time(listeners: Any, certificates: Any) -> None:
    running = listeners.mllp(acknowledge, admit, mllp_frame_seconds=0.4, mllp_idle_seconds=60)
    with running.connect(certificates.client()) as sock:
        sock.sendall(b"\x0bMSH|no end")
        assert read_all(sock) == b""
    assert running.seen.abused() == "frame not completed in time"
    lives(running, certificates)


@pytest.mark.parametrize(("excess", "answered"), [(0, True), (1, False)])
def test_v2_02_frame_limit(listeners: Any, certificates: Any, excess: Any, answered: Any) -> None:
    running = listeners.mllp(acknowledge, admit, mllp_frame_bytes=100_000)
    with running.connect(certificates.client()) as sock:
        sock.sendall(framed(b"x" * (100_000 + excess)))
        assert bool(read_acknowledgements(sock, 1) if answered else read_all(sock)) is answered
    if not answered:
        assert running.seen.abused() == "frame above the limit of 100000 bytes"
    lives(running, certificates)


def test_v2_02_endless_frame_is_closed_at_the_limit(listeners: Any, certificates: Any) -> None:
    running = listeners.mllp(acknowledge, admit, mllp_frame_bytes=100_000)
    with running.connect(certificates.client()) as sock:
        sock.sendall(b"\x0b" + b"x" * 100_001)
        assert read_all(sock) == b""


def test_v2_03_one_byte_at_a_time(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        for byte in framed(b"MSH|slow"):
            sock.sendall(bytes([byte]))
        assert read_acknowledgements(sock, 1) == framed(b"ACK MSH|slow")


def test_v2_03_two_messages_in_one_segment(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(framed(b"one") + framed(b"two"))
        assert read_acknowledgements(sock, 2) == framed(b"ACK one") + framed(b"ACK two")


def test_v2_03_split_inside_the_end_block(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(b"\x0bone\x1c")
        time.sleep(0.05)
        sock.sendall(b"\r\x0btwo\x1c")
        time.sleep(0.05)
        sock.sendall(b"\r")
        assert read_acknowledgements(sock, 2) == framed(b"ACK one") + framed(b"ACK two")


def test_v2_03_many_messages_keep_their_order(listeners: Any, certificates: Any) -> None:
    """More than the queue holds, by a handler that lets later messages overtake if it were asked at once."""

    async def uneven(message: Any, _peer: Any) -> Any:
        await asyncio.sleep(0.002 if message.endswith(b"0") else 0)
        return message

    running = listeners.mllp(uneven, admit)
    messages = [b"message %d" % number for number in range(300)]
    with running.connect(certificates.client()) as sock:
        sock.sendall(b"".join(map(framed, messages)))
        assert read_acknowledgements(sock, 300) == b"".join(map(framed, messages))


@pytest.mark.parametrize(
    ("sent", "abuse"),
    [
        (b"junk" + framed(b"one"), "bytes before the start block"),
        (b"GET / HTTP/1.1\r\n\r\n", "bytes before the start block"),
        (b"\x0bMSH|a\x0bMSH|b\x1c\r", "start block inside a message"),
        (b"\x0bMSH|a\x1cX", "end block without carriage return"),
        (b"\x0bMSH|a\x1c\n", "end block without carriage return"),
        (framed(b"one")[:-2] + b"\x1c\x1c\r", "end block without carriage return"),
    ],
)
def test_v2_04_framing(running: Any, certificates: Any, sent: Any, abuse: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(sent)
        assert read_all(sock) == b""
    assert running.seen.abused() == abuse
    lives(running, certificates)


def test_v2_04_message_before_the_junk_is_answered(running: Any, certificates: Any) -> None:
    with running.connect(certificates.client()) as sock:
        sock.sendall(framed(b"one") + b"junk")
        assert read_all(sock) == framed(b"ACK one")
    assert running.seen.abused() == "bytes before the start block"


def test_v2_04_missing_carriage_return_waits_then_closes(listeners: Any, certificates: Any) -> None:
    running = listeners.mllp(acknowledge, admit, mllp_frame_seconds=0.4)
    with running.connect(certificates.client()) as sock:
        began = time.monotonic()
        sock.sendall(b"\x0bMSH|a\x1c")
        assert read_all(sock) == b""
        assert time.monotonic() - began > 0.3
    assert running.seen.abused() == "frame not completed in time"


def test_v2_11_connections_per_node(listeners: Any, certificates: Any) -> None:
    def by_certificate(peer: Any) -> Any:
        return str(hash(peer.certificate))

    running = listeners.mllp(acknowledge, by_certificate, mllp_connections_per_node=3, mllp_frame_seconds=0.8)
    slow = [running.connect(certificates.client("laboratory")) for _ in range(3)]
    for sock in slow:
        sock.sendall(b"\x0b")
    with running.connect(certificates.client("laboratory")) as fourth:
        assert read_all(fourth) == b""
    assert running.seen.failed()[0] is Failure.CROWDED
    lives(running, certificates)
    for sock in slow:
        assert read_all(sock) == b""
        sock.close()
    with running.connect(certificates.client("laboratory")) as again:
        again.sendall(framed(b"one"))
        assert read_acknowledgements(again, 1)


def test_idle_connection_is_closed_without_complaint(listeners: Any, certificates: Any) -> None:
    running = listeners.mllp(acknowledge, admit, mllp_idle_seconds=0.4)
    with running.connect(certificates.client()) as sock:
        sock.sendall(framed(b"one"))
        assert read_all(sock) == framed(b"ACK one")
    assert running.seen.abuses == []


def test_node_that_is_not_admitted_is_closed(listeners: Any, certificates: Any) -> None:
    def refuse(_peer: Any) -> None:
        raise NodeRefused("node hospital is blocked")

    running = listeners.mllp(acknowledge, refuse)
    with running.connect(certificates.client()) as sock:
        assert read_all(sock) == b""
    assert running.seen.failed() == (Failure.NODE, "node hospital is blocked")


def test_without_certificate_nothing_is_served(running: Any, certificates: Any) -> None:
    assert running.refused_with(certificates.context(None, None)) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert running.seen.failed()[0] is Failure.NO_CERTIFICATE


def test_stop_answers_what_was_received(listeners: Any, certificates: Any) -> None:
    entered, leave = threading.Event(), threading.Event()

    async def slow(message: Any, _peer: Any) -> Any:
        entered.set()
        await asyncio.to_thread(leave.wait, 5)
        return message

    running = listeners.mllp(slow, admit)
    with running.connect(certificates.client()) as sock:
        sock.sendall(framed(b"one"))
        assert entered.wait(5)
        running.stop()
        leave.set()
        assert read_all(sock) == framed(b"one")
    running.ended()


def test_client_sends_and_gets_acknowledgements(running: Any, certificates: Any) -> None:
    async def exchange() -> Any:
        context = certificates.client()
        async with await MllpClient.connect(
            "127.0.0.1", running.port, context, server_name="localhost"
        ) as client:
            return [await client.send(b"message %d" % number) for number in range(3)]

    assert asyncio.run(exchange()) == [b"ACK message 0", b"ACK message 1", b"ACK message 2"]


def test_client_says_busy_when_nothing_comes(listeners: Any, certificates: Any) -> None:
    async def never(_message: Any, _peer: Any) -> Any:
        await asyncio.sleep(60)
        return b""

    running = listeners.mllp(never, admit)

    async def exchange() -> None:
        context = certificates.client()
        async with await MllpClient.connect("127.0.0.1", running.port, context, seconds=0.3) as client:
            await client.send(b"message")

    with pytest.raises(Busy):
        asyncio.run(exchange())


def test_framer_cuts_any_division_the_same_way() -> None:
    stream = framed(b"one") + framed(b"") + framed(b"three" * 1000)
    for size in (1, 2, 3, 7, 1000, len(stream)):
        framer = Framer(10_000)
        parts = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [found for part in parts for found in framer.feed(part)] == [b"one", b"", b"three" * 1000]
        assert not framer.inside


def test_framer_limit_is_exact() -> None:
    assert list(Framer(3).feed(framed(b"abc"))) == [b"abc"]
    with pytest.raises(TooLarge):
        list(Framer(3).feed(framed(b"abcd")))
    with pytest.raises(TooLarge):
        list(Framer(3).feed(b"\x0babcd"))
    assert list(Framer(3).feed(b"\x0babc")) == []


def test_framer_gives_whole_messages_before_it_refuses() -> None:
    found = []
    with pytest.raises(Malformed):
        found.extend(Framer(10).feed(framed(b"one") + b"x"))
    assert found == [b"one"]


def test_handler_that_breaks_ends_the_connection(listeners: Any, certificates: Any) -> None:
    async def broken(_message: Any, _peer: Any) -> Any:
        raise ValueError

    running = listeners.mllp(broken, admit)
    for _ in range(2):
        with running.connect(certificates.client()) as sock:
            sock.sendall(framed(b"one"))
            assert closed_without_answer(sock)


def closed_without_answer(sock: Any) -> bool:
    try:
        return read_all(sock) == b""
    except OSError:
        return True


def test_messages_that_arrive_while_the_last_one_ends_are_not_forgotten(
    running: Any, certificates: Any
) -> None:
    with running.connect(certificates.client()) as sock:
        for number in range(500):
            sock.sendall(framed(b"%d" % number))
            assert read_acknowledgements(sock, 1) == framed(b"ACK %d" % number)
