"""Works on alerts and incidents: every step with its audit row, or neither (DICOM PS3.15 A.5.3.11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, cast

from gateway.errors import Denied, SettingsInvalid
from gateway.pipeline.alerting import tell_dismissed, tell_refused, tell_step, tell_switch
from gateway.pipeline.engine import Engine
from gateway.record.revoked import RevokedKind, bare
from gateway.stores.alerts import DISMISSED, INCIDENT, OPEN, Alert, AlertStore
from gateway.stores.incidents import IncidentRow, IncidentStore, StepRow
from gateway.stores.revocations import Revocation, RevocationStore
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message
from gateway.watch.incident import (
    CLOSED,
    Content,
    Incident,
    State,
    Step,
    StepKind,
    chained,
    check_state,
    check_step,
    confirmed,
    needs_two,
    proposal,
    severity_of,
    worst,
)

LONGEST_TITLE = 256
SWITCHES = frozenset(
    {
        RevokedKind.PERSON,
        RevokedKind.NODE,
        RevokedKind.ORGANISATION,
        RevokedKind.ISSUER,
        RevokedKind.TOKEN,
    }
)
"""What an incident may be contained by."""


@dataclass(frozen=True, slots=True)
class IncidentDesk:
    """Opens incidents and works on them. What an incident holds is told to the trail by its digest."""

    engine: Engine
    incidents: IncidentStore
    alerts: AlertStore
    revocations: RevocationStore

    # --- reading ---

    async def incident(self, number: int) -> Incident:
        """An incident; SettingsInvalid where there is none of this number."""
        row = await self.incidents.one(number)
        if row is None:
            raise SettingsInvalid(f"there is no incident {number}")
        return _incident(row)

    async def listed(self) -> list[Incident]:
        """All incidents, the newest first."""
        return [_incident(row) for row in await self.incidents.listed()]

    async def steps(self, number: int) -> list[Step]:
        """Its steps, in order."""
        return [_step(row) for row in await self.incidents.steps(number)]

    async def untold(self, steps: Sequence[Step]) -> list[int]:
        """Numbers of steps whose digest does not stand in the audit row that told of them."""
        rows = {row.id: row for row in await self.engine.journal.rows([each.audit_id for each in steps])}
        return [each.number for each in steps if _told(rows.get(each.audit_id)) != each.digest.hex()]

    async def alert(self, number: int) -> Alert:
        """An alert; SettingsInvalid where there is none of this number."""
        found = await self.alerts.one(number)
        if found is None:
            raise SettingsInvalid(f"there is no alert {number}")
        return found

    # --- working ---

    async def dismiss(self, number: int, actor: str, reason: str) -> None:
        """Notes that there is nothing in an alert, and who says so."""
        alert, work = await self.alert(number), UnitOfWork()
        _check(reason)
        if alert.state != OPEN:
            raise SettingsInvalid(f"alert {number} is settled already: {alert.state}")
        self.alerts.settle(work, alert, DISMISSED, actor, reason)
        tell_dismissed(alert, reason, actor, self.engine, work)
        await self.engine.committer.commit(work)

    async def open(
        self, title: str, severity: str, actor: str, *, alerts: Sequence[int] = (), after: int | None = None
    ) -> Incident:
        """Opens an incident by hand, from alerts, or after a closed one that did not stay at rest."""
        work = UnitOfWork()
        found = [await self.alert(number) for number in alerts]
        incident, _ = await self.opening(work, title, severity, actor, alerts=found, after=after)
        await self.engine.committer.commit(work)
        return incident

    async def opening(
        self,
        work: UnitOfWork,
        title: str,
        severity: str,
        actor: str,
        *,
        alerts: Sequence[Alert] = (),
        after: int | None = None,
        number: int | None = None,
    ) -> tuple[Incident, list[Step]]:
        """Notes a new incident in a unit of work."""
        _check(title)
        if len(title) > LONGEST_TITLE:
            raise SettingsInvalid(f"the title has more than {LONGEST_TITLE} characters")
        fresh = Incident(
            number=number or await self.incidents.next_number(),
            title=title,
            severity=worst(severity_of(severity), *(severity_of(each.severity) for each in alerts)),
            state="open",
            opened_at=millis(self.engine.clock()),
            opened_by=actor,
            after=after,
        )
        content = {"text": title, "severity": fresh.severity}
        if after is not None:
            content["after"] = str(after)
            await self._continue(work, after, fresh, actor)
        told: list[tuple[StepKind, Content]] = [("opened", content)]
        for each in alerts:
            if each.state != OPEN:
                raise SettingsInvalid(f"alert {each.number} is settled already: {each.state}")
            self.alerts.settle(work, each, INCIDENT, actor, "", fresh.number)
            told.append(("alert", {"alert": str(each.number), "text": f"{each.rule}: {each.explanation}"}))
        steps = self._write(work, fresh, [], told, actor)
        opened = replace(fresh, steps=len(steps))
        self.incidents.open(work, IncidentRow(**_fields(opened)))
        return opened, steps

    async def note(self, number: int, actor: str, text: str) -> None:
        """Adds what somebody found out or did."""
        _check(text)
        await self._add(number, actor, "note", {"text": text})

    async def state(self, number: int, state: str, actor: str, reason: str) -> None:
        """Moves an incident on, but to its end (`close`)."""
        _check(reason)
        incident = await self._open_one(number, actor, "state")
        content = {"text": reason, "state": check_state(incident, state)}
        await self._add(number, actor, "state", content, state=check_state(incident, state))

    async def close(self, number: int, actor: str, reason: str) -> bool:
        """Closes an incident; one of high severity is proposed by one and closed by another. Tells which."""
        _check(reason)
        incident = await self._open_one(number, actor, "closed")
        check_state(incident, CLOSED)
        if needs_two(incident) and not await self._confirmed(number, actor, "close-proposed", {}):
            await self._add(number, actor, "close-proposed", {"text": reason})
            return False
        await self._add(number, actor, "closed", {"text": reason, "state": CLOSED}, state=CLOSED)
        return True

    async def contain(
        self,
        number: int,
        kind: RevokedKind,
        name: str,
        actor: str,
        reason: str,
        until: datetime | None = None,
    ) -> None:
        """Shuts a name out, under the incident."""
        _check(reason)
        incident, work = await self._open_one(number, actor, "contain"), UnitOfWork()
        steps = await self.steps(number)
        self.containing(work, incident, steps, kind, name, actor, reason, until)
        await self.engine.committer.commit(work)

    def containing(
        self,
        work: UnitOfWork,
        incident: Incident,
        steps: Sequence[Step],
        kind: RevokedKind,
        name: str,
        actor: str,
        reason: str,
        until: datetime | None,
    ) -> Incident:
        """Notes a switch in a unit of work, with its own audit row as a change of security attributes."""
        now = self.engine.clock()
        if kind not in SWITCHES or not name.strip():
            kinds = ", ".join(sorted(each.value for each in SWITCHES))
            raise SettingsInvalid(f"an incident is contained by the name of one of: {kinds}")
        if until is not None and until <= now:
            raise SettingsInvalid("the end of the revocation has passed")
        revocation = Revocation(
            kind=kind, name=name, at=now, until=until, actor=actor, reason=reason, incident=incident.number
        )
        self.revocations.add(work, revocation)
        told = f"{kind.value} {name} revoked: {reason}"
        tell_switch(incident.number, told, actor, self.engine, work)
        content = {"kind": kind.value, "name": bare(name), "text": reason}
        if until is not None:
            content["until"] = until.isoformat(timespec="seconds")
        written = self._write(work, incident, steps, [("contain", content)], actor)
        self.incidents.move(work, incident.number, len(steps), len(steps) + len(written), incident.state)
        return replace(incident, steps=len(steps) + len(written))

    async def lift(self, number: int, kind: RevokedKind, name: str, actor: str, reason: str) -> bool:
        """Lets a name in again that the incident shut out.

        A closed incident lets nobody in: one that continues it does. Under an incident of high severity one
        person proposes it, and another one does it. Tells which.
        """
        _check(reason)
        incident = await self._open_one(number, actor, "lift")
        named = {"kind": kind.value, "name": bare(name)}
        held = await self._held(incident, await self.revocations.holding(kind, name))
        if not held:
            raise SettingsInvalid(f"{kind.value} {name} is not revoked by incident {number}")
        if needs_two(*held) and not await self._confirmed(number, actor, "lift-proposed", named):
            await self._add(number, actor, "lift-proposed", {**named, "text": reason})
            return False
        work = UnitOfWork()
        for each in held:
            self.revocations.lift(work, kind, name, actor, self.engine.clock(), incident=each.number)
        text = f"revocation of {kind.value} {name} lifted: {reason}"
        tell_switch(number, text, actor, self.engine, work)
        await self._add(number, actor, "lift", {**named, "text": reason}, work=work)
        return True

    async def breach_listed(self, number: int, actor: str, content: Content) -> None:
        """Notes that a list of patients was made for the incident; it may be closed by then."""
        await self._add(number, actor, "breach-list", content)

    # --- inside ---

    async def _held(self, incident: Incident, under: Sequence[int]) -> list[Incident]:
        """Those incidents that hold a switch and are this one, or one that it continues."""
        chain = [incident]
        while chain[-1].after is not None:
            chain.append(await self.incident(chain[-1].after))
        return [each for each in chain if each.number in under]

    async def _continue(self, work: UnitOfWork, after: int, fresh: Incident, actor: str) -> None:
        """The closed incident says which one continues it."""
        before, steps = await self.incident(after), await self.steps(after)
        if before.state != CLOSED:
            raise SettingsInvalid(f"incident {after} is {before.state}; only a closed one is continued")
        content = {"incident": str(fresh.number)}
        self._write(work, before, steps, [("continued", content)], actor)
        self.incidents.move(work, after, len(steps), len(steps) + 1, before.state)

    async def _open_one(self, number: int, actor: str, kind: StepKind) -> Incident:
        """The incident, unless it is closed: then the attempt is told to the trail, and refused."""
        incident = await self.incident(number)
        try:
            check_step(incident, kind)
        except Denied as refusal:
            await tell_refused(number, kind, refusal, actor, self.engine)
            raise
        return incident

    async def _confirmed(self, number: int, actor: str, kind: StepKind, content: Content) -> bool:
        try:
            return confirmed(proposal(await self.steps(number), kind, content), actor)
        except Denied as refusal:
            await tell_refused(number, kind, refusal, actor, self.engine)
            raise

    async def _add(
        self,
        number: int,
        actor: str,
        kind: StepKind,
        content: Content,
        *,
        state: State | None = None,
        work: UnitOfWork | None = None,
    ) -> None:
        incident = await self._open_one(number, actor, kind)
        steps, work = await self.steps(number), work or UnitOfWork()
        self._write(work, incident, steps, [(kind, content)], actor)
        self.incidents.move(work, number, len(steps), len(steps) + 1, state or incident.state)
        await self.engine.committer.commit(work)

    def _write(
        self,
        work: UnitOfWork,
        incident: Incident,
        before: Sequence[Step],
        told: Sequence[tuple[StepKind, Content]],
        actor: str,
    ) -> list[Step]:
        """Notes steps and the audit row of each."""
        steps, now = list(before), millis(self.engine.clock())
        for kind, content in told:
            previous = steps[-1].digest if steps else None
            step = Step(
                incident=incident.number,
                number=len(steps) + 1,
                at=now,
                actor=actor,
                kind=kind,
                content=content,
            )
            step = chained(step, previous)
            step = replace(step, audit_id=tell_step(step, incident, self.engine, work))
            self.incidents.append(work, StepRow(**_fields(step)))
            steps.append(step)
        return steps[len(before) :]


def _check(text: str) -> None:
    if not text.strip():
        raise SettingsInvalid("say why; an empty text is none")


def _told(row: Any) -> str | None:
    """The digest that an audit row tells."""
    if row is None:
        return None
    found = (each.detail("digest") for each in read_message(row.message.encode()).entities)
    return next((each for each in found if each), None)


def _fields(held: Incident | Step) -> dict[str, Any]:
    return {each.name: getattr(held, each.name) for each in fields(held)}


def _incident(row: IncidentRow) -> Incident:
    return Incident(**cast("Any", {each.name: getattr(row, each.name) for each in fields(Incident)}))


def _step(row: StepRow) -> Step:
    return Step(**cast("Any", {each.name: getattr(row, each.name) for each in fields(Step)}))
