"""The catalogues of the journal: what codes mean, and the words of each language (`config/journal`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from gateway.config.settings import shipped
from gateway.errors import SettingsInvalid
from gateway.record.people import Code

LANGUAGES = ("fr", "de", "lb", "en", "pt")
"""In which the journal is written; the first is that of who names none."""

Table = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What codes mean, as keys of the catalogues. `transactions` and `events` may end in `:action`."""

    transactions: Table
    events: Table
    professions: Table
    purposes: Table
    classes: Table
    rules: Table
    refusals: Table
    patients: frozenset[str]

    def kind(self, codes: tuple[str, ...], event: str, action: str) -> str:
        """The kind of sentence for the types of an event, else for its code; "other" for unknown ones."""
        for table, names in ((self.transactions, codes), (self.events, (event,))):
            for name in names:
                found = table.get(f"{name}:{action}") or table.get(name)
                if found is not None:
                    return found
        return "other"

    def is_patient(self, code: Code) -> bool:
        """Whether a role is that of patients or of those who act for them."""
        return code.code in self.patients


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language: texts by section and key."""

    language: str
    months: tuple[str, ...]
    sections: Mapping[str, Table]

    def text(self, section: str, key: str, **values: object) -> str:
        """A text with its placeholders filled in; KeyError where the catalogue has none."""
        return self.sections[section][key].format(**values)

    def known(self, section: str, key: str) -> str | None:
        """A text without placeholders; None where there is none."""
        return self.sections[section].get(key)


@cache
def codes() -> Codes:
    """The table of codes as shipped."""
    told = _read("codes")
    return Codes(
        transactions=MappingProxyType(told["transactions"]),
        events=MappingProxyType(told["events"]),
        professions=_inverted(told["professions"]),
        purposes=_inverted(told["purposes"]),
        classes=_inverted(told["classes"]),
        rules=MappingProxyType(told["rules"]),
        refusals=MappingProxyType(told["refusals"]),
        patients=frozenset(told["patients"]["roles"]),
    )


@cache
def words(language: str) -> Words:
    """The catalogue of a language; SettingsInvalid for one that there is none of."""
    if language not in LANGUAGES:
        raise SettingsInvalid(f"language: expected one of {', '.join(LANGUAGES)}")
    told = _read(language)
    months = tuple(told["form"].pop("months"))
    kinds = {f"kind.{name}": MappingProxyType(forms) for name, forms in told.pop("kind").items()}
    told.pop("name")
    sections = {name: MappingProxyType(table) for name, table in told.items()}
    return Words(language, months, MappingProxyType({**sections, **kinds}))


def _inverted(told: Mapping[str, list[str]]) -> Table:
    return MappingProxyType({code: name for name, listed in told.items() for code in listed})


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((shipped("journal") / f"{name}.toml").read_text(encoding="utf-8"))
