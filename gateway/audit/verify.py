"""Checks an export of the audit trail without a database: rows, evidence, tree, checkpoints (RFC 6962).

A change of a row shows against its leaf, a change of the leaves against the checkpoints, and a new
text for both against the signed evidence. What was done is told apart where the data allow it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from gateway.audit import checkpoint, evidence
from gateway.audit.diagnosis import Span, explain, mismatches
from gateway.audit.erasure import Erasures, read_erasure
from gateway.audit.export import ExportedBlock, ExportedErasure, ExportedRow, Header, read_line
from gateway.audit.findings import Fault, Finding, Report
from gateway.audit.rows import AnyRow, StoredRow, leaf_of, root_of
from gateway.audit.sealer import SealedTree
from gateway.crypto.keys import fingerprint
from gateway.errors import GatewayError, Malformed, SignerRefused

SEAL_GRACE_MS = 3_600_000
"""A row this much older than the last checkpoint, and not in it, was put in afterwards."""

STAMP_GRACE_MS = 120_000
"""How much later than the stamp over it a row may say it is: what two clocks may differ by."""

_CLOCK_STEP_MS = 1


def verify_export(
    lines: Iterable[bytes],
    *,
    trusted: Collection[str] | None = None,
    known: Iterable[str] = (),
    stamped: Mapping[int, int] = MappingProxyType({}),
) -> Report:
    """Examine an export line by line, in memory that does not grow with a good one.

    `trusted` are certificate fingerprints (SHA-256, hex) of our signers; None believes those of the
    header. `known` are checkpoints (notes) kept elsewhere: only they show that the end was cut off
    together with its checkpoints. `stamped` are times (milliseconds) of verified stamps by the size of their
    checkpoint. Malformed when the input is no export.
    """
    reader = iter(lines)
    header = read_line(next(reader, b""))
    if not isinstance(header, Header):
        raise Malformed("an export begins with its header")
    examination = Examination(header, trusted, stamped)
    for note in known:
        examination.take_known(note)
    for data in reader:
        examination.take(data)
    return examination.report()


def row_fault(row: AnyRow, certificates: Mapping[str, bytes]) -> str | None:
    """Why the signed evidence does not stand for the row; None when it does."""
    data = row.evidence.encode("utf-8")
    try:
        signer = str(evidence.read(data)["signer"])
        if signer not in certificates:
            return "the evidence is signed by nobody who is trusted"
        fields = evidence.verify(data, row.evidence_signature, certificates[signer])
        at = int(evidence.moment(str(fields["at"])).timestamp() * 1000)
    except GatewayError as error:
        return error.detail
    if abs(at - row.at) > _CLOCK_STEP_MS:
        return "the time is not that of the evidence"
    return _unlike(row, fields)


def block_fault(line: ExportedBlock) -> str | None:
    """Why a block, or what was exported of its messages, is not what was sealed; None when it is."""
    block, messages = line.block, line.messages
    if line.leaf is not None and leaf_of(block) != line.leaf:
        return "the block does not give the leaf that was sealed for it"
    if messages is not None and (len(messages) != block.count or root_of(messages) != block.root):
        return "the messages of the block do not give its root"
    return None


def _unlike(row: AnyRow, fields: Mapping[str, object]) -> str | None:
    """The column that differs from the signed evidence."""
    decision = fields["decision"]
    decided = decision.get("sha256") if isinstance(decision, dict) else None
    pairs = {
        "audit message": (row.message_sha256.hex(), fields["audit_sha256"]),
        "decision": (row.decision_sha256.hex() if row.decision_sha256 is not None else None, decided),
        "trace id": (row.trace_id, fields["trace_id"]),
        "transaction": (row.transaction, fields["transaction"]),
        "outcome": (row.outcome, fields["outcome"]),
    }
    return next((f"the {name} is not that of the evidence" for name, (a, b) in pairs.items() if a != b), None)


class Examination:
    """The state of one pass over an export; what `verify_export` says of its arguments holds here too."""

    def __init__(
        self,
        header: Header,
        trusted: Collection[str] | None = None,
        stamped: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        believed = {fingerprint(each): each for each in header.certificates}
        if trusted is not None:
            believed = {name: der for name, der in believed.items() if name in trusted}
        self._header = header
        self._certificates = MappingProxyType(believed)
        self._stamped = sorted(stamped.items())
        self._frontier = header.start
        self._span = Span(self._frontier)
        self._expected: dict[int, bytes] = {}
        self._findings: list[Finding] = []
        self._unlike: list[ExportedRow] = []
        self._bad_root: int | None = None
        self._gap = False
        self._good = 0
        self._unsealed = 0
        self._blocks = 0
        self._outside = 0
        self._newest = 0
        self._erasures = Erasures()

    @property
    def size(self) -> int:
        """How far the tree reaches by what was taken."""
        return self._frontier.size

    def take(self, data: bytes) -> None:
        """One line after the header."""
        line = read_line(data)
        if isinstance(line, SealedTree):
            self._take_checkpoint(line)
        elif isinstance(line, ExportedErasure):
            self._take_erasure(line.row)
        elif isinstance(line, Header):
            raise Malformed("an export has one header")
        elif line.position is None or line.leaf is None:
            self._take_unsealed(line)
        else:
            self._take_sealed(line, line.position, line.leaf)

    def take_known(self, note: str) -> None:
        """A checkpoint kept elsewhere; one beyond the part that was exported says nothing about it."""
        end, size = self._header.end, checkpoint.read(note).size
        if size < self._header.start.size or (end is not None and size > end):
            self._outside += 1
            return
        try:
            self.take_note(note)
        except GatewayError as error:
            reason = f"a checkpoint that was given: {error.detail}"
            self._findings.append(Finding(Fault.CHECKPOINT, reason, position=size))

    def take_note(self, note: str) -> None:
        """A checkpoint that must hold, from the export or from elsewhere."""
        found = self._signed(note)
        if self._expected.setdefault(found.size, found.root) != found.root:
            reason = f"two signed checkpoints of size {found.size} differ"
            self._findings.append(Finding(Fault.CHECKPOINT, reason, position=found.size))

    def report(self) -> Report:
        """The result, once every line was taken."""
        self._findings += mismatches(self._unlike)
        self._findings += self._erasures.findings()
        self._check_start()
        self._check_end()
        findings = sorted(self._findings, key=_place)
        return Report(
            origin=self._header.origin,
            environment=self._header.environment,
            sealed=self._frontier.size - self._header.start.size,
            unsealed=self._unsealed,
            checkpoints=self._good,
            certificates=tuple(sorted(self._certificates)),
            findings=tuple(findings),
            bad_checkpoint=min((size for each in findings if (size := self._covering(each))), default=None),
            start=self._header.start.size,
            blocks=self._blocks,
            outside=self._outside,
            erased=self._erasures.count,
        )

    def _take_erasure(self, row: StoredRow) -> None:
        """A record counts once its evidence holds; what it claims then is gone rightly."""
        fault = row_fault(row, self._certificates)
        try:
            if fault is None and not self._erasures.add(row.id, read_erasure(row, self._header.origin)):
                fault = "another record of erasure claims the same"
        except GatewayError as error:
            fault = error.detail
        if fault is not None:
            self._findings.append(Finding(Fault.CHANGED, f"a record of erasure: {fault}", row.id))

    def _take_checkpoint(self, tree: SealedTree) -> None:
        if tree.size < self._frontier.size:
            raise Malformed("a checkpoint must stand before the rows it covers")
        self._newest = max(self._newest, tree.at)
        try:
            found = self._signed(tree.note)
            if (found.size, found.root) != (tree.size, tree.root):
                raise SignerRefused("size or root differ from what the checkpoint signs")
        except GatewayError as error:
            self._findings.append(Finding(Fault.CHECKPOINT, error.detail, position=tree.size))
            return
        self.take_note(tree.note)

    def _signed(self, note: str) -> checkpoint.Checkpoint:
        """What the note says, if one of the trusted keys signed it for this log."""
        if checkpoint.read(note).origin != self._header.origin:
            raise SignerRefused("the checkpoint is one of another log")
        return checkpoint.verify_any(note, self._certificates.values())

    def _take_sealed(self, line: ExportedRow | ExportedBlock, position: int, leaf: bytes) -> None:
        number = line.block.id if isinstance(line, ExportedBlock) else line.audit_id
        self._check_position(number, position)
        self._frontier = self._frontier.extended((leaf,))
        self._span.add(number, leaf)
        if isinstance(line, ExportedBlock):
            self._check_block(line)
        else:
            self._check_row(line)
        if self._frontier.size in self._expected and not self._gap:
            self._check_root(self._frontier.size)

    def _check_position(self, audit_id: int, position: int) -> None:
        if self._gap or position == self._frontier.size:
            return
        self._gap = True
        fault = Fault.MISSING if position > self._frontier.size else Fault.INSERTED
        reason = f"the tree goes on at {position}, expected {self._frontier.size}"
        self._findings.append(Finding(fault, reason, audit_id, self._frontier.size))

    def _check_row(self, line: ExportedRow) -> None:
        if line.row is None:
            self._check_gone(line.audit_id, line.position, line.leaf)
            return
        if line.position is not None and self._erasures.claims(line.position):
            reason = "the row was erased, and is here again"
            self._findings.append(Finding(Fault.INSERTED, reason, line.audit_id, line.position))
        if line.row.id != line.audit_id or leaf_of(line.row) != line.leaf:
            self._unlike.append(line)
            return
        fault = row_fault(line.row, self._certificates) or self._late(line.row.at, line.position)
        if fault is not None:
            self._findings.append(Finding(Fault.CHANGED, fault, line.audit_id, line.position))

    def _check_gone(self, audit_id: int, position: int | None, leaf: bytes | None) -> None:
        if position is None or leaf is None or not self._erasures.covers(position, leaf):
            reason = "the row was sealed and is gone"
            self._findings.append(Finding(Fault.MISSING, reason, audit_id, position))

    def _late(self, at: int, position: int | None) -> str | None:
        """A row cannot be later than the first stamp that covers it."""
        place = bisect_right(self._stamped, (position or 0, 1 << 63))
        if place < len(self._stamped) and at > self._stamped[place][1] + STAMP_GRACE_MS:
            return "the row says that it is later than the time stamp over it"
        return None

    def _check_block(self, line: ExportedBlock) -> None:
        self._blocks += 1
        fault = block_fault(line)
        if fault is not None:
            self._findings.append(Finding(Fault.CHANGED, fault, line.block.id, line.position))

    def _check_root(self, size: int) -> None:
        """At a good checkpoint the search starts anew; behind a bad one nothing can be said of the tree."""
        if self._bad_root is not None:
            return
        if self._frontier.root == self._expected[size]:
            self._good += 1
            self._span = Span(self._frontier)
        else:
            self._bad_root = size

    def _take_unsealed(self, line: ExportedRow | ExportedBlock) -> None:
        if isinstance(line, ExportedBlock):
            fault = block_fault(line)
            if fault is not None:
                self._findings.append(Finding(Fault.CHANGED, fault, line.block.id))
            self._unsealed += 1
            return
        if line.row is None:
            raise Malformed("a row that is not sealed must have its content")
        reason = row_fault(line.row, self._certificates)
        if reason is None and line.row.at + SEAL_GRACE_MS < self._newest:
            reason = "the row is older than the last checkpoint and was never sealed"
        if reason is None:
            self._unsealed += 1
        else:
            self._findings.append(Finding(Fault.INSERTED, reason, line.audit_id))

    def _check_start(self) -> None:
        """The export of a part hangs on the signed checkpoint it begins at."""
        start = self._header.start
        if start.size and self._expected.get(start.size) != start.root:
            reason = "no signed checkpoint confirms the tree before the first entry"
            self._findings.append(Finding(Fault.CHECKPOINT, reason, position=start.size))
            self._bad_root = None

    def _check_end(self) -> None:
        """Explain a root that failed, and entries that a checkpoint covers and nobody exported."""
        size, covered = self._frontier.size, max(self._expected, default=0)
        last = max(covered, self._header.end or 0)
        if size > covered:
            reason = f"no checkpoint covers the entries from {covered} on"
            self._findings.append(Finding(Fault.CHECKPOINT, reason, position=covered))
        if self._bad_root is not None and not self._gap:
            self._explain(self._bad_root, short=size < last)
        if size < last:
            reason = f"the trail ends at {size}, a checkpoint covers {last}"
            self._findings.append(Finding(Fault.MISSING, reason, position=size))

    def _explain(self, bad: int, *, short: bool) -> None:
        """Why the root at a checkpoint fails, unless a row in its reach was found wrong already."""
        start = self._span.start.size
        found = explain(self._span, bad, self._expected[bad], short=short)
        if found is not None:
            self._findings.append(found)
        elif not any(each.position is not None and start <= each.position < bad for each in self._findings):
            reason = f"the entries from here to {bad} do not give the root that the checkpoint signs"
            self._findings.append(Finding(Fault.CHANGED, reason, position=start))

    def _covering(self, finding: Finding) -> int | None:
        """The first checkpoint that covers the place of a finding."""
        if finding.position is None:
            return None
        if finding.fault is Fault.CHECKPOINT:
            return finding.position
        return min((size for size in self._expected if size > finding.position), default=None)


def _place(finding: Finding) -> tuple[bool, int]:
    """Rows in order of position; what has none comes last."""
    return finding.position is None, finding.position or 0
