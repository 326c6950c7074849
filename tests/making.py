"""Synthetic metadata: valid entries, sets, folders and associations, with ids of their own."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.record.documents import (
    Association,
    Author,
    DocumentEntry,
    Folder,
    Relation,
    Submission,
    SubmissionSet,
)
from gateway.record.people import Code, PatientId

ROOT = "2.999.1.1"
STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
PATIENT = PatientId("PAT-1", ROOT)


class Maker:
    """Valid objects with ids of their own; every field can be given instead."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def uuid(self) -> str:
        return f"urn:uuid:00000000-0000-4000-8000-{next(self._numbers):012x}"

    def oid(self) -> str:
        return f"2.999.7.{next(self._numbers)}"

    def code(self, code: str, scheme: str = "2.999.5") -> Code:
        return Code(code, scheme, code.title())

    def entry(self, **changes: Any) -> DocumentEntry:
        given: dict[str, Any] = {
            "id": self.uuid(),
            "unique_id": self.oid(),
            "patient": PATIENT,
            "mime_type": "text/xml",
            "title": "Letter",
            "class_code": self.code("class"),
            "type_code": self.code("type"),
            "format_code": self.code("format"),
            "facility_type": self.code("hospital"),
            "practice_setting": self.code("surgery"),
            "confidentiality": (Code("N", "2.16.840.1.113883.5.25", "normal"),),
            "authors": (Author(person="1^Doe^Jo", institutions=("Clinic^^^^^^^^^2.999.2.1",)),),
            "creation_time": "20260101",
            "language": "en-GB",
            "source_patient_id": "S-1^^^&2.999.2.1&ISO",
            "repository": "2.999.1.3",
            "hash": "a" * 40,
            "size": 12,
        }
        return DocumentEntry(**(given | changes))

    def submission_set(self, **changes: Any) -> SubmissionSet:
        given: dict[str, Any] = {
            "id": self.uuid(),
            "unique_id": self.oid(),
            "source_id": "2.999.2.1",
            "submission_time": "20260102030405",
            "patient": PATIENT,
            "content_type": self.code("summary"),
            "authors": (Author(person="1^Doe^Jo"),),
        }
        return SubmissionSet(**(given | changes))

    def folder(self, **changes: Any) -> Folder:
        given: dict[str, Any] = {
            "id": self.uuid(),
            "unique_id": self.oid(),
            "patient": PATIENT,
            "codes": (self.code("episode"),),
            "title": "Episode",
        }
        return Folder(**(given | changes))

    def link(self, relation: Relation, source: str, target: str, **changes: Any) -> Association:
        return Association(id=self.uuid(), relation=relation, source=source, target=target, **changes)

    def member(self, source: str, target: str, status: str | None = None) -> Association:
        return self.link(Relation.HAS_MEMBER, source, target, member_status=status)

    def submission(
        self,
        *documents: DocumentEntry,
        folders: Sequence[Folder] = (),
        links: Sequence[Association] = (),
        **of_set: Any,
    ) -> Submission:
        """With the memberships that the set owes: documents, folders and folder memberships among `links`."""
        head = self.submission_set(**of_set)
        held = [self.member(head.id, item.id, "Original") for item in documents]
        held += [self.member(head.id, item.id) for item in folders]
        held += [
            self.member(head.id, item.id)
            for item in links
            if item.relation is Relation.HAS_MEMBER and item.source != head.id
        ]
        return Submission(
            submission_set=head,
            documents=tuple(documents),
            folders=tuple(folders),
            associations=(*held, *links),
        )

    def adding(self, submission: Submission, *links: Association) -> Submission:
        """With more associations than the memberships it owes."""
        return replace(submission, associations=(*submission.associations, *links))

    def version(self, item: Any, **changes: Any) -> Any:
        """The next version of an entry or folder, under an id of its own."""
        return replace(item, **({"id": self.uuid(), "logical_id": item.logical_id or item.id} | changes))

    def status_change(self, target: str, before: str, after: str, **changes: Any) -> Association:
        """An instruction whose source is filled in by `update`."""
        given = {
            "original_status": f"{STATUS}{before}",
            "new_status": f"{STATUS}{after}",
        }
        return self.link(Relation.UPDATE_STATUS, "set", target, **(given | changes))

    def update(
        self,
        *versions: tuple[Any, int],
        changes: Sequence[Association] = (),
        links: Sequence[Association] = (),
        propagation: str | None = None,
        **of_set: Any,
    ) -> Submission:
        """A metadata update: (new version, number of the one before), status changes, new associations."""
        head = self.submission_set(**of_set)
        members = [
            self.link(
                Relation.HAS_MEMBER,
                head.id,
                item.id,
                member_status="Original" if isinstance(item, DocumentEntry) else None,
                previous_version=str(previous),
                propagation=propagation,
            )
            for item, previous in versions
        ]
        triggers = [replace(each, source=head.id) for each in changes]
        triggers += [self.link(Relation.SUBMIT, head.id, each.id) for each in links]
        items = [item for item, _ in versions]
        return Submission(
            submission_set=head,
            documents=tuple(item for item in items if isinstance(item, DocumentEntry)),
            folders=tuple(item for item in items if isinstance(item, Folder)),
            associations=(*members, *triggers, *links),
        )
