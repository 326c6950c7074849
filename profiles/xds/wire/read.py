"""ebRIM 3.0 registry objects → record objects (ITI TF-3 4.2.1 to 4.2.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.crypto.safexml import text_of
from gateway.errors import Meaning, Problem
from gateway.record.documents import (
    Association,
    Author,
    DocumentEntry,
    EntryType,
    Extra,
    Folder,
    Relation,
    Submission,
    SubmissionSet,
)
from gateway.record.people import Code, PatientId
from profiles.xds import codes
from profiles.xds.rules.components import cx

_R = f"{{{codes.RIM}}}"
_MOST_SLOTS = 200
"""More than the standard names, several times; each is kept with the object for ever."""
_CX = re.compile(r"([^^&]+)\^\^\^&([^&^]+)&ISO")
_SIZE = re.compile(r"[0-9]{1,18}")
_RELATIONS = {urn: Relation(name) for name, urn in codes.ASSOCIATION_TYPES.items()}


class Problems(list[Problem]):
    """Collects what is wrong, so that one answer names every fault."""

    def invalid(self, context: str, location: str) -> None:
        """Adds a metadata error at an object."""
        self.append(Problem(Meaning.METADATA_INVALID, context, location))

    def not_saved(self, context: str, location: str) -> None:
        """Adds a warning: extra metadata that are left out (ITI TF-3 4.2.3.1.6)."""
        self.append(Problem(Meaning.EXTRA_NOT_SAVED, context, location, warning=True))


@dataclass(frozen=True, slots=True)
class Carrier:
    """One registry object taken apart: slots, name, classifications, external identifiers."""

    element: etree._Element
    id: str
    slots: Mapping[str, tuple[str, ...]]
    name: str | None
    description: str | None
    classified: Mapping[str, Sequence[etree._Element]]
    identifiers: Mapping[str, str]
    nodes: frozenset[str]

    def one(self, slot: str) -> str | None:
        """The only value of a slot."""
        values = self.slots.get(slot)
        return values[0] if values else None


def patient_id(value: str) -> PatientId | None:
    """CX `id^^^&oid&ISO` (ITI TF-3 Table 4.2.3.1.7-2); None when it has another form."""
    match = _CX.fullmatch(value)
    return PatientId(extension=match[1], root=match[2]) if match else None


def read_submission(objects: etree._Element, problems: Problems) -> Submission | None:
    """A rim:RegistryObjectList as one submission; None when it has no single SubmissionSet."""
    stray = _stray_labels(objects)
    sets: list[SubmissionSet] = []
    folders: list[Folder] = []
    for package in objects.iterchildren(f"{_R}RegistryPackage"):
        carrier = _carrier(package, problems, stray)
        if codes.SUBMISSION_SET_NODE in carrier.nodes:
            sets.append(_submission_set(carrier, problems))
        elif codes.FOLDER_NODE in carrier.nodes:
            folders.append(_folder(carrier, problems))
        else:
            problems.invalid("a RegistryPackage is labelled neither SubmissionSet nor Folder", carrier.id)
    if len(sets) != 1:
        problems.invalid(f"{len(sets)} SubmissionSets were sent, expected exactly 1", "RegistryObjectList")
        return None
    return Submission(
        submission_set=sets[0],
        documents=tuple(
            _entry(_carrier(item, problems, stray), problems)
            for item in objects.iterchildren(f"{_R}ExtrinsicObject")
        ),
        folders=tuple(folders),
        associations=tuple(_associations(objects, problems)),
    )


def read_entry(extrinsic: etree._Element, problems: Problems) -> DocumentEntry:
    """One rim:ExtrinsicObject that stands alone, as in a reply or a stored fragment."""
    return _entry(_carrier(extrinsic, problems, {}), problems)


def read_folder(package: etree._Element, problems: Problems) -> Folder:
    """One rim:RegistryPackage of a Folder that stands alone, as in a stored fragment."""
    return _folder(_carrier(package, problems, {}), problems)


def _stray_labels(objects: etree._Element) -> dict[str, set[str]]:
    """Labelling classifications beside the packages they label (ITI TF-3 4.2.1)."""
    labels: dict[str, set[str]] = {}
    for item in objects.iterchildren(f"{_R}Classification"):
        node, owner = item.get("classificationNode"), item.get("classifiedObject")
        if node and owner:
            labels.setdefault(owner, set()).add(node)
    return labels


def _carrier(item: etree._Element, problems: Problems, stray: Mapping[str, set[str]]) -> Carrier:
    identifier = item.get("id") or ""
    classified: dict[str, list[etree._Element]] = {}
    nodes = set(stray.get(identifier, ()))
    for classification in item.iterchildren(f"{_R}Classification"):
        if classification.get("classifiedObject") not in {identifier, None}:
            problems.invalid("Classification/@classifiedObject names another object", identifier)
        scheme, node = classification.get("classificationScheme"), classification.get("classificationNode")
        if node and (not scheme or node in codes.LIMITED_NODES):
            nodes.add(node)  # some senders of limited metadata repeat the node as scheme
        elif scheme:
            classified.setdefault(scheme, []).append(classification)
    return Carrier(
        element=item,
        id=identifier,
        slots=_slots(item, problems, identifier),
        name=_localized(item.find(f"{_R}Name")),
        description=_localized(item.find(f"{_R}Description")),
        classified=classified,
        identifiers=_identifiers(item, problems, identifier),
        nodes=frozenset(nodes),
    )


def _slots(item: etree._Element, problems: Problems, location: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for slot in item.iterchildren(f"{_R}Slot"):
        name = slot.get("name") or ""
        if name in found:
            problems.invalid(f"slot {name} is given twice, expected once", location)
        found[name] = tuple(text_of(value) for value in slot.iterfind(f"{_R}ValueList/{_R}Value"))
    return found


def _localized(item: etree._Element | None) -> str | None:
    """The first localized string; an empty Name counts as absent."""
    if item is None:
        return None
    string = item.find(f"{_R}LocalizedString")
    return (string.get("value") or None) if string is not None else None


def _identifiers(item: etree._Element, problems: Problems, location: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for identifier in item.iterchildren(f"{_R}ExternalIdentifier"):
        scheme, value = identifier.get("identificationScheme") or "", identifier.get("value") or ""
        name = codes.EXTERNAL_NAMES.get(scheme, scheme)
        told = _localized(identifier.find(f"{_R}Name"))
        if scheme in codes.EXTERNAL_NAMES and told != name:
            problems.invalid(
                f"ExternalIdentifier {scheme} has the Name {(told or '')[:64]!r}, expected {name!r}", location
            )
        if scheme in found:
            problems.invalid(f"{name} is given twice, expected once", location)
        if identifier.get("registryObject") not in {location, None}:
            problems.invalid(f"{name}: ExternalIdentifier/@registryObject names another object", location)
        found[scheme] = value.strip()
    return found


def _code(item: etree._Element, problems: Problems, location: str) -> Code:
    """A coded attribute (ITI TF-3 4.2.3.1.2)."""
    value = item.get("nodeRepresentation") or ""
    schemes = _slots(item, problems, location).get("codingScheme", ())
    display = _localized(item.find(f"{_R}Name")) or ""
    if not value:
        problems.invalid("a code has an empty nodeRepresentation", location)
    if len(schemes) != 1:
        problems.invalid(f"code {value!r} has {len(schemes)} codingScheme values, expected 1", location)
    if not display:
        problems.invalid(f"code {value!r} has no display name (rim:Name)", location)
    return Code(code=value, scheme=schemes[0] if schemes else "", display=display)


def _codes(carrier: Carrier, scheme: str, problems: Problems) -> tuple[Code, ...]:
    return tuple(_code(item, problems, carrier.id) for item in carrier.classified.get(scheme, ()))


def _single(carrier: Carrier, scheme: str, name: str, problems: Problems) -> Code | None:
    found = _codes(carrier, scheme, problems)
    if len(found) > 1:
        problems.invalid(f"{name} is given {len(found)} times, expected once", carrier.id)
    return found[0] if found else None


def _authors(carrier: Carrier, scheme: str, problems: Problems) -> tuple[Author, ...]:
    found = []
    for item in carrier.classified.get(scheme, ()):
        slots = _slots(item, problems, carrier.id)
        if len(slots.get("authorPerson", ())) > 1:
            problems.invalid("author has several authorPerson values, expected at most 1", carrier.id)
        author = Author(
            person=next(iter(slots.get("authorPerson", ())), None),
            institutions=slots.get("authorInstitution", ()),
            roles=slots.get("authorRole", ()),
            specialties=slots.get("authorSpecialty", ()),
            telecoms=slots.get("authorTelecommunication", ()),
        )
        found.append(author)
    return tuple(found)


def _patient(carrier: Carrier, scheme: str, problems: Problems) -> PatientId | None:
    value = carrier.identifiers.get(scheme)
    if value is None:
        return None
    found = patient_id(value)
    if found is None:
        wrong = cx(value) or "is not of the form id^^^&OID&ISO"
        problems.invalid(f"{codes.EXTERNAL_NAMES[scheme]} {wrong}", carrier.id)
    return found


def _extra(carrier: Carrier, known: frozenset[str], problems: Problems) -> Extra:
    """Slots of others: kept when their name is a URN outside urn:ihe, refused inside it, else left out.

    Those of the standard have one value, but for a few.
    """
    kept = []
    for name, values in carrier.slots.items():
        if name in known:
            if len(values) != 1 and name not in codes.SLOTS_OF_SEVERAL:
                problems.invalid(f"slot {name} has {len(values)} values, expected 1", carrier.id)
            continue
        if name.startswith("urn:ihe:"):
            problems.invalid(f"slot {name} is reserved and not defined for this object", carrier.id)
        elif name.startswith("urn:"):
            kept.append((name, values))
        else:
            problems.not_saved(f"slot {name[:64]} is no URN and is not kept", carrier.id)
    if len(carrier.slots) > _MOST_SLOTS:
        problems.invalid(f"{len(carrier.slots)} slots, expected at most {_MOST_SLOTS}", carrier.id)
    return tuple(kept)


def _size(carrier: Carrier, problems: Problems) -> int | None:
    value = carrier.one("size")
    if value is None:
        return None
    if not _SIZE.fullmatch(value):
        problems.invalid(f"size is {value[:20]!r}, expected a number of octets", carrier.id)
        return None
    return int(value)


def _entry(carrier: Carrier, problems: Problems) -> DocumentEntry:
    item = carrier.element
    kind = item.get("objectType")
    if kind not in {codes.STABLE, codes.ON_DEMAND}:
        problems.invalid(
            f"ExtrinsicObject/@objectType {(kind or '')[:64]!r} is neither that of stable entries "
            f"({codes.STABLE}) nor of on-demand entries ({codes.ON_DEMAND})",
            carrier.id,
        )
    return DocumentEntry(
        id=carrier.id,
        unique_id=carrier.identifiers.get(codes.ENTRY_UNIQUE_ID, ""),
        type=EntryType.ON_DEMAND if kind == codes.ON_DEMAND else EntryType.STABLE,
        logical_id=item.get("lid"),
        patient=_patient(carrier, codes.ENTRY_PATIENT, problems),
        mime_type=item.get("mimeType") or "",
        title=carrier.name,
        comments=carrier.description,
        class_code=_single(carrier, codes.CLASS_CODE, "classCode", problems),
        type_code=_single(carrier, codes.TYPE_CODE, "typeCode", problems),
        format_code=_single(carrier, codes.FORMAT, "formatCode", problems),
        facility_type=_single(carrier, codes.FACILITY, "healthcareFacilityTypeCode", problems),
        practice_setting=_single(carrier, codes.PRACTICE, "practiceSettingCode", problems),
        confidentiality=_codes(carrier, codes.CONFIDENTIALITY, problems),
        events=_codes(carrier, codes.EVENT, problems),
        authors=_authors(carrier, codes.ENTRY_AUTHOR, problems),
        creation_time=carrier.one("creationTime"),
        service_start=carrier.one("serviceStartTime"),
        service_stop=carrier.one("serviceStopTime"),
        language=carrier.one("languageCode"),
        legal_authenticator=carrier.one("legalAuthenticator"),
        source_patient_id=carrier.one("sourcePatientId"),
        source_patient_info=carrier.slots.get("sourcePatientInfo", ()),
        reference_ids=carrier.slots.get(codes.REFERENCE_IDS, ()),
        repository=carrier.one("repositoryUniqueId"),
        hash=carrier.one("hash"),
        size=_size(carrier, problems),
        uri=_uri(carrier),
        home=item.get("home"),
        availability=carrier.one("documentAvailability"),
        limited=bool(carrier.nodes & codes.LIMITED_NODES),
        extra=_extra(carrier, codes.ENTRY_SLOTS, problems),
    )


def _uri(carrier: Carrier) -> str | None:
    """URI may be cut in numbered pieces `n|text` (ITI TF-3 4.2.3.2.27)."""
    values = carrier.slots.get("URI", ())
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    pieces = [value.partition("|") for value in values]
    return "".join(text for _, _, text in sorted(pieces, key=lambda piece: (len(piece[0]), piece[0])))


def _submission_set(carrier: Carrier, problems: Problems) -> SubmissionSet:
    return SubmissionSet(
        id=carrier.id,
        unique_id=carrier.identifiers.get(codes.SET_UNIQUE_ID, ""),
        source_id=carrier.identifiers.get(codes.SET_SOURCE, ""),
        submission_time=carrier.one("submissionTime") or "",
        patient=_patient(carrier, codes.SET_PATIENT, problems),
        content_type=_single(carrier, codes.CONTENT_TYPE, "contentTypeCode", problems),
        title=carrier.name,
        comments=carrier.description,
        authors=_authors(carrier, codes.SET_AUTHOR, problems),
        recipients=carrier.slots.get("intendedRecipient", ()),
        home=carrier.element.get("home"),
        limited=bool(carrier.nodes & codes.LIMITED_NODES),
        extra=_extra(carrier, codes.SET_SLOTS, problems),
    )


def _folder(carrier: Carrier, problems: Problems) -> Folder:
    return Folder(
        id=carrier.id,
        unique_id=carrier.identifiers.get(codes.FOLDER_UNIQUE_ID, ""),
        logical_id=carrier.element.get("lid"),
        patient=_patient(carrier, codes.FOLDER_PATIENT, problems),
        codes=_codes(carrier, codes.FOLDER_CODE, problems),
        title=carrier.name,
        comments=carrier.description,
        last_update=carrier.one("lastUpdateTime"),
        home=carrier.element.get("home"),
        limited=bool(carrier.nodes & codes.LIMITED_NODES),
        extra=_extra(carrier, codes.FOLDER_SLOTS, problems),
    )


def _associations(objects: etree._Element, problems: Problems) -> Iterator[Association]:
    for item in objects.iterchildren(f"{_R}Association"):
        identifier = item.get("id") or ""
        relation = _RELATIONS.get(item.get("associationType") or "")
        if relation is None:
            told = (item.get("associationType") or "")[:80]
            problems.invalid(f"associationType {told!r} is not one of XDS", identifier)
            continue
        yield read_association(item, identifier, relation, problems)


def read_association(
    item: etree._Element, identifier: str, relation: Relation, problems: Problems
) -> Association:
    """One rim:Association of a known type."""
    carrier = _carrier(item, problems, {})
    reason = _single(carrier, codes.ASSOCIATION_REASON, "association documentation", problems)
    member_status = carrier.slots.get("SubmissionSetStatus")
    if member_status and member_status[0] not in {"Original", "Reference"}:
        told = member_status[0][:64]
        problems.invalid(f"SubmissionSetStatus {told!r} is not one of Original, Reference", identifier)
    return Association(
        id=identifier,
        relation=relation,
        source=item.get("sourceObject") or "",
        target=item.get("targetObject") or "",
        member_status=member_status[0] if member_status else None,
        reason=reason,
        previous_version=carrier.one("PreviousVersion"),
        propagation=carrier.one("AssociationPropagation"),
        original_status=carrier.one("OriginalStatus"),
        new_status=carrier.one("NewStatus"),
        extra=_extra(carrier, codes.ASSOCIATION_SLOTS, problems),
    )
