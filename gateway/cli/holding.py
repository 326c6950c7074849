"""Sets, releases and shows legal holds, and what retention would erase; each change with its audit row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from gateway.cli.compose import Gateway, compose
from gateway.cli.confirming import VALID_MS, TwoPersons
from gateway.cli.erasing import Eraser, over_before
from gateway.cli.trail import origin_of
from gateway.config import Settings
from gateway.declare.events import Outcome
from gateway.errors import SettingsInvalid
from gateway.pipeline.trailuse import tell_asked, tell_hold
from gateway.record.people import PatientId
from gateway.record.retention import Hold, HoldKind, Kept, Proposal
from gateway.stores.events import SLOT_MS
from gateway.stores.keys import key_maker
from gateway.stores.proposals import ProposalStore
from gateway.stores.retention import NOWHERE, Erased, RetentionStore
from gateway.stores.rows import millis
from gateway.stores.settled import SettledStore
from gateway.stores.work import UnitOfWork

_DAY = timedelta(days=1)
_WHAT = MappingProxyType(
    {
        Kept.OWN: "rows",
        Kept.RECEIVED: "blocks",
        Kept.SYSTEM: "blocks",
        Kept.ALERTS: "alerts",
        Kept.INCIDENTS: "closed incidents",
    }
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A hold as it is typed; the days bound an incident, both included."""

    kind: HoldKind
    name: str
    reason: str
    since: date | None = None
    until: date | None = None


async def hold(settings: Settings, wish: Wish, actor: str) -> int:
    """Holds something from now on; gives the number of the hold."""
    if not wish.reason.strip() or not wish.name.strip():
        raise SettingsInvalid("a hold needs a name and a reason")
    if (wish.since is None) is not (wish.until is None):
        raise SettingsInvalid("the days of an incident are the first and the last one")
    if wish.since is not None and wish.kind is not HoldKind.INCIDENT:
        raise SettingsInvalid("only an incident is held by its days")
    async with _opened(settings) as (gateway, store):
        await _check_incident(store, wish)
        now, number = gateway.engine.clock(), store.new_number()
        patients = (_patient(settings, wish.name),) if wish.kind is HoldKind.PATIENT else ()
        made = Hold(
            number=number,
            kind=wish.kind,
            name=str(patients[0]) if patients else wish.name.strip(),
            since=_start(wish.since),
            until=_end(wish.until),
            reason=wish.reason.strip(),
            actor=actor,
            at=millis(now),
        )
        work = UnitOfWork()
        store.hold(work, made)
        await _commit(gateway, work, f"{made.kind.value} held: {made.reason}", patients, actor)
    return number


async def _check_incident(store: RetentionStore, wish: Wish) -> None:
    """One without days must be known by its number, or nothing would be held."""
    if wish.kind is not HoldKind.INCIDENT or wish.since is not None:
        return
    if not wish.name.isdigit() or not await store.knows_incident(int(wish.name)):
        raise SettingsInvalid("there is no incident of this number; name the days it lasted")


async def release(settings: Settings, number: int, reason: str, actor: str) -> bool:
    """Ends a hold, where another person proposed it; else proposes it. Tells which."""
    if not reason.strip():
        raise SettingsInvalid("the end of a hold needs a reason")
    async with _opened(settings) as (gateway, store):
        missing = SettingsInvalid(f"there is no hold {number} in force")
        found = next((each for each in (await store.holds()).holds if each.number == number), None)
        if found is None:
            raise missing
        patients = (_patient(settings, found.name),) if found.kind is HoldKind.PATIENT else ()
        origin, engine = origin_of(settings), gateway.engine
        now = millis(engine.clock())

        def tell(what: str, work: UnitOfWork, outcome: Outcome) -> None:
            tell_hold(f"hold {number} {what}", patients, actor, origin, engine, work, outcome=outcome)

        work, wish = UnitOfWork(), Proposal(subject=f"release {number}", actor=actor, reason=reason, at=now)
        if not await TwoPersons(gateway, tell).agree(work, wish):
            return False
        store.release(work, number, actor, now, missing)
        tell(f"released: {reason.strip()}", work, Outcome.SUCCESS)
        await engine.committer.commit(work)
        return True


async def shown(settings: Settings, *, every: bool) -> list[str]:
    """What is over by class, the holds, and what was erased, a line each."""
    async with _opened(settings) as (gateway, store):
        told = [await _over(gateway, store, kind) for kind in Kept]
        told += [_hold_line(each) for each in (await store.holds(every=every)).holds]
        erased = await store.erasures()
        since = millis(gateway.engine.clock()) - VALID_MS
        told += [_proposal_line(each) for each in await ProposalStore(gateway.database).listed(since)]
        told.append(f"{sum(each.count for each in erased)} entries were erased, in {len(erased)} records")
        if every:
            told += [
                f"record {each.audit_id}: {each.count} of {each.kind}, week of {_week(each.slot)}, "
                f"{_positions(each)}on {_day(each.at)}"
                for each in erased
            ]
        return told


async def run(settings: Settings, reason: str, actor: str) -> int | None:
    """Erases now what is over, where another person proposed it; else proposes it.

    Gives the number of steps that did something, None where it was proposed.
    """
    async with _opened(settings) as (gateway, store):
        origin, engine = origin_of(settings), gateway.engine

        def tell(what: str, work: UnitOfWork, outcome: Outcome) -> None:
            tell_asked(f"erasing {what}", actor, origin, engine, work, outcome=outcome)

        now, work = millis(engine.clock()), UnitOfWork()
        wish = Proposal(subject="run", actor=actor, reason=reason, at=now)
        if not await TwoPersons(gateway, tell).agree(work, wish, since=await _last_change(store)):
            return None
        tell("confirmed", work, Outcome.SUCCESS)
        await engine.committer.commit(work)
        eraser, steps = Eraser(gateway), 0
        while await eraser.step():
            steps += 1
        return steps


async def _last_change(store: RetentionStore) -> int:
    """When something was held or released: what was proposed before that may be something else by now."""
    holds = (await store.holds(every=True)).holds
    return max((each.released_at or each.at for each in holds), default=0)


async def _over(gateway: Gateway, store: RetentionStore, kind: Kept) -> str:
    slot = over_before(gateway, kind)
    if slot is None:
        return f"{kind.value:10} is kept for ever"
    settled = SettledStore(gateway.database)
    if kind is Kept.ALERTS:
        count = await settled.count_alerts(slot * SLOT_MS)
    elif kind is Kept.INCIDENTS:
        count = await settled.count_incidents(slot * SLOT_MS)
    else:
        count = await store.count_over(kind, slot)
    return (
        f"{kind.value:10} {count} {_WHAT[kind]} are from before {_week(slot)}; they go unless they are held"
    )


def _hold_line(each: Hold) -> str:
    between = "" if each.since is None else f" {_day(each.since)} to {_day(each.until or 0)}"
    state = "held" if each.released_at is None else f"released {_day(each.released_at)} by {each.released_by}"
    told = f"hold {each.number}: {each.kind.value} {each.name}{between}, {state}"
    return f"{told}, since {_day(each.at)} by {each.actor}: {each.reason}"


def _proposal_line(each: Proposal) -> str:
    told = f"proposed on {_day(each.at)} by {each.actor}: {each.reason}".rstrip(": ")
    return f"{told}; another person confirms it: passerelle retention {each.subject}"


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Gateway, RetentionStore]]:
    gateway = compose(settings)
    try:
        yield gateway, RetentionStore(gateway.database, key_maker())
    finally:
        await gateway.close()


async def _commit(
    gateway: Gateway, work: UnitOfWork, what: str, patients: tuple[PatientId, ...], actor: str
) -> None:
    tell_hold(what, patients, actor, origin_of(gateway.settings), gateway.engine, work)
    await gateway.engine.committer.commit(work)


def _patient(settings: Settings, text: str) -> PatientId:
    """A whole identifier (CX), or one of the affinity domain."""
    extension, found, rest = text.strip().partition("^^^&")
    root = rest.removesuffix("&ISO") if found else settings.domain.affinity_oid
    return PatientId(extension, root)


def _start(day: date | None) -> int | None:
    return None if day is None else millis(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _end(day: date | None) -> int | None:
    start = _start(day)
    return None if start is None else start + int(_DAY.total_seconds() * 1000) - 1


def _positions(each: Erased) -> str:
    return "" if each.first == NOWHERE else f"positions {each.first} to {each.last}, "


def _week(slot: int) -> str:
    return _day(slot * SLOT_MS)


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"
