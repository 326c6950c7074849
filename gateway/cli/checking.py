"""Verifies the trail while it grows: its end each second, the rest round and round (AUD-04, AUD-05).

What the keeper sealed is remembered here, where nobody who changes the database can change it too.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

from gateway.audit.export import Header, checkpoint_line
from gateway.audit.findings import Finding, Report
from gateway.audit.rows import Block, leaf_of
from gateway.audit.sealer import SealedTree
from gateway.audit.verify import Examination, row_fault, verify_export
from gateway.cli.alarms import raise_alert
from gateway.cli.compose import Gateway
from gateway.cli.trail import Ledger, Part, stored
from gateway.crypto.keys import fingerprint
from gateway.crypto.merkle import Frontier
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.errors import Defect
from gateway.stores.database import Rows

MOST_TOLD = 20
"""Findings of one look that are told one by one."""
REST_SECONDS = 2.0
"""How long the end of the trail is left alone once something was found there."""


class Vigil:
    """Looks at the trail for the keeper. Never changes it but by alerts."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._ledger = Ledger.of(gateway.settings, gateway.database)
        self._certificates: dict[str, bytes] = {}
        self._known: dict[int, tuple[int, bytes]] = {}
        self._frontier: Frontier | None = None
        self._note: str | None = None
        self._told: set[str] = set()
        self._since = 0
        self._erased: frozenset[int] = frozenset()
        self._rest = 0.0
        self._round: AsyncIterator[bool] | None = None

    async def look(self, frontier: Frontier, since: int) -> None:
        """One look. `frontier` is what was sealed, `since` the smallest id that may be without a leaf."""
        if not self._certificates:
            self._certificates = {fingerprint(each): each for each in await self._ledger.certificates()}
        if frontier.size and time.monotonic() >= self._rest and not await self._end_is_whole(frontier, since):
            self._rest = time.monotonic() + REST_SECONDS
            report = await self._diagnosed(frontier)
            await self._tell(report.findings)
            self._erased = await self._gone(frontier) if report.ok else frozenset()
            self._known.clear()
            self._frontier = None
        if self._round is None:
            self._round = self._go_round()
        if await anext(self._round, True):
            self._round = None

    # --- the end -------------------------------------------------------------------------------------

    async def _end_is_whole(self, frontier: Frontier, since: int) -> bool:
        """Whether the last rows are those that were sealed, in their places, and none stands between."""
        last = self._gateway.settings.audit.verify_last
        low = max(0, frontier.size - last)
        rows = await self._ledger.journal.sealed_rows(low, last + 1)
        newest = await self._ledger.journal.checkpoint_before()
        if [row.position for row in rows] != list(range(low, frontier.size)) or newest is None:
            return False
        if (newest.size, bytes(newest.root)) != (frontier.size, frontier.root):
            return False
        if not await self._grown(rows, low, frontier) or not await self._as_sealed(rows):
            return False
        self._since = since
        self._known = {row.position: (row.audit_id, bytes(row.leaf)) for row in rows}
        self._frontier, self._note = frontier, newest.note
        if await self._ledger.journal.left_out(rows[0].audit_id if low else 0, since):
            await self._tell_text("inserted: a row among the last ones was never sealed")
        return True

    async def _grown(self, rows: Rows, low: int, frontier: Frontier) -> bool:
        """Whether the leaves since the last look give the tree of now."""
        base = self._frontier
        if base is None or base.size < low:
            try:
                base = await self._ledger.tree.frontier(low)
            except Defect:
                return False
        return base.extended(bytes(row.leaf) for row in rows if row.position >= base.size) == frontier

    async def _as_sealed(self, rows: Rows) -> bool:
        """Whether each row gives its leaf; a row that was not seen before must have good evidence, too."""
        keys = [row.audit_id for row in rows if row.id is None]
        blocks = {each.id: each for each in await self._ledger.journal.blocks(keys)}
        for row in rows:
            leaf, known = bytes(row.leaf), self._known.get(row.position)
            if known is not None and known != (row.audit_id, leaf):
                return False
            if row.audit_id in blocks:
                if leaf_of(Block(**blocks[row.audit_id]._mapping)) != leaf:  # noqa: SLF001 - public name
                    return False
                continue
            if row.id is None and row.position in self._erased:
                continue
            content = stored(row)
            if content is None or leaf_of(content) != leaf:
                return False
            if known is None and row_fault(content, self._certificates) is not None:
                return False
        return True

    async def _gone(self, frontier: Frontier) -> frozenset[int]:
        """Positions at the end whose rows were erased by the settings, as a verifier found."""
        low = max(0, frontier.size - self._gateway.settings.audit.verify_last)
        rows = await self._ledger.journal.sealed_rows(low, frontier.size - low)
        return frozenset(row.position for row in rows if row.id is None)

    async def _diagnosed(self, frontier: Frontier) -> Report:
        """What is wrong with the end of the trail, by what it should be."""
        part = Part(first=max(0, frontier.size - self._gateway.settings.audit.verify_last))
        header = await self._ledger.header(part)
        lines = [line async for line in self._ledger.lines(header, part)]
        known = () if self._note is None else (self._note,)
        return verify_export(lines, trusted=self._certificates, known=known)

    # --- round and round -----------------------------------------------------------------------------

    async def _go_round(self) -> AsyncIterator[bool]:
        """Verifies stretches between checkpoints, some rows at a time; ends at the end of the trail."""
        place = 0
        while True:
            start = await self._ledger.journal.checkpoint_before(size=place)
            at = 0 if start is None else int(start.size)
            ends = await self._ledger.journal.checkpoints(at + self._gateway.settings.audit.verify_rate, 1)
            end = ends[0] if ends else await self._ledger.journal.checkpoint_before()
            if end is None or end.size <= max(at, place):
                return
            async for _ in self._stretch(
                [each for each in (start, end) if each is not None and each.size], at, end.size
            ):
                yield False
            place = end.size

    async def _stretch(self, trees: Rows, start: int, end: int) -> AsyncIterator[None]:
        try:
            frontier = await self._ledger.tree.frontier(start)
        except Defect as error:
            await self._tell_text(error.detail)
            return
        header = Header(
            self._ledger.origin,
            self._gateway.settings.environment,
            tuple(self._certificates.values()),
            frontier,
            end,
        )
        examination = Examination(header, self._certificates)
        for tree in trees:
            examination.take(checkpoint_line(SealedTree(tree.size, tree.root, tree.note, tree.at)))
        async for lines in self._ledger.sealed(start, end, self._gateway.settings.audit.verify_rate):
            for line in lines:
                examination.take(line)
            yield
        await self._tell(examination.report().findings)
        await self._left_out(start, end)

    async def _left_out(self, start: int, end: int) -> None:
        """A row that was put in between others, long after they were sealed."""
        places = (max(start - 1, 0), end - 1)
        ends = [row.audit_id for at in places for row in await self._ledger.journal.sealed_rows(at, 1)]
        first = min(ends, default=0) if start else 0
        if await self._ledger.journal.left_out(first, min(max(ends, default=0), self._since)):
            await self._tell_text(f"inserted: a row between positions {start} and {end} was never sealed")

    # --- telling -------------------------------------------------------------------------------------

    async def _tell(self, findings: Sequence[Finding]) -> None:
        for finding in findings[:MOST_TOLD]:
            await self._tell_text(str(finding))
        if len(findings) > MOST_TOLD:
            await self._tell_text(f"{len(findings) - MOST_TOLD} further faults; verify the trail as a whole")

    async def _tell_text(self, text: str) -> None:
        """Each finding is told once while this process runs."""
        if text in self._told:
            return
        self._told.add(text)
        self._gateway.engine.log.error("audit trail was changed", finding=text)
        await raise_alert(
            self._gateway, events.MESSAGE_SECURITY, Outcome.SERIOUS_FAILURE, f"audit trail: {text}"
        )
