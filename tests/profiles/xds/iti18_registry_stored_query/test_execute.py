"""The stored queries over a real database, against a naive reading of ITI TF-2 3.18.4.1.2.3.7."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from gateway.declare.services import Services
from gateway.errors import Meaning, Refused
from gateway.record.access import Grant, Scope
from gateway.record.documents import (
    Association,
    Author,
    DocumentEntry,
    EntryType,
    Folder,
    Relation,
    SubmissionSet,
)
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from gateway.stores.tables import METADATA
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query import encode
from profiles.xds.iti18_registry_stored_query.execute import Found, execute
from profiles.xds.iti18_registry_stored_query.parameters import read
from profiles.xds.iti18_registry_stored_query.queries import QUERIES
from profiles.xds.iti18_registry_stored_query.table import Definition, Form
from profiles.xds.iti18_registry_stored_query.vocabulary import PARAMETERS
from profiles.xds.wire.requests import StoredQuery

BY_NAME = {definition.name: definition for definition in QUERIES.values()}
PATIENTS = (PatientId("PAT-1", "2.999.1.1"), PatientId("PAT-2", "2.999.1.1"))
CONFIDENTIALITY = ("N", "R", "V")
TIMES = ("2025", "202506", "20250615", "2025061512", "20260101000000")
PEOPLE = ("1^Doe^Jo", "2^Doe^Al", "3^Roe_^Jo", "4^100%")
REFERENCES = ("R1^^^&2.999&ISO^urn:a", "R2^^^&2.999&ISO^urn:a", "R_2^^^&2.999&ISO^urn:b")
Slots = dict[str, list[list[str]]]
ItemT = TypeVar("ItemT")


# --- a world of random metadata ------------------------------------------------------------------


@dataclass
class World:
    """What was registered, and the patient each association was submitted for."""

    documents: dict[str, DocumentEntry] = field(default_factory=dict)
    sets: dict[str, SubmissionSet] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    links: dict[str, Association] = field(default_factory=dict)
    owner: dict[str, PatientId] = field(default_factory=dict)
    deprecated: set[str] = field(default_factory=set)

    def status(self, name: str) -> str:
        return "Deprecated" if name in self.deprecated else "Approved"

    @property
    def everything(self) -> dict[str, Any]:
        return {**self.documents, **self.sets, **self.folders, **self.links}


class Growing:
    """Registers random submissions through the real admission and store."""

    def __init__(self, record: Any, make: Any, seed: int) -> None:
        self.record, self.make, self.dice, self.world = record, make, random.Random(seed), World()  # noqa: S311

    def some(self, items: Sequence[ItemT], most: int) -> tuple[ItemT, ...]:
        return tuple(self.dice.sample(list(items), self.dice.randint(0, min(most, len(items)))))

    def maybe(self, items: Sequence[ItemT]) -> ItemT | None:
        return self.dice.choice([None, *items])

    def code(self, name: str) -> Code:
        return Code(f"{name}{self.dice.randint(1, 3)}", "2.999.5", "x")

    def entry(self, patient: PatientId) -> DocumentEntry:
        dice = self.dice
        return self.make.entry(  # type: ignore[no-any-return]
            patient=patient,
            type=dice.choice([EntryType.STABLE, EntryType.STABLE, EntryType.ON_DEMAND]),
            class_code=self.code("class"),
            type_code=self.code("type"),
            format_code=self.code("format"),
            practice_setting=self.code("practice"),
            facility_type=self.code("facility"),
            confidentiality=(Code(dice.choice("NNRV"), "2.999.5", "x"),),
            events=self.some([Code(f"event{number}", "2.999.5", "x") for number in (1, 2, 3)], 3),
            authors=tuple(Author(person=person) for person in self.some(PEOPLE, 2)),
            reference_ids=self.some(REFERENCES, 2),
            creation_time=dice.choice(TIMES),
            service_start=self.maybe(TIMES),
            service_stop=self.maybe(TIMES),
        )

    def of_patient(self, items: Mapping[str, Any], patient: PatientId) -> list[str]:
        return [name for name, item in items.items() if item.patient == patient]

    def links(
        self, patient: PatientId, documents: list[DocumentEntry], folders: list[Folder]
    ) -> list[Association]:
        world, make, dice = self.world, self.make, self.dice
        open_documents = [n for n in self.of_patient(world.documents, patient) if n not in world.deprecated]
        found = []
        for entry in documents:
            if open_documents and dice.random() < 0.6:
                relation = dice.choice(
                    [Relation.REPLACE, Relation.APPEND, Relation.TRANSFORM, Relation.SIGNS]
                )
                found.append(make.link(relation, entry.id, dice.choice(open_documents)))
        names = [*self.of_patient(world.folders, patient), *(folder.id for folder in folders)]
        found += [
            make.member(name, dice.choice(documents).id)
            for name in names
            if documents and dice.random() < 0.5
        ]
        return found

    def submit(self) -> None:
        patient = self.dice.choice(PATIENTS)
        documents = [self.entry(patient) for _ in range(self.dice.randint(0, 3))]
        folders = [
            self.make.folder(patient=patient, codes=self.some([self.code("a"), self.code("b")], 2))
            for _ in range(self.dice.randint(0, 1))
        ]
        submission = self.make.submission(
            *documents,
            folders=folders,
            links=self.links(patient, documents, folders),
            patient=patient,
            source_id=self.dice.choice(["2.999.2.1", "2.999.2.2"]),
            submission_time=self.dice.choice(TIMES),
            content_type=self.code("content"),
            authors=tuple(Author(person=person) for person in self.some(PEOPLE, 2)),
        )
        others = [name for name in self.world.documents if name not in self.world.deprecated]
        if others and self.dice.random() < 0.4:
            link = self.make.member(submission.submission_set.id, self.dice.choice(others), "Reference")
            submission = replace(submission, associations=(*submission.associations, link))
        # Two documents of one submission may want to replace and to append to the same one.
        with contextlib.suppress(Refused):
            self.register(submission, patient)

    def register(self, submission: Any, patient: PatientId) -> None:
        record, world = self.record, self.world
        admission = record.run(record.admitted(submission, record.scope(patient), self.make))
        record.commit(record.prepared(submission, self.make, record.scope(patient)))
        registered = admission.submission
        world.sets[registered.submission_set.id] = registered.submission_set
        world.documents |= {item.id: item for item in registered.documents}
        world.folders |= {item.id: item for item in registered.folders}
        world.deprecated |= {*admission.replaced, *admission.dependents}
        rows = record.run(record.registry.find(record.scope(*PATIENTS), ASSOCIATIONS, (), 10_000))
        for row in rows:
            if row.uuid not in world.links:
                world.links[row.uuid] = Association(
                    id=row.uuid, relation=Relation(row.relation), source=row.source, target=row.target
                )
                world.owner[row.uuid] = patient


ASSOCIATIONS = BY_NAME["GetAssociations"].steps[0].kind


@pytest.fixture(scope="module", params=[1, 2, 3])
def grown(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    opened: Callable[[str, Path], Any],
    maker: Callable[[], Any],
) -> Iterator[tuple[World, Any]]:
    folder = tmp_path_factory.mktemp("world")
    url = f"sqlite:///{folder}/record.db"
    made = create_engine(url)
    METADATA.create_all(made)
    made.dispose()
    record = opened(url, folder / "content")
    for patient in PATIENTS:
        record.feed(patient)
    growing = Growing(record, maker(), request.param)
    for _ in range(25):
        growing.submit()
    yield growing.world, record
    record.close()


# --- the naive reading ---------------------------------------------------------------------------


def padded(value: str) -> str:
    return value + "00000101000000"[len(value) :]


def like(pattern: str, value: str) -> bool:
    parts = {"%": ".*", "_": "."}
    regex = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(regex, value, re.DOTALL) is not None


def values_of(item: Any) -> dict[str, Any]:
    """What the parameters ask of an object, by the end of their names."""
    persons = [author.person for author in getattr(item, "authors", ())]
    single = {
        "ClassCode": "class_code", "TypeCode": "type_code", "PracticeSettingCode": "practice_setting",
        "HealthcareFacilityTypeCode": "facility_type", "FormatCode": "format_code", "EntryUUID": "id",
        "UniqueId": "unique_id", "SourceId": "source_id", "ContentType": "content_type",
    }  # fmt: skip
    found: dict[str, Any] = {
        name: [str(getattr(item, at))] for name, at in single.items() if hasattr(item, at)
    }
    found |= {"AuthorPerson": persons, "ReferenceIdList": getattr(item, "reference_ids", ())}
    found["EventCodeList"] = [str(code) for code in getattr(item, "events", ())]
    found["ConfidentialityCode"] = [str(code) for code in getattr(item, "confidentiality", ())]
    found["CodeList"] = [str(code) for code in getattr(item, "codes", ())]
    return found


TIMED = {
    "CreationTime": ("creation_time", False),
    "ServiceStartTime": ("service_start", True),
    "ServiceStopTime": ("service_stop", True),
    "SubmissionTime": ("submission_time", False),
}


def passes(item: Any, status: str, prefix: str, slots: Slots) -> bool:
    """Whether an object passes every parameter whose name has its prefix."""
    kind = item.type.value if isinstance(item, DocumentEntry) else None
    if kind is not None and not slots.get(f"{prefix}Type") and prefix == "$XDSDocumentEntry":
        slots = {**slots, f"{prefix}Type": [[codes.STABLE]]}
    for name, given_slots in slots.items():
        if not name.startswith(prefix):
            continue
        asked = name.removeprefix(prefix)
        if not all(_holds(item, status, asked, given) for given in given_slots):
            return False
    return True


def _holds(item: Any, status: str, asked: str, given: list[str]) -> bool:
    if asked == "PatientId":
        return str(item.patient) in given
    if asked == "Status":
        return f"{codes.STATUS_PREFIX}{status}" in given
    if asked == "Type":
        return (codes.STABLE if item.type is EntryType.STABLE else codes.ON_DEMAND) in given
    if asked.endswith(("From", "To")):
        if asked.startswith("LastUpdate"):
            value, absent = "20260304050607", False
        else:
            column, absent = TIMED[asked.removesuffix("From").removesuffix("To")]
            value = getattr(item, column)
        if value is None:
            return absent
        bound = padded(given[0])
        return padded(value) >= bound if asked.endswith("From") else padded(value) < bound
    held = values_of(item)[asked]
    if asked in {"AuthorPerson", "ReferenceIdList"}:
        return any(like(pattern, value) for pattern in given for value in held)
    return any(value in given for value in held)


class Reading:
    """The standard's words over what the scope leaves of the world."""

    def __init__(self, world: World, scope: Mapping[PatientId, int], slots: Slots) -> None:
        self.slots = slots
        self.documents = {
            name: item
            for name, item in world.documents.items()
            if CONFIDENTIALITY.index(item.confidentiality[0].code) + 1 <= scope.get(item.patient, 0)  # type: ignore[arg-type]
        }
        self.sets = {name: item for name, item in world.sets.items() if item.patient in scope}
        self.folders = {name: item for name, item in world.folders.items() if item.patient in scope}
        hidden = set(world.documents) - set(self.documents)
        self.links = {
            name: item
            for name, item in world.links.items()
            if world.owner[name] in scope and not {item.source, item.target} & hidden
        }
        self.world = world

    def passing(self, items: Mapping[str, Any], prefix: str) -> set[str]:
        """Those that pass every parameter that asks about their kind."""
        return {
            name for name, item in items.items() if passes(item, self.world.status(name), prefix, self.slots)
        }

    def content(self) -> set[str]:
        names = ("FormatCode", "ConfidentialityCode", "Type")
        asked = {f"$XDSDocumentEntry{name}" for name in names}
        narrowed = {name: value for name, value in self.slots.items() if name in asked}
        return {
            name
            for name, item in self.documents.items()
            if passes(item, self.world.status(name), "$XDSDocumentEntry", narrowed)
        }

    def named_documents(self) -> set[str]:
        asked = {
            name: value for name, value in self.slots.items() if name.endswith(("EntryUUID", "UniqueId"))
        }
        return {
            name
            for name, item in self.documents.items()
            if all(
                _holds(item, "", key.removeprefix("$XDSDocumentEntry"), given[0])
                for key, given in asked.items()
            )
        }

    def between(self, sources: Iterable[str], targets: Iterable[str] | None = None) -> set[str]:
        sources, wanted = set(sources), None if targets is None else set(targets)
        return {
            name
            for name, item in self.links.items()
            if item.relation is Relation.HAS_MEMBER
            and item.source in sources
            and (wanted is None or item.target in wanted)
        }

    def touching(self, names: set[str]) -> set[str]:
        return {name for name, item in self.links.items() if {item.source, item.target} & names}

    def targets(self, links: set[str]) -> set[str]:
        return {self.links[name].target for name in links}

    def find_documents(self) -> set[str]:
        return self.passing(self.documents, "$XDSDocumentEntry")

    def find_submission_sets(self) -> set[str]:
        return self.passing(self.sets, "$XDSSubmissionSet")

    def find_folders(self) -> set[str]:
        return self.passing(self.folders, "$XDSFolder")

    def get_all(self) -> set[str]:
        patient = self.slots["$patientId"][0]
        objects = {
            name
            for name in self.find_documents() | self.find_submission_sets() | self.find_folders()
            if str(self.world.everything[name].patient) in patient
        }
        return objects | self.touching(objects)

    def get_documents(self) -> set[str]:
        return self.named_documents()

    def get_folders(self) -> set[str]:
        return self.find_folders()

    def get_associations(self) -> set[str]:
        return self.touching(set(self.slots["$uuid"][0]))

    def get_documents_and_associations(self) -> set[str]:
        found = self.named_documents()
        return found | self.touching(found)

    def get_submission_sets(self) -> set[str]:
        links = self.between(self.sets, self.slots["$uuid"][0])
        return links | {self.links[name].source for name in links}

    def get_submission_set_and_contents(self) -> set[str]:
        heads = self.find_submission_sets()
        members = self.targets(self.between(heads))
        objects = heads | (members & self.content()) | (members & set(self.folders))
        inner = {
            name
            for name in members & set(self.links)
            if {self.links[name].source, self.links[name].target} <= objects
        }
        return objects | inner | self.between(heads, objects | inner)

    def get_folder_and_contents(self) -> set[str]:
        folders = self.find_folders()
        documents = self.targets(self.between(folders)) & self.content()
        return folders | documents | self.between(folders, documents)

    def get_folders_for_document(self) -> set[str]:
        links = self.between(self.folders, self.named_documents())
        return {self.links[name].source for name in links}

    def get_related_documents(self) -> set[str]:
        relations = {codes.ASSOCIATION_TYPES[name]: Relation(name) for name in codes.ASSOCIATION_TYPES}
        wanted = {relations[urn] for urn in self.slots["$AssociationTypes"][0]}
        named = self.named_documents()
        shown = self.content()
        links = {
            name
            for name in self.touching(named)
            if self.links[name].relation in wanted
            and {self.links[name].source, self.links[name].target} <= named | shown
        }
        ends = {end for name in links for end in (self.links[name].source, self.links[name].target)}
        return links | (ends & shown)

    def answer(self, name: str) -> set[str]:
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.replace("ByReferenceId", "")).lower()
        found: set[str] = getattr(self, method)()
        return found


# --- random parameters ---------------------------------------------------------------------------


def pool(world: World, name: str) -> list[str]:
    """Values that make sense for a parameter, and some that match nothing."""
    form = PARAMETERS[name].form
    of_form = {
        Form.STATUS: [f"{codes.STATUS_PREFIX}Approved", f"{codes.STATUS_PREFIX}Deprecated"],
        Form.TYPE: [codes.STABLE, codes.ON_DEMAND],
        Form.RELATION: list(codes.ASSOCIATION_TYPES.values()),
        Form.TIME: [*TIMES, "20260304050607", "20260304050608"],
    }
    of_name = {
        "atientId": [str(patient) for patient in PATIENTS],
        "$uuid": [*world.documents, *world.folders, *world.sets, "urn:uuid:none"],
        "AuthorPerson": ["%Doe%", "_^%", "1^Doe^Jo", "3^Roe_^J_", "%", "1^doe^jo", "4^100%"],
        "ReferenceIdList": [*REFERENCES, "R%", "%urn:b", "none"],
    }
    for end, values in of_name.items():
        if name.endswith(end):
            return values
    if form in of_form:
        return of_form[form]
    kind = {"$XDSD": world.documents, "$XDSS": world.sets, "$XDSF": world.folders}[name[:5]]
    at = re.sub(r"^\$XDS(DocumentEntry|SubmissionSet|Folder)", "", name)
    present = {value for item in kind.values() for value in values_of(item)[at]}
    return [*sorted(present), "none^^2.999.5" if form is Form.CODE else "none"]


@st.composite
def parameters(draw: st.DrawFn, world: World, definition: Definition) -> Slots:
    chosen = [*definition.required]
    if definition.one_of:
        chosen.append(draw(st.sampled_from(definition.one_of)))
    chosen += (
        draw(st.lists(st.sampled_from(definition.optional), unique=True, max_size=3))
        if definition.optional
        else []
    )
    slots: Slots = {}
    for name in chosen:
        several = PARAMETERS[name].several and name not in definition.single
        values = st.lists(st.sampled_from(pool(world, name)), min_size=1, max_size=4 if several else 1)
        repeated = draw(st.integers(1, 2)) if PARAMETERS[name].repeats else 1
        slots[name] = [draw(values) for _ in range(repeated)]
    return slots


def asked(definition: Definition, slots: Slots, domain: Domain, return_type: str) -> Any:
    """The query in the words of a request."""
    written = []
    for name, given_slots in slots.items():
        several = PARAMETERS[name].several and name not in definition.single
        for values in given_slots:
            quoted = ["'{}'".format(value.replace("'", "''")) for value in values]
            written.append((name, (f"({','.join(quoted)})" if several else quoted[0],)))
    request = StoredQuery(
        identifier=definition.id, return_type=return_type, home=None, slots=written, text=b"<q/>"
    )
    return read(request, QUERIES, domain)


def run(record: Any, query: Any, scope: Scope, domain: Domain) -> Found:
    services = Services(record.registry, record.repository, record.patients, domain)
    found: Found = record.run(execute(query, scope, services))
    return found


def scope_of(record: Any, ranks: Mapping[PatientId, int]) -> Scope:
    grants: dict[int, Grant] = {}
    identities: dict[int, PatientId] = {}
    for patient, rank in ranks.items():
        one = record.scope(patient, rank=rank)
        grants, identities = {**grants, **one.grants}, {**identities, **one.identities}
    return Scope(grants=grants, identities=identities)


def narrowed(definition: Definition, slots: Slots, ranks: Mapping[PatientId, int]) -> dict[PatientId, int]:
    """The pipeline decides on the patients that a query names; what names none sees them all."""
    named = [value for name in definition.patients for given_slot in slots[name] for value in given_slot]
    return {patient: rank for patient, rank in ranks.items() if not named or str(patient) in named}


@pytest.mark.parametrize("name", BY_NAME)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_answer_is_that_of_the_standard(
    grown: tuple[World, Any], domain: Domain, name: str, data: st.DataObject
) -> None:
    world, record = grown
    definition = BY_NAME[name]
    slots = data.draw(parameters(world, definition))
    ranks = data.draw(st.dictionaries(st.sampled_from(PATIENTS), st.integers(1, 3), min_size=1))
    ranks = narrowed(definition, slots, ranks)
    expected = Reading(world, ranks, slots).answer(name)
    scope = scope_of(record, ranks)
    refs = run(record, asked(definition, slots, domain, "ObjectRef"), scope, domain)
    got = [row.uuid for row in refs.rows]
    assert len(got) == len(set(got))
    assert set(got) == expected
    owners = {world.owner.get(name) or world.everything[name].patient for name in expected}
    full = asked(definition, slots, domain, "LeafClass")
    if definition.single_patient and len(owners) > 1:
        with pytest.raises(Refused) as caught:
            run(record, full, scope, domain)
        assert caught.value.problems[0].meaning is Meaning.SEVERAL_PATIENTS
    else:
        assert [row.uuid for row in run(record, full, scope, domain).rows] == got
        assert len(encode(refs, domain).pieces) == 1


def test_the_worlds_are_worth_asking(grown: tuple[World, Any]) -> None:
    world, _ = grown
    assert len(world.documents) > 20
    assert len(world.deprecated) > 2
    assert {link.relation for link in world.links.values()} > {Relation.HAS_MEMBER, Relation.REPLACE}
    assert {document.type for document in world.documents.values()} == set(EntryType)
    assert any(
        world.owner[link.id] != world.documents[link.target].patient
        for link in world.links.values()
        if link.target in world.documents
    )


# --- what hypothesis does not say plainly --------------------------------------------------------


def ids(found: Found) -> set[str]:
    return {row.uuid for row in found.rows}


def test_more_than_the_limit_is_refused(record: Any, make: Any, domain: Domain) -> None:
    submission = record.register(make.submission(*(make.entry() for _ in range(4))), make)
    few = replace(domain, max_objects=9, max_references=4)
    definition = BY_NAME["GetSubmissionSetAndContents"]
    slots = {"$XDSSubmissionSetUniqueId": [[submission.submission_set.unique_id]]}
    assert len(run(record, asked(definition, slots, few, "LeafClass"), record.scope(), few).rows) == 9
    for limits in ({"max_objects": 8}, {"max_references": 3}):
        less = replace(few, **limits)
        with pytest.raises(Refused) as caught:
            run(record, asked(definition, slots, less, "LeafClass"), record.scope(), less)
        assert caught.value.problems[0].meaning is Meaning.TOO_MANY_RESULTS
    with pytest.raises(Refused):
        run(record, asked(definition, slots, few, "ObjectRef"), record.scope(), few)


def test_what_only_leads_to_others_is_never_cut_short(record: Any, make: Any, domain: Domain) -> None:
    last = make.entry(format_code=Code("wanted", "2.999.5", "x"))
    submission = record.register(make.submission(*(make.entry() for _ in range(6)), last), make)
    slots = {
        "$XDSSubmissionSetUniqueId": [[submission.submission_set.unique_id]],
        "$XDSDocumentEntryFormatCode": [["wanted^^2.999.5"]],
    }
    definition = BY_NAME["GetSubmissionSetAndContents"]
    enough, short = (replace(domain, max_objects=3, max_references=most) for most in (7, 6))
    found = run(record, asked(definition, slots, enough, "LeafClass"), record.scope(), enough)
    assert last.id in ids(found)
    with pytest.raises(Refused):
        run(record, asked(definition, slots, short, "LeafClass"), record.scope(), short)


def test_a_hidden_document_is_not_told_by_its_associations(record: Any, make: Any, domain: Domain) -> None:
    secret = make.entry(confidentiality=(Code("V", "2.999.5", "x"),))
    shown, folder = make.entry(), make.folder()
    links = [make.member(folder.id, secret.id), make.link(Relation.SIGNS, shown.id, secret.id)]
    record.register(make.submission(secret, shown, folders=[folder], links=links), make)
    names: dict[str, Slots] = {
        "GetAssociations": {"$uuid": [[secret.id, folder.id, shown.id]]},
        "GetSubmissionSets": {"$uuid": [[secret.id]]},
        "GetDocumentsAndAssociations": {"$XDSDocumentEntryEntryUUID": [[shown.id, secret.id]]},
        "GetFolderAndContents": {"$XDSFolderEntryUUID": [[folder.id]]},
        "GetFoldersForDocument": {"$XDSDocumentEntryEntryUUID": [[secret.id]]},
        "GetRelatedDocuments": {
            "$XDSDocumentEntryEntryUUID": [[shown.id]],
            "$AssociationTypes": [[codes.ASSOCIATION_TYPES["signs"]]],
        },
    }
    for name, slots in names.items():
        found = run(record, asked(BY_NAME[name], slots, domain, "LeafClass"), record.scope(rank=2), domain)
        assert all(secret.id not in {row.uuid, *ends(row)} for row in found.rows)
    for name in ("GetSubmissionSets", "GetFoldersForDocument", "GetRelatedDocuments"):
        query = asked(BY_NAME[name], names[name], domain, "LeafClass")
        assert ids(run(record, query, record.scope(rank=2), domain)) == set()
        assert ids(run(record, query, record.scope(rank=3), domain)) != set()


def ends(row: Any) -> tuple[str, ...]:
    return (row.source, row.target) if hasattr(row, "source") else ()


def test_a_set_that_is_asked_for_by_its_own_id_contains_nothing(
    record: Any, make: Any, domain: Domain
) -> None:
    """GetSubmissionSets is told members; a folder among them does not lead to itself."""
    entry, folder = make.entry(), make.folder()
    submission = record.register(
        make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)]), make
    )
    definition, head = BY_NAME["GetSubmissionSets"], submission.submission_set.id
    own = asked(definition, {"$uuid": [[head]]}, domain, "LeafClass")
    assert ids(run(record, own, record.scope(), domain)) == set()
    both = asked(definition, {"$uuid": [[entry.id, folder.id]]}, domain, "LeafClass")
    held = {
        item.id
        for item in submission.associations
        if item.source == head and item.target in {entry.id, folder.id}
    }
    assert ids(run(record, both, record.scope(), domain)) == {head, *held}


def test_no_scope_no_answer(record: Any, make: Any, domain: Domain) -> None:
    entry = make.entry()
    record.register(make.submission(entry), make)
    query = asked(BY_NAME["GetDocuments"], {"$XDSDocumentEntryEntryUUID": [[entry.id]]}, domain, "LeafClass")
    assert run(record, query, Scope(), domain).rows == []
    assert ids(run(record, query, record.scope(), domain)) == {entry.id}
