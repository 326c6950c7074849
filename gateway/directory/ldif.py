"""Directory entries as LDIF content records (RFC 2849): what operators import, and what tests begin with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

from gateway.errors import Malformed
from gateway.record.directory import Add, Attribute, Declined, attributes, read_place

MOST_BYTES = 256 * 1024 * 1024


def read(text: str) -> Iterator[Add]:
    """Every record as an entry to be put; Malformed with the line of what cannot be read."""
    for number, lines in _records(text):
        first, *rest = [_assertion(line, number) for line in lines]
        if first[0].lower() != "dn":
            raise Malformed("a record does not begin with dn", location=f"line {number}")
        if any(name.lower() == "changetype" for name, _, _ in rest):
            raise Malformed("change records are not taken, only entries", location=f"line {number}")
        try:
            place = read_place(first[1])
        except Declined as error:
            raise Malformed(error.detail, location=f"line {number}") from error
        yield Add(place, attributes(Attribute(name, (value,), binary) for name, value, binary in rest))


def write(entries: Iterable[Add]) -> str:
    """The records; values that are no plain ASCII in base64."""
    blocks = ["version: 1"]
    for entry in entries:
        lines = [_line("dn", entry.place.dn, binary=False)]
        for each in entry.attributes.values():
            lines += [_line(each.name, value, binary=each.binary) for value in each.values]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and unfolded lines of each record; comments and the version line are passed over."""
    lines: list[str] = []
    began, comment = 0, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.startswith(" ") and (lines or comment):
            if not comment:
                lines[-1] += line[1:]
            continue
        comment = line.startswith("#")
        if comment or (not lines and line.lower().startswith("version:")):
            continue
        if line.strip():
            began = began if lines else number
            lines.append(line)
        elif lines:
            yield began, lines
            lines = []


def _assertion(line: str, number: int) -> tuple[str, str, bool]:
    """Name, value, and whether it stays base64: an attribute with the option ;binary."""
    name, separator, value = line.partition(":")
    if not separator or value.startswith("<"):
        raise Malformed("expected 'attribute: value'", location=f"record at line {number}")
    plain, _, option = name.strip().partition(";")
    binary = option.lower() == "binary"
    if not value.startswith(":"):
        return plain, value.strip(), binary
    encoded = value[1:].strip()
    if binary:
        return plain, encoded, True
    try:
        return plain, base64.b64decode(encoded, validate=True).decode("utf-8"), False
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Malformed(
            f"the value of {plain} is no base64 of text", location=f"record at line {number}"
        ) from error


def _line(name: str, value: str, *, binary: bool) -> str:
    if binary:
        return f"{name};binary:: {value}"
    if value.isascii() and value.isprintable() and value[0] not in " :<" and value[-1] != " ":
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"
