"""Lines to a receiver of syslog: datagrams as they are, and receivers that are not there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.cli.started import free_ports
from gateway.client.syslog import LARGEST_DATAGRAM, connect
from gateway.errors import Busy


def test_a_message_is_one_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)

        async def send() -> None:
            line = await connect(f"udp://127.0.0.1:{receiver.getsockname()[1]}", None)
            await line.send([b"first", b"second"])
            await line.close()

        asyncio.run(send())
        assert [receiver.recv(100), receiver.recv(100)] == [b"first", b"second"]


def test_a_message_too_large_for_a_datagram_is_refused_and_never_cut() -> None:
    async def send() -> None:
        line = await connect("udp://127.0.0.1:9", None)
        try:
            await line.send([b"x" * (LARGEST_DATAGRAM + 1)])
        finally:
            await line.close()

    with pytest.raises(Busy):
        asyncio.run(send())


def test_nobody_there_is_told_as_busy() -> None:
    (port,) = free_ports(1)
    with pytest.raises(Busy):
        asyncio.run(connect(f"tls://localhost:{port}", None))
