"""What of an event a patient may see: the patient, whoever did it, the own documents; nothing else.

No query, no address, no description, no other patient; of staff, and of other patients without a mandate, no
name and no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from gateway.journal.model import NAMED, ActorKind, Entry
from gateway.record.events import Agent, AuditRecord, Entity, patient_name

_TRACE = "XrequestId"
_NOBODY = MappingProxyType(
    {
        ActorKind.STAFF: "staff",
        ActorKind.STRANGER: "another-person",
        ActorKind.UNKNOWN: "unknown",
    }
)


def narrowed(entry: Entry, own: frozenset[str], patient: str) -> AuditRecord:
    """The event with what may be shown. `own` are the patient's identifiers, `patient` the one shown."""
    record = entry.record
    return replace(
        record,
        description=None,
        agents=tuple(_agents(entry, patient)),
        entities=tuple(_entities(entry, own)),
        source_site=None,
    )


def _agents(entry: Entry, patient: str) -> Iterator[Agent]:
    """Systems by their name only; the person as far as the journal tells of it."""
    told = False
    for each in entry.record.agents:
        if not each.is_person:
            # a place in the network makes it a system where no role says so
            yield Agent(user_id=each.user_id, requestor=each.requestor, roles=each.roles[:1])
        elif not told and (each.requestor or entry.record.human is None):
            told = True
            yield _person(entry, each, patient)


def _person(entry: Entry, agent: Agent, patient: str) -> Agent:
    actor = entry.actor
    if actor.kind is ActorKind.SELF:
        return Agent(user_id=patient, requestor=agent.requestor, roles=agent.roles)
    if actor.kind in NAMED or actor.kind is ActorKind.REPRESENTATIVE:
        name = actor.name or None
        return Agent(user_id=agent.user_id, name=name, requestor=agent.requestor, roles=agent.roles)
    return Agent(user_id=_NOBODY[actor.kind], requestor=agent.requestor)


def _entities(entry: Entry, own: frozenset[str]) -> Iterator[Entity]:
    record = entry.record
    titles = {each.identifier: each.title for each in entry.documents}
    for each in record.entities:
        if each.is_patient:
            if patient_name(each) in own:
                yield replace(each, name=None, query=None, details=())
        elif each.identifier in entry.named and (each.identifier in titles or not entry.shared):
            yield replace(each, name=titles.get(each.identifier) or None, query=None, details=())
        elif each.id_type is not None and each.id_type.code == _TRACE:
            yield replace(each, details=())
