"""One function, one directory: who knows professionals, patients and systems (habilitation rule P1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.record.access import ASSUMED, Standing
from gateway.record.people import Principal


@dataclass(frozen=True)
class Directories:
    """Asked for each request, so that whoever is deactivated has no access from then on."""

    async def standing(self, principal: Principal, at: datetime) -> Standing:  # noqa: ARG002
        """What the directory of its kind says of a subject now."""
        return ASSUMED
