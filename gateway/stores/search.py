"""Searches of the registry: conditions as data, narrowed by the scope of a decision.

A statement is built once for each shape (which fields are asked in which way, what kind of scope) and
kept; only its values change. Building one costs as much as running it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    false,
    literal,
    or_,
    select,
    true,
)

from gateway.record.access import HIGHEST_RANK, Grant, Scope
from gateway.stores import tables
from gateway.stores.granted import groups_of

_KEPT_SHAPES = 512
LIKE_ESCAPE = "\x02"
"""LIKE has no escape sign in the stored queries; a control character takes its place."""


@unique
class Ask(Enum):
    """How a field is asked."""

    IN = "in"
    LIKE = "like"
    FROM = "from"
    TO = "to"
    FROM_OR_ABSENT = "from or absent"
    TO_OR_ABSENT = "to or absent"
    FROM_IF_STABLE = "from, unless on-demand"
    TO_IF_STABLE = "to, unless on-demand"
    VALUE = "value"
    VALUE_LIKE = "value like"
    EITHER_END = "either end"


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` is a column, or the kind of a multiple value (Ask.VALUE…). Values of one condition are OR-ed.

    EITHER_END asks for associations whose source or target is among the values, whatever `field` says.
    `excluded` asks for everything else; what has no value is not excluded by any.
    """

    field: str
    ask: Ask
    values: tuple[Any, ...]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A table that can be searched, and where its multiple values stand.

    `ranked` rows are granted by rank and class; `linking` rows only if no end of theirs is a document
    that is not granted: an association never tells the id of a document that its reader may not see.
    `closing` rows can be hidden by their uniqueId as documents are, and the associations with them.
    `current` are columns with the value they have in objects that are not history (Metadata Update);
    `sought` are kinds of multiple values with an index of their own.
    """

    name: str
    table: Table
    values: Table | None = None
    owner: str = ""
    ranked: bool = False
    linking: bool = False
    closing: bool = False
    current: tuple[tuple[str, Any], ...] = ()
    sought: frozenset[str] = frozenset()


_APPROVED = ("status", "Approved")
ENTRY = Kind(
    "document",
    tables.entry,
    tables.entry_value,
    "entry_key",
    ranked=True,
    current=(("latest", True), ("offline", False)),
    sought=frozenset({"event", "reference"}),
)
SUBMISSION_SET = Kind("submission-set", tables.submission_set, tables.package_value, "package_key")
FOLDER = Kind(
    "folder",
    tables.folder,
    tables.package_value,
    "package_key",
    closing=True,
    current=(("latest", True), _APPROVED),
    sought=frozenset({"code"}),
)
ASSOCIATION = Kind("association", tables.association, linking=True, current=(_APPROVED,))
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION)}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What of the objects is read: some columns (those a kind has not are passed over), or the current ones.

    Views are compared by identity: make them once.
    """

    columns: tuple[str, ...] = ()
    current: bool = False


WHOLE = View()
"""Every column of every object, history included."""
CURRENT = View(current=True)
"""Every column of what no metadata update has put aside."""

_Shape = tuple[Any, ...]


class Searcher:
    """Builds and keeps statements; gives a statement with the values to run it."""

    def __init__(self) -> None:
        self._kept: dict[_Shape, Select[Any]] = {}

    def prepare(
        self, kind: Kind, conditions: Sequence[Condition], scope: Scope, limit: int, view: View = WHOLE
    ) -> tuple[Select[Any], dict[str, Any]]:
        """A select of rows, at most `limit` + 1, and its values."""
        groups = groups_of(scope)
        shape: _Shape = (
            kind.name,
            limit,
            view,
            tuple((item.field, item.ask, item.excluded, _count(item)) for item in conditions),
            tuple(_grant_shape(kind, grant) for grant, _ in groups),
        )
        statement = self._kept.get(shape)
        if statement is None:
            statement = self._keep(shape, _build(kind, conditions, groups, limit, view))
        values = _values(conditions)
        for number, (grant, keys) in enumerate(groups):
            values |= _grant_values(number, kind, grant, keys)
        return statement, values

    def prepare_owners(
        self, kind: Kind, conditions: Sequence[Condition], limit: int
    ) -> tuple[Select[Any], dict[str, Any]]:
        """A select of the owners of current objects that match, at most `limit` + 1, and its values."""
        shape: _Shape = (
            "owners",
            kind.name,
            limit,
            tuple((item.field, item.ask, item.excluded, _count(item)) for item in conditions),
        )
        statement = self._kept.get(shape)
        if statement is None:
            statement = self._keep(shape, _owners(kind, conditions, limit))
        return statement, _values(conditions)

    def _keep(self, shape: _Shape, statement: Select[Any]) -> Select[Any]:
        if len(self._kept) >= _KEPT_SHAPES:
            self._kept.clear()
        self._kept[shape] = statement
        return statement


def _values(conditions: Sequence[Condition]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for number, item in enumerate(conditions):
        values |= _condition_values(number, item)
    return values


_LIKES = frozenset({Ask.LIKE, Ask.VALUE_LIKE})


def _count(item: Condition) -> int:
    """LIKE patterns become one clause each, so their number is part of the shape."""
    return len(item.values) if item.ask in _LIKES else 0


def _grant_shape(kind: Kind, grant: Grant) -> tuple[bool, ...]:
    if kind.closing:
        return bool(grant.hidden), bool(grant.veiled)
    if not (kind.ranked or kind.linking):
        return ()
    return (
        grant.rank < HIGHEST_RANK,
        grant.classes is not None,
        bool(grant.lifted),
        bool(grant.hidden),
        bool(grant.veiled),
        grant.organisation is not None,
    )


def _build(
    kind: Kind,
    conditions: Sequence[Condition],
    groups: Sequence[tuple[Grant, list[int]]],
    limit: int,
    view: View,
) -> Select[Any]:
    clauses = [_clause(kind, number, item) for number, item in enumerate(conditions)]
    granted = [_granted(number, kind, grant) for number, (grant, _) in enumerate(groups)]
    clauses.append(or_(*granted))
    if kind.linking:
        clauses.append(~_hidden_end(groups))
    table = kind.table.c
    if view.current:
        clauses += [_fixed(table[name], value) for name, value in kind.current]
    shown = [table[name] for name in view.columns if name in table] or list(table)
    return select(*shown).where(*clauses).order_by(table.key).limit(limit + 1)


def _owners(kind: Kind, conditions: Sequence[Condition], limit: int) -> Select[Any]:
    table = kind.table.c
    clauses = [
        _sought(kind, number, item) if item.field in kind.sought else _clause(kind, number, item)
        for number, item in enumerate(conditions)
    ]
    clauses += [_fixed(table[name], value) for name, value in kind.current]
    return select(table.patient_key).where(*clauses).distinct().limit(limit + 1)


def _sought(kind: Kind, number: int, item: Condition) -> ColumnElement[bool]:
    """A multiple value found by its index: without a patient to begin with, it leads to the objects."""
    values, wanted = _wanted(kind, f"v{number}", item)
    found = kind.table.c.key.in_(select(values.c[kind.owner]).where(wanted))
    return ~found if item.excluded else found


def _fixed(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """A condition whose value is part of the statement, so that a run has no more values to bind."""
    return column.is_(value) if isinstance(value, bool) else column == literal(value)


def _hidden_end(groups: Sequence[tuple[Grant, list[int]]]) -> ColumnElement[bool]:
    """Whether an end of an association is a document outside the scope."""
    end, document = tables.association.c, tables.entry.c
    granted: ColumnElement[bool] = or_(
        *(_granted(number, ENTRY, grant) for number, (grant, _) in enumerate(groups))
    )
    # A comparison with an absent class or organisation is neither true nor false; only true will do.
    found = exists().where(document.uuid.in_([end.source, end.target]), granted.is_not(true()))
    closed = [each for number, (grant, _) in enumerate(groups) for each in _named_hidden(number, grant)]
    if not closed:
        return found
    folder = tables.folder.c
    named = or_(*(folder.unique_id.in_(each) for each in closed))
    return or_(found, exists().where(folder.uuid.in_([end.source, end.target]), named))


def _named_hidden(number: int, grant: Grant) -> list[BindParameter[Any]]:
    """The names of what a grant hides: documents, and folders among them."""
    parts = (("hidden", grant.hidden), ("veiled", grant.veiled))
    return [bindparam(f"g{number}_{name}", expanding=True) for name, values in parts if values]


def _clause(kind: Kind, number: int, item: Condition) -> ColumnElement[bool]:
    asked = _asked(kind, f"v{number}", item)
    return asked.is_not(true()) if item.excluded else asked


def _asked(kind: Kind, name: str, item: Condition) -> ColumnElement[bool]:
    if item.ask in {Ask.VALUE, Ask.VALUE_LIKE}:
        return _value_clause(kind, name, item)
    if item.ask in {Ask.IN, Ask.EITHER_END}:
        columns = ("source", "target") if item.ask is Ask.EITHER_END else (item.field,)
        return or_(*(kind.table.c[each].in_(bindparam(name, expanding=True)) for each in columns))
    if item.ask is Ask.LIKE:
        return _like(kind.table.c[item.field], name, item)
    return _in_time(kind, name, item)


def _in_time(kind: Kind, name: str, item: Condition) -> ColumnElement[bool]:
    column: ColumnElement[Any] = kind.table.c[item.field]
    at: ColumnElement[Any] = bindparam(name)
    match item.ask:
        case Ask.FROM:
            return column >= at
        case Ask.TO:
            return column < at
        case Ask.FROM_OR_ABSENT:
            return or_(column.is_(None), column >= at)
        case Ask.TO_OR_ABSENT:
            return or_(column.is_(None), column < at)
        case Ask.FROM_IF_STABLE:
            return or_(kind.table.c.type == literal("on-demand"), column >= at)
        case _:
            return or_(kind.table.c.type == literal("on-demand"), column < at)


def _like(column: ColumnElement[Any], name: str, item: Condition) -> ColumnElement[bool]:
    names = (f"{name}_{at}" for at in range(len(item.values)))
    return or_(*(column.like(bindparam(each), escape=LIKE_ESCAPE) for each in names))


def _value_clause(kind: Kind, name: str, item: Condition) -> ColumnElement[bool]:
    values, wanted = _wanted(kind, name, item)
    return exists().where(values.c[kind.owner] == kind.table.c.key, wanted)


def _wanted(kind: Kind, name: str, item: Condition) -> tuple[Table, ColumnElement[bool]]:
    values = kind.values
    if values is None:
        raise LookupError(f"{kind.name} has no multiple values")
    if item.ask is Ask.VALUE:
        wanted: ColumnElement[bool] = values.c.value.in_(bindparam(name, expanding=True))
    else:
        wanted = _like(values.c.value, name, item)
    # A partial index is used only where its condition stands in the statement.
    of_kind = values.c.kind == literal(item.field, literal_execute=True)
    return values, and_(of_kind, wanted)


def _condition_values(number: int, item: Condition) -> dict[str, Any]:
    name = f"v{number}"
    match item.ask:
        case Ask.IN | Ask.VALUE | Ask.EITHER_END:
            return {name: list(item.values)}
        case Ask.LIKE | Ask.VALUE_LIKE:
            return {f"{name}_{at}": value for at, value in enumerate(item.values)}
        case _:
            return {name: item.values[0]}


def _granted(number: int, kind: Kind, grant: Grant) -> ColumnElement[bool]:
    """The rows one grant lets through: by patient, rank, class, and documents named apart."""
    table = kind.table
    clauses: list[ColumnElement[bool]] = [
        table.c.patient_key.in_(bindparam(f"g{number}_keys", expanding=True))
    ]
    if kind.closing:
        clauses += [table.c.unique_id.not_in(each) for each in _named_hidden(number, grant)]
    if kind.ranked:
        if grant.rank < HIGHEST_RANK:
            visible: list[ColumnElement[bool]] = [table.c.rank <= bindparam(f"g{number}_rank")]
            if grant.lifted:
                visible.append(table.c.unique_id.in_(bindparam(f"g{number}_lifted", expanding=True)))
            if grant.organisation is not None:
                visible.append(_own(number, table, grant))
            clauses.append(or_(*visible))
        if grant.classes is not None:
            clauses.append(table.c.document_class.in_(bindparam(f"g{number}_classes", expanding=True)))
        if grant.hidden:
            clauses.append(table.c.unique_id.not_in(bindparam(f"g{number}_hidden", expanding=True)))
        if grant.veiled:
            shown = table.c.unique_id.not_in(bindparam(f"g{number}_veiled", expanding=True))
            clauses.append(or_(shown, _own(number, table, grant)))
    return and_(*clauses)


def _own(number: int, table: Table, grant: Grant) -> ColumnElement[bool]:
    """Written by the organisation of the grant."""
    if grant.organisation is None:
        return false()
    return table.c.organisation == bindparam(f"g{number}_organisation")


def _grant_values(number: int, kind: Kind, grant: Grant, keys: list[int]) -> dict[str, Any]:
    values: dict[str, Any] = {f"g{number}_keys": keys}
    if kind.ranked or kind.linking or kind.closing:
        values |= {
            f"g{number}_{name}": sorted(named)
            for name, named in (("hidden", grant.hidden), ("veiled", grant.veiled))
            if named
        }
    if not (kind.ranked or kind.linking):
        return values
    if grant.rank < HIGHEST_RANK:
        values[f"g{number}_rank"] = grant.rank
        if grant.lifted:
            values[f"g{number}_lifted"] = sorted(grant.lifted)
    if grant.organisation is not None and (grant.rank < HIGHEST_RANK or grant.veiled):
        values[f"g{number}_organisation"] = grant.organisation
    if grant.classes is not None:
        values[f"g{number}_classes"] = sorted(grant.classes)
    return values
