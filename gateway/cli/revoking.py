"""Writes and lifts revocations, each with its audit row in the same transaction (DICOM 110137)."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from gateway.audit.alerts import security_alert
from gateway.audit.record import Participant
from gateway.cli.compose import Gateway, compose
from gateway.config import Settings
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.errors import SettingsInvalid
from gateway.pipeline.telling import tell_alone
from gateway.record.revoked import RevokedKind, bare
from gateway.stores.revocations import Revocation, RevocationStore
from gateway.stores.work import UnitOfWork


async def revoke(
    settings: Settings, kind: RevokedKind, name: str, reason: str, until: datetime | None, actor: str
) -> None:
    """Shuts a name out from now on; SettingsInvalid without a reason, or with an end that has passed."""
    now = datetime.now(UTC)
    if not name.strip() or not reason.strip():
        raise SettingsInvalid("a revocation needs a name and a reason")
    if until is not None and until <= now:
        raise SettingsInvalid("the end of the revocation has passed")
    async with _opened(settings) as (gateway, store):
        work = UnitOfWork()
        revocation = Revocation(kind=kind, name=name, at=now, until=until, actor=actor, reason=reason)
        store.add(work, revocation)
        await _commit(gateway, work, f"{kind.value} {name} revoked: {reason}", actor, now)


async def lift(settings: Settings, kind: RevokedKind, name: str, reason: str, actor: str) -> None:
    """Lets a name in again; SettingsInvalid when it is not revoked."""
    now = datetime.now(UTC)
    async with _opened(settings) as (gateway, store):
        if not (await store.active(now)).holds(kind, bare(name), now):
            raise SettingsInvalid(f"{kind.value} {name} is not revoked")
        if under := await store.holding(kind, name):
            text = f"{kind.value} {name} is revoked under incident {under[0]}; lift it by passerelle incident"
            raise SettingsInvalid(text)
        work = UnitOfWork()
        store.lift(work, kind, name, actor, now)
        await _commit(gateway, work, f"revocation of {kind.value} {name} lifted: {reason}", actor, now)


async def listed(settings: Settings, *, every: bool) -> list[str]:
    """A line for each revocation, oldest first."""
    now = datetime.now(UTC)
    async with _opened(settings) as (_, store):
        return [_line(each, now) for each in await store.listed() if every or _state(each, now) == "revoked"]


def _line(each: Revocation, now: datetime) -> str:
    until = f" until {each.until:%Y-%m-%d %H:%M}Z" if each.until is not None else ""
    under = f" under incident {each.incident}" if each.incident is not None else ""
    told = f"{each.kind.value:13} {each.name:40} {_state(each, now):8}"
    return f"{told} since {each.at:%Y-%m-%d %H:%M}Z{until} by {each.actor}{under}: {each.reason}"


def _state(each: Revocation, now: datetime) -> str:
    if each.lifted_at is not None:
        return "lifted"
    return "ended" if each.until is not None and each.until <= now else "revoked"


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Gateway, RevocationStore]]:
    gateway = compose(settings)
    try:
        yield gateway, gateway.revocations
    finally:
        await gateway.close()


async def _commit(gateway: Gateway, work: UnitOfWork, what: str, actor: str, now: datetime) -> None:
    """Who is shut out is a change of security attributes; the operator's account is the requestor."""
    operator = Participant(actor, socket.gethostname(), is_requestor=True)
    facts = security_alert(
        events.USER_SECURITY_CHANGED,
        at=now,
        outcome=Outcome.SUCCESS,
        peer=operator,
        here=gateway.engine.here,
        audit_source=gateway.engine.audit_source,
        description=what,
    )
    tell_alone(facts, gateway.engine, work)
    await gateway.engine.committer.commit(work)
