"""ITI-59 Provider Information Feed (ITI HPD 3.59): entries are added, changed, renamed and removed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import EventAction, submission_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Deed, Target, Transaction
from gateway.directory.desk import Desk
from gateway.record.directory import Add, Declined, Delete, Edit, Rename, ResultCode, Unit
from gateway.record.domain import Domain
from gateway.record.people import Code
from gateway.stores.directory import Trail
from profiles.hpd import codes
from profiles.hpd.errors import refuse, refuse_request
from profiles.hpd.wire.batch import Batch, Item, open_batch
from profiles.hpd.wire.edits import RESPONSES, read_edits
from profiles.hpd.wire.results import batch_response, error_response, result

_RDN = Code("99SupHPD-ISO21091-RDN", "IHE", "ISO 21091 Relative Distinguished Name")
_PERSON, _SYSTEM, _ORGANISATION, _PROVIDER = "1", "2", "3", "15"
_ORIGINATION, _AMENDMENT, _TRANSLATION, _ERASURE = "1", "3", "5", "15"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of one operation; `code` None: it was not attempted."""

    item: Item[Edit]
    code: ResultCode | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class FeedResponse(Answer):
    """The outcome of every operation, in the order of the requests."""

    request_id: str | None
    done: tuple[Done, ...]


def decode(payload: SoapPayload, domain: Domain) -> Batch[Edit]:  # noqa: ARG001 - the shape of a codec
    """dsml:batchRequest with changes only."""
    return read_edits(open_batch(payload, frozenset(RESPONSES)))


def encode(response: FeedResponse, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """dsml:batchResponse."""
    return batch_response(response.request_id, map(_written, response.done))


def _written(done: Done) -> str:
    item = done.item
    if done.code is None:
        text = "a request before this one failed"
        return error_response(item.request_id, codes.NOT_ATTEMPTED, text)
    return result(item.response, item.request_id, done.code, done.message)


def target(request: Batch[Edit]) -> Target:
    """No patient; the operations for the audit."""
    edits = (each.asked for each in request.items if not isinstance(each.asked, Declined))
    return Target(deeds=tuple(map(_deed, edits)))


def _deed(edit: Edit) -> Deed:
    """HPD 3.59.5: the relative distinguished name, the new one where it changes."""
    action, life = EventAction.UPDATE, _AMENDMENT
    place = edit.place
    details: tuple[tuple[str, str], ...] = ()
    match edit:
        case Add():
            action, life = EventAction.CREATE, _ORIGINATION
        case Delete():
            action, life = EventAction.DELETE, _ERASURE
        case Rename(to=to):
            action, life = EventAction.EXECUTE, _TRANSLATION
            details, place = (("old uid", place.value),), to
    kinds = {Unit.PROFESSIONAL: _PERSON, Unit.ORGANISATION: _ORGANISATION}
    return Deed(
        action=action,
        identifier=place.value,
        id_type=_RDN,
        type_code=kinds.get(place.unit, _SYSTEM) if place.unit else _SYSTEM,
        role=_PROVIDER,
        life_cycle=life,
        details=details,
    )


async def handle(call: Call[Batch[Edit]], services: Services) -> FeedResponse:
    """What is accepted is written in one transaction before the answer leaves; the rest leaves nothing."""
    batch = call.request
    trail = Trail(
        actor=call.principal.audit_name,
        at=call.at,
        trace_id=call.trace_id,
        reason=f"ITI-59 from {call.node.name}" if call.node else "ITI-59",
    )
    desk = services.access.directory.desk(trail)
    done: list[Done] = []
    failed = False
    for item in batch.items:
        if failed and batch.exits:
            done.append(Done(item=item))
            continue
        done.append(await _do(item, desk))
        await asyncio.sleep(0)  # a long batch does not hold up the requests of others
        failed = failed or done[-1].code is not ResultCode.SUCCESS
    desk.note(call.work)
    return FeedResponse(request_id=batch.request_id, done=tuple(done), deeds=tuple(_deeds(done)))


async def _do(item: Item[Edit], desk: Desk) -> Done:
    """What LDAP says against one operation is part of the answer to the batch."""
    if isinstance(item.asked, Declined):
        return Done(item=item, code=item.asked.code, message=item.asked.detail)
    try:
        await desk.do(item.asked)
    except Declined as error:
        return Done(item=item, code=error.code, message=error.detail)
    return Done(item=item, code=ResultCode.SUCCESS)


def _deeds(done: list[Done]) -> list[Deed]:
    """An audit message for each operation that was attempted."""
    told = []
    for each in done:
        if each.code is None or isinstance(each.item.asked, Declined):
            continue
        deed = _deed(each.item.asked)
        refused = each.code is not ResultCode.SUCCESS
        told.append(replace(deed, refused=f"{each.code.value[1]}: {each.message}") if refused else deed)
    return told


TRANSACTION: Transaction[Batch[Edit], FeedResponse] = Transaction(
    code="ITI-59",
    title="Provider Information Feed",
    section="ITI HPD: 3.59",
    actors=Actors("Provider Information Source", "Provider Information Directory"),
    binding=Soap(
        action="urn:ihe:iti:2010:ProviderInformationFeed",
        response_action="urn:ihe:iti:2010:ProviderInformationFeedResponse",
        mtom=False,
        request=codes.REQUEST,
        response=codes.RESPONSE,
        namespace=codes.HPD,
    ),
    action=Action.DIRECTORY_WRITE,
    audit=replace(submission_event("ITI-59", "Provider Information Feed"), objects=frozenset()),
    codec=Codec(decode=decode, encode=encode, refuse=refuse, refuse_request=refuse_request),
    target=target,
    handle=handle,
)
