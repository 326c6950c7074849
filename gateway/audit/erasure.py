"""The proof of an erasure: a signed audit row that says which leaves lost their content (DICOM 110101, D).

The leaves stay in the tree, so that it can still be recomputed; the record names their positions, their
number, and a digest over them. What is gone without such a record is missing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from gateway.audit.findings import Fault, Finding
from gateway.audit.objects import Details
from gateway.audit.rows import StoredRow
from gateway.declare.events import TRAIL_ERASED
from gateway.errors import Malformed
from gateway.trail.dicom import read_message

if TYPE_CHECKING:
    from hashlib import _Hash

TRANSACTION = "retention"
"""What stands in the place of a transaction in a record of erasure, and in its signed evidence."""

_CLASS, _WEEK, _POSITIONS, _COUNT, _DIGEST = "Class", "Week", "Positions", "Count", "LeavesSHA256"
_RUNS_LIMIT = 900
_RUN = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})")

Run = tuple[int, int]
"""First and last position, both included."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased: leaves by position, in ascending runs; SHA-256 over them in that order."""

    kind: str
    slot: int
    runs: tuple[Run, ...]
    count: int
    digest: bytes


def erasure_of(kind: str, slot: int, leaves: Mapping[int, bytes]) -> Erasure:
    """The record of leaves by position; there is at least one."""
    positions = sorted(leaves)
    digest = sha256(b"".join(leaves[each] for each in positions)).digest()
    return Erasure(kind, slot, tuple(_runs(positions)), len(positions), digest)


def erasure_outside(kind: str, slot: int, digests: Sequence[bytes]) -> Erasure:
    """The record of what has no place in the tree: a digest over digests, in their order."""
    return Erasure(kind, slot, (), len(digests), sha256(b"".join(digests)).digest())


def erasure_details(erasure: Erasure) -> Details:
    """The record as details of the audit log object; runs take as many details as they need."""
    texts = [""]
    for first, last in erasure.runs:
        run = f"{first}-{last}"
        if len(texts[-1]) + len(run) > _RUNS_LIMIT:
            texts.append("")
        texts[-1] = f"{texts[-1]},{run}" if texts[-1] else run
    return (
        (_CLASS, erasure.kind),
        (_WEEK, str(erasure.slot)),
        *((_POSITIONS, text) for text in texts if text),
        (_COUNT, str(erasure.count)),
        (_DIGEST, erasure.digest.hex()),
    )


def read_erasure(row: StoredRow, origin: str) -> Erasure:
    """What a row of this log records; Malformed when it is no record. Its evidence is not checked here."""
    if row.transaction != TRANSACTION:
        raise Malformed("the row is no record of erasure")
    record = read_message(row.message.encode())
    logs = [each for each in record.entities if each.identifier == origin]
    if TRAIL_ERASED.code not in {each.code for each in record.types} or len(logs) != 1:
        raise Malformed("the row is no record of erasure of this log")
    told = logs[0].details
    try:
        runs = tuple(_read_run(each) for name, text in told if name == _POSITIONS for each in text.split(","))
        one = dict(told)
        found = Erasure(one[_CLASS], int(one[_WEEK]), runs, int(one[_COUNT]), bytes.fromhex(one[_DIGEST]))
    except (KeyError, ValueError) as error:
        raise Malformed("the record of erasure lacks a field, or has one that cannot be read") from error
    if sum(last - first + 1 for first, last in runs) != found.count or not _ascending(runs):
        raise Malformed("the record of erasure contradicts itself")
    return found


def _runs(positions: Sequence[int]) -> Iterator[Run]:
    start = before = positions[0]
    for each in positions[1:]:
        if each != before + 1:
            yield start, before
            start = each
        before = each
    yield start, before


def _read_run(text: str) -> Run:
    found = _RUN.fullmatch(text)
    if found is None:
        raise Malformed("the record of erasure has a run of positions that cannot be read")
    return int(found[1]), int(found[2])


def _ascending(runs: Sequence[Run]) -> bool:
    last = -1
    for first, end in runs:
        if first <= last or end < first:
            return False
        last = end
    return True


# --- checking ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Claim:
    """A record, and what was met of it so far."""

    audit_id: int
    erasure: Erasure
    count: int = 0
    running: _Hash = field(default_factory=sha256)


class Erasures:
    """Records of erasure, held against what is gone as a verifier meets it, in order of position."""

    def __init__(self) -> None:
        self._claims: list[_Claim] = []
        self._known: set[int] = set()
        self._starts: list[int] = []
        self._ends: list[tuple[int, _Claim]] = []

    @property
    def count(self) -> int:
        """How many entries are gone that a record covers."""
        return sum(each.count for each in self._claims)

    def add(self, audit_id: int, erasure: Erasure) -> bool:
        """Takes a record whose evidence holds; False when it claims what another one claims.

        One that comes again says nothing new.
        """
        if audit_id in self._known:
            return True
        self._known.add(audit_id)
        claim, places = _Claim(audit_id, erasure), []
        for first, last in erasure.runs:
            place = bisect_right(self._starts, last)
            if place and self._ends[place - 1][0] >= first:
                return False
            places.append((first, last))
        for first, last in places:
            place = bisect_right(self._starts, first)
            self._starts.insert(place, first)
            self._ends.insert(place, (last, claim))
        self._claims.append(claim)
        return True

    def covers(self, position: int, leaf: bytes) -> bool:
        """Whether what is gone at this position was erased, as far as positions tell."""
        claim = self._claim_on(position)
        if claim is None:
            return False
        claim.count += 1
        claim.running.update(leaf)
        return True

    def claims(self, position: int) -> bool:
        """Whether a record says that what stands at this position is gone."""
        return self._claim_on(position) is not None

    def findings(self) -> Iterator[Finding]:
        """Records all of whose entries are gone, and which say something else of their leaves."""
        for claim in self._claims:
            whole = claim.count == claim.erasure.count
            if whole and claim.running.digest() != claim.erasure.digest:
                reason = f"the record of erasure {claim.audit_id} does not fit what is gone"
                yield Finding(Fault.MISSING, reason, claim.audit_id, claim.erasure.runs[0][0])

    def _claim_on(self, position: int) -> _Claim | None:
        place = bisect_right(self._starts, position)
        if not place or self._ends[place - 1][0] < position:
            return None
        return self._ends[place - 1][1]
