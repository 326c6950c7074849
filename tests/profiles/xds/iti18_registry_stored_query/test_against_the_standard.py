"""The stored queries over real databases give what a naive reading of the standard gives (model.py).

QUERY_EXAMPLES=500 looks further: so many examples of every query, drawn at random, over more worlds.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from gateway.declare.actions import Action
from gateway.declare.services import Services
from gateway.errors import Refused
from gateway.identity.directories import Directories
from gateway.pipeline.authorize import decide
from gateway.policy.matrix import load_policy
from gateway.policy.model import Policy
from gateway.record.documents import Author, DocumentEntry, EntryType, Folder, Relation, Status
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.record.submission import Admission
from gateway.stores import tables
from gateway.stores.work import UnitOfWork
from profiles.xds import codes, iti18_registry_stored_query, iti51_multi_patient_stored_query
from profiles.xds.errors import registry_code
from profiles.xds.iti18_registry_stored_query.execute import Found, execute
from profiles.xds.iti18_registry_stored_query.parameters import read
from profiles.xds.iti18_registry_stored_query.queries import MULTI_PATIENT_QUERIES, QUERIES
from profiles.xds.wire.requests import StoredQuery
from tests.profiles.xds.iti18_registry_stored_query import model
from tests.profiles.xds.iti18_registry_stored_query.model import AS, DE, FD, SS, Item, Request, Slot

FURTHER = os.environ.get("QUERY_EXAMPLES")
EXAMPLES = int(FURTHER or 40)
WORLDS = tuple(range(1, 9)) if FURTHER else (1, 2)
LOOKING = settings(
    deadline=None,
    derandomize=not FURTHER,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
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


# --- a world of random metadata ------------------------------------------------------------------


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
            "availability": dice.choice([None, model.ONLINE, model.OFFLINE]),
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
            "availabilityStatus": (f"{model.STATUS}{link.status.value}",),
            "associationType": (ASSOCIATION_TYPES[link.relation.value],),
            "source": (link.source,),
            "target": (link.target,),
        }
        yield Item(AS, link.id, str(patient), values)


def common(item: Any) -> dict[str, tuple[str, ...]]:
    return {
        "entryUUID": (item.id,),
        "patientId": (str(item.patient),),
        "availabilityStatus": (f"{model.STATUS}{item.status.value}",),
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
        "objectType": (model.STABLE if entry.type is EntryType.STABLE else model.ON_DEMAND,),
        "documentAvailability": (entry.availability or model.ONLINE,),
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


@pytest.fixture(scope="module", params=WORLDS)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    opened: Callable[[str, Path], Any],
    maker: Callable[[], Any],
    migrated: Path,
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    shutil.copy(migrated, folder / "record.db")
    record = opened(f"sqlite:///{folder}/record.db", folder / "content")
    yield grown(record, maker(), request.param)
    record.close()


@pytest.fixture(scope="module")
def elsewhere(
    tmp_path_factory: pytest.TempPathFactory,
    opened: Callable[[str, Path], Any],
    maker: Callable[[], Any],
    postgres: Any,
) -> Iterator[World]:
    """A world on PostgreSQL."""
    record = opened(postgres.fresh(), tmp_path_factory.mktemp("elsewhere"))
    yield grown(record, maker(), 3)
    record.close()


# --- random requests -----------------------------------------------------------------------------


def pool(world: World, name: str, *, wrong: bool) -> list[str]:
    """Values that make sense for a parameter, with some that match nothing; or such as nobody may send."""
    kind, attribute, form = model.PARAMETERS[name]
    if wrong:
        of_wrong = {"code": ["no scheme"], "from": ["May"], "to": ["2025-06"], "level": ["3"]}
        return of_wrong.get(form, ["urn:x:other"])
    of_attribute = {
        "patientId": [str(each) for each in (*PATIENTS[:2] * 3, *PATIENTS[2:], PatientId("NOBODY", ROOT))],
        "objectType": [model.STABLE, model.ON_DEMAND],
        "documentAvailability": [model.ONLINE, model.OFFLINE],
        "associationType": sorted(world.values(AS, attribute)),
    }
    times = [*TIMES, "20260304050607", "20260304050608"]
    of_form = {
        "status": [model.APPROVED, model.DEPRECATED],
        "from": times,
        "to": times,
        "level": ["1", "2", "2"],
    }
    if attribute in of_attribute or form in of_form:
        return of_attribute.get(attribute) or of_form[form]
    values = world.values(kind, attribute)
    if form == "like":
        return [*values, "%Doe%", "_^%", "3^Roe_^J_", "%", "1^doe^jo", "R%", "%urn:b", "%'s%", "none"]
    if form == "uuid":
        return [*values, values[0].upper(), "urn:uuid:none"]
    return [*values, "none^^2.999.5"] if form == "code" else [*values, "none"]


ANCHORS = {DE: (DE,), SS: (SS,), FD: (FD,), AS: (AS,), "any": (DE, FD)}


def likely(world: World, name: str, anchors: dict[str, Item], *, wrong: bool) -> st.SearchStrategy[str]:
    """A value of a parameter; twice out of three times the one that a chosen object has."""
    kind, attribute, _ = model.PARAMETERS[name]
    every = st.sampled_from(pool(world, name, wrong=wrong))
    held = () if wrong or kind not in anchors else anchors[kind].values.get(attribute, ())
    return st.one_of(st.sampled_from(held), st.sampled_from(held), every) if held else every


FAULTS = (
    "none",
    "none",
    "none",
    "none",
    "none",
    "none",
    "value",
    "list",
    "count",
    "missing",
    "repeated",
    "pair",
    "twin",
    "other",
)


@st.composite
def requests(draw: st.DrawFn, world: World, query: model.Query) -> Request:
    """A request; in some one thing is wrong, if the query has such a thing."""
    fault = draw(st.sampled_from(FAULTS))
    pair, any_of = query.needing("P"), query.needing("*")
    names = [*query.needing("R")]
    names += draw(st.lists(st.sampled_from(pair), min_size=1, max_size=1)) if pair else []
    names += [draw(st.sampled_from(any_of))] if any_of else []
    more = [*query.needing("O"), *any_of]
    names += draw(st.lists(st.sampled_from(more), unique=True, max_size=3)) if more else []
    if "$MetadataLevel" in query.given and draw(st.booleans()):
        names.append("$MetadataLevel")
    names = [
        name
        for name in names
        if name.removesuffix("Exclude") not in names
        or name in query.needing("R")
        or not name.endswith("Exclude")
    ]
    if fault == "pair":
        names += pair
    if fault == "twin":
        names += [f"{name}Exclude" for name in names if f"{name}Exclude" in query.given]
    if fault == "missing":
        names.remove(draw(st.sampled_from(names)))
    names = list(dict.fromkeys(names))
    bad = draw(st.sampled_from(names)) if names else ""
    anchors = {kind: world.items[draw(st.sampled_from(world.ids(*kinds)))] for kind, kinds in ANCHORS.items()}
    chosen = []
    for name in names:
        number, spoiled = query.given[name][1], name == bad
        times = 1 + (number == "A" and draw(st.booleans())) + (spoiled and fault == "repeated")
        most = 1 + (number != "1") * 3 + (spoiled and fault == "count")
        value = likely(world, name, anchors, wrong=spoiled and fault == "value")
        one_slot = st.lists(value, min_size=1, max_size=most)
        listed = (number != "1") != (spoiled and fault == "list")
        for _ in range(times):
            values = draw(one_slot)
            chosen.append(Slot(name, tuple(values if listed or number == "1" else values[:1]), listed))
    other = {"ITI-18": "ITI-51", "ITI-51": "ITI-18"}[query.transaction]
    changed = draw(st.sampled_from(["transaction", "type"])) if fault == "other" else ""
    return Request(
        transaction=other if changed == "transaction" else query.transaction,
        query=query.id,
        return_type="RegistryObject"
        if changed == "type"
        else draw(st.sampled_from(["LeafClass", "ObjectRef"])),
        slots=tuple(draw(st.permutations(chosen))),
    )


def written(request: Request, dice: random.Random) -> StoredQuery:
    """The request on the wire: quoted, split over Value elements, with blanks where they may be."""
    return StoredQuery(
        identifier=request.query,
        return_type=request.return_type,
        home=dice.choice([None, "urn:oid:2.999.1.2"]),
        slots=[(slot.name, raw(slot, dice)) for slot in request.slots] + [("$unknown", ("'x'",))],
        text=b"<q/>",
    )


def raw(slot: Slot, dice: random.Random) -> tuple[str, ...]:
    plain = slot.name.endswith(("From", "To")) or slot.name == "$MetadataLevel"
    texts = [each if plain else "'{}'".format(each.replace("'", "''")) for each in slot.values]
    if not slot.listed:
        return tuple(texts)
    cut = dice.randint(1, len(texts))
    parts = [part for part in (texts[:cut], texts[cut:]) if part]
    blank = dice.choice([",", " , "])
    return tuple(f"({blank.join(part)})" for part in parts)


# --- the product ---------------------------------------------------------------------------------

TESTER = Principal(
    kind=SubjectKind.NODE,
    subject="tester",
    name="tester",
    issuer="2.999.2.9",
    role=Code("TESTER", ROOT),
    organisation=None,
    purpose=None,
    confirmation="node",
    token_id=None,
    token_digest=None,
    expires=None,
)
TRANSACTIONS = {
    "ITI-18": (iti18_registry_stored_query, QUERIES, Action.DOCUMENT_QUERY),
    "ITI-51": (iti51_multi_patient_stored_query, MULTI_PATIENT_QUERIES, Action.DOCUMENT_QUERY_MANY),
}


@pytest.fixture(scope="module")
def policy_of() -> Callable[[int], Policy]:
    """The shipped policy, with testers up to a rank of confidentiality."""
    shipped = load_policy(Path(__file__).parents[4] / "config/policy", environment="integration")
    found = {}
    for rank in (1, 2, 3):
        roles = {key: replace(rule, rank=rank) for key, rule in shipped.roles.items()}
        found[rank] = replace(shipped, roles=roles)
    return lambda rank: found[rank]


async def answered(request: StoredQuery, transaction: str, policy: Policy, services: Services) -> Found:
    """Read, decided on and executed as the pipeline does it."""
    module, queries, action = TRANSACTIONS[transaction]
    query = read(request, queries, services.domain)

    async def in_force() -> Policy:
        return policy

    directories = Directories(
        providers=services.access.directory,
        patients=services.patients,
        role_of=lambda code: code.code,
        scheme=lambda: ROOT,
    )
    engine: Any = SimpleNamespace(
        services=services, policies=SimpleNamespace(in_force=in_force), directories=directories
    )
    verdict = await decide(TESTER, action, module.target(query), engine, AT)
    return await execute(query, verdict.scope, services)


def check(
    world: World, query: model.Query, data: st.DataObject, policy_of: Callable[[int], Policy], domain: Domain
) -> None:
    request = data.draw(requests(world, query))
    rank = data.draw(st.sampled_from([1, 2, 3, 3]))
    expected = model.answer(world.items, request, rank)
    record = world.record
    services = Services(
        record.registry,
        record.repository,
        record.patients,
        domain,
        record.index,
        record.subscriptions,
        record.visits,
        record.access,
    )
    sent = written(request, random.Random(data.draw(st.integers(0, 9))))  # noqa: S311
    try:
        found = record.run(answered(sent, request.transaction, policy_of(rank), services))
    except Refused as refusal:
        given_codes = {registry_code(problem) for problem in refusal.problems}
        assert given_codes <= expected.errors, f"{given_codes}, expected {set(expected.errors)}"
        return
    ids = [row.uuid for row in found.rows]
    assert not expected.errors
    assert set(ids) == expected.ids
    assert len(ids) == len(set(ids))
    for row in found.rows:
        assert str(found.identities[row.patient_key]) == world.items[row.uuid].patient
    assert len(iti18_registry_stored_query.encode(found, domain).pieces) == 1


BY_NAME = {query.name: query for query in model.QUERIES.values()}


@pytest.mark.parametrize("name", BY_NAME)
@settings(LOOKING, max_examples=EXAMPLES)
@given(data=st.data())
def test_the_answer_is_that_of_the_standard(
    world: World, policy_of: Callable[[int], Policy], domain: Domain, name: str, data: st.DataObject
) -> None:
    check(world, BY_NAME[name], data, policy_of, domain)


@settings(LOOKING, max_examples=5 * EXAMPLES)
@given(data=st.data())
def test_so_it_is_on_postgresql(
    elsewhere: World, policy_of: Callable[[int], Policy], domain: Domain, data: st.DataObject
) -> None:
    check(elsewhere, data.draw(st.sampled_from(list(BY_NAME.values()))), data, policy_of, domain)


def test_every_query_is_in_the_model() -> None:
    assert {query.id for query in BY_NAME.values()} == {*QUERIES, *MULTI_PATIENT_QUERIES}


def test_the_worlds_are_worth_asking(world: World) -> None:
    items = world.items.values()
    assert {item.kind for item in items} == {DE, SS, FD, AS}
    assert sum(item.kind == DE for item in items) > 20
    assert sum(not item.latest for item in items) > 2
    assert {item.one("associationType") for item in items if item.kind == AS} > {model.HAS_MEMBER}
    assert any(
        item.patient != world.items[item.one("target")].patient
        for item in items
        if item.kind == AS and item.one("target") in world.items
    )
