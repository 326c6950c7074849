"""Sealing batches of rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gateway.audit import checkpoint
from gateway.audit.rows import leaf_of
from gateway.audit.sealer import frontier_of, seal
from gateway.crypto.keys import Signer
from gateway.crypto.merkle import Frontier, tree_hash
from gateway.errors import Defect

ORIGIN = "audit.example/2.999.1"


def test_batches_continue_one_tree(trail: Any, signer: Signer, now: datetime) -> None:
    rows = list(trail.rows.values())
    first, tree_one, frontier = seal(rows[:3], Frontier(), signer, ORIGIN, now)
    second, tree_two, frontier = seal(rows[3:8], frontier, signer, ORIGIN, now)
    assert [leaf.position for leaf in first + second] == list(range(8))
    assert [leaf.audit_id for leaf in first + second] == [row.id for row in rows[:8]]
    assert [leaf.leaf for leaf in first + second] == [leaf_of(row) for row in rows[:8]]
    assert (tree_one.size, tree_two.size, frontier.size) == (3, 8, 8)
    assert tree_two.root == frontier.root == tree_hash([leaf_of(row) for row in rows[:8]])
    assert tree_two.at == int(now.timestamp() * 1000)


def test_the_checkpoint_is_signed(trail: Any, signer: Signer, now: datetime) -> None:
    _, tree, _ = seal(list(trail.rows.values()), Frontier(), signer, ORIGIN, now)
    found = checkpoint.verify(tree.note, signer.certificate)
    assert (found.origin, found.size, found.root) == (ORIGIN, tree.size, tree.root)


def test_a_restart_finds_its_place(trail: Any, signer: Signer, now: datetime) -> None:
    rows = list(trail.rows.values())
    leaves, _, frontier = seal(rows, Frontier(), signer, ORIGIN, now)
    assert frontier_of([leaf.leaf for leaf in leaves]) == frontier


def test_rows_out_of_order_are_a_defect(trail: Any, signer: Signer, now: datetime) -> None:
    rows = list(trail.rows.values())
    for batch in ([rows[1], rows[0]], [rows[0], rows[0]]):
        with pytest.raises(Defect):
            seal(batch, Frontier(), signer, ORIGIN, now)
