"""What is kept of a search beside the persons, for its next page (PDQm 2:3.78.4.1.2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from secrets import token_hex

import orjson

_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Continued:
    """How many matched, and the domains that were chosen, by OID; None where all are answered."""

    total: int
    domains: tuple[str, ...] | None

    def written(self) -> str:
        """As text, no two alike."""
        return orjson.dumps([token_hex(_LENGTH), self.total, self.domains]).decode()

    @classmethod
    def read(cls, text: str) -> Continued:
        """What `written` wrote."""
        _, total, domains = orjson.loads(text)
        return cls(total, None if domains is None else tuple(domains))
