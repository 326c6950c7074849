"""Just enough DER (ITU-T X.690)."""

from __future__ import annotations

import pytest
from cryptography import x509

from gateway.crypto import der
from gateway.errors import Malformed


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 70_000])
def test_what_is_written_is_read(size: int) -> None:
    data = der.write(der.SEQUENCE, der.write(0x04, b"x" * size) + der.write(der.INTEGER, b"\x07"))
    text, number = der.children(data, der.element(data, 0))
    assert (text.tag, text.end - text.start) == (0x04, size)
    assert data[number.start : number.end] == b"\x07"


@pytest.mark.parametrize("oid", ["1.2.840.113549.1.9.16.1.4", "2.999.7.1", "0.9.2342"])
def test_object_identifiers_are_as_others_write_them(oid: str) -> None:
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), "x")])
    assert der.write_object(oid) in name.public_bytes()


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x02\x00", b"\x30\x80", b"\x30\x85\x00\x00"])
def test_what_ends_too_early_or_has_no_length(data: bytes) -> None:
    with pytest.raises(Malformed):
        der.element(data, 0)
    whole = der.write(der.SEQUENCE, b"\x04\x05x")
    with pytest.raises(Malformed):
        der.children(whole, der.element(whole, 0))
