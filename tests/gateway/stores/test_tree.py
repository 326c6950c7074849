"""Proofs from the stored tree, with and without kept subtrees, on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

from gateway.crypto.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from gateway.errors import Defect, SignatureBroken
from gateway.stores import tables
from gateway.stores.tree import TreeStore
from gateway.stores.work import UnitOfWork

LEAVES = [sha256(str(number).encode()).digest() for number in range(66_000)]


def filled(record: Any, count: int) -> TreeStore:
    work = UnitOfWork()
    rows = [{"position": at, "audit_id": at * 3, "leaf": leaf} for at, leaf in enumerate(LEAVES[:count])]
    work.write(insert(tables.audit_leaf), *rows)
    record.commit(work)
    return TreeStore(record.database)


def tile(record: Any, tree: TreeStore) -> int:
    rounds = 0
    while True:
        work = UnitOfWork()
        more = record.run(tree.tile(work, 200))
        if work.steps:
            record.commit(work)
        rounds += 1
        if not more:
            return rounds


@pytest.mark.parametrize("tiled", [False, True])
def test_proofs_are_those_of_the_whole_list(record: Any, tiled: bool) -> None:  # noqa: FBT001 - a parameter
    size = 1_111
    tree = filled(record, size)
    if tiled:
        tile(record, tree)
    for index in (0, 255, 256, 700, size - 1):
        assert record.run(tree.inclusion(index, size)) == inclusion_proof(LEAVES[:size], index)
    for old in (1, 256, 257, 1_024, size):
        assert record.run(tree.consistency(old, size)) == consistency_proof(LEAVES[:size], old)
        assert record.run(tree.frontier(old)) == Frontier().extended(LEAVES[:old])
    assert record.run(tree.size()) == size


@pytest.fixture
def in_file(migrated: Path, tmp_path: Path, opened: Callable[[str, Path], Any]) -> Iterator[Any]:
    """On SQLite only: there are many rows."""
    shutil.copy(migrated, tmp_path / "tree.db")
    found = opened(f"sqlite:///{tmp_path / 'tree.db'}", tmp_path / "content")
    yield found
    found.close()


def test_a_tree_that_was_kept_in_two_levels(in_file: Any) -> None:
    record, size = in_file, len(LEAVES)
    tree = filled(record, size)
    assert tile(record, tree) > 1
    root, old = tree_hash(LEAVES), 65_537
    proof = record.run(tree.consistency(old, size))
    verify_consistency(old, size, tree_hash(LEAVES[:old]), root, proof)
    verify_inclusion(LEAVES[300], 300, size, record.run(tree.inclusion(300, size)), root)
    rows = record.run(record.database.fetch(tables.audit_node.select()))
    assert {row.level for row in rows} == {8, 16}
    assert len(rows) == (size >> 8) + (size >> 16)


def test_what_is_gone_is_told_and_what_is_changed_gives_no_proof(record: Any) -> None:
    tree = filled(record, 600)
    tile(record, tree)
    work = UnitOfWork()
    work.write(delete(tables.audit_leaf).where(tables.audit_leaf.c.position == 590))
    changed = tables.audit_node.update().where(tables.audit_node.c.number == 0).values(hash=bytes(32))
    work.write(changed)
    record.commit(work)
    with pytest.raises(Defect, match="are gone"):
        record.run(tree.inclusion(580, 600))
    proof = record.run(tree.consistency(512, 580))
    with pytest.raises(SignatureBroken):
        verify_consistency(256, 580, tree_hash(LEAVES[:256]), tree_hash(LEAVES[:580]), proof)


def test_nothing_is_kept_of_a_small_tree(record: Any) -> None:
    tree, work = filled(record, 255), UnitOfWork()
    assert not record.run(tree.tile(work))
    assert work.steps == []
