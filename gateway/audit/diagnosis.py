"""Tells apart what was done to a stretch of the tree whose checkpoint no longer holds (AUD-05)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from gateway.audit.export import ExportedRow
from gateway.audit.findings import Fault, Finding
from gateway.audit.rows import AnyRow, leaf_of
from gateway.crypto.merkle import Frontier

SPAN_LIMIT = 2048
"""Entries after the last good checkpoint that are searched; a longer stretch is told as a whole."""
PAIR_LIMIT = 128


@dataclass(slots=True)
class Span:
    """Entries since the last good checkpoint, whose frontier is `start`."""

    start: Frontier
    entries: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, audit_id: int, leaf: bytes) -> None:
        """Note an entry, as long as there is room for a search."""
        if len(self.entries) <= SPAN_LIMIT:
            self.entries.append((audit_id, leaf))


def explain(span: Span, size: int, root: bytes, *, short: bool) -> Finding | None:
    """Why the entries of the span do not give this root at this size; None when it cannot be told.

    `short` says that the trail ends before the last checkpoint.
    """
    count = size - span.start.size
    covered = span.entries[:count]
    if len(covered) == count <= SPAN_LIMIT:
        found = _swapped(span.start, covered, root) or _inserted(span.start, span.entries[: count + 1], root)
        if found is not None:
            return found
    if short:
        reason = f"an entry between here and {size} is gone, and those after it moved up"
        return Finding(Fault.MISSING, reason, None, span.start.size)
    return _disordered(span.start, covered)


def _swapped(start: Frontier, entries: Sequence[tuple[int, bytes]], root: bytes) -> Finding | None:
    """Within a batch the sealer takes rows by id: putting them back in order must give the root."""
    ordered = sorted(entries)
    if start.extended(leaf for _, leaf in ordered).root != root:
        return None
    for offset, (here, there) in enumerate(zip(entries, ordered, strict=True)):
        if here != there:
            reason = "the entry stands in the place of another"
            return Finding(Fault.SWAPPED, reason, here[0], start.size + offset)
    return None


def _disordered(start: Frontier, entries: Sequence[tuple[int, bytes]]) -> Finding | None:
    """An entry of another batch betrays itself by the order of the ids."""
    for offset, (here, after) in enumerate(pairwise(row for row, _ in entries)):
        if here >= after:
            reason = "the entry stands out of the order of its batch, or the next one does"
            return Finding(Fault.SWAPPED, reason, here, start.size + offset)
    return None


def _inserted(start: Frontier, entries: Sequence[tuple[int, bytes]], root: bytes) -> Finding | None:
    """Whether the root comes out once one entry is left away; the next one moves up."""
    before = start
    for offset, (row, leaf) in enumerate(entries[:-1]):
        rest = (each for _, each in entries[offset + 1 :])
        if before.extended(rest).root == root:
            return Finding(
                Fault.INSERTED, "the checkpoint holds without this entry", row, start.size + offset
            )
        before = before.extended((leaf,))
    return None


def mismatches(bad: Sequence[ExportedRow]) -> list[Finding]:
    """Rows that do not give their leaf: exchanged with each other, or changed."""
    findings = []
    for each in bad:
        other = _holder(each, bad) if len(bad) <= PAIR_LIMIT else None
        if other is None:
            reason = "the row does not give the leaf that was sealed for it"
            findings.append(Finding(Fault.CHANGED, reason, each.audit_id, each.position))
        else:
            reason = f"the content of this row stands in row {other}"
            findings.append(Finding(Fault.SWAPPED, reason, each.audit_id, each.position))
    return findings


def _holder(lost: ExportedRow, bad: Sequence[ExportedRow]) -> int | None:
    """The row that now holds what was sealed as `lost`."""
    for other in bad:
        if other.audit_id != lost.audit_id and other.row is not None and _gives(other.row, lost):
            return other.audit_id
    return None


def _gives(row: AnyRow, lost: ExportedRow) -> bool:
    times = {row.at, lost.row.at if lost.row is not None else row.at}
    return any(leaf_of(replace(row, id=lost.audit_id, at=at)) == lost.leaf for at in times)
