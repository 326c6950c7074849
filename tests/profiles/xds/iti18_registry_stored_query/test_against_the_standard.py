"""The stored queries over real databases give what a naive reading of the standard gives (model.py).

QUERY_EXAMPLES=500 looks further: so many examples of every query, drawn at random, over more worlds.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.declare.actions import Action
from gateway.declare.services import Services
from gateway.errors import Refused
from gateway.identity.directories import Directories
from gateway.pipeline.authorize import decide
from gateway.policy.matrix import load_policy
from gateway.policy.model import Policy
from gateway.record.domain import Domain
from gateway.record.people import Code, Principal, SubjectKind
from profiles.xds import iti18_registry_stored_query, iti51_multi_patient_stored_query
from profiles.xds.errors import registry_code
from profiles.xds.iti18_registry_stored_query.execute import Found, execute
from profiles.xds.iti18_registry_stored_query.parameters import read
from profiles.xds.iti18_registry_stored_query.queries import MULTI_PATIENT_QUERIES, QUERIES
from profiles.xds.wire.requests import StoredQuery
from tests.profiles.xds.iti18_registry_stored_query import model
from tests.profiles.xds.iti18_registry_stored_query.objects import AS, DE, FD, HAS_MEMBER, SS
from tests.profiles.xds.iti18_registry_stored_query.queries import QUERIES as AS_WORDED
from tests.profiles.xds.iti18_registry_stored_query.questions import requests, written
from tests.profiles.xds.iti18_registry_stored_query.reading import Query
from tests.profiles.xds.iti18_registry_stored_query.worlds import AT, ROOT, World, grown

FURTHER = os.environ.get("QUERY_EXAMPLES")
EXAMPLES = int(FURTHER or 40)
WORLDS = tuple(range(1, 9)) if FURTHER else (1, 2)
LOOKING = settings(
    deadline=None,
    derandomize=not FURTHER,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


# --- a world of random metadata ------------------------------------------------------------------


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
    world: World, query: Query, data: st.DataObject, policy_of: Callable[[int], Policy], domain: Domain
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


BY_NAME = {query.name: query for query in AS_WORDED.values()}


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
    assert {item.one("associationType") for item in items if item.kind == AS} > {HAS_MEMBER}
    assert any(
        item.patient != world.items[item.one("target")].patient
        for item in items
        if item.kind == AS and item.one("target") in world.items
    )
