"""The operators' trail waits for its receiver, arrives in its order, and is forgotten when it is old."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.compose import Gateway, compose
from gateway.cli.init import create
from gateway.cli.operatordesk import operator_store
from gateway.cli.operatortrail import TrailKeeper
from gateway.cli.settings import load_settings
from gateway.cli.started import free_ports
from gateway.stores.migrate import upgrade
from gateway.stores.operators import OperatorStore
from gateway.stores.work import UnitOfWork
from tests.operating import Receiver, receiving
from tests.outcomes import Heard

WAIT = 10.0


@pytest.fixture
def receiver() -> Receiver:
    return Receiver(port=free_ports(1)[0])


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def gateway(tmp_path: Path, receiver: Receiver, heard: Heard) -> Any:
    create(tmp_path / "home", "integration")
    settings = load_settings(tmp_path / "home/passerelle.toml")
    told = replace(settings.operators, syslog=f"tls://localhost:{receiver.port}")
    upgrade(settings.database.url)
    found = compose(replace(settings, operators=told), log=heard)
    yield found
    asyncio.run(found.close())


def listen(receiver: Receiver, context: ssl.SSLContext) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", receiver.port))
    threading.Thread(target=receiver.serve, args=(listener, context), daemon=True).start()
    return listener


async def note(store: OperatorStore, *lines: str, at: int = 1_000) -> None:
    work = UnitOfWork()
    for line in lines:
        store.note(work, line, at)
    await store.write(work)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not reached():  # noqa: ASYNC110 - a thread gets there
            await asyncio.sleep(0.01)


def test_lines_wait_for_the_receiver_and_arrive_in_order(
    gateway: Gateway, receiver: Receiver, heard: Heard
) -> None:
    wanted = [f"line {number} é\u2028" for number in range(450)]

    async def work() -> None:
        store = operator_store(gateway.settings, gateway.database)
        now = int(datetime.now(UTC).timestamp() * 1_000)
        await note(store, *wanted[:400], at=now)
        keeping = asyncio.create_task(TrailKeeper(gateway, store, pause_seconds=0.05).run())
        await until(lambda: any("operators' trail waits" in each for each in heard.lines))
        assert len(await store.unsent(1_000)) == 400, "nothing is marked that did not leave"
        listener = listen(receiver, receiving(gateway.settings.folder))
        await until(lambda: len(receiver.lines) >= 400)
        await note(store, *wanted[400:], at=now)
        async with asyncio.timeout(WAIT):
            while await store.unsent(1):  # noqa: ASYNC110 - another task gets there
                await asyncio.sleep(0.01)
        await until(lambda: len(receiver.lines) >= 450)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        listener.close()

    asyncio.run(work())
    assert receiver.lines == wanted


def test_what_has_yet_to_leave_is_not_forgotten(gateway: Gateway) -> None:
    async def work() -> None:
        store = operator_store(gateway.settings, gateway.database)
        old = int((datetime.now(UTC) - timedelta(days=400)).timestamp() * 1_000)
        await note(store, "sent", "waits", at=old)
        key = (await store.unsent(10))[0][0]
        marked = UnitOfWork()
        store.sent(marked, [key], old)
        await store.write(marked)
        keeper = TrailKeeper(gateway, store)
        await keeper._sweep()
        assert await store.lines() == ["waits"]
        keeper._told = replace(keeper._told, syslog="")
        keeper._swept = None
        await keeper._sweep()
        assert await store.lines() == []

    asyncio.run(work())
