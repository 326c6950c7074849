"""Records grown at random, each with the same record as the naive registry sees it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import update

from gateway.record.documents import Author, DocumentEntry, EntryType, Folder, Relation, Status
from gateway.record.people import Code, PatientId
from gateway.record.submission import Admission
from gateway.stores import tables
from gateway.stores.work import UnitOfWork
from profiles.xds import codes
from tests.profiles.xds.iti18_registry_stored_query.objects import (
    AS,
    DE,
    FD,
    OFFLINE,
    ON_DEMAND,
    ONLINE,
    SS,
    STABLE,
    STATUS,
    Item,
)

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ROOT = "2.999.1.1"
PATIENTS = tuple(PatientId(f"PAT-{number}", ROOT) for number in range(1, 6))
MERGED = ((PATIENTS[3], PATIENTS[2]), (PATIENTS[2], PATIENTS[0]))
"""(subsumed, survivor): a chain."""
TIMES = ("2025", "202506", "20250615", "2025061512", "202506151230", "20250615123001", "20260101000000")
PEOPLE = ("1^Doe^Jo", "2^Doe^Al", "3^Roe_^Jo", "4^100%", "5^O'Hara^Ann, (MD)")
REFERENCES = ("R1^^^&2.999&ISO^urn:a", "R2^^^&2.999&ISO^urn:a", "R_2^^^&2.999&ISO^urn:b")
TITLES = (None, "Letter", "Children's letter", "100% (first)", "A_B")
ASSOCIATION_TYPES = {name: codes.ASSOCIATION_TYPES[name] for name in codes.ASSOCIATION_TYPES}
ItemT = TypeVar("ItemT")


@dataclass(repr=False)
class World:
    """What was registered, in the words of the model, and the stores that hold it."""

    record: Any
    items: dict[str, Item] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Short: hypothesis prints it with every failure, and cannot print stores."""
        return f"World of {len(self.items)} objects"

    def ids(self, *kinds: str) -> list[str]:
        return [uuid for uuid, item in self.items.items() if item.kind in kinds]

    def values(self, kind: str, attribute: str) -> list[str]:
        of_kind = [item for item in self.items.values() if kind in {item.kind, "any"}]
        return sorted({value for item in of_kind for value in item.values.get(attribute, ())})


class Growing:
    """Registers random submissions, with every status and version that updates could have left behind."""

    def __init__(self, record: Any, make: Any, seed: int) -> None:
        self.record, self.make, self.dice = record, make, random.Random(seed)  # noqa: S311
        self.world = World(record)
        self.known: list[DocumentEntry | Folder] = []

    def some(self, items: Sequence[ItemT], most: int) -> tuple[ItemT, ...]:
        return tuple(self.dice.sample(list(items), self.dice.randint(0, min(most, len(items)))))

    def code(self, name: str) -> Code:
        return Code(f"{name}{self.dice.randint(1, 3)}", "2.999.5", "x")

    def status(self) -> Status:
        return self.dice.choice([Status.APPROVED, Status.APPROVED, Status.APPROVED, Status.DEPRECATED])

    def version(self, kind: type, patient: PatientId) -> dict[str, Any]:
        """Now and then the next version of an object of the same patient."""
        earlier = [each for each in self.known if isinstance(each, kind) and each.patient == patient]
        if not earlier or self.dice.random() > 0.25:
            return {}
        before = self.dice.choice(earlier)
        self.known.remove(before)
        return {
            "logical_id": before.logical_id or before.id,
            "unique_id": before.unique_id,
            "version": before.version + 1,
        }

    def entry(self, patient: PatientId) -> DocumentEntry:
        dice = self.dice
        kind = dice.choice([EntryType.STABLE, EntryType.STABLE, EntryType.ON_DEMAND])
        shared = [each.unique_id for each in self.known if isinstance(each, DocumentEntry)]
        given: dict[str, Any] = {
            "patient": patient,
            "type": kind,
            "status": self.status(),
            "title": dice.choice(TITLES),
            "class_code": self.code("class"),
            "type_code": self.code("type"),
            "format_code": self.code("format"),
            "practice_setting": dice.choice([None, self.code("practice")]),
            "facility_type": self.code("facility"),
            "confidentiality": self.some([Code(each, "2.999.5", "x") for each in "NRV"], 2),
            "events": self.some([Code(f"event{number}", "2.999.5", "x") for number in (1, 2, 3)], 3),
            "authors": tuple(Author(person=person) for person in self.some(PEOPLE, 2)),
            "reference_ids": self.some(REFERENCES, 2),
            "creation_time": dice.choice(TIMES) if kind is EntryType.STABLE else None,
            "service_start": dice.choice([None, *TIMES]),
            "service_stop": dice.choice([None, *TIMES]),
            "availability": dice.choice([None, ONLINE, OFFLINE]),
        }
        if shared and dice.random() < 0.15:
            given["unique_id"] = dice.choice(shared)
        made: DocumentEntry = self.make.entry(**(given | self.version(DocumentEntry, patient)))
        return made

    def folder(self, patient: PatientId) -> Folder:
        given = {
            "patient": patient,
            "status": self.status(),
            "codes": self.some([self.code("a"), self.code("b")], 2),
        }
        made: Folder = self.make.folder(**(given | self.version(Folder, patient)))
        return made

    def links(self, head: str, documents: list[DocumentEntry], folders: list[Folder]) -> list[Any]:
        """Associations of all types; a set may refer to documents of other patients."""
        dice, every = self.dice, [*self.world.ids(DE), *(each.id for each in documents)]
        places = [*self.world.ids(FD), *(each.id for each in folders)]
        found = [self.member(head, each.id) for each in (*documents, *folders) if dice.random() < 0.95]
        found += [self.member(dice.choice(places), each.id) for each in documents if places]
        found += [self.member(head, link.id) for link in found[-2:] if dice.random() < 0.5]
        if every:
            found += [self.member(head, each) for each in self.some(every, 2)]
        kinds = [each for each in Relation if not each.updates and each is not Relation.HAS_MEMBER]
        for entry in documents:
            for other in self.some(every, 2):
                pair = dice.choice([(entry.id, other), (other, entry.id)])
                found.append(self.make.link(dice.choice(kinds), *pair, status=self.status()))
        return found

    def member(self, source: str, target: str) -> Any:
        return self.make.link(Relation.HAS_MEMBER, source, target, status=self.status())

    def submit(self) -> None:
        patient = self.dice.choice(PATIENTS[:-1])
        documents = [self.entry(patient) for _ in range(self.dice.randint(0, 3))]
        folders = [self.folder(patient) for _ in range(self.dice.randint(0, 1))]
        submission = self.make.submission(
            *documents,
            folders=folders,
            patient=patient,
            source_id=self.dice.choice(["2.999.2.1", "2.999.2.2"]),
            submission_time=self.dice.choice(TIMES),
            content_type=self.code("content"),
            authors=tuple(Author(person=person) for person in self.some(PEOPLE, 2)),
        )
        links = self.links(submission.submission_set.id, documents, folders)
        submission = replace(submission, associations=tuple(links))
        self.register(submission, patient)
        self.known += [*documents, *folders]

    def register(self, submission: Any, patient: PatientId) -> None:
        """Past admission, which would not let every state in."""
        admission = Admission(
            submission=submission, replaced=(), dependents=(), required=(), touched_folders=(), digest="x"
        )
        scope, work = self.record.scope(patient), UnitOfWork()
        fragments = {name: f"<{name}/>" for name in submission.ids}
        self.record.registry.register(work, scope, admission, fragments, scope.keys[patient], AT)
        for each in (*submission.documents, *submission.folders):
            if each.version > 1:
                self.put_aside(each)
        self.record.commit(work)
        for item in described(submission, patient):
            self.world.items[item.uuid] = item

    def put_aside(self, newest: DocumentEntry | Folder) -> None:
        table = tables.entry if isinstance(newest, DocumentEntry) else tables.folder
        work = UnitOfWork()
        earlier = update(table).where(table.c.logical_id == newest.logical_id).values(latest=False)
        work.write(earlier)
        self.record.commit(work)
        for uuid, item in self.world.items.items():
            if newest.logical_id in item.values.get("logicalID", ()):
                self.world.items[uuid] = replace(item, latest=False)

    def merge(self) -> None:
        for subsumed, survivor in MERGED:
            self.record.merge(survivor, subsumed)
            for uuid, item in self.world.items.items():
                if item.patient == str(subsumed):
                    values = {**item.values, "patientId": (str(survivor),)}
                    self.world.items[uuid] = replace(item, patient=str(survivor), values=values)


def described(submission: Any, patient: PatientId) -> Iterator[Item]:
    """Registered objects in the words of the standard."""
    for entry in submission.documents:
        rank = max((" NRV".index(code.code) for code in entry.confidentiality), default=1)
        yield Item(DE, entry.id, str(patient), entry_values(entry), rank=rank)
    for folder in submission.folders:
        values = {
            **common(folder),
            "uniqueId": (folder.unique_id,),
            "logicalID": (folder.logical_id or folder.id,),
            "codeList": coded(*folder.codes),
            "lastUpdateTime": ("20260304050607",),
        }
        yield Item(FD, folder.id, str(patient), values)
    head = submission.submission_set
    values = {
        **common(head),
        "uniqueId": (head.unique_id,),
        "sourceId": (head.source_id,),
        "submissionTime": (head.submission_time,),
        "contentTypeCode": coded(head.content_type),
        "authorPerson": tuple(author.person for author in head.authors),
    }
    yield Item(SS, head.id, str(patient), values)
    for link in submission.associations:
        values = {
            "entryUUID": (link.id,),
            "availabilityStatus": (f"{STATUS}{link.status.value}",),
            "associationType": (ASSOCIATION_TYPES[link.relation.value],),
            "source": (link.source,),
            "target": (link.target,),
        }
        yield Item(AS, link.id, str(patient), values)


def common(item: Any) -> dict[str, tuple[str, ...]]:
    return {
        "entryUUID": (item.id,),
        "patientId": (str(item.patient),),
        "availabilityStatus": (f"{STATUS}{item.status.value}",),
    }


def coded(*given_codes: Code | None) -> tuple[str, ...]:
    return tuple(f"{each.code}^^{each.scheme}" for each in given_codes if each is not None)


def entry_values(entry: DocumentEntry) -> dict[str, tuple[str, ...]]:
    single = {
        "creationTime": entry.creation_time,
        "serviceStartTime": entry.service_start,
        "serviceStopTime": entry.service_stop,
        "title": entry.title,
    }
    return {
        **common(entry),
        **{name: (value,) for name, value in single.items() if value is not None},
        "uniqueId": (entry.unique_id,),
        "logicalID": (entry.logical_id or entry.id,),
        "objectType": (STABLE if entry.type is EntryType.STABLE else ON_DEMAND,),
        "documentAvailability": (entry.availability or ONLINE,),
        "classCode": coded(entry.class_code),
        "typeCode": coded(entry.type_code),
        "formatCode": coded(entry.format_code),
        "practiceSettingCode": coded(entry.practice_setting),
        "healthcareFacilityTypeCode": coded(entry.facility_type),
        "confidentialityCode": coded(*entry.confidentiality),
        "eventCodeList": coded(*entry.events),
        "authorPerson": tuple(author.person for author in entry.authors if author.person),
        "referenceIdList": entry.reference_ids,
    }


def grown(record: Any, make: Any, seed: int) -> World:
    for patient in PATIENTS:
        record.feed(patient)
    growing = Growing(record, make, seed)
    for _ in range(25):
        growing.submit()
    growing.merge()
    return growing.world
