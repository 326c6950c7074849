"""Archives as nobody should send them, and those at the limits."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterable

import pytest

from gateway.errors import GatewayError, Malformed, MediaTypeUnsupported, TooComplex, TooLarge
from profiles.xdm.wire.archive import MediaLimits, Member, open_archive

LIMITS = MediaLimits()


def packed(*files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data, compress_type=method)
    return bytearray(buffer.getvalue())


def opened(data: bytes | bytearray, limits: MediaLimits = LIMITS) -> dict[str, bytes]:
    return {name: octets(member) for name, member in open_archive(io.BytesIO(data), limits).items()}


def octets(member: Member) -> bytes:
    return b"".join(member.chunks())


def refused(data: bytes | bytearray, error: type[GatewayError], limits: MediaLimits = LIMITS) -> str:
    with pytest.raises(error) as told:
        open_archive(io.BytesIO(data), limits)
    return told.value.detail


def named(name: str) -> zipfile.ZipInfo:
    """A name as it stands, which `zipfile` would tidy."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


def test_files_are_found_in_upper_case_and_read_again_and_again() -> None:
    found = open_archive(io.BytesIO(packed(("a/Bild.jpg", b"x" * 200_000), ("a/", b""))), LIMITS)
    assert list(found) == ["A/BILD.JPG"]
    member = found["A/BILD.JPG"]
    assert (member.name, member.size) == ("a/Bild.jpg", 200_000)
    assert octets(member) == octets(member) == b"x" * 200_000
    assert len(list(member.chunks())) > 1


def test_an_archive_may_be_stored_empty_or_commented() -> None:
    assert opened(packed(("A", b"1"), method=zipfile.ZIP_STORED)) == {"A": b"1"}
    assert opened(packed()) == {}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("A", b"1")
        archive.comment = b"PK-less words"
    assert opened(buffer.getvalue()) == {"A": b"1"}


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"%PDF-1.4", b"PK\x05\x06", b"MZ" + bytes(packed(("A", b"1")))], ids=repr
)
def test_what_is_no_archive(data: bytes) -> None:
    refused(data, Malformed)


def test_every_cut_of_an_archive_is_refused_or_damaged() -> None:
    whole = packed(("A", b"some text"), ("B", b"more"))
    for end in range(len(whole)):
        with pytest.raises(Malformed):
            opened(whole[:end])


def test_no_changed_octet_goes_unnoticed_or_breaks_the_reader() -> None:
    whole = packed(("A", b"some text"), method=zipfile.ZIP_STORED)
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        try:
            found = opened(changed)
        except GatewayError:
            continue
        assert all(data == b"some text" for data in found.values())


@pytest.mark.parametrize(
    "name",
    [
        "../A",
        "/A",
        "A/../../B",
        "..",
        "A//B",
        "./A",
        "C:A",
        "C:\\A",
        "..\\A",
        "\\\\h\\A",
        "A\0.XML",
        "A/..",
    ],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    assert "name" in refused(packed((named(name), b"x")), Malformed)


def test_a_backslash_is_read_as_a_slash() -> None:
    assert opened(packed((named("IHE_XDM\\SUBSET01\\METADATA.XML"), b"x"))) == {
        "IHE_XDM/SUBSET01/METADATA.XML": b"x"
    }


@pytest.mark.parametrize("names", [("A", "A"), ("A", "a"), ("x/A", "X\\a")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name(names: Iterable[str]) -> None:
    assert "same name" in refused(packed(*((named(name), b"x") for name in names)), Malformed)


def test_links_and_devices() -> None:
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK):
        info = zipfile.ZipInfo("A")
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16
        assert "link" in refused(packed((info, b"/etc/passwd")), Malformed)


def test_encrypted_files() -> None:
    data = packed(("A", b"x"))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    assert "encrypted" in refused(data, MediaTypeUnsupported)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_compress(method: int) -> None:
    refused(packed(("A", b"x"), method=method), MediaTypeUnsupported)


def test_the_number_of_files_has_a_limit() -> None:
    limits = MediaLimits(members=3)
    assert len(opened(packed(*((str(n), b"") for n in range(3))), limits)) == 3
    assert "3 files" in refused(packed(*((str(n), b"") for n in range(4))), TooComplex, limits)


def test_a_directory_that_lies_about_its_number() -> None:
    data = packed(*((str(n), b"") for n in range(4)))
    at = data.rindex(b"PK\x05\x06")
    data[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    refused(data, TooComplex, MediaLimits(members=3))


def test_a_directory_larger_than_its_files_need() -> None:
    info = zipfile.ZipInfo("A")
    info.extra = struct.pack("<HH", 0x9999, 2000) + bytes(2000)
    refused(packed((info, b"x")), TooComplex, MediaLimits(members=3))


def test_zip64_is_no_way_around_the_number() -> None:
    data = packed(("A", b"x"))
    at = data.rindex(b"PK\x05\x06")
    locator = b"PK\x06\x07" + bytes(16)
    refused(data[:at] + locator + data[at:], TooComplex)


def test_what_is_unpacked_has_a_limit() -> None:
    limits = MediaLimits(total=1000)
    assert opened(packed(("A", b"x" * 600), ("B", b"x" * 400)), limits)
    refused(packed(("A", b"x" * 600), ("B", b"x" * 401)), TooLarge, limits)


def test_a_bomb() -> None:
    assert "times its size" in refused(packed(("A", bytes(3 << 20))), TooLarge)
    assert opened(packed(("A", bytes(1 << 20))))


def test_files_that_share_their_octets() -> None:
    """Two entries of the directory over one piece of the archive."""
    data = packed(("A", b"y" * 500), method=zipfile.ZIP_STORED)
    start, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry = data[start:end]
    other = entry.replace(b"A", b"B")
    both = data[:start] + entry + other + data[end:]
    at = both.rindex(b"PK\x05\x06")
    both[at + 8 : at + 16] = struct.pack("<HHI", 2, 2, len(entry) + len(other))
    assert "overlap" in refused(both, Malformed)


def test_a_size_that_is_a_lie() -> None:
    data = packed(("A", b"some text"), method=zipfile.ZIP_DEFLATED)
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 4)
    (member,) = open_archive(io.BytesIO(data), LIMITS).values()
    with pytest.raises(Malformed, match="damaged"):
        octets(member)
