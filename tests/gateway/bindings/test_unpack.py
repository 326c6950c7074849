"""Packages as they come over a wire: cut anywhere, broken anywhere, with documents of any size."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import Any

import pytest

from gateway.bindings.mtom import PackageLimits, mime_type, pack
from gateway.bindings.unpack import Unpacker, unpack
from gateway.declare.bindings import Attachment, Octets, Package
from gateway.errors import Busy, GatewayError, Malformed, TooComplex, TooLarge
from gateway.stores.content import LARGE

LIMITS = PackageLimits(parts=4, header=200, root=1000, document=3 * LARGE)
KIND = 'multipart/related; boundary="edge"; start="<root>"'
ROOT = b"--edge\r\nContent-Type: application/xop+xml\r\nContent-ID: <root>\r\n\r\n<root/>"
ONE = b"\r\n--edge\r\nContent-ID: <1>\r\nContent-Type: text/plain\r\n\r\nfirst"
TWO = b"\r\n--edge \t\r\nContent-ID: <2>\r\n\r\n\r\n-\r\n--edg\r\n--\r\n"
END = b"\r\n--edge--"
GOOD = ROOT + ONE + TWO + END + b"\r\nepilogue"


class Outside:
    """Stands for what is held outside memory; counts what is open."""

    def __init__(self, room: int = 1 << 40) -> None:
        self.room = room
        self.open: list[Kept] = []
        self.writes: list[int] = []

    def __call__(self) -> Kept:
        self.open.append(Kept(self))
        return self.open[-1]


class Kept:
    def __init__(self, outside: Outside) -> None:
        self.outside, self.data = outside, bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Any:
        return iter([bytes(self.data)])

    def write(self, data: bytes | memoryview) -> None:
        self.outside.writes.append(len(data))
        self.data += data
        if len(self.data) > self.outside.room:
            raise Busy("no room")

    def finish(self) -> Kept:
        return self

    def discard(self) -> None:
        if self in self.outside.open:
            self.outside.open.remove(self)


def taken(*pieces: bytes, kind: str = KIND, limits: PackageLimits = LIMITS, outside: Any = None) -> Package:
    unpacker = Unpacker(mime_type(kind), limits, outside)
    for piece in pieces:
        unpacker.feed(piece)
    return unpacker.finish()


def contents(package: Package) -> dict[str, bytes]:
    return {name: b"".join(part.content.chunks()) for name, part in package.attachments.items()}


EXPECTED = {"1": b"first", "2": b"\r\n-\r\n--edg\r\n--\r\n"}


def test_a_package_in_one_piece() -> None:
    found = taken(GOOD)
    assert (found.root, found.root_type.type, found.type.parameters["boundary"]) == (
        b"<root/>",
        "application/xop+xml",
        "edge",
    )
    assert contents(found) == EXPECTED
    assert [each.media_type for each in found.attachments.values()] == [
        "text/plain",
        "application/octet-stream",
    ]
    assert found.size == len(b"<root/>") + sum(map(len, EXPECTED.values()))


def test_every_cut_in_two_gives_the_same() -> None:
    body = b"preamble\r\n" + GOOD
    for at in range(len(body) + 1):
        found = taken(body[:at], body[at:])
        assert (found.root, contents(found)) == (b"<root/>", EXPECTED), at


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_every_step_gives_the_same(step: int) -> None:
    found = taken(*[GOOD[at : at + step] for at in range(0, len(GOOD), step)])
    assert (found.root, contents(found)) == (b"<root/>", EXPECTED)


def test_the_root_may_follow_a_document() -> None:
    body = ONE.removeprefix(b"\r\n") + b"\r\n" + ROOT + END
    assert (taken(body).root, contents(taken(body))) == (b"<root/>", {"1": b"first"})
    first = taken(body, kind='multipart/related; boundary="edge"')
    assert (first.root, contents(first)) == (b"first", {"root": b"<root/>"})


BAD = [
    (b"", "first boundary"),
    (b"--edgy\r\n\r\n", "boundary"),
    (GOOD.replace(b"--edge", b"--other"), "first boundary"),
    (ROOT, "closing boundary"),
    (ROOT + ONE, "closing boundary"),
    (ROOT + ONE + b"\r\n--edge", "boundary line"),
    (ROOT + ONE + b"\r\n--edge-", "boundary line"),
    (ROOT + ONE + b"\r\n--edgex\r\n\r\n" + END, "boundary line"),
    (ROOT + b"\r\n--edge" + b" " * 1100 + b"\r\n\r\nx" + END, "boundary line"),
    (ROOT + b"\r\n--edge\r\nContent-ID: <1>" + END, "no end"),
    (ROOT + b"\r\n--edge\r\nContent-ID: <1>\r\n" + END, "no end"),
    (ROOT + b"\r\n--edge" + END, "no end"),
    (ROOT + b"\r\n--edge\r\nno colon\r\n\r\nx" + END, "colon"),
    (ROOT + ONE + ONE + END, "same Content-ID"),
    (ROOT + b"\r\n" + ROOT + END, "same Content-ID"),
    (ONE.removeprefix(b"\r\n") + END, "start="),
    (ROOT + b"\r\n--edge\r\nContent-Transfer-Encoding: x\r\n\r\nx" + END, "unknown"),
    (ROOT + b"\r\n--edge\r\nContent-Transfer-Encoding: base64\r\n\r\nabc" + END, "base64"),
]


@pytest.mark.parametrize(("body", "words"), BAD)
def test_what_is_no_package_is_refused_however_it_is_cut(body: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        taken(body)
    for step in (1, 5):
        with pytest.raises(Malformed, match=words):
            taken(*[body[at : at + step] for at in range(0, len(body), step)])


@pytest.mark.parametrize("kind", ["multipart/related", 'multipart/related; boundary=""', KIND + "x" * 80])
def test_a_type_that_does_not_say_how(kind: str) -> None:
    kind = kind.replace('"edge"; start="<root>"', '"' + "b" * 71 + '"')
    with pytest.raises(Malformed, match="boundary parameter"):
        taken(GOOD, kind=kind)


def test_bounds_of_parts_headers_and_root() -> None:
    parts = b"".join(b"\r\n--edge\r\nContent-ID: <%d>\r\n\r\nx" % number for number in range(4))
    with pytest.raises(TooComplex, match="parts"):
        taken(ROOT + parts + END)
    assert len(taken(ROOT + parts + END, limits=replace(LIMITS, parts=5)).attachments) == 4
    for surplus, error in ((0, None), (1, TooComplex)):
        head = b"X: " + b"h" * (200 - 5 + surplus)
        attempt = ROOT + b"\r\n--edge\r\n" + head + b"\r\n\r\nx" + END
        if error is None:
            assert contents(taken(attempt)) == {"": b"x"}
        else:
            with pytest.raises(error, match="header"):
                taken(attempt)
    with pytest.raises(TooLarge, match="XML"):
        taken(GOOD, limits=replace(LIMITS, root=6))
    with pytest.raises(TooLarge, match="document"):
        taken(GOOD, limits=replace(LIMITS, document=4))


def part(name: str, data: bytes, *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"Content-ID: <{name}>", *lines))
    return b"\r\n--edge\r\n" + head.encode() + b"\r\n" + data


def cut(body: bytes, step: int = 300_007) -> list[bytes]:
    return [body[at : at + step] for at in range(0, len(body), step)]


@pytest.mark.parametrize("encoding", ["binary", "base64"])
def test_a_large_document_goes_outside_memory(encoding: str) -> None:
    outside, data = Outside(), os.urandom(2 * LARGE + 5)
    written = data if encoding == "binary" else base64.encodebytes(data).replace(b"\n", b"\r\n")
    body = ROOT + part("1", written, f"Content-Transfer-Encoding: {encoding}") + part("2", b"small") + END
    found = taken(*cut(body), outside=outside)
    assert contents(found) == {"1": data, "2": b"small"}
    assert found.attachments["1"].content is outside.open[0]
    assert isinstance(found.attachments["2"].content, Octets)
    assert max(outside.writes) <= LARGE + 300_007, "never in one piece"


def test_the_largest_document_in_memory() -> None:
    outside = Outside()
    assert contents(taken(ROOT + part("1", b"x" * LARGE) + END, outside=outside)) == {"1": b"x" * LARGE}
    assert outside.open == []
    taken(ROOT + part("1", b"x" * (LARGE + 1)) + END, outside=outside)
    assert len(outside.open) == 1


def test_many_documents_do_not_fill_the_memory() -> None:
    outside, limits = Outside(), replace(LIMITS, parts=20)
    body = ROOT + b"".join(part(str(number), bytes([number]) * LARGE) for number in range(9)) + END
    found = taken(*cut(body), outside=outside, limits=limits)
    assert contents(found) == {str(number): bytes([number]) * LARGE for number in range(9)}
    assert len(outside.open) == 5


def attempt(unpacker: Unpacker, body: bytes) -> None:
    for piece in cut(body):
        unpacker.feed(piece)
    unpacker.finish()


@pytest.mark.parametrize(
    ("body", "room"),
    [
        (ROOT + part("1", bytes(2 * LARGE)) + part("2", bytes(2 * LARGE)), 1 << 40),
        (ROOT + part("1", bytes(2 * LARGE)) + part("1", b"x") + END, 1 << 40),
        (ROOT + part("1", bytes(2 * LARGE)) + part("2", bytes(3 * LARGE + 1)) + END, 1 << 40),
        (ROOT + part("1", bytes(2 * LARGE)) + END, LARGE + 5),
    ],
    ids=["cut off", "same name", "too large", "no room"],
)
def test_what_was_held_outside_is_given_back(body: bytes, room: int) -> None:
    outside = Outside(room)
    unpacker = Unpacker(mime_type(KIND), LIMITS, outside)
    assert not unpacker.outside
    with pytest.raises(GatewayError):
        attempt(unpacker, body)
    assert unpacker.outside
    assert outside.open
    unpacker.discard()
    unpacker.discard()
    assert outside.open == []


def test_what_is_packed_is_unpacked() -> None:
    parts = [
        Attachment("a@x", "text/plain", Octets(b"\r\n--\x00")),
        Attachment("b@x", "text/xml", Octets(b"")),
    ]
    kind, pieces = pack(b"<x/>", parts, "urn:action")
    found = unpack(b"".join(piece for piece in pieces if isinstance(piece, bytes)), mime_type(kind), LIMITS)
    assert (found.root, list(found.attachments.values())) == (b"<x/>", parts)
    assert found.type.parameters["action"] == "urn:action"
