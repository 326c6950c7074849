"""DocumentEntry → DocumentReference (MHD 1:32.1.2, DocumentReference of FHIR R4)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence

from gateway.record.documents import DocumentEntry
from profiles.mhd import codes
from profiles.mhd.wire.people import author_references, practitioner, reference_id, source_patient
from profiles.mhd.wire.values import Json, coding, concept, date_time, filled, typed, unique_id

Relations = Sequence[tuple[str, str]]
"""Relation of each association of which a document is the source, with the entryUUID of its target."""


def document_id(entry_uuid: str) -> str:
    """The id of the DocumentReference, and of its Binary: the entryUUID without prefix."""
    return entry_uuid.removeprefix(codes.UUID)


def document_reference(entry: DocumentEntry, relations: Relations, base: str) -> Json:
    """The resource; `base` is the absolute URL of this service, where ITI-68 answers."""
    contained: list[Json] = []
    authors = _authors(entry, contained)
    authenticator = _authenticator(entry, contained)
    context = _context(entry, contained)
    return filled(
        resourceType="DocumentReference",
        id=document_id(entry.id),
        contained=contained,
        extension=[{"url": codes.HOME_COMMUNITY, "valueOid": entry.home}] if entry.home else None,
        masterIdentifier=unique_id(entry.unique_id),
        identifier=_identifiers(entry),
        status=codes.FHIR_STATUSES[entry.status.value],
        type=concept(entry.type_code) if entry.type_code else None,
        category=[concept(entry.class_code)] if entry.class_code else None,
        subject=_subject(entry),
        author=authors,
        authenticator=authenticator,
        relatesTo=[_related(relation, target) for relation, target in relations],
        description=entry.comments,
        securityLabel=[concept(code) for code in entry.confidentiality],
        content=[_content(entry, base)],
        context=context,
    )


def _identifiers(entry: DocumentEntry) -> list[Json]:
    uuid = {"system": codes.URI_SYSTEM, "value": entry.id.lower()}
    return [typed(uuid, "official", "entryUUID"), typed(unique_id(entry.unique_id), "usual", "uniqueId")]


def _subject(entry: DocumentEntry) -> Json | None:
    """A logical reference: no Patient resource is served here."""
    patient = entry.patient
    if patient is None:
        return None
    held = {"system": f"{codes.OID}{patient.root}", "value": patient.extension}
    return {"type": "Patient", "identifier": held}


def _authors(entry: DocumentEntry, contained: list[Json]) -> list[Json]:
    return [
        reference
        for number, author in enumerate(entry.authors, 1)
        for reference in author_references(author, number, contained)
    ]


def _authenticator(entry: DocumentEntry, contained: list[Json]) -> Json | None:
    if not entry.legal_authenticator:
        return None
    contained.append(practitioner(entry.legal_authenticator, "authenticator"))
    return {"reference": "#authenticator"}


def _related(relation: str, target: str) -> Json:
    held = {"system": codes.URI_SYSTEM, "value": target}
    return {
        "code": codes.RELATIONS[relation],
        "target": {"type": "DocumentReference", "identifier": held},
    }


def _content(entry: DocumentEntry, base: str) -> Json:
    attachment = filled(
        contentType=entry.mime_type,
        language=entry.language,
        url=f"{base}/Binary/{document_id(entry.id)}",
        hash=b64encode(bytes.fromhex(entry.hash)).decode() if entry.hash else None,
        title=entry.title,
        creation=date_time(entry.creation_time) if entry.creation_time else None,
    )
    if entry.size is not None:
        attachment["size"] = entry.size
    return filled(attachment=attachment, format=coding(entry.format_code) if entry.format_code else None)


def _context(entry: DocumentEntry, contained: list[Json]) -> Json:
    references = [reference_id(value) for value in entry.reference_ids]
    source = source_patient(entry.source_patient_id, entry.source_patient_info, "source-patient")
    if source is not None:
        contained.append(source)
    return filled(
        encounter=_of_kind(references, encounter=True),
        event=[concept(code) for code in entry.events],
        period=filled(
            start=date_time(entry.service_start) if entry.service_start else None,
            end=date_time(entry.service_stop) if entry.service_stop else None,
        ),
        facilityType=concept(entry.facility_type) if entry.facility_type else None,
        practiceSetting=concept(entry.practice_setting) if entry.practice_setting else None,
        sourcePatientInfo={"reference": "#source-patient"} if source is not None else None,
        related=_of_kind(references, encounter=False),
    )


def _of_kind(references: Iterable[tuple[str, Json]], *, encounter: bool) -> list[Json]:
    return [held for kind, held in references if (kind == codes.ENCOUNTER_ID) is encounter]
