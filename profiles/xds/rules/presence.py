"""What must be sent and what must not, by the tables of the standard (ITI TF-3 4.3.1, 4.3.2.1)."""

from __future__ import annotations

from typing import Any

from profiles.xds.rules.columns import PROHIBITED, REQUIRED, Column, Kind
from profiles.xds.rules.telling import Found, invalid


def presence(kind: Kind, item: Any, column: Column) -> Found:
    """Required attributes that are absent, prohibited ones that are there. `item` is of the kind."""
    for attribute, read in REQUIRED[kind, column]:
        if _absent(read(item)):
            yield invalid(f"{kind.value}.{attribute} is missing; an {column.value} must send it", item.id)
    for attribute, read in PROHIBITED[kind, column]:
        if not _absent(read(item)):
            yield invalid(f"{kind.value}.{attribute} is given; an {column.value} must not send it", item.id)


def _absent(value: object) -> bool:
    """Nothing, an empty text or list, a flag that is not set; a size of 0 is a value."""
    return not value and (value is False or not isinstance(value, int))
