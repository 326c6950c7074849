"""An archive of the trail: intact as it is written, and never after any octet of a member was changed."""

from __future__ import annotations

import asyncio
import io
import random
import zipfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit import archive
from gateway.audit.archive import Archive, Sources, cosignature_line, stamp_line
from gateway.audit.assay import Brought, verify_archive
from gateway.audit.cosignature import read_key
from gateway.audit.export import lines_of
from gateway.audit.findings import Report
from gateway.audit.verify import verify_export
from gateway.crypto.keys import Signer, fingerprint
from gateway.crypto.stamp import accept, ask
from gateway.errors import GatewayError, Malformed
from tests.tsa import Tsa
from tests.witness import cosign, verifier_key

WITNESS, NAME = Ed25519PrivateKey.generate(), "witness.example/w1"
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def stamped(tsa: Tsa) -> Callable[[str], tuple[bytes, int]]:
    """The token over a note, and its time; one for each note of the module."""
    made: dict[str, tuple[bytes, int]] = {}

    def stamp(note: str) -> tuple[bytes, int]:
        if note not in made:
            asked, now = ask(note.encode()), datetime.now(UTC)
            reply = tsa.reply(asked.request)
            token, shown = accept(reply, asked, tsa.authorities, now, timedelta(seconds=60))
            made[note] = token, int(shown.at.timestamp() * 1000)
        return made[note]

    return stamp


@pytest.fixture
def written(trail: Any, signer: Signer, tsa: Tsa, stamped: Any, tmp_path: Path) -> bytes:
    header, trees, rows = trail.export()
    tree = trees[-1]
    token, at = stamped(tree.note)

    async def lines() -> AsyncIterator[bytes]:
        for line in lines_of(header, trees, rows):
            yield line

    sources = Sources(
        trail=lines(),
        stamps=[stamp_line(tree.size, "http://tsa.example/", at, b64encode(token).decode())],
        cosignatures=[cosignature_line(tree.size, NAME, 5_000, cosign(WITNESS, NAME, tree.note, 5))],
        certificates=[signer.certificate],
        authorities=[each.public_bytes(Encoding.DER) for each in tsa.authorities],
    )
    path = tmp_path / "trail.zip"
    count = asyncio.run(archive.write(path, sources, signer, header.origin, datetime.now(UTC)))
    assert count == 1 + len(trees) + len(rows)
    return path.read_bytes()


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(members: Members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, data in members.items():
            made.writestr(name, data)
    return buffer.getvalue()


def examined(data: bytes, **brought: Any) -> Report:
    return verify_archive(Archive.of(io.BytesIO(data)), Brought(**brought))


def intact(data: bytes) -> bool:
    try:
        return examined(data).ok
    except GatewayError:
        return False


def test_an_archive_is_intact(written: bytes, signer: Signer, tsa: Tsa) -> None:
    key = read_key(verifier_key(WITNESS, NAME))
    known = {fingerprint(signer.certificate)}
    for brought in ({}, {"signers": known, "authorities": tsa.authorities, "witnesses": [key]}):
        report = examined(written, **brought)
        assert report.findings == ()
        assert (report.sealed, report.unsealed, report.checkpoints) == (20, 1, 4)
        assert report.stamps[0].startswith("20 entries existed at ")
    assert report.cosignatures == (f"{NAME} saw 20 entries at 1970-01-01 00:00:05 UTC",)
    assert intact(packed(members_of(written)))


def test_no_octet_of_a_small_member_can_change(written: bytes) -> None:
    members, chance = members_of(written), random.Random(7)  # noqa: S311 - places, not secrets
    unseen = []
    for name, data in members.items():
        places = range(len(data)) if len(data) < 200 else chance.sample(range(len(data)), 40)
        for place in places:
            changed = bytearray(data)
            changed[place] ^= 1 << chance.randrange(8)
            if intact(packed({**members, name: bytes(changed)})):
                unseen.append((name, place))
    assert unseen == []


def test_a_member_that_is_gone_added_or_exchanged(written: bytes) -> None:
    members = members_of(written)
    for name in members:
        assert not intact(packed({key: data for key, data in members.items() if key != name})), name
    assert [str(each) for each in examined(packed({**members, "more.txt": b""})).findings] == [
        "archive: more.txt was added"
    ]
    swapped = {**members, "stamps.jsonl": members["cosignatures.jsonl"]}
    assert not intact(packed(swapped))


def resigned(members: Members, signer: Signer) -> bytes:
    """As somebody who holds the key would write the manifest anew: what the trail proves must not need it."""
    told = orjson.loads(members[archive.MANIFEST])
    others = {k: v for k, v in members.items() if k not in (archive.MANIFEST, archive.SIGNATURE)}
    told["members"] = {name: sha256(data).hexdigest() for name, data in others.items()}
    manifest = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return packed({**others, archive.MANIFEST: manifest, archive.SIGNATURE: signer.sign(manifest)})


Lines = list[bytes]


def dropped(lines: Lines) -> Lines:
    return [*lines[:12], *lines[13:]]


def inserted(lines: Lines) -> Lines:
    return [*lines[:12], lines[5], *lines[12:]]


def reordered(lines: Lines) -> Lines:
    return [*lines[:12], lines[13], lines[12], *lines[14:]]


def unreadable(lines: Lines) -> Lines:
    return [*lines[:12], b"{" + lines[12], *lines[13:]]


def changed(lines: Lines) -> Lines:
    return [*lines[:12], lines[12].replace(b"<AuditMessage", b"<AuditMessagE"), *lines[13:]]


@pytest.mark.parametrize("change", [dropped, inserted, reordered, unreadable, changed])
def test_the_first_bad_row_is_named_though_the_manifest_fits(
    written: bytes, signer: Signer, change: Callable[[Lines], Lines]
) -> None:
    members = members_of(written)
    lines = members[archive.TRAIL].splitlines(keepends=True)
    bad = resigned({**members, archive.TRAIL: b"".join(change(lines))}, signer)
    report = examined(bad)
    assert not report.ok
    assert report.first is not None
    assert report.first.position == 7
    with_manifest = examined(packed({**members, archive.TRAIL: b"".join(change(lines))}))
    assert str(with_manifest.findings[0]) == "archive: trail.jsonl was changed"
    assert report.first in with_manifest.findings


def test_a_trail_cut_behind_a_checkpoint_is_told_by_one_kept_elsewhere(
    written: bytes, signer: Signer, trail: Any
) -> None:
    members = members_of(written)
    header, trees, rows = trail.export()
    cut = b"".join(lines_of(header, trees[:2], rows[:10]))
    empty = {**members, archive.TRAIL: cut, archive.STAMPS: b"", archive.COSIGNATURES: b""}
    alone = examined(resigned(empty, signer))
    assert alone.ok
    report = examined(resigned(empty, signer), notes=[trees[-1].note])
    assert report.first is not None
    assert report.first.fault.value == "missing"
    assert report.first.position == 10


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"size": 15}, "does not hold"),
        ({"size": 14}, "no checkpoint of this size"),
        ({"at": 5}, "the time is not that of the token"),
        ({"token": "?"}, "cannot be read"),
        ({"token": "AAAA"}, "no time stamp"),
    ],
)
def test_a_stamp_that_does_not_belong_to_its_checkpoint(
    written: bytes, signer: Signer, line: dict[str, Any], reason: str
) -> None:
    members = members_of(written)
    told = orjson.dumps({**orjson.loads(members[archive.STAMPS]), **line})
    report = examined(resigned({**members, archive.STAMPS: told}, signer))
    assert [each.fault.value for each in report.findings] == ["stamp"]
    assert reason in report.findings[0].reason


def test_a_cosignature_of_somebody_else(written: bytes, signer: Signer, trail: Any) -> None:
    members, stranger = members_of(written), Ed25519PrivateKey.generate()
    note = trail.trees[-1].note
    forged = cosignature_line(20, NAME, 5_000, cosign(stranger, NAME, note, 5))
    data = resigned({**members, archive.COSIGNATURES: forged}, signer)
    report = examined(data, witnesses=[read_key(verifier_key(WITNESS, NAME))])
    assert {each.fault.value for each in report.findings} == {"cosignature"}


def test_a_row_later_than_the_stamp_over_it(written: bytes, trail: Any) -> None:
    """The stamp of today is put under a trail of the future."""
    members = members_of(written)
    at = int(orjson.loads(members[archive.STAMPS])["at"])
    first = min(row.at for row in trail.rows.values())
    report = verify_late(trail, first - 200_000)
    assert {each.reason for each in report.findings} == {
        "the row says that it is later than the time stamp over it"
    }
    assert len(report.findings) == 20
    assert verify_late(trail, at).ok


def verify_late(trail: Any, at: int) -> Report:
    return verify_export(lines_of(*trail.export()), stamped={20: at})


def test_signers_that_are_not_trusted(written: bytes, stranger: Signer) -> None:
    report = examined(written, signers={fingerprint(stranger.certificate)})
    assert str(report.findings[0]) == "archive: manifest.json: it is signed by nobody who is trusted"
    assert len(report.findings) > 20


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", packed({}), packed({"manifest.json": b"{}"})])
def test_what_is_no_archive(data: bytes) -> None:
    with pytest.raises(Malformed):
        examined(data)


def test_two_members_of_one_name_are_refused(written: bytes) -> None:
    buffer = io.BytesIO(written)
    with zipfile.ZipFile(buffer, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr(archive.STAMPS, b"")
    with pytest.raises(Malformed, match="two of one name"):
        examined(buffer.getvalue())


def test_an_archive_never_takes_the_place_of_a_file(signer: Signer, tmp_path: Path) -> None:
    async def none() -> AsyncIterator[bytes]:
        for line in ():
            yield line

    (tmp_path / "there").write_bytes(b"kept")
    sources = Sources(trail=none(), stamps=[], cosignatures=[], certificates=[], authorities=[])
    with pytest.raises(FileExistsError):
        asyncio.run(archive.write(tmp_path / "there", sources, signer, "a", datetime.now(UTC)))
    assert (tmp_path / "there").read_bytes() == b"kept"
