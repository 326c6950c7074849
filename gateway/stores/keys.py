"""Record keys: 63-bit numbers that grow with time, made without asking the database."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from datetime import datetime

_EPOCH_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


def key_maker(clock_ms: Callable[[], int] | None = None) -> Callable[[], int]:
    """A function that gives a new key at each call: 41 bits of milliseconds, 10 of process, 12 of count.

    The count starts anywhere and runs through all its values before one returns, so two keys of one
    process differ as long as it makes fewer than 4,096 in a millisecond; the primary keys catch the rest.
    """
    now = clock_ms or (lambda: time.time_ns() // 1_000_000)
    process = secrets.randbelow(1 << 10)
    count = itertools.count(secrets.randbelow(1 << 12))

    def make() -> int:
        return (now() - _EPOCH_MS) << 22 | process << 12 | (next(count) & 0xFFF)

    return make


def first_key(at: datetime) -> int:
    """The smallest key that can be made at an instant (aware UTC)."""
    return max(0, int(at.timestamp() * 1000) - _EPOCH_MS) << 22
