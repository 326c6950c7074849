"""The rows by which identities are found: written with an identity, and guarded while one is looked for.

A row is a keyed digest with marks (`gateway.matching.blocks`); nothing in it can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy import Row as DatabaseRow

from gateway.errors import Defect, GatewayError, Outdated
from gateway.matching.blocks import ABSENT, DIRECT, NAMED, Marks, Row, Wanted
from gateway.stores import tables
from gateway.stores.work import UnitOfWork

_T = tables.patient_token.c


def _places(kind: str, number: int) -> list[Any]:
    return [bindparam(f"{kind}{at}", type_=BigInteger) for at in range(number)]


def _like() -> Any:
    """The rows of identities that may be the same person (`gateway.matching.blocks.Wanted`)."""
    families, givens = bindparam("families", type_=BigInteger), bindparam("givens", type_=BigInteger)
    place, year, day = (bindparam(name, type_=Integer) for name in ("place", "year", "day"))
    heard = or_(_T.families.op("&")(families) != 0, _T.givens.op("&")(givens) != 0, _T.place == place)
    near = or_(_T.year == year, _T.day == day, _T.place == place)
    return union_all(
        select(_T.patient_key).where(_T.token.in_(_places("direct", DIRECT))),
        select(_T.patient_key).where(_T.token == bindparam("born", type_=BigInteger), heard),
        select(_T.patient_key).where(_T.token.in_(_places("named", NAMED)), near),
    ).subquery()


def _as_many() -> Select[Any]:
    """One row, if as many rows as expected are like this."""
    found = select(func.count()).select_from(_like())
    return select(literal(1)).where(found.scalar_subquery() == bindparam("expected"))


LIKE = select(_like().c.patient_key.label("key"))
"""Record keys of identities that may be the same person, for `values` of whom to look for."""
BETWEEN = select(tables.patient_token).where(_T.patient_key.between(bindparam("first"), bindparam("last")))
"""The rows of identities whose record keys lie between two."""
_AS_MANY = _as_many()
_INSERT = insert(tables.patient_token)
_DROP = delete(tables.patient_token).where(
    _T.token == bindparam("b_token"), _T.patient_key == bindparam("b_key")
)
_MARK = (
    update(tables.patient_token)
    .where(_T.token == bindparam("b_token"), _T.patient_key == bindparam("b_key"))
    .values({name: bindparam(f"b_{name}") for name in Marks._fields})
)


def read(row: DatabaseRow[Any]) -> Row:
    """A stored row."""
    return Row(row.token, Marks(*(getattr(row, name) for name in Marks._fields)))


def add(work: UnitOfWork, key: int, rows: Iterable[Row]) -> None:
    """Notes rows of an identity. Digests are unordered; in their order neighbours share a page."""
    found = [{"token": each.token, "patient_key": key, **_marks(each)} for each in sorted(rows)]
    if found:
        work.write(_INSERT, *found)


def change(
    work: UnitOfWork, key: int, added: Iterable[Row], dropped: Iterable[Row], otherwise: GatewayError
) -> None:
    """Notes other rows of an identity; a token that stays only gets other marks."""
    fresh = {each.token: each for each in added}
    gone = {each.token for each in dropped}
    if lost := sorted(gone - fresh.keys()):
        work.write(_DROP, *({"b_token": each, "b_key": key} for each in lost))
    if marked := [fresh[token] for token in sorted(gone & fresh.keys())]:
        rows = ({"b_token": each.token, "b_key": key, **_marks(each, "b_")} for each in marked)
        work.write(_MARK, *rows, expect=len(marked), otherwise=otherwise)
    add(work, key, [each for token, each in fresh.items() if token not in gone])


def guard(work: UnitOfWork, wanted: Wanted, expected: int) -> None:
    """Notes that nobody may have come who may be the same, since the rows of those were counted."""
    if not wanted.tokens:
        return
    work.lock(wanted.tokens)
    faster = Outdated("a patient like this one is being fed by another message")
    work.check(_AS_MANY, faster, {**values(wanted), "expected": expected})


def values(wanted: Wanted) -> dict[str, Any]:
    """The parameters of `_like`; places that are left over hold what no row has."""
    marks = wanted.marks
    return {
        **_filled("direct", wanted.direct, DIRECT),
        **_filled("named", wanted.named, NAMED),
        "born": wanted.born[0] if wanted.born else ABSENT,
        "families": marks.families,
        "givens": marks.givens,
        "place": marks.place or ABSENT,
        "year": marks.year or ABSENT,
        "day": marks.day or ABSENT,
    }


def _filled(kind: str, tokens: Sequence[int], number: int) -> dict[str, int]:
    if len(tokens) > number:
        raise Defect(f"{len(tokens)} tokens where {number} are looked for")
    given = (*tokens, *([tokens[-1] if tokens else ABSENT] * (number - len(tokens))))
    return {f"{kind}{at}": token for at, token in enumerate(given)}


def _marks(row: Row, prefix: str = "") -> dict[str, int]:
    return {f"{prefix}{name}": value for name, value in zip(Marks._fields, row.marks, strict=True)}
