"""gateway.crypto.safejson: what JSON may be, and everything that two readers could take differently."""

import time

import pytest

from gateway.crypto.safejson import parse
from gateway.errors import Malformed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, -2.5, true, null, "\\u00e9"]}', {"a": [1, -2.5, True, None, "é"]}),
        (b' "x" ', "x"),
        (b"1e300", 1e300),
        (b'{"a":{"a":1}}', {"a": {"a": 1}}),
        (b"[" * 64 + b"]" * 64, None),
        (b"[" + b"[]," * 100 + b"[]]", [[]] * 101),
    ],
)
def test_values(text: bytes, value: object) -> None:
    assert parse(text) == value or value is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{} {}",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1,"a":1}',
        b'{"b":[{"a":1,"a":2}]}',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"01",
        b"1" * 21,
        b"9" * 5000,
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"a\nb"',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
    ],
)
def test_what_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse(text)


def test_a_million_nulls_take_no_time() -> None:
    text = b"[" + b"null," * 999_999 + b"null]"
    began = time.perf_counter()
    assert len(parse(text)) == 1_000_000
    assert time.perf_counter() - began < 1


def test_the_depth_is_a_setting() -> None:
    assert parse(b"[[1]]", 2) == [[1]]
    with pytest.raises(Malformed):
        parse(b"[[1]]", 1)
