"""Portable Media Importer: what a medium holds joins the records of its patients (ITI TF-2 3.32.4.1.3)."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest
from gateway.declare.events import media_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Malformed, Meaning, Problem, Refused
from gateway.record.consents import states_consent
from gateway.record.documents import Submission
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from gateway.record.submission import assign_ids, digest
from gateway.stores.registry import different_octets
from gateway.stores.repository import measure_once
from gateway.stores.threads import in_thread
from profiles.xdm import codes
from profiles.xdm.errors import outcome_reply, told_reply
from profiles.xdm.iti32_distribute_document_set_on_media.present import without_present
from profiles.xdm.wire.archive import MediaLimits
from profiles.xdm.wire.media import MediaSet, content_problems, read_medium
from profiles.xds import iti41_provide_and_register_document_set_b as xds
from profiles.xds.iti42_register_document_set_b import (
    already_registered,
    also_done,
    new_entry_uuid,
    register,
    replaced_in,
)
from profiles.xds.rules import Column, check
from profiles.xds.wire.read import patient_id


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The submission sets of a medium, each of one patient of this affinity domain; and warnings."""

    sets: tuple[MediaSet, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True)
class Imported(Answer):
    """What became of each submission set: (directory, text); `problems` can only be warnings."""

    told: tuple[tuple[str, str], ...]


def decode(payload: FhirRequest, domain: Domain) -> ImportRequest:
    """The medium, with every fault of layout, metadata and patients named at once; documents stay unread."""
    if not payload.body:
        raise Malformed(f"no medium came, expected {codes.ZIP}", location="body")
    medium = read_medium(io.BytesIO(payload.body), limits_of(domain))
    problems = list(medium.problems)
    sets = []
    for item in medium.sets:
        submission, found = _accepted(item.submission, domain)
        problems += [replace(each, location=f"{item.directory}: {each.location}") for each in found]
        sets.append(replace(item, submission=submission))
    problems += _set_problems(sets)
    _refuse(problems)
    return ImportRequest(tuple(sets), tuple(problems))


def limits_of(domain: Domain) -> MediaLimits:
    """What a medium may hold here."""
    return MediaLimits(
        members=domain.max_media_members, document=domain.max_document_bytes, total=domain.max_media_bytes
    )


def _refuse(problems: Iterable[Problem]) -> None:
    wrong = [each for each in problems if not each.warning]
    if wrong:
        raise Refused(*wrong)


def _accepted(submission: Submission, domain: Domain) -> tuple[Submission, list[Problem]]:
    """The submission as it will be registered here, and what is wrong with it as it was sent.

    Versions, home community and paths of the medium say nothing about the document kept here.
    """
    submission = replace(
        submission,
        documents=tuple(replace(item, logical_id=None) for item in submission.documents),
        folders=tuple(replace(item, logical_id=None) for item in submission.folders),
    )
    problems = check(submission, Column.MEDIA, domain)
    patient = _patient(submission, domain)
    if isinstance(patient, Problem):
        return submission, [*problems, patient]
    head = replace(submission.submission_set, patient=patient, home=None, limited=False)
    documents = (
        replace(
            item,
            patient=patient,
            repository=domain.repository,
            hash=item.hash and item.hash.lower(),
            home=None,
            uri=None,
            limited=False,
        )
        for item in submission.documents
    )
    folders = (replace(item, patient=patient, home=None, limited=False) for item in submission.folders)
    accepted = replace(submission, submission_set=head, documents=tuple(documents), folders=tuple(folders))
    return accepted, problems


def _patient(submission: Submission, domain: Domain) -> PatientId | Problem:
    """The patientId where it is of this affinity domain, else sourcePatientId; one patient for a set."""
    local = [patient_id(item.source_patient_id or "") for item in submission.documents]
    for named in (submission.patients, local):
        known = {each for each in named if each is not None and domain.accepts(each.root)}
        if len(known) == 1:
            return known.pop()
        if known:
            text = "the set names several patients, expected one"
            return Problem(Meaning.PATIENT_MISMATCH, text, submission.submission_set.id)
    text = "neither patientId nor sourcePatientId is an identifier of this affinity domain"
    return Problem(Meaning.UNKNOWN_PATIENT, text, submission.submission_set.id)


def _set_problems(sets: list[MediaSet]) -> list[Problem]:
    """Sets of one medium differ, and none replaces what lies beside it: nothing is registered yet."""
    heads = Counter(item.submission.submission_set.unique_id for item in sets)
    times = Counter(item.submission.submission_set.submission_time for item in sets)
    inside = {entry.id for item in sets for entry in item.submission.documents}
    problems = [
        Problem(Meaning.DUPLICATE_IN_MESSAGE, f"uniqueId {name} is that of {count} sets", name)
        for name, count in heads.items()
        if name and count > 1
    ]
    problems += [
        Problem(Meaning.METADATA_INVALID, f"submissionTime {at} is that of {count} sets", at, warning=True)
        for at, count in times.items()
        if at and count > 1
    ]
    problems += [
        Problem(Meaning.NOT_SUPPORTED, f"{link.relation.value} to a document on the same medium", link.id)
        for item in sets
        for link in item.submission.associations
        if link.relation.replaces and link.target in inside
    ]
    return problems + _consent_problems(sets) + _octet_problems(sets)


def _consent_problems(sets: list[MediaSet]) -> list[Problem]:
    """What patients decided is kept one by one: a medium brings one consent document at most."""
    stating = [entry for item in sets for entry in item.submission.documents if states_consent(entry)]
    text = "several consent documents on one medium, expected one"
    return [Problem(Meaning.NOT_SUPPORTED, text, entry.id) for entry in stating[1:]]


def _octet_problems(sets: list[MediaSet]) -> list[Problem]:
    """A document may be in several sets, as long as it is the same."""
    hashes: dict[str, set[str | None]] = {}
    for entry in (each for item in sets for each in item.submission.documents):
        hashes.setdefault(entry.unique_id, set()).add(entry.hash and entry.hash.lower())
    return [different_octets(name) for name, found in hashes.items() if len(found) > 1]


def encode(response: Imported, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """An OperationOutcome: a line for each submission set, then warnings."""
    return told_reply(response.told, response.problems)


def target(request: ImportRequest) -> Target:
    """The patients, the sets, and the classes of what is on the medium."""
    submissions = [item.submission for item in request.sets]
    classes = (entry.class_code for item in submissions for entry in item.documents)
    return Target(
        patients=tuple(dict.fromkeys(each for item in submissions for each in item.patients)),
        submission_sets=tuple(item.submission_set.unique_id for item in submissions),
        classes=frozenset(each.code for each in classes if each),
        also=also_done(entry for item in submissions for entry in item.documents),
        changed=tuple(each for item in submissions for each in replaced_in(item)),
    )


async def handle(call: Call[ImportRequest], services: Services) -> Imported:
    """Registers every set of the medium or none; what is here already is left alone."""
    for item in call.request.sets:
        _refuse(await in_thread(content_problems, item))
    told, warnings = [], list(call.request.warnings)
    stored: set[str] = set()
    for item in call.request.sets:
        text, found = await _register(call, item, stored, services)
        told.append((item.directory, f"SubmissionSet {item.submission.submission_set.unique_id}: {text}"))
        warnings += [replace(each, location=f"{item.directory}: {each.location}") for each in found]
    heads = [item.submission.submission_set for item in call.request.sets]
    sets = tuple((each.patient, each.unique_id) for each in heads if each.patient)
    return Imported(told=tuple(told), problems=tuple(warnings), sets=sets)


async def _register(
    call: Call[ImportRequest], item: MediaSet, stored: set[str], services: Services
) -> tuple[str, tuple[Problem, ...]]:
    """One set; what became of it, and a warning for each association that does not hold here.

    `stored` are the uniqueIds that sets before it brought.
    """
    submission = item.submission
    if await already_registered(submission, services):
        return "already registered, nothing was changed", ()
    marked = digest(submission)
    kept, left_out = await without_present(assign_ids(submission, new_entry_uuid), call.scope, services)
    here = len(submission.documents) - len(kept.documents)
    if not kept.documents and not kept.folders:
        return f"{_documents(here)} already registered, nothing was changed", left_out
    fresh = {each.unique_id for each in kept.documents} - stored
    await _store(call, item, fresh, services)
    stored |= fresh
    contents = {each.unique_id: item.contents[each.id] for each in submission.documents}
    await register(call, kept, services, marked=marked, contents=contents)
    already = f", {_documents(here)} already registered" if here else ""
    return f"{_documents(len(kept.documents))} registered{already}", left_out


async def _store(call: Call[ImportRequest], item: MediaSet, unique_ids: set[str], services: Services) -> None:
    """The octets of some documents of a set, as a repository stores what it is provided with."""
    provided = Call(
        request=xds.ProvideRequest(item.submission, item.contents),
        principal=call.principal,
        scope=call.scope,
        work=call.work,
        at=call.at,
    )
    documents = tuple(each for each in item.submission.documents if each.unique_id in unique_ids)
    measured = {each.id: await measure_once(item.contents[each.id]) for each in documents}
    await xds.store(provided, documents, measured, services)


def _documents(number: int) -> str:
    return f"{number} document{'' if number == 1 else 's'}"


TRANSACTION: Transaction[ImportRequest, Imported] = Transaction(
    code="ITI-32",
    title="Distribute Document Set on Media",
    section="ITI TF-2: 3.32",
    actors=Actors("Portable Media Creator", "Portable Media Importer"),
    binding=Fhir(method="POST", path="/$import-media", takes=codes.ZIP),
    action=Action.DOCUMENT_PUBLISH,
    audit=media_event("ITI-32", "Distribute Document Set on Media", creates=False),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
