"""Events as the rules see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from gateway.watch.event import Seen, Subject, What

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
Make = Callable[..., Seen]


@pytest.fixture
def seen() -> Make:
    """Makes an event: minutes and hours after Monday at eight, of Dr Weber at the hospital."""
    numbers = count(1)

    def make(
        *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, **told: Any
    ) -> Seen:
        at = MONDAY + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        usual: dict[str, Any] = {
            "name": f"event-{next(numbers)}",
            "at": int(at.timestamp() * 1_000),
            "what": What.USE,
            "node": "hospital",
            "address": "192.0.2.7",
            "person": Subject("person", "dr.weber"),
            "organisation": "2.999.2.1",
            "reads": True,
        }
        return Seen(**(usual | told))

    return make
