"""The registry objects of an answer: counts, named contents, and the attributes a query answer must carry.

Rules: metadata of documents (ITI TF-3: 4.2, response column of 4.3.1) and the names of `contents` as
conformance/README.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from answer import local
from lxml import etree

SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
FOLDER = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
DOCUMENT_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
NAMED = re.compile(r"^SSwith(One|Two)(Doc|Fol)(?:(One)Fol)?(OneDocInFol)?$")
SCHEMES = {
    "ExtrinsicObject": {
        "patientId": "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
        "uniqueId": DOCUMENT_UNIQUE_ID,
        "classCode": "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a",
        "confidentialityCode": "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f",
        "formatCode": "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
        "healthcareFacilityTypeCode": "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
        "practiceSettingCode": "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead",
        "typeCode": "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983",
    },
    "SubmissionSet": {
        "patientId": "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
        "uniqueId": "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8",
        "sourceId": "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832",
        "contentTypeCode": "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500",
    },
    "Folder": {
        "patientId": "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a",
        "uniqueId": "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a",
        "codeList": "urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5",
    },
}
STABLE_SLOTS = ("creationTime", "hash", "size")
SLOTS = {"ExtrinsicObject": ("languageCode", "repositoryUniqueId"), "SubmissionSet": ("submissionTime",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Top-level registry objects of one answer, sorted by kind."""

    documents: tuple[etree._Element, ...]
    submission_sets: tuple[etree._Element, ...]
    folders: tuple[etree._Element, ...]
    associations: tuple[etree._Element, ...]
    references: tuple[etree._Element, ...]

    @property
    def full(self) -> int:
        """How many complete objects there are."""
        return sum(map(len, (self.documents, self.submission_sets, self.folders, self.associations)))


def objects_of(payload: etree._Element | None) -> Objects:
    """Sort the children of the answer's RegistryObjectList."""
    found = list(_listed(payload)) if payload is not None else []
    packages = [e for e in found if local(e) == "RegistryPackage"]
    return Objects(
        documents=tuple(e for e in found if local(e) == "ExtrinsicObject"),
        submission_sets=tuple(e for e in packages if _labelled(e, found, SUBMISSION_SET)),
        folders=tuple(e for e in packages if _labelled(e, found, FOLDER)),
        associations=tuple(e for e in found if local(e) == "Association"),
        references=tuple(e for e in found if local(e) == "ObjectRef"),
    )


def _listed(payload: etree._Element) -> Iterator[etree._Element]:
    for holder in payload.iter():
        if local(holder) == "RegistryObjectList":
            yield from holder


def _labelled(package: etree._Element, found: list[etree._Element], node: str) -> bool:
    beside = (e for e in found if e.get("classifiedObject") == package.get("id"))
    return any(e.get("classificationNode") == node for e in (*package.iter(), *beside))


def counts(objects: Objects) -> dict[str, int]:
    """The numbers that `count` speaks of."""
    return {
        "Documents": len(objects.documents),
        "SubmissionSets": len(objects.submission_sets),
        "Folders": len(objects.folders),
        "Associations": len(objects.associations),
        "ObjectRefs": len(objects.references),
    }


def holds(name: str, objects: Objects) -> bool:
    """Whether one rule of `contents` is met. Raises KeyError for a name that is not defined."""
    if name.startswith("Has"):
        kind = name.removeprefix("Has")
        return any(_kind(a) == kind for a in objects.associations)
    named = NAMED.match(name)
    if named:
        return _submission(objects, named)
    return {
        "None": lambda: objects.full == 0 and not objects.references,
        "NoSubmissionSet": lambda: not objects.submission_sets,
        "NoDocument": lambda: not objects.documents,
        "SSApproved": lambda: _all(objects.submission_sets, "Approved"),
        "DocApp": lambda: _all(objects.documents, "Approved"),
        "DocDep": lambda: _all(objects.documents, "Deprecated"),
        "OneDocApp": lambda: _number(objects.documents, "Approved") == 1,
        "OneDocDep": lambda: _number(objects.documents, "Deprecated") == 1,
        "FolApp": lambda: _all(objects.folders, "Approved"),
        "FolDep": lambda: _all(objects.folders, "Deprecated"),
    }[name]()


def _submission(objects: Objects, named: re.Match[str]) -> bool:
    """SSwith…: one approved set, so many documents and folders, each a member of the set.

    Without a folder there are as many associations as documents; a document in the folder adds the
    membership and its own link to the set.
    """
    number = 1 if named[1] == "One" else 2
    documents = number if named[2] == "Doc" else 0
    folders = number if named[2] == "Fol" else int(named[3] is not None)
    if len(objects.submission_sets) != 1 or not _all(objects.submission_sets, "Approved"):
        return False
    if (len(objects.documents), len(objects.folders)) != (documents, folders):
        return False
    if folders == 0 and len(objects.associations) != documents:
        return False
    if not _members(objects, objects.submission_sets[0], (*objects.documents, *objects.folders)):
        return False
    return named[4] is None or any(_members(objects, objects.folders[0], (d,)) for d in objects.documents)


def _members(objects: Objects, holder: etree._Element, members: tuple[etree._Element, ...]) -> bool:
    linked = {
        a.get("targetObject")
        for a in objects.associations
        if _kind(a) == "HasMember" and a.get("sourceObject") == holder.get("id")
    }
    return all(member.get("id") in linked for member in members)


def _kind(association: etree._Element) -> str:
    return (association.get("associationType") or "").rpartition(":")[2]


def _status(found: etree._Element) -> str:
    return (found.get("status") or "").rpartition(":")[2]


def _all(found: tuple[etree._Element, ...], status: str) -> bool:
    return all(_status(e) == status for e in found)


def _number(found: tuple[etree._Element, ...], status: str) -> int:
    return sum(_status(e) == status for e in found)


def slot(found: etree._Element, name: str) -> str:
    """First value of a slot of the object itself, or empty."""
    for child in found:
        if local(child) == "Slot" and child.get("name") == name:
            return next(((v.text or "").strip() for v in child.iter() if local(v) == "Value"), "")
    return ""


def unique_id(found: etree._Element, scheme: str = DOCUMENT_UNIQUE_ID) -> str:
    """Value of the ExternalIdentifier with that identificationScheme, or empty."""
    for child in found:
        if local(child) == "ExternalIdentifier" and child.get("identificationScheme") == scheme:
            return child.get("value") or ""
    return ""


def missing_attributes(objects: Objects) -> list[str]:
    """What complete objects of a query answer lack of the attributes required in answers."""
    lacking: list[str] = []
    for kind, found in (
        ("ExtrinsicObject", objects.documents),
        ("SubmissionSet", objects.submission_sets),
        ("Folder", objects.folders),
    ):
        for element in found:
            names = [*_lacking(kind, element)]
            if names:
                lacking.append(f"{kind} {element.get('id')} lacks {', '.join(names)}")
    return lacking


def _lacking(kind: str, element: etree._Element) -> Iterator[str]:
    if not element.get("status"):
        yield "availabilityStatus"
    schemes = {
        e.get("identificationScheme") or e.get("classificationScheme"): bool(e.get("objectType"))
        for e in element
        if local(e) in {"ExternalIdentifier", "Classification"}
    }
    for name, scheme in SCHEMES[kind].items():
        if scheme not in schemes:
            yield name
        elif not schemes[scheme]:
            yield f"objectType of {name}"
    stable = kind == "ExtrinsicObject" and element.get("objectType") == STABLE
    for name in (*SLOTS.get(kind, ()), *(STABLE_SLOTS if stable else ())):
        if not slot(element, name):
            yield name
