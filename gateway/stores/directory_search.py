"""Filters of a directory search as conditions in SQL (RFC 4511 4.5.1.7)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, false, not_, or_, select, true

from gateway.record.directory import (
    Both,
    Compared,
    Either,
    Filter,
    Negated,
    Parts,
    Place,
    Present,
    Search,
    SearchScope,
    fold,
    read_place,
)
from gateway.stores import tables
from gateway.stores.directory import MEMBER, OWNER

_E, _V, _L = tables.directory_entry.c, tables.directory_value.c, tables.directory_link.c
MEMBER_OF = "memberof"
LINKED = frozenset({OWNER, MEMBER, MEMBER_OF})
"""Attributes that are kept as links between entries."""
_ESCAPE = "\\"


def query_of(search: Search) -> Select[Any]:
    """The entries of a search, in the order of their names."""
    base, condition = search.base, _condition(search.filter)
    return select(tables.directory_entry).where(_within(base, search.scope), condition).order_by(_E.name)


def scans(part: Filter) -> int:
    """How many parts of a filter look through all values of an attribute."""
    match part:
        case Both(parts=parts) | Either(parts=parts):
            return sum(scans(each) for each in parts)
        case Negated(part=inner):
            return 1 + scans(inner)
        case Compared(how="="):
            return 0
        case Parts(initial=initial) if initial:
            return 0
        case _:
            return 1


def _within(base: Place, scope: SearchScope) -> Any:
    """Suffix and units are no entries themselves: a search for the base alone finds entries only."""
    if base.value:
        return _E.name == base.key if scope is not SearchScope.ONE else false()
    if scope is SearchScope.BASE or (base.unit is None and scope is SearchScope.ONE):
        return false()
    below = _E.suffix == base.suffix
    return below if base.unit is None else and_(below, _E.unit == base.unit.name)


def _condition(part: Filter) -> Any:
    match part:
        case Both(parts=parts):
            return and_(true(), *(_condition(each) for each in parts))
        case Either(parts=parts):
            return or_(false(), *(_condition(each) for each in parts))
        case Negated(part=inner):
            return not_(_condition(inner))
        case Compared(name=name) | Present(name=name) | Parts(name=name) if name in LINKED:
            return _linked(part, name)
        case Compared(name=name, value=value, how=how):
            return _holds(_V.name == name, _compared(fold(value), how))
        case Present(name=name):
            return _holds(_V.name == name)
        case Parts(name=name):
            return _holds(_V.name == name, _V.value.like(_pattern(part), escape=_ESCAPE))


def _holds(*conditions: Any) -> Any:
    return _E.key.in_(select(_V.entry_key).where(*conditions))


def _compared(value: str, how: str) -> Any:
    if how == ">=":
        return _V.value >= value
    return _V.value <= value if how == "<=" else _V.value == value


def _pattern(part: Parts) -> str:
    """Each text between wildcards; spaces at the edges of a part count for nothing."""
    inner = "".join(f"%{_literal(each)}" for each in part.inner)
    return f"{_literal(part.initial)}{inner}%{_literal(part.final)}"


def _literal(text: str) -> str:
    folded = fold(text)
    for special in (_ESCAPE, "%", "_"):
        folded = folded.replace(special, _ESCAPE + special)
    return folded


def _linked(part: Filter, name: str) -> Any:
    """Owners, members and groups are compared as a whole, by distinguished name."""
    mine, other = (_L.entry_key, _L.group_key) if name == MEMBER_OF else (_L.group_key, _L.entry_key)
    links = select(mine).where(_L.kind == (OWNER if name == OWNER else MEMBER))
    if isinstance(part, Compared) and part.how == "=":
        far = tables.directory_entry.alias("far")
        links = links.join(far, far.c.key == other).where(far.c.name == read_place(part.value).key)
    elif not isinstance(part, Present):
        return false()
    return _E.key.in_(links)
