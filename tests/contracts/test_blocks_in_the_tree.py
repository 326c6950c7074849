"""What others sent stands in the same tree as our own trail; and a trail that several keys signed."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from sqlalchemy import text

from gateway.audit.assay import Brought
from gateway.audit.findings import Report
from gateway.audit.verify import verify_export
from gateway.cli.alarms import raise_alert
from gateway.cli.checking import Vigil
from gateway.cli.compose import Gateway, compose
from gateway.cli.exporting import prove_exchange
from gateway.cli.keeper import Sealing, _note_signer, resume, seal_once
from gateway.cli.trail import Part, export_lines, ledger_of
from gateway.cli.verifying import verify_file
from gateway.config import Settings
from gateway.crypto import pki
from gateway.crypto.envelope import KeyTree
from gateway.crypto.keys import fingerprint
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.record.events import Received
from gateway.stores.blocks import BlockStore
from gateway.stores.events import USE
from gateway.stores.keys import key_maker
from gateway.stores.work import UnitOfWork

T = TypeVar("T")
SLOT = 2_900


@dataclass
class Trail:
    """A gateway of its own, sealing by hand."""

    gateway: Gateway
    settings: Settings

    async def receive(self, count: int) -> int:
        """A block of as many messages of somebody else; gives its number."""
        now = datetime.now(UTC)
        keys = KeyTree.at(self.settings.content.master_key)
        blocks = BlockStore(self.gateway.database, keys, key_maker())
        messages = [
            Received(raw=b"<AuditMessage n='%d'/>" % number, form="dicom", at=now, address="192.0.2.1")
            for number in range(count)
        ]
        work = UnitOfWork()
        places = await blocks.put(work, USE, SLOT, messages, now)
        await self.gateway.engine.committer.commit(work)
        return places[0][0]

    async def own(self, count: int) -> None:
        """As many rows of our own."""
        for number in range(count):
            await raise_alert(self.gateway, events.PROTOCOL_ABUSE, Outcome.MINOR_FAILURE, f"number {number}")

    async def seal(self) -> Sealing:
        sealing = await resume(self.gateway)
        while await seal_once(self.gateway, sealing):
            pass
        return sealing

    async def change(self, statement: str) -> None:
        work = UnitOfWork()
        work.write(text(statement))
        await self.gateway.engine.committer.commit(work)

    async def alerts(self) -> list[str]:
        rows = await self.gateway.database.fetch(text("SELECT message FROM audit ORDER BY id"))
        return [row.message for row in rows if "audit trail:" in row.message]


@pytest.fixture
def play(house: Any) -> Callable[[Callable[[Trail], Awaitable[T]]], T]:
    """Runs a scene and gives what comes of it."""

    async def from_nothing(scene: Callable[[Trail], Awaitable[T]]) -> T:
        trail = Trail(house.gateway, house.settings)
        await trail.change("DELETE FROM audit")
        return await scene(trail)

    def played(scene: Callable[[Trail], Awaitable[T]]) -> T:
        return asyncio.run(from_nothing(scene))

    return played


def verified(trail: Trail) -> tuple[Report, list[dict[str, Any]]]:
    lines = asyncio.run(export_lines(trail.settings))
    return verify_export(lines), [orjson.loads(line) for line in lines]


async def filled(trail: Trail) -> int:
    await trail.own(2)
    block = await trail.receive(3)
    await trail.own(2)
    await trail.seal()
    return block


def test_blocks_and_rows_stand_in_one_tree_by_their_ids(house: Any, play: Any) -> None:
    block = play(filled)
    report, lines = verified(Trail(house.gateway, house.settings))
    assert report.ok
    assert (report.sealed, report.blocks) == (5, 1)
    sealed = [each for each in lines if each["type"] in {"row", "block"}]
    assert [each["type"] for each in sealed] == ["row", "row", "block", "row", "row"]
    assert sorted(each["audit_id"] for each in sealed) == [each["audit_id"] for each in sealed]
    (found,) = [each for each in lines if each["type"] == "block"]
    assert found["audit_id"] == block
    assert base64.b64decode(found["messages"][2]) == b"<AuditMessage n='2'/>"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE event_block SET count = 2", "does not give the leaf"),
        ("UPDATE event_block SET root = zeroblob(32)", "does not give the leaf"),
        ("UPDATE event_block SET slot = 7", "does not give the leaf"),
        ("UPDATE event_block SET body = zeroblob(90)", "the messages of the block do not give its root"),
        ("DELETE FROM event_block", "was sealed and is gone"),
    ],
)
def test_a_block_that_was_changed_is_named(house: Any, play: Any, statement: str, reason: str) -> None:
    async def scene(trail: Trail) -> tuple[int, list[str]]:
        block, vigil = await filled(trail), Vigil(trail.gateway)
        sealing = await resume(trail.gateway)
        await vigil.look(sealing.frontier, sealing.since)
        assert await trail.alerts() == []
        await trail.change(statement)
        await vigil.look(sealing.frontier, sealing.since)
        return block, await trail.alerts()

    block, alerts = play(scene)
    report, _ = verified(Trail(house.gateway, house.settings))
    assert report.first is not None
    assert (report.first.audit_id, report.first.position) == (block, 2)
    assert reason in report.first.reason
    assert bool(alerts) is ("body" not in statement)


def test_the_lines_alone_are_verified_as_before(house: Any, play: Any, tmp_path: Path) -> None:
    play(filled)
    lines, path = asyncio.run(export_lines(house.settings)), tmp_path / "old.jsonl"
    path.write_bytes(b"".join(lines))
    good = verify_file(path, Brought(), None, None)
    assert good.good
    assert "5 rows sealed (1 of them blocks of messages of others)" in good.lines[-1]
    path.write_bytes(b"".join([*lines[:-2], lines[-1]]))
    bad = verify_file(path, Brought(), None, None)
    assert not bad.good
    assert bad.lines[0].startswith("BAD  missing row")


def test_messages_whose_key_was_destroyed_leave_a_tree_that_holds(house: Any, play: Any) -> None:
    async def scene(trail: Trail) -> None:
        await filled(trail)
        await trail.change("DELETE FROM slot_key")

    play(scene)
    report, lines = verified(Trail(house.gateway, house.settings))
    assert report.ok
    assert [each["messages"] for each in lines if each["type"] == "block"] == [None]


def test_a_part_begins_and_ends_at_checkpoints(house: Any, play: Any) -> None:
    async def scene(trail: Trail) -> list[bytes]:
        for _ in range(4):
            await trail.own(2)
            await trail.seal()
        part = Part(first=3, last=5, hashes_only=True)
        async with ledger_of(trail.settings) as ledger:
            return [line async for line in ledger.lines(await ledger.header(part), part)]

    lines = play(scene)
    header = orjson.loads(lines[0])
    assert (header["start"]["size"], header["end"]) == (2, 6)
    report = verify_export(lines)
    assert report.ok
    assert (report.start, report.sealed) == (2, 4)
    assert house.settings is not None
    for bad in (
        {**header, "start": {**header["start"], "roots": ["00" * 32]}},
        {**header, "start": {"size": 4, "roots": ["00" * 32]}},
        {**header, "end": 8},
    ):
        changed = [orjson.dumps(bad), *(line for line in lines[1:] if b'"size":2,' not in line[:40])]
        assert not verify_export(changed).ok
    late = orjson.loads(asyncio.run(export_lines(house.settings))[4])["note"]
    assert verify_export(lines, known=[late]).outside == 1


def test_a_trail_of_two_signers_is_verified_with_both(house: Any, play: Any, tmp_path: Path) -> None:
    folder = house.settings.folder / "pki"
    authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
    key = pki.create_key()
    pki.write_key(tmp_path / "next.key", key)
    issued = pki.issue_signer(authority, "next", key.public_key(), datetime.now(UTC))
    pki.write_pem(tmp_path / "next.pem", issued)
    signing = replace(house.settings.signing, certificate=tmp_path / "next.pem", key=tmp_path / "next.key")
    settings = replace(house.settings, signing=signing)

    async def before(trail: Trail) -> None:
        await _note_signer(trail.gateway)
        await trail.own(3)
        await trail.seal()

    async def after() -> tuple[bytes, ...]:
        trail = Trail(compose(settings), settings)
        await before(trail)
        async with ledger_of(settings) as ledger:
            found = await ledger.certificates()
        await trail.gateway.close()
        return found

    play(before)
    certificates = asyncio.run(after())
    lines = asyncio.run(export_lines(settings))
    assert len(certificates) == 2
    report = verify_export(lines)
    assert report.ok
    assert (report.sealed, len(report.certificates)) == (6, 2)
    only = verify_export(lines, trusted={fingerprint(certificates[1])})
    assert {each.position for each in only.findings if each.fault.value == "changed"} == {0, 1, 2}


def test_evidence_of_an_exchange_that_is_not_sealed_yet(house: Any, play: Any) -> None:
    async def scene(trail: Trail) -> str:
        await trail.own(1)
        return str((await trail.gateway.database.fetch(text("SELECT trace_id FROM audit")))[0].trace_id)

    trace = play(scene)
    with pytest.raises(Exception, match="not sealed yet"):
        asyncio.run(prove_exchange(house.settings, trace))
