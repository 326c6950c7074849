"""ITI-44 Patient Identity Feed HL7 V3 (ITI TF-2 3.44): patients become known, change, and are merged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import EventAction, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from profiles.pixv3 import codes
from profiles.pixv3.rules import (
    PATIENT,
    PRIOR_ID,
    check_change,
    check_merge,
    open_message,
    place,
    placed,
    refused,
    under,
)
from profiles.pixv3.wire.answers import NO_TIME, accept, refuse_feed
from profiles.pixv3.wire.read_person import read_ids, read_person
from profiles.pixv3.wire.wrapper import Wrapper, read_wrapper

_CODE = "ITI-44"
_TITLE = "Patient Identity Feed HL7 V3"
_EVENT = "Patient Identity Feed"
SOURCE, MANAGER, REGISTRY = (
    "Patient Identity Source",
    "PIX Manager",
    "Document Registry",
)


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """A feed or a merge, and the wrapper that its acknowledgement answers."""

    interaction: str
    wrapper: Wrapper
    feed: PatientFeed | None = None
    merge: PatientMerge | None = None


@dataclass(frozen=True, kw_only=True)
class Fed(Answer):
    """The feed was taken."""

    wrapper: Wrapper
    at: datetime


def decode_change(interaction: str, payload: SoapPayload, domain: Domain) -> FeedRequest:
    """PRPA_IN201301UV02 or PRPA_IN201302UV02. A revision says all there is to know (3.44.4.1.3)."""
    message = open_message(payload, interaction)
    check_change(message)
    person = message.find(under(f"{PATIENT}/patientPerson"))
    if person is None:
        raise refused(Meaning.REQUIRED_FIELD, "patientPerson is missing", place(message, PATIENT))
    wrapper = read_wrapper(message)
    feed = PatientFeed(
        identifiers=read_ids(message, f"{PATIENT}/id", domain),
        demographics=read_person(person, domain, place(message, f"{PATIENT}/patientPerson")),
        message_id=str(wrapper.id),
        whole=interaction == codes.REVISE,
    )
    return FeedRequest(interaction, wrapper, feed=feed)


def decode_merge(payload: SoapPayload, domain: Domain) -> FeedRequest:
    """PRPA_IN201304UV02. The person is not read: a revision tells that (3.44.4.2.2)."""
    message = open_message(payload, codes.MERGE)
    check_merge(message)
    survivor = read_ids(message, f"{PATIENT}/id", domain)[0]
    subsumed = read_ids(message, PRIOR_ID, domain)[0]
    wrapper = read_wrapper(message)
    merge = PatientMerge(survivor=survivor, subsumed=subsumed, message_id=str(wrapper.id))
    return FeedRequest(codes.MERGE, wrapper, merge=merge)


def encode(response: Fed, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """MCCI_IN000002UV01 with CA."""
    return accept(response.problems, response.wrapper, response.at)


def refuse(problems: tuple[Problem, ...]) -> SoapReply:
    """MCCI_IN000002UV01 with CE or CR, where nothing of the request is known."""
    return refuse_feed(problems, None, NO_TIME)


def target(request: FeedRequest) -> Target:
    """The patients; a merge tells a deletion and an update."""
    named = Target(message_id=str(request.wrapper.id), message_id_type="II")
    if request.merge is not None:
        return replace(named, patients=(request.merge.survivor,), merged=(request.merge.subsumed,))
    return replace(named, patients=request.feed.identifiers if request.feed else ())


async def handle(call: Call[FeedRequest], services: Services) -> Fed:
    """Makes a patient known, changes what is known, or lets one identifier end in another."""
    request, index = call.request, services.index
    try:
        if request.merge is not None:
            persons = await index.merge(call, request.merge)
        elif request.feed is not None:
            persons = await index.feed(call, request.feed)
        else:
            persons = ()
    except Refused as error:
        raise placed(error, request.interaction) from error
    return Fed(persons=persons, wrapper=request.wrapper, at=call.at)


def _fed_by(responder: str, interaction: str, action: EventAction) -> Transaction[FeedRequest, Fed]:
    decode = decode_merge if interaction == codes.MERGE else partial(decode_change, interaction)
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section="ITI TF-2: 3.44",
        actors=Actors(SOURCE, responder),
        binding=Soap(
            action=codes.action(interaction),
            response_action=codes.action(codes.ACCEPT),
            mtom=False,
            request=codes.clark(interaction),
            response=codes.clark(codes.ACCEPT),
            namespace=codes.XDSB if responder == REGISTRY else codes.PIXV3,
        ),
        action=Action.PATIENT_FEED,
        audit=patient_event(_CODE, _EVENT, action),
        codec=Codec(decode=decode, encode=encode, refuse=refuse, refuse_request=refuse_feed),
        target=target,
        handle=handle,
    )


def _transactions(responder: str) -> tuple[Transaction[Any, Any], ...]:
    return (
        _fed_by(responder, codes.ADD, EventAction.CREATE),
        _fed_by(responder, codes.REVISE, EventAction.UPDATE),
        _fed_by(responder, codes.MERGE, EventAction.UPDATE),
    )


AT_MANAGER = _transactions(MANAGER)
AT_REGISTRY = _transactions(REGISTRY)
