"""A compact JWS has one reading, or is refused."""

from __future__ import annotations

import base64

import pytest

from gateway.crypto.jws import LONGEST, read
from gateway.errors import TokenInvalid


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims: bytes = b"{}", header: bytes = b"{}", signature: str = "eA") -> str:
    return f"{b64(header)}.{b64(claims)}.{signature}"


def test_the_parts() -> None:
    claims = b'{"a":1}'
    found = read(token(claims))
    assert (found.header, found.claims, found.signature) == ({}, {"a": 1}, b"x")
    assert found.signed == f"{b64(b'{}')}.{b64(claims)}".encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "....",
        token().rpartition(".")[0],
        token(b"[]"),
        token(b"{"),
        token(b'{"a":1,"a":2}'),
        token(b'{"a":NaN}'),
        token(b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"),
        token(header=b'{"crit":[]}'),
        token(header=b'{"b64":true}'),
        token(signature="eA=="),
        token(signature="eB"),
        token(signature="e A"),
        token(signature="\u00e9"),
        token(b" " * LONGEST),
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(TokenInvalid):
        read(text)
