"""What operators do to the directory of professionals: import, look, shut out; each leaves its trail."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.audit.alerts import security_alert
from gateway.audit.record import Participant
from gateway.cli.compose import Gateway, compose, utc_now
from gateway.cli.furnishing import put_all
from gateway.config import Settings
from gateway.declare.events import USER_SECURITY_CHANGED, Outcome
from gateway.directory.book import ProviderDirectory
from gateway.directory.desk import Desk
from gateway.errors import SettingsInvalid
from gateway.pipeline.telling import tell_alone
from gateway.record.directory import Add, Entry, Unit
from gateway.stores.directory import Trail
from gateway.stores.marker import ready
from gateway.stores.work import UnitOfWork

_AT_ONCE = 500


@dataclass(frozen=True)
class Staff:
    """The directory of an installation, opened by an operator."""

    gateway: Gateway
    actor: str = ""
    """Who changes it; the installation itself where nobody does."""

    @property
    def directory(self) -> ProviderDirectory:
        """The directory itself."""
        return self.gateway.engine.services.access.directory

    async def put(self, entries: Iterable[Add], reason: str) -> int:
        """Puts entries, groups last; gives their number. Malformed names the one that is refused."""
        listed = list(entries)
        first = [each for each in listed if each.place.unit is not Unit.RELATIONSHIP]
        groups = [each for each in listed if each.place.unit is Unit.RELATIONSHIP]
        for at in range(0, len(first), _AT_ONCE):
            await self._put(first[at : at + _AT_ONCE], reason)
        for at in range(0, len(groups), _AT_ONCE):
            await self._put(groups[at : at + _AT_ONCE], reason)
        return len(listed)

    async def _put(self, entries: Sequence[Add], reason: str) -> None:
        desk = self._desk(reason)
        await put_all(desk, entries)
        await self._commit(desk, f"{len(entries)} entries of the directory were imported")

    async def found(self, uid: str) -> Entry:
        """The one entry of a uid."""
        found = await self.directory.persons(uid)
        if len(found) != 1:
            raise SettingsInvalid(f"{len(found)} professionals or organisations have this uid; expected one")
        return found[0]

    async def block(self, uid: str, reason: str, *, blocked: bool) -> bool:
        """Shuts somebody out from the next request on, or lets him in again; False where that was so."""
        entry, desk = await self.found(uid), self._desk(reason)
        if not await desk.block(entry.place, blocked=blocked):
            return False
        word = "deactivated" if blocked else "activated"
        await self._commit(desk, f"{entry.place.rdn} of the directory was {word}: {reason}")
        return True

    async def history(self, entry: Entry) -> Sequence[Any]:
        """Every change of an entry."""
        return await self.directory.store.history(entry.key)

    def _desk(self, reason: str) -> Desk:
        trail = Trail(
            actor=f"operator {self.actor}" if self.actor else "installation",
            at=utc_now(),
            trace_id=secrets.token_hex(16),
            reason=reason,
        )
        return self.directory.desk(trail)

    async def _commit(self, desk: Desk, description: str) -> None:
        engine, work = self.gateway.engine, UnitOfWork()
        desk.note(work)
        facts = security_alert(
            USER_SECURITY_CHANGED,
            at=desk.trail.at,
            outcome=Outcome.SUCCESS,
            peer=Participant(desk.trail.actor, "localhost", is_requestor=True),
            here=engine.here,
            audit_source=engine.audit_source,
            description=description,
            trace_id=desk.trail.trace_id,
        )
        tell_alone(facts, engine, work)
        await engine.committer.commit(work)


@asynccontextmanager
async def opened(settings: Settings, actor: str = "") -> AsyncIterator[Staff]:
    """The directory of an installation for an operator, whether a server runs on it or not."""
    await asyncio.to_thread(ready, settings.database.url, settings.environment)
    gateway = compose(settings)
    try:
        yield Staff(gateway, actor)
    finally:
        await gateway.close()
