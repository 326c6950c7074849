"""Stamps for papers: where none is to be had, nobody waits for the authority again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from gateway.cli.papers import PaperStamps, hand_of
from gateway.config.trail import Stamps
from gateway.crypto.stamp import verify
from tests.tsa import Tsa

DATA = b"the value of a signature"


@dataclass
class Log:
    warnings: list[str] = field(default_factory=list)

    def warning(self, event: str, **fields: object) -> None:
        self.warnings.append(f"{event}: {fields['reason']}")

    def error(self, event: str, **fields: object) -> None:
        raise AssertionError(event, fields)


@pytest.fixture
def behaving(tsa: Tsa) -> Iterator[Tsa]:
    yield tsa
    tsa.mode = "good"


def stamps(tsa: Tsa, log: Log, every: float = 60.0) -> PaperStamps:
    told = Stamps(url=tsa.url, trust=tsa.trust, every_seconds=every, timeout_seconds=5.0)
    return PaperStamps(told, lambda: datetime.now(UTC), log)


def test_a_stamp_is_verified_before_it_is_given(behaving: Tsa) -> None:
    token = asyncio.run(stamps(behaving, log := Log())(DATA))
    assert token is not None
    assert verify(token, DATA, behaving.authorities).at.tzinfo is not None
    behaving.mode = "hash"
    assert asyncio.run(stamps(behaving, log)(DATA)) is None
    assert "does not hold" in log.warnings[0]


def test_after_a_failure_the_authority_is_left_alone_for_a_while(behaving: Tsa) -> None:
    log = Log()
    patient, eager = stamps(behaving, log), stamps(behaving, log, every=0.001)
    behaving.mode = "rejected"
    assert asyncio.run(patient(DATA)) is asyncio.run(eager(DATA)) is None
    behaving.mode, asked = "good", len(behaving.asked)
    assert asyncio.run(patient(DATA)) is None
    assert len(behaving.asked) == asked, "it is not asked"
    assert "a moment ago" in log.warnings[-1]
    deadline = time.monotonic() + 10
    while asyncio.run(eager(DATA)) is None:
        assert time.monotonic() < deadline, "it is asked again when its time has come"
    assert len(behaving.asked) == asked + 1


def test_without_an_authority_nothing_is_asked(behaving: Tsa) -> None:
    assert hand_of(Stamps(), None, lambda: datetime.now(UTC), Log()).stamp is None  # type: ignore[arg-type]
    assert hand_of(Stamps(url=behaving.url), None, lambda: datetime.now(UTC), Log()).stamp is not None  # type: ignore[arg-type]
