"""Reads a TOML file into a checked class, and names file, line and reason when it cannot."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from gateway.errors import SettingsInvalid

T = TypeVar("T")
Where = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_TOML_LINE = re.compile(r"at line (\d+)")
_DOTTED = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def read_text(path: Path) -> str:
    """The text of a configuration file."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsInvalid(f"cannot be read: {error.strerror}", location=str(path)) from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid("is not UTF-8", location=str(path)) from error


def parse(text: str, path: Path) -> dict[str, Any]:
    """The tables of a TOML text."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _TOML_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise SettingsInvalid(f"not valid TOML: {error}", location=f"{path}:{line}") from error


def checked(kind: type[T], data: Mapping[str, Any], text: str, path: Path) -> T:
    """The data as an instance of `kind`; relative paths lie below the folder of `path`."""
    try:
        return TypeAdapter(kind).validate_python(data, context={"folder": path.parent})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        line = line_of(text, first["loc"])
        reason = f"{dotted(first['loc'])}: {first['msg']}"
        raise SettingsInvalid(reason, location=f"{path}:{line}") from None


def dotted(where: Where) -> str:
    """A place as a person writes it: `assertions.issuers[0].certificate`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")


def line_of(text: str, where: Where) -> int:
    """The line (from 1) of the key at this place, or of the closest table that holds it."""
    lines = dict(_places(text))
    while where and where not in lines:
        where = where[:-1]
    return lines.get(where, 1)


def _places(text: str) -> Iterator[tuple[Where, int]]:
    table: Where = ()
    seen: dict[Where, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _table(_steps(header[2]), seen, several=header[1] == "[[")
            yield table, number
        elif key := _KEY.match(line):
            yield table + _steps(key[1]), number


def _table(steps: Where, seen: dict[Where, int], *, several: bool) -> Where:
    """The place a header opens; tables of an array are counted."""
    place: Where = ()
    for step in steps[:-1]:
        place += (step,)
        if place in seen:
            place += (seen[place],)
    place += steps[-1:]
    if not several:
        return place
    seen[place] = seen.get(place, -1) + 1
    return (*place, seen[place])


def _steps(name: str) -> Where:
    return tuple(part.strip("\"'") for part in _DOTTED.findall(name))
