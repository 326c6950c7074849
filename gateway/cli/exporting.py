"""Writes what an auditor takes away: the archive of a part of the trail, and the evidence of one exchange."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit import archive, checkpoint
from gateway.audit.archive import cosignature_line, stamp_line
from gateway.audit.consistency import ConsistencyProof
from gateway.audit.proof import Grounds, Placed, prove
from gateway.cli.trail import Ledger, Part, ledger_of, stored
from gateway.config import Settings
from gateway.crypto.keys import load_certificates, load_signer
from gateway.errors import SettingsInvalid, SignatureBroken, SignerRefused


async def export_archive(settings: Settings, path: Path, part: Part) -> int:
    """Writes an archive; gives how many lines of the trail are in it."""
    signer = load_signer(settings.signing.key, settings.signing.certificate)
    async with ledger_of(settings) as ledger:
        header = await ledger.header(part)
        since, until = header.start.size, header.end
        sources = archive.Sources(
            trail=ledger.lines(header, part),
            stamps=[
                stamp_line(each.size, each.tsa, each.at, b64encode(each.token).decode())
                for each in await ledger.proofs.stamps(since, until)
            ],
            cosignatures=[
                cosignature_line(each.size, each.witness, each.at, each.line)
                for each in await ledger.proofs.cosignatures(since, until)
            ],
            certificates=header.certificates,
            authorities=authorities_of(settings),
        )
        return await archive.write(path, sources, signer, header.origin, datetime.now(UTC))


async def newest_note(settings: Settings) -> str:
    """The newest checkpoint; SettingsInvalid where nothing was sealed yet."""
    async with ledger_of(settings) as ledger:
        tree = await ledger.journal.checkpoint_before()
        if tree is None:
            raise SettingsInvalid("nothing was sealed yet")
        return str(tree.note)


async def prove_exchange(settings: Settings, trace: str) -> bytes:
    """The evidence of one exchange; SettingsInvalid when there is none, or it is not sealed yet."""
    async with ledger_of(settings) as ledger:
        rows = await ledger.journal.trace(trace)
        places = await ledger.journal.places([row.id for row in rows])
        if not rows:
            raise SettingsInvalid("no exchange has this trace id", location=trace)
        if len(places) < len(rows):
            raise SettingsInvalid("the exchange is not sealed yet; try again in some seconds", location=trace)
        last = max(places.values())
        grounds = await _grounds(ledger, last)
        placed = [
            Placed(found, places[row.id], await ledger.tree.inclusion(places[row.id], size_of(grounds)))
            for row in rows
            if (found := stored(row)) is not None
        ]
        return prove(trace, sorted(placed, key=lambda each: each.position), grounds)


async def _grounds(ledger: Ledger, last: int) -> Grounds:
    """The first checkpoint over a position that has a stamp; without any, the newest one."""
    stamp = await ledger.proofs.stamp_over(last)
    tree = await ledger.journal.checkpoint_before(size=None if stamp is None else stamp.size)
    if tree is None or (stamp is not None and tree.size != stamp.size):
        raise SettingsInvalid("the checkpoint over the exchange is gone; verify the trail")
    return Grounds(
        origin=ledger.origin,
        environment=ledger.settings.environment,
        note=tree.note,
        certificates=await ledger.certificates(),
        token=None if stamp is None else stamp.token,
        authorities=authorities_of(ledger.settings) if stamp is not None else (),
        cosignatures=[each.line for each in await ledger.proofs.cosignatures(tree.size, tree.size)],
    )


def size_of(grounds: Grounds) -> int:
    """The size of the tree that the evidence hangs on."""
    return checkpoint.read(grounds.note).size


def authorities_of(settings: Settings) -> Sequence[bytes]:
    """The authorities (DER) whose stamps are believed here."""
    path = settings.stamps.trust
    if path is None:
        return ()
    return [each.public_bytes(Encoding.DER) for each in load_certificates(path.read_bytes())]


async def consistency_of(settings: Settings, note: str) -> bytes:
    """The proof that the trail of now only appends to a checkpoint; SignatureBroken when it does not."""
    old = checkpoint.read(note)
    async with ledger_of(settings) as ledger:
        certificates = await ledger.certificates()
        if old.origin != ledger.origin:
            raise SignerRefused(f"the checkpoint is one of {old.origin}, and this is {ledger.origin}")
        checkpoint.verify_any(note, certificates)
        newest = await ledger.journal.checkpoint_before()
        if newest is None or newest.size < old.size:
            reached = 0 if newest is None else newest.size
            raise SignatureBroken(f"the trail has {reached} entries, and the checkpoint covers {old.size}")
        path = await ledger.tree.consistency(old.size, newest.size) if old.size else []
        proof = ConsistencyProof(note, newest.note, path)
        proof.verify(certificates)
        return proof.write(certificates)
