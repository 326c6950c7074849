"""Statements that look for events: the newest of some weeks, by time alone or by what they are found by."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    TableValuedAlias,
    bindparam,
    column,
    func,
    select,
    text,
    true,
    tuple_,
    union_all,
)

from gateway.stores import tables

_EVENT, _TERM = tables.event.c, tables.event_term.c

ENDS = select(
    select(func.min(_EVENT.slot)).scalar_subquery().label("first"),
    select(func.max(_EVENT.slot)).scalar_subquery().label("last"),
)
"""The first and the last week that have events."""
SLOTS = text(
    "WITH RECURSIVE found(slot) AS ("
    "SELECT (SELECT slot FROM event WHERE slot <= :last ORDER BY slot DESC LIMIT 1) UNION ALL "
    "SELECT (SELECT slot FROM event WHERE slot < found.slot ORDER BY slot DESC LIMIT 1) FROM found "
    "WHERE found.slot > :first) SELECT slot FROM found WHERE slot >= :first"
).bindparams(bindparam("first", type_=Integer), bindparam("last", type_=Integer))
"""The weeks that have events, in SQLite."""


@lru_cache(maxsize=1)
def present() -> Select[Any]:
    """Which of some terms stand in which of some weeks, in SQLite: one step in the index for each."""
    week = _listed("slots", Integer).alias("week")
    term = _listed("terms", BigInteger).alias("sought")
    stands = select(_TERM.at).where(_TERM.slot == week.c.value, _TERM.term == term.c.value).exists()
    chosen = select(week.c.value.label("slot"), term.c.value.label("term"))
    return chosen.select_from(week.join(term, true())).where(stands)


def _listed(name: str, kind: type[Integer]) -> TableValuedAlias:
    """The numbers in a list that is written in JSON."""
    return func.json_each(bindparam(name, type_=String)).table_valued(column("value", kind))


@lru_cache(maxsize=8)
def of_units(units: int, by_term: bool) -> Select[Any]:  # noqa: FBT001 - two forms of one statement
    """The newest rows of some weeks, or of some terms in weeks, before a place."""
    parts = [_by_term(at) if by_term else _by_time(at) for at in range(units)]
    whole = parts[0] if units == 1 else _newest(union_all(*(select(each.subquery()) for each in parts)))
    return _told(whole) if by_term else whole


@lru_cache(maxsize=2)
def lateral(by_term: bool) -> Select[Any]:  # noqa: FBT001 - two forms of one statement
    """The same in PostgreSQL, where one plan serves for any number of weeks and terms."""
    lists = [bindparam("slots", type_=ARRAY(Integer)), bindparam("terms", type_=ARRAY(BigInteger))]
    names = [column("slot", Integer), column("term", BigInteger)]
    number = 2 if by_term else 1
    unit = func.unnest(*lists[:number]).table_valued(*names[:number]).render_derived(name="unit")
    part = _of_term(unit.c.slot, unit.c.term) if by_term else _of_time(unit.c.slot)
    found = part.correlate(unit).lateral("part")
    whole = _newest(select(found).select_from(unit.join(found, true())))
    return _told(whole) if by_term else whole


def _newest(query: Select[Any] | CompoundSelect[Any]) -> Select[Any]:
    found = query.subquery("found")
    return (
        select(found).order_by(found.c.at.desc(), found.c.id.desc()).limit(bindparam("window", type_=Integer))
    )


def _told(places: Select[Any]) -> Select[Any]:
    """The events of places, and nothing but its place for one that went: the places are counted."""
    place = places.subquery("place")
    same = (place.c.slot == _EVENT.slot) & (place.c.at == _EVENT.at) & (place.c.id == _EVENT.id)
    told = [each for each in _EVENT if each.name not in place.c]
    return select(*place.c, *told).select_from(place.outerjoin(tables.event, same))


def _by_time(number: int) -> Select[Any]:
    return _of_time(bindparam(f"slot_{number}", type_=Integer))


def _by_term(number: int) -> Select[Any]:
    slot = bindparam(f"slot_{number}", type_=Integer)
    return _of_term(slot, bindparam(f"term_{number}", type_=BigInteger))


def _of_time(slot: ColumnElement[int]) -> Select[Any]:
    return _narrowed(select(*_EVENT).where(_EVENT.slot == slot), _EVENT)


def _of_term(slot: ColumnElement[int], term: ColumnElement[int]) -> Select[Any]:
    query = select(_TERM.slot, _TERM.at, _TERM.id).where(_TERM.slot == slot, _TERM.term == term)
    return _narrowed(query, _TERM)


def _narrowed(query: Select[Any], column: Any) -> Select[Any]:
    """By the columns of the table that is walked through in order.

    One bound above: of two, PostgreSQL may take the wider one to begin with.
    """
    since, then, key = (bindparam(name, type_=BigInteger) for name in ("since", "then", "key"))
    return (
        query.where(column.at >= since, tuple_(column.at, column.id) < tuple_(then, key))
        .order_by(column.at.desc(), column.id.desc())
        .limit(bindparam("window", type_=Integer))
    )
