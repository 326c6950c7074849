"""What came back, what was told to the audit, and what no answer may say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from tests.housing import House

SECRETS = (
    "CONTRACT-",
    "PRIVATE KEY",
    "Traceback",
    "lxml",
    "libxml",
    "sqlite",
    ".py",
    "/work",
    "/tmp",  # noqa: S108
    "/root",
)


@dataclass(frozen=True)
class Told:
    """One audit row: EventID, first EventTypeCode, outcome, and the whole message."""

    event: str
    type: str
    outcome: int
    message: str

    @property
    def kind(self) -> tuple[str, str, int]:
        return self.event, self.type, self.outcome


@dataclass(frozen=True)
class Outcome:
    """What came back, and what was told to the audit."""

    status: int
    headers: dict[str, str]
    body: bytes
    audit: list[Told]
    seconds: float

    @property
    def fault(self) -> tuple[int, str, str | None]:
        """HTTP status, local name of the SOAP fault code, subcode."""
        values = [each.decode() for each in re.findall(rb"<env:Value>([^<]+)</env:Value>", self.body)]
        code = values[0].removeprefix("env:") if values else ""
        return self.status, code, values[1] if len(values) > 1 else None

    @property
    def codes(self) -> list[str]:
        """The errorCodes of a registry response."""
        return [each.decode() for each in re.findall(rb'errorCode="([^"]+)"', self.body)]

    @property
    def response(self) -> str:
        """Success, PartialSuccess or Failure."""
        found = re.search(rb"ResponseStatusType:(\w+)", self.body)
        return found[1].decode() if found else ""

    @property
    def kinds(self) -> list[tuple[str, str, int]]:
        return [each.kind for each in self.audit]


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    error = warning


def told(house: House, after: int) -> list[Told]:
    rows = house._query("SELECT message, outcome FROM audit ORDER BY id")[after:]
    return [_told(str(message), int(str(outcome))) for message, outcome in rows]


def _told(message: str, outcome: int) -> Told:
    root = etree.fromstring(message)
    kind = root.find(".//EventTypeCode")
    assert root.find("EventIdentification").get("EventOutcomeIndicator") == str(outcome)
    return Told(
        root.find(".//EventID").get("csd-code"),
        "" if kind is None else kind.get("csd-code"),
        outcome,
        message,
    )


SIGNED = re.compile(r">[A-Za-z0-9+/=\s]{40,}<|:[A-Za-z0-9+/=]{40,}:")
"""Signatures, digests and certificates, as whole values: any short word may stand in them by chance."""


def check_silent(text: str, house: House) -> None:
    plain = SIGNED.sub("", text)
    for word in (*SECRETS, str(house.settings.folder)):
        assert word not in plain, f"{word} in {plain[:500]}"
