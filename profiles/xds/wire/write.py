"""Record objects → canonical ebRIM fragments, written once at registration (ITI TF-3 4.2).

A fragment is exclusive canonical XML under a parent that binds the prefix `rim`. What may change
after registration stands as a mark that no XML text can hold, and is filled in when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.record.documents import (
    Association,
    Author,
    DocumentEntry,
    EntryType,
    Extra,
    Folder,
    SubmissionSet,
)
from gateway.record.people import Code
from gateway.stores.marks import LAST_UPDATE, PATIENT, STATUS
from profiles.xds import codes
from profiles.xds.wire.text import element, text

_VALUE_LIMIT = 256


def entry_fragment(entry: DocumentEntry) -> str:
    """rim:ExtrinsicObject of a DocumentEntry, with marks for status and patient."""
    return element(
        "rim:ExtrinsicObject",
        (
            ("home", entry.home),
            ("id", entry.id),
            ("isOpaque", "false"),
            ("lid", entry.logical_id or entry.id),
            ("mimeType", entry.mime_type),
            ("objectType", codes.ON_DEMAND if entry.type is EntryType.ON_DEMAND else codes.STABLE),
            ("status", STATUS),
        ),
        *_slots(_entry_slots(entry)),
        _slots_of(entry.extra),
        _localized("rim:Name", entry.title),
        _localized("rim:Description", entry.comments),
        _version(entry.version),
        *_classifications(entry.id, _entry_codes(entry)),
        *_authors(entry.id, codes.ENTRY_AUTHOR, entry.authors),
        _identifier(entry.id, codes.ENTRY_PATIENT, PATIENT) if entry.patient else "",
        _identifier(entry.id, codes.ENTRY_UNIQUE_ID, entry.unique_id),
    )


def set_fragment(item: SubmissionSet) -> str:
    """rim:RegistryPackage of a SubmissionSet."""
    return element(
        "rim:RegistryPackage",
        (
            ("home", item.home),
            ("id", item.id),
            ("lid", item.id),
            ("objectType", f"{codes.OBJECT_TYPE_PREFIX}RegistryPackage"),
            ("status", STATUS),
        ),
        *_slots((("intendedRecipient", item.recipients), ("submissionTime", (item.submission_time,)))),
        _slots_of(item.extra),
        _localized("rim:Name", item.title),
        _localized("rim:Description", item.comments),
        _version(1),
        _label(item.id, codes.SUBMISSION_SET_NODE),
        *_classifications(item.id, ((codes.CONTENT_TYPE, item.content_type),)),
        *_authors(item.id, codes.SET_AUTHOR, item.authors),
        _identifier(item.id, codes.SET_PATIENT, PATIENT) if item.patient else "",
        _identifier(item.id, codes.SET_SOURCE, item.source_id),
        _identifier(item.id, codes.SET_UNIQUE_ID, item.unique_id),
    )


def folder_fragment(item: Folder) -> str:
    """rim:RegistryPackage of a Folder."""
    return element(
        "rim:RegistryPackage",
        (
            ("home", item.home),
            ("id", item.id),
            ("lid", item.logical_id or item.id),
            ("objectType", f"{codes.OBJECT_TYPE_PREFIX}RegistryPackage"),
            ("status", STATUS),
        ),
        *_slots((("lastUpdateTime", (LAST_UPDATE,)),)),
        _slots_of(item.extra),
        _localized("rim:Name", item.title),
        _localized("rim:Description", item.comments),
        _version(item.version),
        _label(item.id, codes.FOLDER_NODE),
        *_classifications(item.id, ((codes.FOLDER_CODE, code) for code in item.codes)),
        _identifier(item.id, codes.FOLDER_PATIENT, PATIENT) if item.patient else "",
        _identifier(item.id, codes.FOLDER_UNIQUE_ID, item.unique_id),
    )


def association_fragment(item: Association) -> str:
    """rim:Association."""
    member = (("SubmissionSetStatus", (item.member_status,)),) if item.member_status else ()
    return element(
        "rim:Association",
        (
            ("associationType", codes.ASSOCIATION_TYPES[item.relation.value]),
            ("id", item.id),
            ("lid", item.id),
            ("objectType", f"{codes.OBJECT_TYPE_PREFIX}Association"),
            ("sourceObject", item.source),
            ("status", STATUS),
            ("targetObject", item.target),
        ),
        *_slots(member),
        _slots_of(item.extra),
        *_classifications(item.id, ((codes.ASSOCIATION_REASON, item.reason),)),
    )


def _entry_slots(entry: DocumentEntry) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, value in (
        ("creationTime", entry.creation_time),
        ("documentAvailability", entry.availability),
        ("hash", entry.hash),
        ("languageCode", entry.language),
        ("legalAuthenticator", entry.legal_authenticator),
        ("repositoryUniqueId", entry.repository),
        ("serviceStartTime", entry.service_start),
        ("serviceStopTime", entry.service_stop),
        ("size", None if entry.size is None else str(entry.size)),
        ("sourcePatientId", entry.source_patient_id),
    ):
        if value is not None:
            yield name, (value,)
    yield "sourcePatientInfo", entry.source_patient_info
    yield codes.REFERENCE_IDS, entry.reference_ids
    if entry.uri is not None:
        yield "URI", _cut(entry.uri)


def _cut(value: str) -> tuple[str, ...]:
    """A URI longer than a slot value may be is cut into numbered pieces."""
    if len(value) <= _VALUE_LIMIT:
        return (value,)
    room = _VALUE_LIMIT - 4
    return tuple(f"{n + 1}|{value[at : at + room]}" for n, at in enumerate(range(0, len(value), room)))


def _entry_codes(entry: DocumentEntry) -> Iterator[tuple[str, Code | None]]:
    yield codes.CLASS_CODE, entry.class_code
    yield codes.TYPE_CODE, entry.type_code
    yield codes.FORMAT, entry.format_code
    yield codes.FACILITY, entry.facility_type
    yield codes.PRACTICE, entry.practice_setting
    for code in entry.confidentiality:
        yield codes.CONFIDENTIALITY, code
    for code in entry.events:
        yield codes.EVENT, code


def _slots(pairs: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    for name, values in pairs:
        if values:
            yield _slot(name, values)


def _slot(name: str, values: tuple[str, ...]) -> str:
    listed = "".join(f"<rim:Value>{text(value)}</rim:Value>" for value in values)
    return element("rim:Slot", (("name", name),), f"<rim:ValueList>{listed}</rim:ValueList>")


def _slots_of(extra: Extra) -> str:
    return "".join(_slot(name, values) for name, values in extra)


def _localized(name: str, value: str | None) -> str:
    if value is None:
        return ""
    return element(name, (), element("rim:LocalizedString", (("value", value),)))


def _version(number: int) -> str:
    return element("rim:VersionInfo", (("versionName", str(number)),))


def _part(owner: str, name: str) -> str:
    """An id for a part of an object; derived, so that a fragment is the same whenever it is written."""
    return f"{owner}.{name}"


def _label(owner: str, node: str) -> str:
    return element(
        "rim:Classification",
        (
            ("classificationNode", node),
            ("classifiedObject", owner),
            ("id", _part(owner, "label")),
            ("objectType", f"{codes.OBJECT_TYPE_PREFIX}Classification"),
        ),
    )


def _classifications(owner: str, pairs: Iterable[tuple[str, Code | None]]) -> Iterator[str]:
    for number, (scheme, code) in enumerate(pairs):
        if code is not None:
            yield element(
                "rim:Classification",
                (
                    ("classificationScheme", scheme),
                    ("classifiedObject", owner),
                    ("id", _part(owner, f"code{number}")),
                    ("nodeRepresentation", code.code),
                    ("objectType", f"{codes.OBJECT_TYPE_PREFIX}Classification"),
                ),
                _slot("codingScheme", (code.scheme,)),
                _localized("rim:Name", code.display or code.code),
            )


def _authors(owner: str, scheme: str, authors: Iterable[Author]) -> Iterator[str]:
    for number, author in enumerate(authors):
        yield element(
            "rim:Classification",
            (
                ("classificationScheme", scheme),
                ("classifiedObject", owner),
                ("id", _part(owner, f"author{number}")),
                ("nodeRepresentation", ""),
                ("objectType", f"{codes.OBJECT_TYPE_PREFIX}Classification"),
            ),
            *_slots(
                (
                    ("authorPerson", (author.person,) if author.person else ()),
                    ("authorInstitution", author.institutions),
                    ("authorRole", author.roles),
                    ("authorSpecialty", author.specialties),
                    ("authorTelecommunication", author.telecoms),
                )
            ),
        )


def _identifier(owner: str, scheme: str, value: str) -> str:
    name = codes.EXTERNAL_NAMES[scheme]
    return element(
        "rim:ExternalIdentifier",
        (
            ("id", f"{owner}.{name}"),
            ("identificationScheme", scheme),
            ("objectType", f"{codes.OBJECT_TYPE_PREFIX}ExternalIdentifier"),
            ("registryObject", owner),
            ("value", value),
        ),
        _localized("rim:Name", name),
    )
