"""Record objects → table rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.record.documents import Association, DocumentEntry, Folder, SubmissionSet
from gateway.record.people import Code

Fragments = Mapping[str, str]
_DTM_LENGTH = 14
_OID_LENGTH = 64
_XON_ID = 9


def millis(at: datetime) -> int:
    """Epoch milliseconds."""
    return int(at.timestamp() * 1000)


def stamp(at: datetime) -> str:
    """An instant as a DTM with seconds, in UTC."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def padded(value: str | None) -> str | None:
    """A DTM at its first instant, so that times of different precision compare."""
    if value is None:
        return None
    return value + "00000101000000"[len(value) : _DTM_LENGTH]


def entry_row(key: int, patient_key: int, item: DocumentEntry, fragment: str, rank: int) -> dict[str, Any]:
    """A row of `entry`."""
    return {
        "key": key,
        "patient_key": patient_key,
        "uuid": item.id,
        "logical_id": item.logical_id or item.id,
        "unique_id": item.unique_id,
        "status": item.status.value,
        "type": item.type.value,
        "mime_type": item.mime_type,
        "class_code": _coded(item.class_code),
        "document_class": item.class_code.code if item.class_code else None,
        "type_code": _coded(item.type_code),
        "format_code": _coded(item.format_code),
        "facility_type": _coded(item.facility_type),
        "practice_setting": _coded(item.practice_setting),
        "creation_time": padded(item.creation_time),
        "service_start": padded(item.service_start),
        "service_stop": padded(item.service_stop),
        "rank": rank,
        "organisation": _organisation(item),
        "repository": item.repository,
        "home": item.home,
        "hash": item.hash.lower() if item.hash else None,
        "size": item.size,
        "version": item.version,
        "latest": True,
        "offline": bool(item.availability and item.availability.endswith(":Offline")),
        "fragment": fragment,
        "title": item.title,
    }


def entry_values(item: DocumentEntry) -> Iterator[tuple[str, str]]:
    """Multiple values of an entry that queries ask for."""
    for code in item.confidentiality:
        yield "confidentiality", str(code)
    for code in item.events:
        yield "event", str(code)
    for author in item.authors:
        if author.person:
            yield "author", author.person
    for reference in item.reference_ids:
        yield "reference", reference


def set_row(key: int, patient_key: int, item: SubmissionSet, fragment: str, digest: str) -> dict[str, Any]:
    """A row of `submission_set`."""
    return {
        "key": key,
        "patient_key": patient_key,
        "uuid": item.id,
        "unique_id": item.unique_id,
        "source_id": item.source_id,
        "content_type": _coded(item.content_type),
        "submission_time": padded(item.submission_time),
        "status": item.status.value,
        "home": item.home,
        "digest": digest,
        "fragment": fragment,
    }


def set_values(item: SubmissionSet) -> Iterator[tuple[str, str]]:
    """Multiple values of a set that queries ask for."""
    for author in item.authors:
        if author.person:
            yield "author", author.person


def folder_row(key: int, patient_key: int, item: Folder, fragment: str, at: datetime) -> dict[str, Any]:
    """A row of `folder`; lastUpdateTime is the registry's."""
    return {
        "key": key,
        "patient_key": patient_key,
        "uuid": item.id,
        "logical_id": item.logical_id or item.id,
        "unique_id": item.unique_id,
        "status": item.status.value,
        "last_update": stamp(at),
        "version": item.version,
        "latest": True,
        "home": item.home,
        "fragment": fragment,
    }


def folder_values(item: Folder) -> Iterator[tuple[str, str]]:
    """Multiple values of a folder that queries ask for."""
    for code in item.codes:
        yield "code", str(code)


def association_row(key: int, patient_key: int, item: Association, fragment: str) -> dict[str, Any]:
    """A row of `association`."""
    return {
        "key": key,
        "uuid": item.id,
        "patient_key": patient_key,
        "relation": item.relation.value,
        "source": item.source,
        "target": item.target,
        "status": item.status.value,
        "fragment": fragment,
    }


def _coded(code: Code | None) -> str | None:
    return None if code is None else str(code)


def _organisation(item: DocumentEntry) -> str | None:
    """The OID of the first author institution (XON.10), which sees what it wrote (P9)."""
    for author in item.authors:
        for institution in author.institutions:
            parts = institution.split("^")
            if len(parts) > _XON_ID and 0 < len(parts[_XON_ID]) <= _OID_LENGTH:
                return parts[_XON_ID]
    return None


def grouped(rows: Iterable[Any]) -> dict[str, frozenset[str]]:
    """Pairs of texts, by the first."""
    found: dict[str, set[str]] = {}
    for row in rows:
        name, document = tuple(row)
        found.setdefault(name, set()).add(document)
    return {name: frozenset(documents) for name, documents in found.items()}
