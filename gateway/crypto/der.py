"""Just enough DER to look into messages of others and to write small ones (ITU-T X.690 section 10)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.errors import Malformed

SEQUENCE, INTEGER, OBJECT = 0x30, 0x02, 0x06
_LONG, _LENGTH_BYTES = 0x80, 4


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an encoding: its tag, where it begins, and where its content stands."""

    tag: int
    begin: int
    start: int
    end: int


def element(data: bytes, at: int, limit: int | None = None) -> Element:
    """The element that begins at an offset and ends at the latest at `limit`."""
    last = len(data) if limit is None else limit
    if at + 2 > last:
        raise Malformed("an encoding in DER ends too early")
    tag, length, start = data[at], data[at + 1], at + 2
    if length & _LONG:
        width = length & ~_LONG
        if not 0 < width <= _LENGTH_BYTES or start + width > last:
            raise Malformed("an encoding in DER has a length that cannot be read")
        length, start = int.from_bytes(data[start : start + width], "big"), start + width
    if start + length > last:
        raise Malformed("an encoding in DER ends too early")
    return Element(tag, at, start, start + length)


def children(data: bytes, parent: Element) -> list[Element]:
    """The elements inside a constructed one."""
    found, at = [], parent.start
    while at < parent.end:
        found.append(element(data, at, parent.end))
        at = found[-1].end
    return found


def write(tag: int, content: bytes) -> bytes:
    """An element with this content."""
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    width = (size.bit_length() + 7) // 8
    return bytes((tag, _LONG | width)) + size.to_bytes(width, "big") + content


def write_object(oid: str) -> bytes:
    """An object identifier."""
    first, second, *rest = (int(each) for each in oid.split("."))
    return write(OBJECT, b"".join(_base128(each) for each in (first * 40 + second, *rest)))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | _LONG)
    return bytes(reversed(digits))
