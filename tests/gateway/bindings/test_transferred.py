import base64
import quopri

import pytest

from gateway.bindings.transferred import decoder_of
from gateway.errors import Malformed

DATA = bytes(range(256)) * 3
LINES = base64.encodebytes(DATA).replace(b"\n", b"\r\n")
PRINTABLE = quopri.encodestring(DATA + b" and words = signs\r\nnext line \t\r\n" * 4)


def decoded(encoding: str, *pieces: bytes) -> bytes:
    decoder = decoder_of(encoding)
    return b"".join([*(bytes(decoder.decode(memoryview(piece))) for piece in pieces), decoder.finish()])


@pytest.mark.parametrize("encoding", ["binary", "8bit", "7bit", ""])
def test_plain_octets_stay(encoding: str) -> None:
    assert decoded(encoding, b"ab", b"", b"\r\nc=") == b"ab\r\nc="


@pytest.mark.parametrize("step", [1, 2, 3, 5, 76, 77, 78, 79, 10_000])
def test_any_cut_gives_the_same(step: int) -> None:
    for encoding, text, expected in (
        ("base64", LINES, DATA),
        ("base64", base64.b64encode(DATA), DATA),
        ("quoted-printable", PRINTABLE, quopri.decodestring(PRINTABLE)),
    ):
        assert decoded(encoding, *[text[at : at + step] for at in range(0, len(text), step)]) == expected


@pytest.mark.parametrize(
    "pieces",
    [
        (b"!!!!",),
        (b"abc",),
        (b"YQ==", b"YWJj"),
        (b"YQ==YWJj",),
        (b"YQ=", b"=Y"),
        (b"YQ", b"\r", b"Q="),
        (b"YWJj\n",),
        (b"Y", b"Q"),
        (b"====",),
    ],
)
def test_what_is_no_base64(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(Malformed, match="not valid base64"):
        decoded("base64", *pieces)


def test_a_line_that_does_not_end() -> None:
    decoder = decoder_of("quoted-printable")
    decoder.decode(b"x" * 1024 * 1024)
    with pytest.raises(Malformed, match="no end"):
        decoder.decode(b"x")


def test_an_unknown_encoding() -> None:
    with pytest.raises(Malformed, match="unknown"):
        decoder_of("x-uuencode")
