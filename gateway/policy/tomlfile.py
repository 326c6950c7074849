"""Commented TOML files of the policy, read strictly; every refusal names file and line (TOML 1.0)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gateway.config.reading import line_of, parse
from gateway.errors import SettingsInvalid

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TomlFile:
    """One parsed file with its text, so that a refusal can name the line. `name` has no directory."""

    name: str
    text: str
    root: Table

    @classmethod
    def parse(cls, name: str, data: bytes) -> TomlFile:
        """Read UTF-8 TOML; SettingsInvalid with the line when it is not."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            raise SettingsInvalid("the file is not UTF-8", location=f"{name}:{line}") from error
        return cls(name, text, parse(text, Path(name)))

    def refuse(self, message: str, *path: str) -> SettingsInvalid:
        """The error to raise about the value at this path."""
        return SettingsInvalid(message, location=f"{self.name}:{line_of(self.text, path)}")

    def table(self, *path: str, required: bool = True) -> Table:
        """The table at this path; an empty one when it is absent and not required."""
        found: object = self.root
        for step in path:
            found = found.get(step) if isinstance(found, Mapping) else None
        if found is None and not required:
            return {}
        if not isinstance(found, Mapping):
            raise self.refuse(f"table [{'.'.join(path)}] is missing", *path)
        return cast("Table", found)

    def only(self, known: Iterable[str], *path: str) -> None:
        """Refuse any key of the table that is not known: a mistyped rule must never be ignored."""
        allowed = frozenset(known)
        for key in self.table(*path):
            if key not in allowed:
                expected = ", ".join(sorted(allowed))
                raise self.refuse(f"unknown key '{key}', expected one of: {expected}", *path, key)

    def string(self, *path: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._value(path, default)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(f"'{path[-1]}' must be a text", *path)
        return value

    def flag(self, *path: str, default: bool | None = None) -> bool:
        """A truth value."""
        value = self._value(path, default)
        if not isinstance(value, bool):
            raise self.refuse(f"'{path[-1]}' must be true or false", *path)
        return value

    def number(self, *path: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number from low to high."""
        value = self._value(path, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.refuse(f"'{path[-1]}' must be a whole number from {low} to {high}", *path)
        return value

    def strings(self, *path: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        value = self._value(path, None if default is None else list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.refuse(f"'{path[-1]}' must be a list of texts", *path)
        return tuple(value)

    def choice(self, *path: str, among: tuple[str, ...], default: str | None = None) -> str:
        """One of the given words."""
        value = self.string(*path, default=default)
        if value not in among:
            raise self.refuse(f"'{path[-1]}' must be one of: {', '.join(among)}", *path)
        return value

    def _value(self, path: tuple[str, ...], default: object) -> object:
        value = self.table(*path[:-1]).get(path[-1], default)
        if value is None:
            raise self.refuse(f"'{path[-1]}' is missing", *path)
        return value
