"""ITI-30 Patient Identity Management, HL7 v2.5 (ITI TF-2 3.30): create, update, merge, link identities."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Defect, Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge, PersonChange
from gateway.record.people import PatientId
from profiles.pam.wire.identity import PatientLink, read_identity, read_link, read_pair
from profiles.pix.rules import placed, refused

_CODE = "ITI-30"
_TITLE = "Patient Identity Management"
_SECTION = "ITI TF-2: 3.30"
_VERSION = "2.5"
_ACTORS = Actors("Patient Demographics Supplier", "Patient Demographics Consumer")

REASON = "a link or unlink message of the source"


@dataclass(frozen=True, kw_only=True)
class Managed(Answer):
    """The message was taken."""


def encode(response: Answer, domain: Domain) -> Hl7Reply:  # noqa: ARG001 - the shape of a codec
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


def rename_target(change: PatientMerge) -> Target:
    """Both identifiers: the audit tells an update."""
    return Target(patients=(change.survivor, change.subsumed), message_id=change.message_id)


def link_target(link: PatientLink) -> Target:
    """The identifiers at both ends."""
    return Target(patients=(*link.first, *link.second), message_id=link.message_id)


async def feed(call: Call[PatientFeed], services: Services) -> Managed:
    """A28 makes a patient known, A31 changes it; either does both, as the case may be."""
    return await _done(services.index.feed(call, call.request))


async def merge(call: Call[PatientMerge], services: Services) -> Managed:
    """A40: into an unknown identifier it is a change of the identifier; from one, nothing."""
    return await _done(services.index.merge_or_rename(call, call.request))


async def rename(call: Call[PatientMerge], services: Services) -> Managed:
    """A47: PID-3 takes the place of MRG-1."""
    return await _done(services.index.rename_if_known(call, call.request))


async def link(call: Call[PatientLink], services: Services) -> Managed:
    """A24: both lists are of one human being. Patients who are not known stay so."""
    return await _between(call, services, services.index.link)


async def unlink(call: Call[PatientLink], services: Services) -> Managed:
    """A37: the lists are of two human beings."""
    return await _between(call, services, services.index.unlink)


_Saying = Callable[[Any, PatientId, PatientId, str], Awaitable[tuple[PersonChange, ...]]]


async def _between(call: Call[PatientLink], services: Services, say: _Saying) -> Managed:
    first = await _known(call, services, call.request.first, "PID^1^3^1^4")
    second = await _known(call, services, call.request.second, "PID^2^3^1^4")
    if first is None or second is None:
        return Managed()
    return await _done(say(call, first, second, REASON))


async def _known(
    call: Call[PatientLink], services: Services, listed: tuple[PatientId, ...], place: str
) -> PatientId | None:
    """The identifier of a list that is in use; of domains that the node is the source of."""
    if call.node is None:
        raise Defect("a feed comes from a node")
    own = [each for each in listed if call.node.may_feed(each.root)]
    if not own:
        raise refused(Meaning.UNKNOWN_KEY, "this system is not the source of any of the domains sent", place)
    for each in own:
        if await services.index.known(each):
            return each
    return None


async def _done(changing: Awaitable[tuple[PersonChange, ...]]) -> Managed:
    try:
        return Managed(persons=await changing)
    except Refused as error:
        raise placed(error) from error


_STRUCTURES = {"A40": "ADT_A39", "A47": "ADT_A30", "A24": "ADT_A24", "A37": "ADT_A37"}
"""Message structures; all other triggers have ADT_A05 (ITI TF-2 3.30.4)."""


def _identity(
    trigger: str, action: EventAction, codec: Codec[Any, Any], target: Any, handle: Any
) -> Transaction[Any, Managed]:
    structure = _STRUCTURES.get(trigger, "ADT_A05")
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section=_SECTION,
        actors=_ACTORS,
        binding=Hl7v2(message="ADT", triggers=(trigger,), structure=structure, version=_VERSION),
        action=Action.PATIENT_FEED,
        audit=patient_event(_CODE, _TITLE, action),
        codec=codec,
        target=target,
        handle=handle,
    )


_FEED = Codec(decode=read_identity, encode=encode, refuse=refuse)
_PAIR = Codec(decode=read_pair, encode=encode, refuse=refuse)
_LINK = Codec(decode=read_link, encode=encode, refuse=refuse)

CREATED = _identity("A28", EventAction.CREATE, _FEED, feed_target, feed)
UPDATED = _identity("A31", EventAction.UPDATE, _FEED, feed_target, feed)
RENAMED = _identity("A47", EventAction.UPDATE, _PAIR, rename_target, rename)
LINKED = _identity("A24", EventAction.UPDATE, _LINK, link_target, link)
UNLINKED = _identity("A37", EventAction.UPDATE, _LINK, link_target, unlink)
MERGED = _identity("A40", EventAction.UPDATE, _PAIR, merge_target, merge)


def with_twin(twin: Transaction[Any, Any]) -> tuple[Transaction[Any, Any], ...]:
    """All transactions; the merge is a message of ITI-31 as well, which `twin` tells of."""
    return (CREATED, UPDATED, RENAMED, LINKED, UNLINKED, replace(MERGED, twin=twin))
