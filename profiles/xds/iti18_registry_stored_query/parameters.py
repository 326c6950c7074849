"""Reads the parameters of a stored query (ITI TF-2 3.18.4.1.2.3.3 to 3.18.4.1.2.3.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.stores.rows import padded
from gateway.stores.search import Ask, Condition, Kind
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query.table import Definition, Form, Parameter
from profiles.xds.iti18_registry_stored_query.vocabulary import PARAMETERS
from profiles.xds.wire.requests import StoredQuery

_QUOTED = r"'(?:[^']|'')*'"
_LIST = re.compile(rf"\(\s*(?:{_QUOTED}|[\w:.\-]+)\s*(?:,\s*(?:{_QUOTED}|[\w:.\-]+)\s*)*\)")
_ITEM = re.compile(rf"{_QUOTED}|[\w:.\-]+")
_STATUSES = {f"{codes.STATUS_PREFIX}{name}": name for name in ("Approved", "Deprecated")}
_TYPES = {codes.STABLE: "stable", codes.ON_DEMAND: "on-demand"}
_RELATIONS = {urn: name for name, urn in codes.ASSOCIATION_TYPES.items()}
_OFFLINE = MappingProxyType({"Online": False, "Offline": True})
_AVAILABILITIES = {f"{codes.AVAILABILITY_PREFIX}{name}": name for name in _OFFLINE}
_NAMED = MappingProxyType(
    {
        Form.TYPE: _TYPES,
        Form.RELATION: _RELATIONS,
        Form.AVAILABILITY: _AVAILABILITIES,
    }
)
_NOTHING = "-"
"""Stands for a type that no object has: asked for alone, it finds nothing."""
_LEVEL = "$MetadataLevel"
_HISTORY = "2"
_RETURN_TYPES = frozenset({"LeafClass", "ObjectRef"})
_CODE = re.compile(r"[^^]+\^[^^]*\^[^^]+")
_TIME = re.compile(r"[0-9]{4}(?:[0-9]{2}){0,5}")
_WILDCARD = re.compile(r"[%_]").search
_LEVELS = re.compile(r"[12]")


@dataclass(frozen=True, slots=True)
class Query:
    """A stored query with its parameters: for each name a value list per slot (AND of ORs)."""

    definition: Definition
    references: bool
    slots: Mapping[str, tuple[tuple[str, ...], ...]]
    text: bytes

    def given(self, name: str) -> bool:
        """Whether the parameter has a value."""
        return name in self.slots

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a parameter."""
        return tuple(value for slot in self.slots.get(name, ()) for value in slot)

    @property
    def history(self) -> bool:
        """Whether what Metadata Update put aside is asked for too ($MetadataLevel 2)."""
        return _HISTORY in self.values(_LEVEL)

    def conditions(self, kind: Kind, names: Sequence[str]) -> list[Condition]:
        """The filters among some parameters that concern a kind of object."""
        found = []
        for name in names:
            given = self.slots.get(name)
            if given:
                parameter = PARAMETERS[name]
                if parameter.kind is kind and parameter.field:
                    found += [_condition(parameter, values) for values in given]
        return found


def _condition(parameter: Parameter, values: tuple[Any, ...]) -> Condition:
    if parameter.form is Form.AVAILABILITY:
        values = tuple(_OFFLINE[value] for value in values if value in _OFFLINE)
    ask = parameter.ask
    if ask is Ask.VALUE_LIKE and not any(_WILDCARD(value) for value in values):
        ask = Ask.VALUE
    return Condition(parameter.field, ask, values, parameter.excluded)


def read(request: StoredQuery, queries: Mapping[str, Definition], domain: Domain) -> Query:
    """The query with all its parameters in order; Refused with the code that the standard gives."""
    definition = queries.get(request.identifier)
    if definition is None:
        raise Refused(
            Problem(
                Meaning.UNKNOWN_QUERY,
                f"stored query {request.identifier[:64]} is not supported",
                "AdhocQuery/@id",
            )
        )
    if request.return_type not in _RETURN_TYPES:
        raise Refused(
            Problem(
                Meaning.GENERAL,
                f"returnType {request.return_type[:40]} is not supported; expected LeafClass or ObjectRef",
                "ResponseOption/@returnType",
            )
        )
    slots = _slots(request, definition, domain)
    _check_given(definition, slots)
    return Query(definition, request.return_type == "ObjectRef", slots, request.text)


def _slots(
    request: StoredQuery, definition: Definition, domain: Domain
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Unknown parameters are passed over (ITI TF-2 3.18.4.1.2.5)."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for name, raw in request.slots:
        if name not in definition.known:
            continue
        parameter = PARAMETERS[name]
        if name in found and not parameter.repeats:
            raise _count(name, "the parameter is given twice, expected once")
        several = name not in definition.single if parameter.several else name in definition.listed
        values = _values(name, raw, parameter, several=several)
        if values:
            found[name] = (*found.get(name, ()), values)
        number = sum(len(slot) for slot in found.get(name, ()))
        if number > domain.max_values:
            # The standard counts values of single parameters; a bound of ours has its general code.
            text = f"{name}: {number} values, expected at most {domain.max_values}"
            raise Refused(Problem(Meaning.GENERAL, text, name))
    return found


def _values(name: str, raw: Sequence[str], parameter: Parameter, *, several: bool) -> tuple[str, ...]:
    items = [item for text in raw for item in _items(name, text, several=several)]
    if not several and len(items) > 1:
        raise _count(name, f"{len(items)} values, expected 1")
    return tuple(dict.fromkeys(value for item in items if (value := _typed(name, item, parameter))))


def _items(name: str, text: str, *, several: bool) -> Iterator[str]:
    """A list in parentheses for what may have several values, a plain value for the others.

    A list of one is taken for a single value, which it cannot be mistaken for; senders write it.
    """
    text = text.strip()
    if not several and not (text.startswith("(") and _LIST.fullmatch(text)):
        if text.startswith("("):
            raise _count(name, "a list in parentheses, expected a single value")
        yield _unquoted(text)
        return
    if not _LIST.fullmatch(text):
        raise Refused(
            Problem(Meaning.GENERAL, f"{name}: expected values of the form ('a','b') in parentheses", name)
        )
    yield from (_unquoted(item) for item in _ITEM.findall(text[1:-1]))


def _unquoted(text: str) -> str:
    if text.startswith("'") and text.endswith("'") and len(text) > 1:
        return text[1:-1].replace("''", "'")
    return text


def _typed(name: str, item: str, parameter: Parameter) -> str | None:
    """The value as it is stored; None for a status that does not exist, which the standard passes over."""
    form = parameter.form
    if form is Form.STATUS:
        return _STATUSES.get(item)
    if form in _NAMED:
        return _NAMED[form].get(item, _NOTHING)
    if form is Form.UUID:
        return item.strip().lower()
    if form is Form.TIME:
        _expect(name, item, _TIME, "digits YYYY[MM[DD[hh[mm[ss]]]]]")
        return padded(item)
    if form is Form.LEVEL:
        _expect(name, item, _LEVELS, "1 or 2")
    if form is Form.CODE:
        _expect(name, item, _CODE, "'code^^scheme'")
    return item


def _expect(name: str, item: str, pattern: re.Pattern[str], form: str) -> None:
    if not pattern.fullmatch(item):
        raise Refused(Problem(Meaning.GENERAL, f"{name}: expected {form}", name))


def _count(name: str, seen: str) -> Refused:
    return Refused(Problem(Meaning.PARAMETER_COUNT, f"{name}: {seen}", name))


def _check_given(definition: Definition, slots: Mapping[str, object]) -> None:
    missing = [name for name in definition.required if name not in slots]
    if missing:
        raise Refused(*(_missing(definition, name) for name in missing))
    if definition.one_of:
        given = [name for name in definition.one_of if name in slots]
        choice = " or ".join(definition.one_of)
        if not given:
            raise Refused(_missing(definition, choice))
        if len(given) > 1:
            raise _several(definition, choice)
    if definition.any_of and not any(name in slots for name in definition.any_of):
        raise Refused(_missing(definition, " or ".join(definition.any_of)))
    for pair in definition.apart:
        if all(name in slots for name in pair):
            raise _several(definition, " or ".join(pair))


def _missing(definition: Definition, name: str) -> Problem:
    return Problem(Meaning.MISSING_PARAMETER, f"{definition.name} needs {name}", name)


def _several(definition: Definition, choice: str) -> Refused:
    return Refused(Problem(Meaning.PARAMETER_COUNT, f"{definition.name} takes only one of {choice}", choice))
