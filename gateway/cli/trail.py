"""Reads the audit trail of an installation for export and display."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Row

from gateway.audit.export import (
    ExportedBlock,
    ExportedRow,
    Header,
    checkpoint_line,
    erasure_line,
    header_line,
    sealed_line,
)
from gateway.audit.rows import Block, StoredRow
from gateway.audit.sealer import SealedTree
from gateway.config import Settings
from gateway.crypto.envelope import KeyTree
from gateway.crypto.keys import load_certificates
from gateway.errors import Defect, KeyUnreadable, SettingsInvalid
from gateway.stores.blocks import BlockStore
from gateway.stores.database import Database, open_database
from gateway.stores.journal import Journal
from gateway.stores.keys import key_maker
from gateway.stores.proofs import ProofStore
from gateway.stores.retention import RetentionStore
from gateway.stores.tree import TreeStore

_BATCH = 5_000
_COLUMNS = tuple(StoredRow.__dataclass_fields__)


def origin_of(settings: Settings) -> str:
    """The name of this log in its checkpoints."""
    return f"passerelle/{settings.environment}/{settings.domain.home_community_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of the trail is wanted: by size of the tree, or by the time of its checkpoints."""

    first: int | None = None
    last: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    hashes_only: bool = False

    @property
    def whole(self) -> bool:
        """Whether it goes to the end of the trail, and so has what is not sealed yet."""
        return self.last is None and self.until is None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The trail of an installation, its tree, and the proofs beside it."""

    settings: Settings
    journal: Journal
    tree: TreeStore
    proofs: ProofStore
    retention: RetentionStore
    blocks: BlockStore | None = None
    """Opens what was received; without it blocks are told by their roots only."""

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Ledger:
        """That of a database which is open."""
        new_key = key_maker()
        retention = RetentionStore(database, new_key)
        return cls(settings, Journal(database, new_key), TreeStore(database), ProofStore(database), retention)

    @property
    def origin(self) -> str:
        """The name of this log in its checkpoints."""
        return origin_of(self.settings)

    async def certificates(self) -> tuple[bytes, ...]:
        """The certificates (DER) of all who signed the trail, those of the settings last."""
        signing = self.settings.signing
        files = [signing.certificate, *([signing.previous] if signing.previous is not None else [])]
        found = await self.proofs.signers()
        return tuple(dict.fromkeys([*found, *(each for path in files for each in _ders(path))]))

    async def header(self, part: Part) -> Header:
        """The first line of an export of a part; it begins and ends at checkpoints."""
        certificates = await self.certificates()
        header = Header(self.origin, self.settings.environment, certificates)
        start = await self._start(part)
        end = None if part.whole else await self._end(part)
        if end is not None and end <= start:
            raise SettingsInvalid("no sealed rows lie in this part of the trail")
        return replace(header, start=await self.tree.frontier(start), end=end)

    async def lines(self, header: Header, part: Part) -> AsyncIterator[bytes]:
        """The trail in the order the verifier wants: header, checkpoints, what is sealed, and what is not."""
        yield header_line(header)
        # Leaves come with their checkpoint: those there before the checkpoints are read must be covered.
        size = await self.tree.size() if part.whole else header.start.size
        async for tree in self.checkpoints(header):
            size = max(size, tree.size)
            yield checkpoint_line(tree)
        async for lines in self.sealed(header.start.size, size, _BATCH, part):
            for line in lines:
                yield line
        if part.whole:
            async for line in self._unsealed(part):
                yield line

    async def sealed(
        self, start: int, end: int, batch: int, part: Part | None = None
    ) -> AsyncIterator[list[bytes]]:
        """Lines of what is sealed from a position up to before another, some at a time.

        Before what was erased stand the records of the erasure.
        """
        while start < end:
            rows = await self.journal.sealed_rows(start, min(batch, end - start))
            rows = [row for row in rows if row.position < end]
            if not rows:
                return
            told = await self._exported(rows, opened=part is not None and not part.hashes_only)
            yield [*await self._erasures(told), *(_told(each, part) for each in told)]
            start = rows[-1].position + 1

    async def checkpoints(self, header: Header) -> AsyncIterator[SealedTree]:
        """Those of an export, that of its beginning included."""
        since = header.start.size
        while rows := await self.journal.checkpoints(since, _BATCH):
            for row in rows:
                if header.end is not None and row.size > header.end:
                    return
                yield SealedTree(row.size, row.root, row.note, row.at)
            since = rows[-1].size + 1

    async def _erasures(self, told: Sequence[ExportedRow | ExportedBlock]) -> list[bytes]:
        """The records of what is gone; read after the rows, so that none is missing."""
        gone = [
            each.position
            for each in told
            if isinstance(each, ExportedRow) and each.row is None and each.position is not None
        ]
        if not gone:
            return []
        found = await self.retention.erasures_over(gone[0], gone[-1])
        rows = [stored(row) for row in await self.journal.rows([each.audit_id for each in found])]
        return [erasure_line(row) for row in rows if row is not None]

    async def _start(self, part: Part) -> int:
        if part.first is None and part.since is None:
            return 0
        found = await self.journal.checkpoint_before(size=part.first, at=part.since)
        return 0 if found is None else int(found.size)

    async def _end(self, part: Part) -> int:
        """The first checkpoint that covers what is wanted, or the last one there is."""
        found = await self.journal.checkpoint_before(size=part.last, at=part.until)
        reached = 0 if found is None else int(found.size)
        if part.last == reached:
            return reached
        following = await self.journal.checkpoints(reached + 1, 1)
        return int(following[0].size) if following else reached

    async def _exported(self, rows: Any, *, opened: bool) -> list[ExportedRow | ExportedBlock]:
        others = await self.journal.blocks([row.audit_id for row in rows if row.id is None])
        blocks = {each.id: Block(**each._mapping) for each in others}  # noqa: SLF001 - public name of columns
        return [
            ExportedBlock(
                row.position,
                row.leaf,
                blocks[row.audit_id],
                await self._messages(row.audit_id) if opened else None,
            )
            if row.audit_id in blocks
            else ExportedRow(row.audit_id, row.position, row.leaf, stored(row))
            for row in rows
        ]

    async def _messages(self, block: int) -> tuple[bytes, ...] | None:
        """The messages of a block; None when its key was destroyed, none at all when it was changed."""
        if self.blocks is None:
            return None
        try:
            return tuple(each.raw for each in await self.blocks.messages(block)) or None
        except KeyUnreadable:
            raise
        except Defect:
            # It does not open although its key does: whoever verifies finds that nothing gives its root.
            return ()

    async def _unsealed(self, part: Part) -> AsyncIterator[bytes]:
        since = 0
        while rows := await self.journal.unsealed(since, _BATCH):
            for row in rows:
                yield _told(ExportedRow(row.id, None, None, stored(row)), part)
            since = rows[-1].id + 1
        since = 0
        while rows := await self.journal.unsealed_blocks(since, _BATCH):
            for row in rows:
                block = Block(**row._mapping)  # noqa: SLF001 - public name of columns
                yield sealed_line(ExportedBlock(None, None, block))
            since = rows[-1].id + 1


@asynccontextmanager
async def ledger_of(settings: Settings) -> AsyncIterator[Ledger]:
    """The trail of an installation, while the block lasts."""
    database = open_database(settings.database.url)
    try:
        blocks = BlockStore(database, KeyTree.at(settings.content.master_key), key_maker())
        yield replace(Ledger.of(settings, database), blocks=blocks)
    finally:
        await database.close()


async def export_lines(settings: Settings) -> list[bytes]:
    """The whole trail, in memory."""
    part = Part()
    async with ledger_of(settings) as ledger:
        return [line async for line in ledger.lines(await ledger.header(part), part)]


async def rows_of(settings: Settings, trace: str) -> list[Row[Any]]:
    """The audit rows of one exchange."""
    async with ledger_of(settings) as ledger:
        return list(await ledger.journal.trace(trace))


def stored(row: Row[Any]) -> StoredRow | None:
    """The audit row beside a leaf; None where the audit table lost a row that the tree knows."""
    if row.id is None:
        return None
    return StoredRow(**{name: getattr(row, name) for name in _COLUMNS})


def _told(each: ExportedRow | ExportedBlock, part: Part | None) -> bytes:
    if (
        part is not None
        and part.hashes_only
        and isinstance(each, ExportedRow)
        and isinstance(each.row, StoredRow)
    ):
        each = replace(each, row=each.row.hashed())
    return sealed_line(each)


def _ders(path: Path) -> Iterator[bytes]:
    for each in load_certificates(path.read_bytes()):
        yield each.public_bytes(Encoding.DER)
