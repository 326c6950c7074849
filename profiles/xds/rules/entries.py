"""Rules of a DocumentEntry (ITI TF-3 4.2.3.2)."""

from __future__ import annotations

from collections import Counter

from gateway.record.documents import DocumentEntry, EntryType
from gateway.record.domain import Domain
from profiles.xds.rules import components, forms
from profiles.xds.rules.columns import Column, Kind
from profiles.xds.rules.lists import entry_codes
from profiles.xds.rules.people import authors
from profiles.xds.rules.presence import presence
from profiles.xds.rules.telling import Found, invalid, longer, personal, plain

TITLE_LIMIT = 128
TEXT_LIMIT = 1024
"""Characters of a comment: what rim:LocalizedString holds (FreeFormText)."""
_ONCE = (7, 8)
"""PID fields that sourcePatientInfo gives at most once: birth date, gender (4.2.3.2.23)."""


def entry_problems(entry: DocumentEntry, column: Column, domain: Domain) -> Found:
    """Everything wrong with an entry in the context of its sender."""
    yield from presence(Kind.ENTRY, entry, column)
    yield from _kind(entry, column)
    yield from _identifiers(entry)
    yield from _values(entry)
    yield from _times(entry)
    yield from _patient(entry)
    yield from authors(entry.id, entry.authors)
    yield from personal(entry.id, "legalAuthenticator", entry.legal_authenticator, components.xcn)
    yield from entry_codes(entry, domain)


def _kind(entry: DocumentEntry, column: Column) -> Found:
    """Stable entries come with ITI-41 and ITI-42, on-demand entries with ITI-61."""
    if column is Column.ON_DEMAND and entry.type is EntryType.STABLE:
        yield invalid(
            "objectType is that of a stable entry, which is registered by ITI-42, not here", entry.id
        )
    elif column is not Column.ON_DEMAND and entry.type is EntryType.ON_DEMAND:
        yield invalid(
            "objectType is that of an on-demand entry, which is registered by ITI-61, not here", entry.id
        )


def _identifiers(entry: DocumentEntry) -> Found:
    owner = entry.id
    yield from plain(owner, "entryUUID", owner, forms.entry_id)
    yield from plain(owner, "logicalID", entry.logical_id, forms.entry_id)
    yield from plain(owner, "homeCommunityId", entry.home, forms.oid_urn)
    yield from plain(owner, "repositoryUniqueId", entry.repository, forms.oid)
    yield from plain(owner, "uniqueId", entry.unique_id or None, forms.document_unique_id)
    for value in entry.reference_ids:
        yield from personal(owner, "referenceIdList", value, components.cxi)


def _values(entry: DocumentEntry) -> Found:
    owner = entry.id
    yield from plain(owner, "hash", entry.hash, forms.sha1)
    yield from plain(owner, "languageCode", entry.language, forms.language)
    yield from plain(owner, "mimeType", entry.mime_type or None, forms.mime_type)
    yield from plain(owner, "documentAvailability", entry.availability, forms.availability)
    yield from longer(owner, "title", entry.title, TITLE_LIMIT)
    yield from longer(owner, "comments", entry.comments, TEXT_LIMIT)


def _times(entry: DocumentEntry) -> Found:
    owner, start, stop = entry.id, entry.service_start, entry.service_stop
    yield from plain(owner, "creationTime", entry.creation_time, forms.dtm)
    yield from plain(owner, "serviceStartTime", start, forms.dtm)
    yield from plain(owner, "serviceStopTime", stop, forms.dtm)
    if start and stop and start.ljust(14, "0") > stop.ljust(14, "9"):
        yield invalid(f"serviceStartTime {start} is after serviceStopTime {stop}", owner)


def _patient(entry: DocumentEntry) -> Found:
    """The patient as the source knows it; no more than PID fields (4.2.3.2.23)."""
    owner = entry.id
    if entry.patient is not None:
        yield from plain(owner, "assigning authority of patientId", entry.patient.root, forms.oid)
    yield from personal(owner, "sourcePatientId", entry.source_patient_id, components.cx)
    for value in entry.source_patient_info:
        yield from personal(owner, "sourcePatientInfo", value, forms.patient_field)
        yield from personal(owner, "sourcePatientInfo", value, components.field)
    given = Counter(map(forms.patient_field_number, entry.source_patient_info))
    for number in _ONCE:
        if given[number] > 1:
            yield invalid(f"sourcePatientInfo holds PID-{number} more than once", owner)
