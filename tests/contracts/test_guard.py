"""What gets near a limit is told in time: room, receivers, certificates (AUD-01, AUD-02, KEY-03)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli.compose import Gateway, compose
from gateway.cli.guarding import Guard
from gateway.cli.keeper import resume, seal_once
from gateway.config import Settings
from gateway.config.trail import AuditDestination
from gateway.crypto import pki


@contextmanager
def guarded(
    settings: Settings, clock: Callable[[], datetime] | None = None
) -> Iterator[tuple[Gateway, Guard]]:
    gateway = compose(settings, clock=clock or (lambda: datetime.now(UTC)))
    try:
        yield gateway, Guard(gateway, tells=True)
    finally:
        asyncio.run(gateway.close())


def told(house: Any) -> list[tuple[str, str]]:
    rows = house._query("SELECT message FROM audit ORDER BY id")
    found = []
    for (message,) in rows:
        kind = re.search(r'<EventTypeCode csd-code="([^"]+)"', message)
        found.append((kind[1] if kind else "", message))
    return found


def look(guard: Guard, times: int = 1) -> None:
    async def looks() -> None:
        for _ in range(times):
            await guard.look()

    asyncio.run(looks())


def test_filling_room_is_told_once_and_no_room_refuses(house: Any) -> None:
    size = Path(house.settings.database.url.removeprefix("sqlite:///")).stat().st_size
    audit = replace(house.settings.audit, space_bytes=size * 4)
    limits = replace(house.settings.limits, journal_alert_percent=1)
    with guarded(replace(house.settings, audit=audit, limits=limits)) as (gateway, guard):
        room = gateway.engine.room
        look(guard, 2)
        assert not room.refusing
        assert 20 < (room.percent or 0.0) < 100
        room.refuse_percent = 1.0
        look(guard, 2)
        assert room.refusing
        room.turn_away()
        room.refuse_percent = 100.0
        look(guard)
        assert not room.refusing
    ours = [each for each in told(house) if each[0] in {"audit-filling", "110133", "110134"}]
    assert [kind for kind, _ in ours[:3]] == ["audit-filling", "110133", "110134"]
    assert "1 requests were turned away" in ours[2][1]


def test_a_receiver_that_gets_nothing_is_told(house: Any) -> None:
    away = AuditDestination(name="away", address="tls://localhost:9")
    settings = replace(house.settings, audit=replace(house.settings.audit, destinations=(away,)))
    first = int(house._query("SELECT min(at) FROM audit")[0][0])
    now = SimpleNamespace(is_=datetime.fromtimestamp(first / 1000, UTC))
    with guarded(settings, lambda: now.is_) as (gateway, guard):

        async def seal() -> None:
            await seal_once(gateway, await resume(gateway))

        asyncio.run(seal())
        now.is_ += timedelta(seconds=899)
        guard._looked = 0.0
        look(guard)
        assert "receiver away" not in guard.warnings
        now.is_ += timedelta(seconds=2)
        guard._looked = 0.0
        look(guard, 2)
        assert "away" in guard.warnings["receiver away"]
    assert [kind for kind, _ in told(house)].count("audit-delayed") == 1


@pytest.mark.parametrize(("days", "said"), [(13, True), (30, False)])
def test_a_certificate_that_expires_soon_is_told(house: Any, tmp_path: Path, days: int, said: bool) -> None:  # noqa: FBT001
    authority = pki.create_authority("Test", "integration", datetime.now(UTC))
    key = pki.create_key()
    long = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
    pki.write_pem(tmp_path / "server.pem", long)
    settings = replace(house.settings, tls=replace(house.settings.tls, certificate=tmp_path / "server.pem"))
    then = long.not_valid_after_utc - timedelta(days=days)
    with guarded(settings, lambda: then) as (_, guard):
        look(guard, 2)
        assert ("certificate tls" in guard.warnings) is said
    assert [kind for kind, _ in told(house)].count("certificate-expiring") >= int(said)
