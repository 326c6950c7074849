"""ITI-20 Record Audit Event, FHIR feed (RESTful ATNA 3.20.4.3): another system tells many events at once.

Each entry is taken or refused for itself; a Bundle that asks for anything else is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.audit.objects import RESOURCE_TYPES
from gateway.bindings import fhirbatch
from gateway.bindings.fhirfault import Issue, operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, Deed, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.people import Code
from profiles.atna import iti20_record_audit_event as single
from profiles.atna.iti20_record_audit_event import RESOURCE
from profiles.pdqm.errors import issue_of, outcome_reply

_BUNDLE = Code("Bundle", RESOURCE_TYPES, "Bundle")
_SYSTEM, _LIST = "2", "7"
_ORIGINATION = "1"
_MOST = 1_000
"""Entries of one batch."""
_STATUSES = {
    "201": "201 Created",
    "200": "200 OK",
    "400": "400 Bad Request",
    "422": "422 Unprocessable Entity",
}


@dataclass(frozen=True, slots=True)
class Failed:
    """An entry that is not taken: HTTP status and why."""

    status: str
    issue: Issue


@dataclass(frozen=True, slots=True)
class Batch:
    """For each entry the AuditEvent in JSON, or why it is none."""

    entries: tuple[bytes | Failed, ...]
    base: str


@dataclass(frozen=True, kw_only=True)
class Recorded(Answer):
    """For each entry the logical id, None where the event was here before, or why it was not taken."""

    entries: tuple[str | Failed | None, ...]
    base: str


# --- wire ----------------------------------------------------------------------------------------


def decode(payload: FhirRequest, domain: Domain) -> Batch:  # noqa: ARG001 - the shape of a codec
    """The entries; Refused for what is no batch of AuditEvents to be created."""
    bundle = payload.resource
    if bundle is None or bundle["resourceType"] != "Bundle":
        raise _refused(Meaning.DATA_TYPE, "expected a Bundle in the body", "Bundle")
    if bundle["type"] != "batch":
        raise _refused(Meaning.NOT_SUPPORTED, "expected a Bundle of type batch", "Bundle.type")
    entries = bundle.get("entry", [])
    if len(entries) > _MOST:
        raise _refused(Meaning.TOO_WIDE, f"more than {_MOST} entries", "Bundle.entry")
    for at, entry in enumerate(entries):
        _check_request(entry.get("request"), f"Bundle.entry[{at}].request")
    return Batch(tuple(_event(payload, at, each) for at, each in enumerate(entries)), payload.base)


def _check_request(request: Mapping[str, Any] | None, place: str) -> None:
    """Each entry asks to create an AuditEvent, without conditions."""
    if request is None:
        raise _refused(Meaning.DATA_TYPE, "every entry needs a request", place)
    if request.get("method") != "POST" or request.get("url") != RESOURCE:
        raise _refused(Meaning.NOT_SUPPORTED, f"expected POST of {RESOURCE} only", place)
    if request.keys() - {"method", "url", "id", "extension"}:
        raise _refused(Meaning.NOT_SUPPORTED, "conditions are not supported", place)


def _event(payload: FhirRequest, at: int, entry: Mapping[str, Any]) -> bytes | Failed:
    broken = payload.broken.get(at)
    if broken is not None:
        return Failed("400", Issue("structure", broken.detail, broken.location))
    try:
        single.check(entry.get("resource"))
    except Refused as error:
        status = "400" if error.problems[0].meaning is Meaning.DATA_TYPE else "422"
        return Failed(status, issue_of(error.problems[0]))
    return orjson.dumps(entry["resource"])


def encode(response: Recorded, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """A batch-response: the entries in the order of the request, each with its own status."""
    entries = [{"response": _told(each, response.base)} for each in response.entries]
    bundle = {"resourceType": "Bundle", "type": "batch-response", **({"entry": entries} if entries else {})}
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def _told(entry: str | Failed | None, base: str) -> dict[str, Any]:
    match entry:
        case Failed(status=status, issue=issue):
            return {"status": _STATUSES[status], "outcome": operation_outcome([issue])}
        case None:
            return {"status": _STATUSES["200"]}
        case name:
            return {"status": _STATUSES["201"], "location": f"{base}/{RESOURCE}/{name}"}


def _refused(meaning: Meaning, text: str, place: str) -> Refused:
    return Refused(Problem(meaning, text, place))


# --- what is done --------------------------------------------------------------------------------


def target(request: Batch) -> Target:  # noqa: ARG001 - the shape of a declaration
    """Nobody's record is asked for."""
    return Target()


async def handle(call: Call[Batch], services: Services) -> Recorded:
    """What is valid is kept, once; the rest is told, in the answer and in the audit."""
    asked = call.request
    messages = [single.received(each, call) for each in asked.entries if isinstance(each, bytes)]
    taken = iter(await services.access.trail.take(call.work, messages, call.at) if messages else ())
    entries = tuple(each if isinstance(each, Failed) else next(taken).name for each in asked.entries)
    return Recorded(entries=entries, base=asked.base, deeds=tuple(_deeds(entries, call.trace_id)))


def _deeds(entries: tuple[str | Failed | None, ...], trace_id: str) -> Iterator[Deed]:
    """Two things can be told of a batch: so many events were taken, and so many were not."""
    refused = sum(isinstance(each, Failed) for each in entries)
    known = sum(each is None for each in entries)
    stored = len(entries) - refused - known
    if refused < len(entries) or not entries:
        yield _deed(trace_id, (("stored", stored), ("here before", known)), None)
    if refused:
        yield _deed(trace_id, (("refused", refused),), f"{refused} of {len(entries)} entries were refused")


def _deed(trace_id: str, told: tuple[tuple[str, int], ...], refused: str | None) -> Deed:
    return Deed(
        action=EventAction.CREATE,
        identifier=trace_id,
        id_type=_BUNDLE,
        type_code=_SYSTEM,
        role=_LIST,
        life_cycle=_ORIGINATION,
        details=tuple((name, str(number)) for name, number in told),
        refused=refused,
    )


TRANSACTION: Transaction[Batch, Recorded] = Transaction(
    code=single.CODE,
    title=single.TITLE,
    section=single.SECTION,
    actors=single.ACTORS,
    binding=Fhir(method="POST", path=fhirbatch.BASE),
    action=Action.AUDIT_RECORD,
    audit=single.event(),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
