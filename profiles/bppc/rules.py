"""From a BPPC document to directives: metadata compared with content, policies looked up (ITI TF-3 5.1.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from gateway.errors import Meaning, Problem, Refused
from gateway.record.access import Period
from gateway.record.consents import BPPC, BPPC_SCANNED, Directive, Kind
from gateway.record.documents import DocumentEntry
from gateway.record.people import Code
from gateway.rights.documents import Known, Stated
from gateway.rights.fold import WITHOUT_PERIOD
from profiles.bppc import codes
from profiles.bppc.wire import Acknowledgement, Event, read_document

_TEMPLATES = {
    BPPC: frozenset({codes.MEDICAL_DOCUMENT, codes.ACKNOWLEDGEMENT}),
    BPPC_SCANNED: frozenset({codes.SCANNED_ACKNOWLEDGEMENT}),
}
_GIVING = frozenset({Kind.ALLOWANCE, Kind.LEVEL})
"""What opens something: an end that is told as a day is its first instant, not its last."""


def read(entry: DocumentEntry, octets: bytes, known: Known, at: datetime) -> Stated:
    """What a BPPC document says; Refused with every fault, or with a policy that is not known here."""
    document = read_document(octets)
    problems = [_wrong(text, entry) for text in document.faults]
    problems += _content_problems(entry, document)
    problems += _patient_problems(entry, document)
    if not problems:
        problems += _policy_problems(entry, document.events, known, at)
    if problems:
        raise Refused(*problems)
    first = document.events[0]
    said = (each for event in document.events for each in _directives(event, known))
    return Stated(
        directives=tuple(dict.fromkeys(said)),
        policies=tuple(dict.fromkeys(event.policy.code for event in document.events)),
        period=Period(first.low.first, first.high.after if first.high else None),
    )


def _wrong(text: str, entry: DocumentEntry) -> Problem:
    return Problem(Meaning.CONTENT_MISMATCH, text, entry.id)


def _content_problems(entry: DocumentEntry, document: Acknowledgement) -> Iterator[Problem]:
    form = entry.format_code or Code("", "")
    if form.scheme.removeprefix("urn:oid:") != codes.FORMAT_SCHEME:
        yield _wrong(f"formatCode {form.code} is of the scheme {codes.FORMAT_SCHEME}", entry)
    if not _TEMPLATES[form.code] <= document.templates:
        listed = " and ".join(sorted(_TEMPLATES[form.code]))
        yield _wrong(f"a document of the format {form.code} has the templates {listed}", entry)
    if form.code == BPPC and codes.SCANNED_ACKNOWLEDGEMENT in document.templates:
        yield _wrong(f"a document with a scanned part has the formatCode {BPPC_SCANNED}", entry)
    if document.unique_id != entry.unique_id:
        yield _wrong("uniqueId differs from ClinicalDocument/id", entry)
    if not _is_class(entry.class_code):
        text = f"classCode of a consent is {codes.PRIVACY_POLICY_ACKNOWLEDGEMENT} of LOINC ({codes.LOINC})"
        yield _wrong(text, entry)
    if document.code is None or _key(document.code) != _key(entry.type_code):
        yield _wrong("typeCode differs from ClinicalDocument/code", entry)
    named = {_key(event.policy) for event in document.events}
    if named != {_key(each) for each in entry.events}:
        yield _wrong(
            "eventCodeList is not the list of the policies in documentationOf/serviceEvent/code", entry
        )
    if len({(event.low, event.high) for event in document.events}) > 1:
        yield _wrong("effectiveTime is not the same in all documentationOf/serviceEvent", entry)


def _is_class(code: Code | None) -> bool:
    if code is None:
        return False
    return code.code == codes.FORMER_CLASS or _key(code) == (
        codes.PRIVACY_POLICY_ACKNOWLEDGEMENT,
        codes.LOINC,
    )


def _key(code: Code | None) -> tuple[str, str]:
    return (code.code, code.scheme.removeprefix("urn:oid:")) if code else ("", "")


def _patient_problems(entry: DocumentEntry, document: Acknowledgement) -> Iterator[Problem]:
    """The document names the patient as the registry does, or as the source does; never another one."""
    if entry.patient is None or not document.patients:
        yield _wrong("recordTarget/patientRole/id or patientId is missing", entry)
        return
    same = {each for each in document.patients if each.root == entry.patient.root}
    told = entry.source_patient_id or ""
    agrees = entry.patient in same or (not same and any(str(each) == told for each in document.patients))
    if not agrees or same - {entry.patient}:
        text = "the patient in recordTarget is neither patientId nor sourcePatientId of the metadata"
        yield Problem(Meaning.PATIENT_MISMATCH, text, entry.id)


def _policy_problems(
    entry: DocumentEntry, events: tuple[Event, ...], known: Known, at: datetime
) -> Iterator[Problem]:
    for number, event in enumerate(events, 1):
        place = f"documentationOf/serviceEvent[{number}]"
        decided = known.policies.get(event.policy.code)
        if decided is None:
            text = f"{place}/code: policy {event.policy.code} is not one that this domain applies"
            yield Problem(Meaning.NOT_SUPPORTED, text, entry.id)
        elif any(each.kind in WITHOUT_PERIOD for each in decided) and (event.high or event.low.first > at):
            text = (
                f"{place}/effectiveTime: policy {event.policy.code} holds from now on until it is changed; "
                "it can neither end nor begin later by itself"
            )
            yield Problem(Meaning.NOT_SUPPORTED, text, entry.id)


def _directives(event: Event, known: Known) -> Iterator[Directive]:
    for each in known.policies[event.policy.code]:
        if each.kind in WITHOUT_PERIOD:
            yield each
            continue
        high = event.high
        end = None if high is None else high.first if each.kind in _GIVING else high.after
        yield replace(each, period=Period(event.low.first, end))
