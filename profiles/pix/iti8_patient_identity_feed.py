"""ITI-8 Patient Identity Feed, HL7 v2.3.1 (ITI TF-2 3.8): patients become known, change, and are merged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from gateway.stores.visit_notices import VisitEvent
from profiles.pix.rules import placed
from profiles.pix.wire.feed import read_feed, read_merge

_CODE = "ITI-8"
_TITLE = "Patient Identity Feed"
_SECTION = "ITI TF-2: 3.8"
_VERSION = "2.3.1"
_ACTORS = Actors("Patient Identity Source", "Document Registry")


@dataclass(frozen=True, kw_only=True)
class Fed(Answer):
    """The feed was taken."""


def encode(response: Fed, domain: Domain) -> Hl7Reply:  # noqa: ARG001 - the shape of a codec
    """An acknowledgement AA."""
    return Hl7Reply(response.problems)


def refuse(problems: tuple[Problem, ...]) -> Hl7Reply:
    """An acknowledgement AE or AR."""
    return Hl7Reply(problems)


def feed_target(feed: PatientFeed) -> Target:
    """The patient, and the message for the audit."""
    return Target(patients=feed.identifiers, message_id=feed.message_id)


def merge_target(merge: PatientMerge) -> Target:
    """Who stays and who ends: the audit tells a deletion and an update."""
    return Target(patients=(merge.survivor,), merged=(merge.subsumed,), message_id=merge.message_id)


async def feed(call: Call[PatientFeed], services: Services) -> Fed:
    """Makes a patient known, or changes what is known: any trigger does either, as the case may be."""
    try:
        return Fed(persons=await services.index.feed(call, call.request))
    except Refused as error:
        raise placed(error) from error


async def admit(call: Call[PatientFeed], services: Services) -> Fed:
    """A01 and A04: the patient is there as well, so that the organisation treats him; no end will be told."""
    done = await feed(call, services)
    if call.node is not None:
        own = next((each for each in call.request.identifiers if call.node.may_feed(each.root)), None)
        if own is not None:
            services.access.visits.tell(
                call.work, own, "", call.node, VisitEvent.SEEN, _CODE, call.trace_id, call.at
            )
    return done


async def merge(call: Call[PatientMerge], services: Services) -> Fed:
    """Lets MRG-1 end in PID-3, with all that it subsumed before; there is no way back."""
    try:
        return Fed(persons=await services.index.merge(call, call.request))
    except Refused as error:
        raise placed(error) from error


_Feeding = Callable[[Call[PatientFeed], Services], Awaitable[Fed]]


def _fed_by(
    triggers: tuple[str, ...], action: EventAction, handle: _Feeding = feed
) -> Transaction[PatientFeed, Fed]:
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section=_SECTION,
        actors=_ACTORS,
        binding=Hl7v2(message="ADT", triggers=triggers, structure="ADT_A01", version=_VERSION),
        action=Action.PATIENT_FEED,
        audit=patient_event(_CODE, _TITLE, action),
        codec=Codec(decode=read_feed, encode=encode, refuse=refuse),
        target=feed_target,
        handle=handle,
    )


ADMITTED = _fed_by(("A01", "A04"), EventAction.CREATE, admit)
ANNOUNCED = _fed_by(("A05",), EventAction.CREATE)
CHANGED = _fed_by(("A08",), EventAction.UPDATE)
MERGED: Transaction[PatientMerge, Fed] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=_SECTION,
    actors=_ACTORS,
    binding=Hl7v2(message="ADT", triggers=("A40",), structure="ADT_A39", version=_VERSION),
    action=Action.PATIENT_FEED,
    audit=patient_event(_CODE, _TITLE, EventAction.UPDATE),
    codec=Codec(decode=read_merge, encode=encode, refuse=refuse),
    target=merge_target,
    handle=merge,
)
TRANSACTIONS: tuple[Transaction[Any, Any], ...] = (ADMITTED, ANNOUNCED, CHANGED, MERGED)
