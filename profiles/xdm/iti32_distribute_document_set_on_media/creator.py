"""Portable Media Creator: documents of a record go onto a medium, in new sets (ITI TF-2 3.32.4.1)."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.declare.actions import Action
from gateway.declare.bindings import Content, Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import media_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import (
    Association,
    Author,
    DocumentEntry,
    EntryType,
    Relation,
    Status,
    Submission,
    SubmissionSet,
)
from gateway.record.domain import Domain
from gateway.record.people import PatientId, Principal, SubjectKind
from gateway.stores.search import ASSOCIATION, CURRENT, ENTRY, Ask, Condition
from gateway.stores.threads import in_thread
from profiles.xdm import codes
from profiles.xdm.errors import outcome_reply
from profiles.xdm.wire.index import About, Person, index_page, readme_text
from profiles.xdm.wire.media import MediaSet, lay_out, write_medium
from profiles.xds.iti42_register_document_set_b import new_entry_uuid
from profiles.xds.wire.stored import stored_association, stored_entry

_PATIENT, _DOCUMENT, _INSTITUTION = "patient", "document", "institution"
_KNOWN = frozenset({_PATIENT, _DOCUMENT, _INSTITUTION})
_TOKEN = re.compile(r"urn:oid:([0-9.]{3,64})\|([^|^&~\\]{1,64})")
_LONGEST_TEXT = 200
_CARRIED = (Relation.APPEND.value, Relation.TRANSFORM.value, Relation.SIGNS.value)
"""Relationships between documents of one set; a replaced document is Deprecated and does not come along."""
_SIGNS = re.compile(r"[\\^&~|]")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Whose documents: all that may be read, or those named. `institution` stands on the medium."""

    patients: tuple[PatientId, ...]
    documents: tuple[str, ...]
    institution: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class Exported(Answer):
    """The medium."""

    content: Content


def decode(payload: FhirRequest, domain: Domain) -> ExportRequest:
    """`patient=urn:oid:<root>|<value>`, `document` (uniqueId), `institution`; a comma is OR."""
    given: dict[str, list[str]] = {name: [] for name in _KNOWN}
    for name, value in payload.parameters:
        if name in _KNOWN:
            given[name] += [value] if name == _INSTITUTION else value.split(",")
        elif payload.strict:
            raise Refused(Problem(Meaning.NOT_SUPPORTED, "this parameter is not known here", name[:64]))
    if not given[_PATIENT]:
        raise Refused(Problem(Meaning.MISSING_PARAMETER, f"{_PATIENT} is required", _PATIENT))
    if len(given[_INSTITUTION]) > 1 or any(len(each) > _LONGEST_TEXT for each in given[_INSTITUTION]):
        text = f"expected one text of at most {_LONGEST_TEXT} characters"
        raise Refused(Problem(Meaning.DATA_TYPE, text, _INSTITUTION))
    return ExportRequest(
        patients=tuple(dict.fromkeys(_patient(each) for each in given[_PATIENT])),
        documents=tuple(dict.fromkeys(each.removeprefix("urn:oid:") for each in given[_DOCUMENT] if each)),
        institution="".join(given[_INSTITUTION]).strip(),
        repository=domain.repository,
    )


def _patient(value: str) -> PatientId:
    match = _TOKEN.fullmatch(value)
    if match is None:
        raise Refused(Problem(Meaning.DATA_TYPE, "expected urn:oid:<root>|<value>", _PATIENT))
    return PatientId(extension=match[2], root=match[1])


def encode(response: Exported, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """The ZIP file."""
    headers = {"content-disposition": 'attachment; filename="xdm.zip"'}
    return FhirReply(200, codes.ZIP, response.content, headers)


def target(request: ExportRequest) -> Target:
    """The patients, and the documents where some are named."""
    return Target(
        patients=request.patients,
        documents=tuple((unique_id, request.repository) for unique_id in request.documents),
    )


async def handle(call: Call[ExportRequest], services: Services) -> Exported:
    """A new submission set for each patient; what may not be read gets the answer of what does not exist."""
    entries = await _entries(call, services)
    contents, absent = await _contents(call, entries, services)
    submissions = []
    for number, patient in enumerate(dict.fromkeys(each.patient for each in entries if each.patient)):
        own = [each for each in entries if each.patient == patient and each.unique_id in contents]
        if own:
            submissions.append(await _submission(call, patient, own, number, services))
    if not submissions:
        raise _not_found()
    laid_out = lay_out(
        [(each, {item.id: contents[item.unique_id] for item in each.documents}) for each in submissions]
    )
    institution = call.request.institution or _institution(call.principal)
    about = About(institution=institution, at=call.at, absent=absent)
    listed = [(await _person(call, item, services), item) for item in laid_out]
    octets = await in_thread(_written, about, listed)
    heads = [each.submission_set for each in submissions]
    told = tuple((each.patient, each.unique_id) for each in heads if each.patient)
    return Exported(content=Octets(octets), sets=told)


def _not_found() -> Refused:
    return Refused(Problem(Meaning.NOT_FOUND, "no such document is available for a medium", _DOCUMENT))


async def _entries(call: Call[ExportRequest], services: Services) -> list[DocumentEntry]:
    """Approved stable entries in scope, one for each uniqueId, with their patient; all that are named."""
    request, most = call.request, services.domain.max_objects
    conditions = [
        Condition("status", Ask.IN, (Status.APPROVED.value,)),
        Condition("type", Ask.IN, (EntryType.STABLE.value,)),
    ]
    if request.documents:
        conditions.append(Condition("unique_id", Ask.IN, request.documents))
    rows = await services.registry.find(call.scope, ENTRY, conditions, most, CURRENT)
    if len(rows) > most:
        text = f"more than {most} documents; name those that are wanted"
        raise Refused(Problem(Meaning.TOO_MANY_RESULTS, text, _DOCUMENT))
    found = {
        row.unique_id: replace(stored_entry(row), patient=call.scope.identities[row.patient_key])
        for row in rows
    }
    if not set(request.documents) <= set(found):
        raise _not_found()
    return list(found.values())


async def _contents(
    call: Call[ExportRequest], entries: Sequence[DocumentEntry], services: Services
) -> tuple[Mapping[str, Content], int]:
    """Octets by uniqueId, and how many documents are kept elsewhere. Refused where they are too many."""
    most = services.domain.max_media_bytes
    if sum(each.size or 0 for each in entries) > most:
        text = f"the documents have more than {most} bytes together; name those that are wanted"
        raise Refused(Problem(Meaning.TOO_MANY_RESULTS, text, _DOCUMENT))
    stored = await services.repository.read(call.scope, [each.unique_id for each in entries])
    unreadable = [each for each in stored.values() if isinstance(each, Problem)]
    if unreadable:
        raise Refused(*unreadable)
    found = {name: each.content for name, each in stored.items() if not isinstance(each, Problem)}
    return found, len(entries) - len(found)


async def _submission(
    call: Call[ExportRequest],
    patient: PatientId,
    entries: Sequence[DocumentEntry],
    number: int,
    services: Services,
) -> Submission:
    """A set made now, by us; `number` keeps the submissionTimes of one medium apart."""
    ids = {each.id: new_entry_uuid() for each in entries}
    at = call.at + timedelta(seconds=number)
    head = SubmissionSet(
        id=new_entry_uuid(),
        unique_id=f"2.25.{uuid.uuid4().int}",
        source_id=services.domain.repository,
        submission_time=at.strftime("%Y%m%d%H%M%S"),
        patient=patient,
        authors=(_author(call.principal),),
    )
    members = (
        Association(
            id=new_entry_uuid(),
            relation=Relation.HAS_MEMBER,
            source=head.id,
            target=name,
            member_status="Original",
        )
        for name in ids.values()
    )
    return Submission(
        submission_set=head,
        documents=tuple(_copied(each, ids[each.id]) for each in entries),
        associations=(*members, *await _relations(call, ids, services)),
    )


def _copied(entry: DocumentEntry, uuid: str) -> DocumentEntry:
    """The entry as a new object: where it was kept and which version it was stays behind."""
    return replace(entry, id=uuid, logical_id=None, version=1, repository=None, home=None, uri=None)


async def _relations(
    call: Call[ExportRequest], ids: Mapping[str, str], services: Services
) -> Iterable[Association]:
    """What joins two documents of one set."""
    conditions = [
        Condition("source", Ask.IN, tuple(ids)),
        Condition("target", Ask.IN, tuple(ids)),
        Condition("relation", Ask.IN, _CARRIED),
        Condition("status", Ask.IN, (Status.APPROVED.value,)),
    ]
    rows = await services.registry.find(call.scope, ASSOCIATION, conditions, services.domain.max_references)
    found = map(stored_association, rows)
    return [
        replace(each, id=new_entry_uuid(), source=ids[each.source], target=ids[each.target]) for each in found
    ]


def _author(principal: Principal) -> Author:
    """Who asks for the medium: the person, and where that person acts."""
    organisation = _plain(principal.organisation_name or "")
    oid = (principal.organisation or "").removeprefix("urn:oid:")
    return Author(
        person=None if principal.kind is SubjectKind.NODE else f"^{_plain(principal.name)}",
        institutions=(f"{organisation}^^^^^^^^^{oid}",) if organisation and oid else (organisation or oid,),
    )


def _plain(name: str) -> str:
    """A text that has no meaning in HL7 components."""
    return _SIGNS.sub(" ", name).strip()[:100]


def _institution(principal: Principal) -> str:
    return principal.organisation_name or principal.organisation or principal.name


async def _person(call: Call[ExportRequest], item: MediaSet, services: Services) -> Person:
    patient = item.submission.submission_set.patient
    record = await services.patients.find(patient) if patient else None
    if patient is None or record is None:
        return Person("")
    told = await services.patients.demographics(call.scope, record)
    name = " ".join(filter(None, (*told.name.given, told.name.family)))
    return Person(patient.extension, name, told.birth_date or "")


def _written(about: About, listed: Sequence[tuple[Person, MediaSet]]) -> bytes:
    buffer = io.BytesIO()
    sets = [item for _, item in listed]
    write_medium(buffer, sets, index_page(about, listed), readme_text(about, listed), about.at)
    return buffer.getvalue()


TRANSACTION: Transaction[ExportRequest, Exported] = Transaction(
    code="ITI-32",
    title="Distribute Document Set on Media",
    section="ITI TF-2: 3.32",
    actors=Actors("Portable Media Importer", "Portable Media Creator"),
    binding=Fhir(method="GET", path="/$export-media", gives=codes.ZIP),
    action=Action.DOCUMENT_READ,
    audit=media_event("ITI-32", "Distribute Document Set on Media", creates=True),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
