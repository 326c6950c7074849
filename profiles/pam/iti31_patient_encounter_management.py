"""ITI-31 Patient Encounter Management, HL7 v2.5 (ITI TF-2 3.31): visits, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7v2
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Defect, Meaning, Refused
from gateway.record.people import PatientId
from gateway.record.visits import CANCELLED, Visit
from gateway.stores.visit_notices import VisitEvent
from gateway.stores.visits import VisitRecord
from profiles.pam.iti30_patient_identity_management import MERGED, encode, refuse
from profiles.pam.rules import CANCELS, STATES, Z99
from profiles.pam.wire.encounter import (
    AccountMove,
    Encounter,
    read_account_move,
    read_moved,
    read_told,
)
from profiles.pix.rules import placed, refused

_CODE = "ITI-31"
_TITLE = "Patient Encounter Management"
_SECTION = "ITI TF-2: 3.31"
_VERSION = "2.5"
_ACTORS = Actors("Patient Encounter Supplier", "Patient Encounter Consumer")
_PATIENT = "PID^1^3^1^1"
_EVENTS = {
    "active": VisitEvent.OPEN,
    "away": VisitEvent.OPEN,
    "finished": VisitEvent.ENDED,
    CANCELLED: VisitEvent.UNDONE,
}
"""What the state of a visit says of the care relation; a planned visit says nothing."""


@dataclass(frozen=True, kw_only=True)
class Told(Answer):
    """The event was taken."""


def target(told: Encounter) -> Target:
    """The patient, and the message for the audit."""
    return Target(patients=told.identifiers, message_id=told.message_id)


def account_target(move: AccountMove) -> Target:
    """Both patients."""
    return Target(patients=(move.to, move.wrong), message_id=move.message_id)


async def tell(call: Call[Encounter], services: Services) -> Told:
    """A01, A04, A05, A08: the index learns of the person, the visit goes on."""
    told = call.request
    if told.feed is None:
        raise Defect("this trigger feeds the index")
    try:
        persons = await services.index.feed(call, told.feed)
    except Refused as error:
        raise placed(error) from error
    await _step(call, services)
    return Told(persons=persons)


async def move(call: Call[Encounter], services: Services) -> Told:
    """Every other event: the visit goes on, or back. Nothing is learnt of the person."""
    await _step(call, services)
    return Told()


async def move_account(call: Call[AccountMove], services: Services) -> Told:
    """A44: a visit goes over to the right patient; one that is not known has nothing to move."""
    told = call.request
    _own(call, (told.to, told.wrong))
    old = await services.visits.find(call.work, told.wrong, told.number)
    new = await services.visits.find(call.work, told.to, told.number)
    if new is None:
        raise refused(Meaning.UNKNOWN_KEY, "the patient is not known, or not in use", _PATIENT)
    if old is None or old.current is None or old.current.state == CANCELLED:
        return Told()
    if new.current is not None and new.current.state != CANCELLED:
        raise refused(Meaning.DUPLICATE_KEY, "the patient has a visit of this number", "MRG^1^3")
    step = new.current.step + 1 if new.current is not None else 1
    moved = replace(old.current, step=step, back=None)
    services.visits.note(call.work, old, old.current.undone(None), "A44", call.at)
    services.visits.note(call.work, new, moved, "A44", call.at)
    return Told()


def _own(call: Call[Any], listed: tuple[PatientId, ...]) -> list[PatientId]:
    if call.node is None:
        raise Defect("a feed comes from a node")
    own = [each for each in listed if call.node.may_feed(each.root)]
    if not own:
        text = "this system is not the source of any of the domains sent"
        raise refused(Meaning.UNKNOWN_KEY, text, "PID^1^3^1^4")
    return own


async def _step(call: Call[Encounter], services: Services) -> None:
    told = call.request
    patient, record = await _record(call, services)
    if not told.number:
        return
    visit = _after(told, record)
    services.visits.note(call.work, record, visit, told.trigger, call.at)
    _relate(call, services, patient, visit.state)


def _relate(call: Call[Encounter], services: Services, patient: PatientId, state: str) -> None:
    """The organisation treats the patient as long as the visit goes on."""
    if call.node is not None and state in _EVENTS:
        services.access.visits.tell(
            call.work,
            patient,
            call.request.number,
            call.node,
            _EVENTS[state],
            _CODE,
            call.trace_id,
            call.at,
        )


async def _record(call: Call[Encounter], services: Services) -> tuple[PatientId, VisitRecord]:
    """The visit under the first identifier that is in use; of domains that the node is the source of."""
    for each in _own(call, call.request.identifiers):
        record = await services.visits.find(call.work, each, call.request.number)
        if record is not None:
            return each, record
    raise refused(Meaning.UNKNOWN_KEY, "the patient is not known, or not in use", _PATIENT)


def _after(told: Encounter, record: VisitRecord) -> Visit:
    if told.trigger in CANCELS:
        return _cancelled(told, record)
    if told.trigger == Z99:
        return _updated(told, record)
    current = record.current or Visit(number=told.number)
    if told.trigger not in STATES:
        return current.corrected(told.facts)
    _refuse_known(told, record)
    if told.movement.historic and record.current is not None:
        # What happened before is kept as an event; how the visit stands now is another movement's doing.
        return replace(current, step=current.step + 1)
    return current.moved(told.facts, STATES[told.trigger], told.trigger, told.movement.id)


def _refuse_known(told: Encounter, record: VisitRecord) -> None:
    current = record.current
    if told.movement.id and current is not None and current.movement == told.movement.id:
        raise refused(Meaning.DUPLICATE_KEY, "a movement of this id was inserted before", "ZBE^1^1")


def _updated(told: Encounter, record: VisitRecord) -> Visit:
    """Z99 corrects the current movement; of one before it no more is kept than that it was corrected."""
    known = {each.movement for each in record.steps.values()}
    current = record.current
    if current is None or told.movement.id not in known:
        raise refused(Meaning.UNKNOWN_KEY, "no movement of this id is known", "ZBE^1^1")
    if current.movement != told.movement.id:
        return replace(current, step=current.step + 1)
    return current.corrected(told.facts)


def _cancelled(told: Encounter, record: VisitRecord) -> Visit:
    """Only the current movement can be cancelled: what came after it would have no ground to stand on."""
    place = "ZBE^1^1" if told.movement.id else "PV1^1^19"
    current = record.current
    if current is None or current.state == CANCELLED:
        raise refused(Meaning.UNKNOWN_KEY, "there is no movement of this visit to cancel", place)
    other = told.movement.id and current.movement and told.movement.id != current.movement
    if other or current.trigger not in CANCELS[told.trigger]:
        raise refused(Meaning.UNKNOWN_KEY, "this is not the current movement of the visit", place)
    return current.undone(record.steps.get(current.back) if current.back is not None else None)


_TELL = Codec(decode=read_told, encode=encode, refuse=refuse)
_MOVE = Codec(decode=read_moved, encode=encode, refuse=refuse)
_ACCOUNT = Codec(decode=read_account_move, encode=encode, refuse=refuse)

_STRUCTURES = {
    **dict.fromkeys(("A05", "A14"), "ADT_A05"),
    **dict.fromkeys(("A06", "A07"), "ADT_A06"),
    **dict.fromkeys(("A09", "A10", "A11"), "ADT_A09"),
    **dict.fromkeys(("A21", "A22", "A25", "A26", "A27", "A32", "A33"), "ADT_A21"),
    **dict.fromkeys(("A52", "A53", "A55"), "ADT_A52"),
    **{each: f"ADT_{each}" for each in ("A02", "A03", "A12", "A15", "A16", "A38", "A54")},
    "A44": "ADT_A43",
}
"""Message structures; all other triggers have ADT_A01 (ITI TF-2 3.31.5)."""

_TOLD = ("A01", "A04", "A05", "A08")


def _encounter(
    triggers: tuple[str, ...], action: EventAction, codec: Codec[Any, Any], about: Any, do: Any
) -> Transaction[Any, Any]:
    structures = {each: _STRUCTURES[each] for each in triggers if each in _STRUCTURES}
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section=_SECTION,
        actors=_ACTORS,
        binding=Hl7v2("ADT", triggers, "ADT_A01", _VERSION, structures),
        action=Action.PATIENT_FEED,
        audit=patient_event(_CODE, _TITLE, action),
        codec=codec,
        target=about,
        handle=do,
    )


_MOVED = tuple(sorted({*STATES, *CANCELS, Z99} - {*_TOLD}))

ANNOUNCED = _encounter(("A01", "A04", "A05"), EventAction.CREATE, _TELL, target, tell)
CHANGED = _encounter(("A08",), EventAction.UPDATE, _TELL, target, tell)
MOVED = _encounter(_MOVED, EventAction.UPDATE, _MOVE, target, move)
ACCOUNT = _encounter(("A44",), EventAction.UPDATE, _ACCOUNT, account_target, move_account)
MERGED_TOO = replace(
    MERGED,
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    audit=patient_event(_CODE, _TITLE, EventAction.UPDATE),
)
"""The merge of ITI-30, from a node that is enrolled for ITI-31 only."""

TRANSACTIONS: tuple[Transaction[Any, Any], ...] = (ANNOUNCED, CHANGED, MOVED, ACCOUNT)
