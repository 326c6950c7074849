"""Record keys: 63-bit numbers that grow with time, made without asking the database."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime

_EPOCH_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
_COUNT_BITS = 12


def key_maker(clock_ms: Callable[[], int] | None = None) -> Callable[[], int]:
    """A function whose keys grow with each call: 41 bits of milliseconds, 10 of process, 12 of count.

    The count of a millisecond starts anywhere in its lower half, because two processes can have drawn the
    same number; the primary keys catch the rest. A count that runs over, or a clock that goes back, borrows
    from the future.
    """
    now = clock_ms or (lambda: time.time_ns() // 1_000_000)
    process = secrets.randbelow(1 << 10) << _COUNT_BITS
    # No secret, and drawn for each key of a quiet second: the system need not be asked.
    chance = random.Random(secrets.randbits(64))  # noqa: S311
    last, count = 0, 0

    def make() -> int:
        nonlocal last, count
        at = now() - _EPOCH_MS
        count += 1
        if at > last or count >> _COUNT_BITS:
            last = at if at > last else last + 1
            count = chance.getrandbits(_COUNT_BITS - 1)
        return last << 22 | process | count

    return make


def trace_maker(clock_ms: Callable[[], int] | None = None) -> Callable[[], str]:
    """A function whose trace ids (32 hex digits) sort by time: 48 bits of milliseconds, 80 of chance.

    What is written together then stands together in the index of the trail, in a few pages that are at hand.
    """
    now = clock_ms or (lambda: time.time_ns() // 1_000_000)
    return lambda: f"{now():012x}{secrets.token_hex(10)}"


def first_key(at: datetime) -> int:
    """The smallest key that can be made at an instant (aware UTC)."""
    return max(0, int(at.timestamp() * 1000) - _EPOCH_MS) << 22
