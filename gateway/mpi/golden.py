"""The golden record: what is believed of a person, put together from what the sources tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.record.demographics import NOTHING, Demographics

_STATUS = ("IDVER", "VALI", "IDRA", "RECD", "VIDE", "", "PROV", "DOUT")
"""Codes of table 0445, the most reliable first; what is not here comes last."""

_BLOCKS: tuple[tuple[str, ...], ...] = (
    ("names",),
    ("mothers_maiden_name", "mothers_identifiers"),
    ("birth_date", "sex", "birth_place", "multiple_birth", "birth_order"),
    ("addresses",),
    ("telecoms",),
    ("account",),
    ("marital_status",),
    ("language",),
    ("nationality",),
    ("deceased", "deceased_at"),
    ("status",),
)
"""Fields that come from one source together: parts of two accounts would make a third person."""


@dataclass(frozen=True, slots=True)
class Account:
    """What one source tells; `trust` is that of its domain, `changed_at` in epoch milliseconds."""

    told: Demographics
    trust: int
    changed_at: int


def golden(accounts: Sequence[Account]) -> Demographics:
    """The best account of each block: of the most trusted domain, the best verified, the newest."""
    if len(accounts) == 1:
        return accounts[0].told
    ranked = sorted(accounts, key=_rank)
    chosen: dict[str, Any] = {}
    for block in _BLOCKS:
        best = next((each.told for each in ranked if _says(each.told, block)), NOTHING)
        chosen |= {name: getattr(best, name) for name in block}
        # What the best account leaves out is filled from the others where that mixes nothing up.
        if len(block) > 1:
            chosen |= {
                name: value
                for name in block
                if chosen[name] is None and (value := _agreed(ranked, name)) is not None
            }
    chosen["identifiers"] = _all(ranked, lambda told: told.identifiers)
    return Demographics(**chosen)


def _rank(account: Account) -> tuple[int, int, int]:
    status = account.told.status or ""
    return -account.trust, _STATUS.index(status) if status in _STATUS else len(_STATUS), -account.changed_at


def _says(told: Demographics, block: tuple[str, ...]) -> bool:
    return any(getattr(told, name) for name in block)


def _agreed(ranked: Iterable[Account], name: str) -> Any:
    """A value that every account has which has one."""
    values = {getattr(each.told, name) for each in ranked} - {None}
    return values.pop() if len(values) == 1 else None


def _all(ranked: Iterable[Account], field: Callable[[Demographics], tuple[Any, ...] | None]) -> Any:
    found = {value: None for each in ranked for value in field(each.told) or ()}
    return tuple(found) or None
