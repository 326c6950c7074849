"""What the pipeline decided is decided again from the trail, with policy and rights as they were then."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli.policyroom import PolicyRoom
from gateway.cli.replaying import Exchange, replayed
from gateway.cli.services import policy_archive
from gateway.declare.bindings import Raw
from gateway.policy.receipt import read_receipt
from gateway.policy.replay import Outcome
from gateway.record.access import Scope
from gateway.record.consents import Author, Directive, Kind
from gateway.record.people import PatientId
from gateway.rights.book import Said
from gateway.stores.work import UnitOfWork
from tests.housing import OTHER, PATIENT, House, standing
from tests.messages.every import message, prepare
from tests.messages.hl7v2 import hl7

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
AUTHOR = Author(subject="p", name="P", kind="patient", by="test")


@pytest.fixture
def place(installation: Any, tmp_path: Path) -> Any:
    """A house with a policy folder of its own."""
    policy = tmp_path / "policy"
    shutil.copytree(installation.policy.directory, policy)
    own = replace(installation, policy=replace(installation.policy, directory=policy))
    database = Path(installation.database.url.removeprefix("sqlite:///"))
    home = standing(own, tmp_path, database)
    yield home
    asyncio.run(home.gateway.close())


async def said(house: House, patient: str, *directives: Directive) -> None:
    """The patient decides."""
    engine = house.gateway.engine
    identity = PatientId(patient, house.settings.domain.affinity_oid)
    record = await engine.services.patients.find(identity)
    assert record is not None
    work = UnitOfWork()
    scope = Scope(grants=dict.fromkeys(record.keys), identities={record.key: identity})  # type: ignore[arg-type]
    call = SimpleNamespace(scope=scope, work=work, at=engine.clock(), trace_id="0" * 32)
    await engine.services.access.rights.add(call, identity, Said(directives=directives, author=AUTHOR))
    await engine.committer.commit(work)


def written(house: House, code: str) -> tuple[str, Raw]:
    """A message of a transaction."""
    transactions = house.gateway.engine.catalogue.transactions()
    return message(house, next(each for each in transactions if each.code == code))


async def sent(house: House, code: str) -> None:
    await house.call(*written(house, code))


async def again(house: House, **wanted: Any) -> list[Exchange]:
    archive = policy_archive(house.settings, house.gateway.database, house.gateway.signer)
    room = PolicyRoom(house.gateway, archive)
    return await replayed(room, wanted.get("trace", ""), BEGIN, wanted.get("limit", 1_000))


def outcomes(found: list[Exchange]) -> Counter[Outcome]:
    return Counter(each.outcome for exchange in found for each in exchange.decisions)


def a_life(house: House) -> Any:
    """What happens to a house: a letter is written outside the loop, as the client wants it."""
    return _a_life(house, written(house, "ITI-41"))


async def _a_life(house: House, letter: tuple[str, Raw]) -> None:
    """Feeds, queries before and after a decision, another policy, a merge."""
    await prepare(house)
    await sent(house, "ITI-18")
    await said(house, PATIENT, Directive(kind=Kind.OPPOSITION), Directive(kind=Kind.DENIAL, subject="x"))
    await sent(house, "ITI-18")
    await house.call(*letter)
    await said(house, OTHER, Directive(kind=Kind.ALLOWED_ONLY))
    path = house.settings.policy.directory / "settings.toml"
    path.write_text(path.read_text().replace("purpose_required = true", "purpose_required = false"))
    house.gateway.engine.policies._due = 0.0  # type: ignore[attr-defined]
    house.gateway.engine.policies._folder._due = 0.0  # type: ignore[attr-defined]
    await sent(house, "ITI-18")
    await house.call("hl7v2", hl7(house, "A40", PATIENT, OTHER))
    await sent(house, "ITI-18")


def test_every_decision_of_the_trail_is_the_same_again(place: House) -> None:
    life = a_life(place)

    async def main() -> None:
        await life
        found = await again(place)
        decisions = [each for exchange in found for each in exchange.decisions]
        assert outcomes(found) == {Outcome.SAME: len(decisions)}
        reasons = Counter(each.was.reason for each in decisions if each.was)
        assert reasons["CONSENT"] >= 2
        assert reasons["PERMIT"] >= 5
        assert len({each.was.policy_version for each in decisions if each.was}) == 2
        query = "SELECT decision FROM audit WHERE decision LIKE '%document:query%' ORDER BY id DESC"
        last = read_receipt(str(place._query(query)[0][0]))
        assert last is not None
        assert len(last.answers[0].versions or ()) == 2, "of both records that are one now"
        (one,) = await again(place, trace=found[-1].trace)
        assert one == found[-1]
        assert len(await again(place, limit=2)) == 2

    asyncio.run(main())


FORGERIES: dict[str, tuple[str, Outcome]] = {
    "receipt": (
        "UPDATE audit SET decision = replace(decision, '\"CONSENT\"', '\"MANDATE\"')",
        Outcome.DIFFERS,
    ),
    "rights": (
        'UPDATE rights_version SET rights = replace(rights, \'"purpose":null\', \'"purpose":"PATRQT"\')',
        Outcome.DIFFERS,
    ),
    "rights gone": ("DELETE FROM rights_version", Outcome.IMPOSSIBLE),
    "policy gone": ("DELETE FROM policy_version WHERE number = 2", Outcome.IMPOSSIBLE),
    "policy forged": ("UPDATE policy_version SET signature = x'00'", Outcome.IMPOSSIBLE),
    "no inputs": ("UPDATE audit SET decision = '{\"decisions\":[]}'", Outcome.IMPOSSIBLE),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_was_changed_on_the_disk_is_seen(place: House, forgery: str) -> None:
    statement, expected = FORGERIES[forgery]

    life = a_life(place)

    async def main() -> None:
        await life
        place.change(statement)
        assert outcomes(await again(place))[expected] >= 1

    asyncio.run(main())
