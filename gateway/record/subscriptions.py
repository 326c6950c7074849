"""What a system wants to be told of changed persons, as it asked for it itself (PMIR 2:3.94)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from gateway.record.patients import PersonChange

TRANSACTION: Final = "ITI-94"
"""Only nodes that may call it have subscriptions."""


@unique
class Status(Enum):
    """Of a subscription. Nothing is told while it is off, or in error until it is asked for again."""

    ACTIVE = "active"
    OFF = "off"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which persons: all, one by key, or who has an identifier of this value, of this domain, or both."""

    person: int | None = None
    root: str | None = None
    value: str | None = None

    def meet(self, change: PersonChange) -> bool:
        """Whether a changed person is, or was, one of those."""
        if self.person is not None:
            return change.person == self.person
        ended = tuple(each for each, _ in change.merged)
        return (self.root is None and self.value is None) or any(
            self.root in {None, each.root} and self.value in {None, each.extension}
            for each in (*change.before, *change.after, *ended)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """`text` is the resource as it was sent (JSON). `content_type` is what the messages are to be."""

    key: int
    node: str
    status: Status
    address: str
    content_type: str
    text: str
    criteria: Criteria = field(default_factory=Criteria)
    error: str = ""

    @property
    def logical_id(self) -> str:
        """The id of the FHIR resource."""
        return f"{self.key:x}"
