"""Metadata rules of document sharing (ITI TF-3 4.2.3, 4.3; ITI TF-2 3.42.4.1.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, unique

from gateway.errors import Meaning, Problem
from gateway.record.documents import DocumentEntry, EntryType, Folder, Submission, SubmissionSet
from gateway.record.domain import Domain
from gateway.record.people import Code
from profiles.xds.wire.read import doubled

_DTM = re.compile(
    r"\d{4}((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d([0-5]\d)?)?)?)?)?",
    re.ASCII,
)
_OID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
"""Not narrower than what partners send: test systems use arcs that no authority gave out."""
_HASH = re.compile(r"[0-9a-fA-F]{40}")
_CX = re.compile(r"[^^&]+\^\^\^&(0|[1-9]\d*)(\.(0|[1-9]\d*))+&ISO", re.ASCII)
_CXI = re.compile(r"[^^]+\^\^\^([^^]*)\^[^^]+(\^[^^]*)?")
_HOME = re.compile(r"urn:oid:.*", re.DOTALL)
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_PID_FIELD = re.compile(r"PID-(\d+)\|.*", re.DOTALL | re.ASCII)
_PID_NOT_ALLOWED = frozenset({"2", "4", "12", "19"})
_OID_LIMIT = 64
_TITLE_LIMIT = 128
_UNIQUE_ID_LIMIT = 128
_MIME_TYPE_LIMIT = 256

Found = Iterator[Problem]


@unique
class Column(Enum):
    """The context that sets the cardinalities (ITI TF-3 Tables 4.3.1-3)."""

    SOURCE = "XDS Document Source"
    REPOSITORY = "XDS Document Repository"


def check(submission: Submission, column: Column, domain: Domain) -> list[Problem]:
    """Every fault of a submission that can be told without the registry."""
    problems = list(_set_problems(submission.submission_set))
    for entry in submission.documents:
        problems += _entry_problems(entry, column, domain)
    for folder in submission.folders:
        problems += _folder_problems(folder)
    for association in submission.associations:
        problems += _identity(association.id)
    problems += _patient_problems(submission)
    problems += _unique_id_problems(submission)
    return problems


def _invalid(context: str, location: str) -> Problem:
    return Problem(Meaning.METADATA_INVALID, context, location)


def _missing(owner: str, values: Iterator[tuple[str, object]]) -> Found:
    for name, value in values:
        if not value and value != 0:
            yield _invalid(f"{name} is missing", owner)


def _form(owner: str, name: str, value: str | None, pattern: re.Pattern[str], expected: str) -> Found:
    if value is not None and not pattern.fullmatch(value):
        yield _invalid(f"{name} is not {expected}", owner)


def _times(owner: str, values: Iterator[tuple[str, str | None]]) -> Found:
    for name, value in values:
        yield from _form(owner, name, value, _DTM, "a DTM of the form YYYY[MM[DD[hh[mm[ss]]]]]")


def _set_problems(item: SubmissionSet) -> Found:
    yield from _missing(
        item.id,
        iter(
            (
                ("SubmissionSet/@id", item.id),
                ("XDSSubmissionSet.uniqueId", item.unique_id),
                ("XDSSubmissionSet.sourceId", item.source_id),
                ("XDSSubmissionSet.patientId", item.patient),
                ("submissionTime", item.submission_time),
                ("contentTypeCode", item.content_type),
            )
        ),
    )
    yield from _times(item.id, iter((("submissionTime", item.submission_time or None),)))
    yield from _identity(item.id, item.home)
    yield from _oid(item.id, "XDSSubmissionSet.uniqueId", item.unique_id)
    yield from _oid(item.id, "XDSSubmissionSet.sourceId", item.source_id)
    if item.limited:
        yield _invalid("limitedMetadata is not taken by this registry", item.id)


def _oid(owner: str, name: str, value: str) -> Found:
    if value and (len(value) > _OID_LIMIT or not _OID.fullmatch(value)):
        yield _invalid(f"{name} is not an OID of at most {_OID_LIMIT} characters", owner)


def _identity(owner: str, home: str | None = None) -> Found:
    """An id is a UUID or symbolic; homeCommunityId is an OID URN (ITI TF-3 4.2.3.2.12)."""
    if owner.startswith("urn:uuid:"):
        yield from _form(owner, "@id", owner, _UUID, "a UUID")
    if home is not None:
        yield from _form(owner, "@home", home, _HOME, "of the form urn:oid:OID")
        yield from _oid(owner, "@home", home.removeprefix("urn:oid:"))


def _folder_problems(item: Folder) -> Found:
    yield from _missing(
        item.id,
        iter(
            (
                ("Folder/@id", item.id),
                ("XDSFolder.uniqueId", item.unique_id),
                ("XDSFolder.patientId", item.patient),
                ("codeList", item.codes),
                ("title", item.title),
            )
        ),
    )
    yield from _identity(item.id, item.home)
    yield from _oid(item.id, "XDSFolder.uniqueId", item.unique_id)
    if item.logical_id is not None and item.logical_id != item.id:
        yield _invalid("lid differs from id, which only a metadata update may send", item.id)


def _entry_problems(entry: DocumentEntry, column: Column, domain: Domain) -> Found:
    yield from _missing(entry.id, iter(_required(entry, column)))
    yield from _entry_forms(entry)
    yield from _entry_kind(entry)
    yield from _entry_codes(entry, domain)
    yield from _source_patient(entry)


def _required(entry: DocumentEntry, column: Column) -> list[tuple[str, object]]:
    """R in the column of the submission; hash, size and repository come with the repository."""
    wanted: list[tuple[str, object]] = [
        ("ExtrinsicObject/@id", entry.id),
        ("ExtrinsicObject/@mimeType", entry.mime_type),
        ("XDSDocumentEntry.uniqueId", entry.unique_id),
        ("XDSDocumentEntry.patientId", entry.patient),
        ("classCode", entry.class_code),
        ("typeCode", entry.type_code),
        ("formatCode", entry.format_code),
        ("healthcareFacilityTypeCode", entry.facility_type),
        ("practiceSettingCode", entry.practice_setting),
        ("confidentialityCode", entry.confidentiality),
        ("creationTime", entry.creation_time),
        ("languageCode", entry.language),
        ("sourcePatientId", entry.source_patient_id),
    ]
    if column is Column.REPOSITORY:
        wanted += [("hash", entry.hash), ("repositoryUniqueId", entry.repository)]
        if entry.size is None:
            wanted.append(("size", None))
    return wanted


def _entry_forms(entry: DocumentEntry) -> Found:
    owner = entry.id
    yield from _times(
        owner,
        iter(
            (
                ("creationTime", entry.creation_time),
                ("serviceStartTime", entry.service_start),
                ("serviceStopTime", entry.service_stop),
            )
        ),
    )
    yield from _form(owner, "hash", entry.hash, _HASH, "40 hexadecimal digits")
    yield from _form(owner, "sourcePatientId", entry.source_patient_id, _CX, "of the form id^^^&OID&ISO")
    yield from _form(owner, "languageCode", entry.language, _LANGUAGE, "a language tag (RFC 5646)")
    if entry.repository is not None:
        yield from _oid(owner, "repositoryUniqueId", entry.repository)
    for value in entry.reference_ids:
        yield from _form(owner, "referenceIdList", value, _CXI, "of the form id^^^authority^type")
    if len(entry.unique_id) > _UNIQUE_ID_LIMIT:
        yield _invalid(f"XDSDocumentEntry.uniqueId is longer than {_UNIQUE_ID_LIMIT} characters", owner)
    if entry.title is not None and len(entry.title) > _TITLE_LIMIT:
        yield _invalid(f"title is longer than {_TITLE_LIMIT} characters", owner)
    start, stop = entry.service_start, entry.service_stop
    if start and stop and start.ljust(14, "0") > stop.ljust(14, "9"):
        yield _invalid("serviceStartTime is after serviceStopTime", owner)


def _entry_kind(entry: DocumentEntry) -> Found:
    if entry.type is not EntryType.STABLE:
        yield _invalid("an on-demand entry is registered by ITI-61, not here", entry.id)
    if entry.logical_id is not None and entry.logical_id != entry.id:
        yield _invalid("lid differs from id, which only a metadata update may send", entry.id)
    if entry.limited:
        yield _invalid("limitedMetadata is not taken by this registry", entry.id)
    if len(entry.mime_type) > _MIME_TYPE_LIMIT:
        yield _invalid(f"mimeType is longer than {_MIME_TYPE_LIMIT} characters", entry.id)
    yield from _identity(entry.id, entry.home)


def _entry_codes(entry: DocumentEntry, domain: Domain) -> Found:
    """Codes of the affinity domain, where it limits an attribute (ITI TF-2 3.42.4.1.3.3.3)."""
    if domain.mime_types and entry.mime_type not in domain.mime_types:
        yield _invalid(f"mimeType {entry.mime_type!r} is not in the list of this domain", entry.id)
    single: dict[str, Code | None] = {
        "classCode": entry.class_code,
        "typeCode": entry.type_code,
        "formatCode": entry.format_code,
        "healthcareFacilityTypeCode": entry.facility_type,
        "practiceSettingCode": entry.practice_setting,
    }
    for name, code in single.items():
        yield from _in_list(entry, name, code, domain)
    for code in entry.confidentiality:
        yield from _in_list(entry, "confidentialityCode", code, domain)


def _in_list(entry: DocumentEntry, name: str, code: Code | None, domain: Domain) -> Found:
    allowed = domain.codes.get(name)
    if allowed and code is not None and str(code) not in allowed:
        shown = ", ".join(sorted(allowed)[:8])
        yield _invalid(f"{name} {code} is not in the list of this domain; allowed: {shown}", entry.id)


def _source_patient(entry: DocumentEntry) -> Found:
    """SourcePatientInfo holds PID fields only (ITI TF-3 4.2.3.2.23)."""
    seen = []
    for value in entry.source_patient_info:
        match = _PID_FIELD.fullmatch(value)
        if match is None:
            yield _invalid("a sourcePatientInfo value is not of the form PID-n|value", entry.id)
        elif match[1] in _PID_NOT_ALLOWED:
            yield _invalid(f"sourcePatientInfo must not hold PID-{match[1]}", entry.id)
        else:
            seen.append(match[1])
    for field in ("7", "8"):
        if seen.count(field) > 1:
            yield _invalid(f"sourcePatientInfo holds PID-{field} more than once", entry.id)


def _patient_problems(submission: Submission) -> Found:
    """Entries, folders and set agree on the patient (ITI TF-2 3.42.4.1.3.3.2)."""
    if len(submission.patients) > 1:
        yield Problem(
            Meaning.PATIENT_MISMATCH,
            "SubmissionSet, DocumentEntries and Folders name different patients",
            submission.submission_set.id,
        )


def _unique_id_problems(submission: Submission) -> Found:
    named = [submission.submission_set.unique_id]
    named += [item.unique_id for item in submission.documents]
    named += [item.unique_id for item in submission.folders]
    for value in doubled([name for name in named if name]):
        yield Problem(Meaning.DUPLICATE_IN_MESSAGE, f"uniqueId {value} is used twice", value)
