"""Which policy decides: proposed by one, activated by another, verified before it is loaded (POL-12)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from gateway.crypto.keys import Signer
from gateway.errors import Busy, Denied, Outdated, Refused, SettingsInvalid
from gateway.policy.archive import PolicyArchive
from gateway.policy.changes import PolicyChanges
from gateway.policy.inforce import PolicyInForce
from gateway.policy.manifest import Kind, Manifest, digests, sealed
from gateway.policy.matrix import PolicySource, compile_policy, read_files
from gateway.policy.model import Policy
from gateway.stores import tables
from gateway.stores.policies import PolicyStore
from gateway.stores.work import UnitOfWork
from tests.gateway.policy.conftest import FOLDER

SHIPPED = read_files(FOLDER)
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
T = tables.policy_version


def named(version: str, old: str = "", new: str = "") -> dict[str, bytes]:
    """The shipped files under another name, with one change."""
    matrix = SHIPPED["matrix.toml"].replace(b'version = "2026.1"', f'version = "{version}"'.encode())
    return {**SHIPPED, "matrix.toml": matrix.replace(old.encode(), new.encode())}


@dataclass
class Room:
    """An archive over one database, with workers that decide by it."""

    record: Any
    signer: Signer
    folder: Path
    time: float = 0.0
    alerts: list[SettingsInvalid] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.archive = PolicyArchive(
            PolicyStore(self.record.database), self.signer, (self.signer.certificate,), "prod"
        )
        self.changes = PolicyChanges(self.archive)

    def worker(self) -> PolicyInForce:
        async def alert(problem: SettingsInvalid) -> None:
            self.alerts.append(problem)

        return PolicyInForce(
            PolicySource(self.folder, environment="prod", clock=lambda: self.time),
            self.archive,
            commit=self.record.committer.commit,
            alert=alert,
            now=lambda: AT,
            clock=lambda: self.time,
        )

    def decides(self, worker: PolicyInForce, later: float = 1.0) -> str:
        """The name before the hash of the policy a worker decides by, a second later."""
        self.time += later
        found: Policy = self.record.run(worker.in_force())
        assert worker.current() is found
        return found.version.partition("+")[0]

    def propose(self, files: dict[str, bytes], who: str = "eve") -> int:
        work = UnitOfWork()
        number = self.record.run(self.changes.propose(work, files, who, "why", AT)).number
        self.record.commit(work)
        return int(number)

    def activate(self, number: int, who: str = "adam") -> Manifest:
        work = UnitOfWork()
        found: Manifest = self.record.run(self.changes.activate(work, number, who, AT))
        self.record.commit(work)
        return found

    def write(self, statement: Any, *rows: Any) -> None:
        work = UnitOfWork()
        work.write(statement, *rows)
        self.record.commit(work)

    def kinds(self) -> list[str]:
        return [row.kind for row, _ in self.record.run(self.archive.history())]


@pytest.fixture(params=["sqlite", "postgresql"])
def room(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    opened: Callable[[str, Path], Any],
    identity: Callable[..., Any],
) -> Iterator[Room]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
    else:
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "record.db")
        url = f"sqlite:///{tmp_path / 'record.db'}"
    shutil.copytree(FOLDER, tmp_path / "policy")
    record = opened(url, tmp_path / "content")
    yield Room(record, identity("p256", "ours").signer, tmp_path / "policy")
    record.close()


def test_the_folder_decides_until_a_version_is_activated_and_each_state_is_kept(room: Room) -> None:
    one, two = room.worker(), room.worker()
    assert (room.decides(one), room.decides(two)) == ("2026.1", "2026.1")
    assert room.kinds() == ["folder"], "kept once, whoever decided first"
    (room.folder / "matrix.toml").write_bytes(named("2026.2")["matrix.toml"])
    assert (room.decides(one), room.decides(two)) == ("2026.2", "2026.2")
    number = room.propose(named("2026.3"))
    assert room.decides(one) == "2026.2", "a proposal decides nothing"
    activated = room.activate(number)
    assert (activated.proposer, activated.approver, activated.proposal) == ("eve", "adam", number)
    assert (room.decides(one), room.decides(two), room.decides(room.worker())) == ("2026.3",) * 3
    (room.folder / "matrix.toml").write_bytes(named("2026.4")["matrix.toml"])
    assert room.decides(one) == "2026.3", "the folder counts no longer"
    assert room.kinds() == ["folder", "folder", "proposal", "activation"]
    assert room.alerts == []


def test_nothing_is_read_again_within_a_second(room: Room) -> None:
    worker = room.worker()
    room.decides(worker)
    room.activate(room.propose(named("2026.2")))
    assert room.decides(worker, later=0.5) == "2026.1"
    assert room.decides(worker, later=0.5) == "2026.2"


def test_who_proposed_may_not_activate(room: Room) -> None:
    number = room.propose(named("2026.2"), "Eve")
    for name in ("Eve", "eve", " EVE "):
        with pytest.raises(Denied):
            room.activate(number, name)
    assert room.kinds() == ["proposal"]


def test_what_was_proposed_against_another_version_must_be_proposed_again(room: Room) -> None:
    first, second = room.propose(named("2026.2")), room.propose(named("2026.3"))
    room.activate(first)
    with pytest.raises(Refused, match="propose it again"):
        room.activate(second)


def test_only_proposals_of_something_new_are_activated(room: Room) -> None:
    with pytest.raises(Refused, match="no version 1"):
        room.activate(1)
    done = room.activate(room.propose(named("2026.2")))
    with pytest.raises(Refused, match="is no proposal"):
        room.activate(done.number)
    with pytest.raises(Refused, match="in force already"):
        room.propose(named("2026.2"))
    with pytest.raises(SettingsInvalid, match="unknown action"):
        room.propose(named("2026.3", '"document:update"', '"document:shred"'))


def test_two_who_activate_at_once_do_it_once(room: Room) -> None:
    number = room.propose(named("2026.2"))
    works = [UnitOfWork(), UnitOfWork()]
    for work in works:
        room.record.run(room.changes.activate(work, number, "adam", AT))
    room.record.commit(works[0])
    with pytest.raises(Outdated):
        room.record.commit(works[1])


def test_the_way_back_needs_two_as_well(room: Room) -> None:
    worker = room.worker()
    room.decides(worker)
    room.activate(room.propose(named("2026.2")))
    work = UnitOfWork()
    back = room.record.run(room.changes.propose_again(work, 1, "eve", "it was better", AT))
    room.record.commit(work)
    assert (back.again, room.decides(worker)) == (1, "2026.2")
    with pytest.raises(Denied):
        room.activate(back.number, "eve")
    room.activate(back.number)
    assert room.decides(worker) == "2026.1"
    with pytest.raises(Refused, match="never in force"):
        room.record.run(room.changes.propose_again(UnitOfWork(), 2, "eve", "", AT))


# --- what is not loaded (POL-12) -----------------------------------------------------------------

BROKEN = {
    "unknown action": named("2026.9", '"document:update"', '"document:shred"'),
    "missing role": named("2026.9", 'inherits = "nurse"', 'inherits = "nobody"'),
    "circle": named("2026.9", 'code = "NURSE"', 'code = "NURSE"\ninherits = "midwife"'),
    "no TOML": {**SHIPPED, "settings.toml": b"["},
}


def forged(room: Room, files: dict[str, bytes], signer: Signer, number: int, **changes: Any) -> None:
    """An activation that no command made."""
    manifest = Manifest(
        number=number,
        kind=Kind.ACTIVATION,
        environment="prod",
        version="2026.9+000000000000",
        files=digests(files),
        at=AT,
        proposer="eve",
        approver="adam",
    )
    row = sealed(replace(manifest, **changes), files, signer)
    values = {name: getattr(row, name) for name in type(row).__dataclass_fields__}
    room.write(insert(T), values)


@pytest.mark.parametrize("fault", [*BROKEN, "signature", "environment"])
def test_pol_12_a_version_that_does_not_hold_changes_nothing_and_is_told(
    room: Room, identity: Callable[..., Any], fault: str
) -> None:
    worker = room.worker()
    room.decides(worker)
    room.activate(room.propose(named("2026.2")))
    assert room.decides(worker) == "2026.2"
    if fault == "signature":
        forged(room, named("2026.9"), identity("p256", "stranger").signer, 4)
    elif fault == "environment":
        forged(room, named("2026.9"), room.signer, 4, environment="integration")
    else:
        forged(room, BROKEN[fault], room.signer, 4)
    assert [room.decides(worker) for _ in range(3)] == ["2026.2"] * 3
    (alert,) = room.alerts
    assert alert.location is not None
    assert alert.location.startswith("version 4 of the policy")
    assert room.decides(room.worker()) == "2026.2", "who starts now decides alike"
    room.activate(room.propose(named("2026.5")))
    assert room.decides(worker) == "2026.5", "and a good one repairs it"


def test_pol_12_a_version_that_is_taken_away_stays_in_force_and_is_told(room: Room) -> None:
    worker = room.worker()
    room.decides(worker)
    done = room.activate(room.propose(named("2026.2")))
    assert room.decides(worker) == "2026.2"
    room.write(delete(T).where(T.c.number == done.number))
    assert [room.decides(worker) for _ in range(2)] == ["2026.2"] * 2
    assert [alert.detail for alert in room.alerts] == ["a version of the policy is gone that was activated"]


def test_pol_12_without_any_activation_that_holds_the_last_archived_folder_decides(room: Room) -> None:
    worker = room.worker()
    room.decides(worker)
    room.activate(room.propose(named("2026.2")))
    room.write(update(T).where(T.c.kind == "activation").values(signature=bytes(64)))
    (room.folder / "matrix.toml").write_bytes(named("2026.3")["matrix.toml"])
    assert room.decides(worker) == "2026.1"
    assert room.decides(room.worker()) == "2026.1", "not the folder as it is now"
    room.write(delete(T).where(T.c.kind == "folder"))
    with pytest.raises(Busy):
        room.decides(room.worker())


def test_old_versions_compile_by_name_for_replays(room: Room) -> None:
    worker = room.worker()
    room.decides(worker)
    first = worker.current()
    room.activate(room.propose(named("2026.2")))
    room.decides(worker)
    again = room.archive.compiled(room.record.run(room.archive.named(first.version)))
    assert again == first == compile_policy(SHIPPED, environment="prod")
    with pytest.raises(Refused, match="ever in force"):
        room.record.run(room.archive.named("2026.7+000000000000"))


def test_a_version_of_before_policies_had_a_further_file_still_counts_by_its_name(room: Room) -> None:
    """Releases add files; what was decided by the older ones must be decided alike again."""
    older = {name: octets for name, octets in SHIPPED.items() if name != "consents.toml"}
    forged(room, older, room.signer, 1, version="2020.1+0123456789ab")
    assert room.decides(room.worker()) == "2020.1"
    again = room.archive.compiled(room.record.run(room.archive.named("2020.1+0123456789ab")))
    assert again.version == "2020.1+0123456789ab"
    assert again.roles == compile_policy(SHIPPED, environment="prod").roles
    assert again.consents == {}


def test_of_several_of_one_name_one_that_holds_is_taken(room: Room, identity: Callable[..., Any]) -> None:
    forged(room, SHIPPED, identity("p256", "stranger").signer, 1)
    forged(room, SHIPPED, room.signer, 2)
    found = room.record.run(room.archive.named("2026.9+000000000000"))
    assert found.manifest.number == 2
