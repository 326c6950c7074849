"""What an examination of the audit trail found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Fault(Enum):
    """What was done to the trail."""

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    SWAPPED = "swapped"
    CHECKPOINT = "checkpoint"
    STAMP = "stamp"
    COSIGNATURE = "cosignature"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong. `audit_id` names the row, `position` its place in the tree from 0; None if unknown."""

    fault: Fault
    reason: str
    audit_id: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        row = f" row {self.audit_id}" if self.audit_id is not None else ""
        place = f" at position {self.position}" if self.position is not None else ""
        return f"{self.fault.value}{row}{place}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result. `findings` stand in order of position; `bad_checkpoint` is the size of the first wrong one.

    `certificates` are the fingerprints (SHA-256, hex) of the signers that were believed: when no
    trusted ones were given, whoever reads the report must compare them. `sealed` entries from the position
    `start` on were examined, `blocks` of them blocks; `outside` checkpoints that were given do not lie in the
    part that was exported. `erased` entries are gone, by valid records of erasure. `stamps` and
    `cosignatures` tell those that hold, a line each.
    """

    origin: str
    environment: str
    sealed: int
    unsealed: int
    checkpoints: int
    certificates: tuple[str, ...]
    findings: tuple[Finding, ...]
    bad_checkpoint: int | None = None
    start: int = 0
    blocks: int = 0
    outside: int = 0
    erased: int = 0
    stamps: tuple[str, ...] = ()
    cosignatures: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def first(self) -> Finding | None:
        """The first bad row."""
        return self.findings[0] if self.findings else None
