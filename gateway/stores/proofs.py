"""What stands beside the sealed tree as proof: stamps, cosignatures, and certificates of past signers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from gateway.crypto.keys import fingerprint
from gateway.errors import Outdated
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_STAMP, _COSIGNED, _SIGNER = tables.audit_stamp.c, tables.audit_cosignature.c, tables.audit_signer.c


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp over the note of the checkpoint of `size`; `at` is milliseconds since 1970 in UTC."""

    size: int
    tsa: str
    at: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Cosignature:
    """What a witness signed under the checkpoint of `size`: a line of a signed note."""

    size: int
    witness: str
    at: int
    line: str


class ProofStore:
    """Notes and reads proofs by the size of their checkpoint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stamp(self, work: UnitOfWork, stamp: Stamp) -> None:
        """Notes a verified stamp; Outdated when another process noted one."""
        values = {"size": stamp.size, "tsa": stamp.tsa, "at": stamp.at, "token": stamp.token}
        work.write(insert(tables.audit_stamp), values, otherwise=Outdated("this checkpoint has a stamp"))

    def cosign(self, work: UnitOfWork, given: Cosignature) -> None:
        """Notes a verified cosignature; Outdated when another process noted it."""
        values = {"size": given.size, "witness": given.witness, "at": given.at, "line": given.line}
        lost = Outdated("this checkpoint has a cosignature of this witness")
        work.write(insert(tables.audit_cosignature), values, otherwise=lost)

    async def stamps(self, since: int = 0, until: int | None = None) -> list[Stamp]:
        """Stamps of checkpoints whose sizes lie between both, oldest first."""
        query = select(*_STAMP).where(_STAMP.size >= since).order_by(_STAMP.size, _STAMP.at)
        if until is not None:
            query = query.where(_STAMP.size <= until)
        rows = await self._database.fetch(query)
        return [Stamp(row.size, row.tsa, row.at, bytes(row.token)) for row in rows]

    async def stamp_over(self, position: int) -> Stamp | None:
        """The first stamp that covers a position."""
        query = select(*_STAMP).where(_STAMP.size > position).order_by(_STAMP.size, _STAMP.at).limit(1)
        rows = await self._database.fetch(query)
        return Stamp(rows[0].size, rows[0].tsa, rows[0].at, bytes(rows[0].token)) if rows else None

    async def stamped(self) -> int:
        """The size of the newest checkpoint with a stamp; 0 without any."""
        return int((await self._database.fetch(select(func.max(_STAMP.size))))[0][0] or 0)

    async def cosignatures(self, since: int = 0, until: int | None = None) -> list[Cosignature]:
        """Cosignatures of checkpoints whose sizes lie between both, oldest first."""
        query = select(*_COSIGNED).where(_COSIGNED.size >= since).order_by(_COSIGNED.size, _COSIGNED.witness)
        if until is not None:
            query = query.where(_COSIGNED.size <= until)
        rows = await self._database.fetch(query)
        return [Cosignature(row.size, row.witness, row.at, row.line) for row in rows]

    async def cosigned(self, witness: str) -> int:
        """The size of the newest checkpoint that a witness signed; 0 without any."""
        query = select(func.max(_COSIGNED.size)).where(_COSIGNED.witness == witness)
        return int((await self._database.fetch(query))[0][0] or 0)

    async def signers(self) -> list[bytes]:
        """The certificates (DER) of all who signed, oldest first."""
        rows = await self._database.fetch(select(_SIGNER.certificate).order_by(_SIGNER.since))
        return [bytes(row.certificate) for row in rows]

    async def note_signer(self, work: UnitOfWork, certificate: bytes, now: datetime) -> bool:
        """Notes who signs from now on; tells whether that is new."""
        name = fingerprint(certificate)
        if await self._database.fetch(select(_SIGNER.since).where(_SIGNER.fingerprint == name)):
            return False
        values = {"fingerprint": name, "since": millis(now), "certificate": certificate}
        work.write(insert(tables.audit_signer), values)
        return True
