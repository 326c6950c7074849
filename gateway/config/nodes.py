"""One node file: what the operator writes about an enrolled partner system (ITI-19)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import model_validator
from pydantic.dataclasses import dataclass

from gateway.config.reading import checked, parse, read_text
from gateway.config.values import (
    CLOSED,
    CallbackAddress,
    Environment,
    FilePath,
    Fingerprint,
    Flag,
    Name,
    NoticeAddress,
    Oid,
    Text,
)

Duty = Literal["required", "optional"]
FEEDS = frozenset({"ITI-8", "ITI-30", "ITI-31", "ITI-44", "ITI-93", "ITI-104"})
"""Transactions that tell of identities: outside integration it is named in which domains."""
Form = Literal["ITI-10", "ITI-46", "ITI-64", "ITI-93", "EMG-4"]
ANY_DOMAIN: Literal["*"] = "*"
OVER_MLLP: frozenset[Form] = frozenset({"ITI-10", "ITI-64"})
"""Notifications that are HL7 v2 messages; the others go by HTTPS."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class NotifyEntry:
    """Where a node is told of changed persons, and of which domains of identifiers; "*" is all it may see.

    `application` and `facility` are what HL7 v2 calls the receiver (MSH-5, MSH-6), if not by its name and
    its organisation.
    """

    form: Form
    address: NoticeAddress
    domains: frozenset[Oid | Literal["*"]] = frozenset({"*"})
    application: Text | None = None
    facility: Text | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.address.startswith("mllps:") is not (self.form in OVER_MLLP):
            scheme = "mllps" if self.form in OVER_MLLP else "https"
            raise ValueError(f"{self.form} goes to {scheme}://, not to this address")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class NodeFile:
    """The content of nodes/NAME.toml. `certificate` is a PEM file of one or more certificates."""

    name: Name
    environment: Environment
    organisation: Oid
    organisation_name: Text
    transactions: frozenset[Text]
    certificate: FilePath | None = None
    fingerprints: frozenset[Fingerprint] = frozenset()
    sign: Duty = "required"
    assertion: Duty = "required"
    bearer_allowed: Flag = False
    loopback_only: Flag = False
    blocked: Flag = False
    reply_to: tuple[CallbackAddress, ...] = ()
    feeds: frozenset[Oid | Literal["*"]] = frozenset({"*"})
    notify: tuple[NotifyEntry, ...] = ()
    redirect_uris: tuple[CallbackAddress, ...] = ()

    def insecure_switches(self) -> tuple[str, ...]:
        """The settings of this node that only the integration environment may have."""
        switches = (
            ('sign = "optional"', self.sign == "optional"),
            ('assertion = "optional"', self.assertion == "optional"),
            ('transactions = ["*"]', "*" in self.transactions),
            ('feeds = ["*"]', "*" in self.feeds and not FEEDS.isdisjoint(self.transactions)),
        )
        return tuple(name for name, on in switches if on)


def load_node(path: Path) -> NodeFile:
    """Read one node file; SettingsInvalid names file, line and reason."""
    return parse_node(read_text(path), path)


def parse_node(text: str, path: Path) -> NodeFile:
    """The node that a text describes which is, or will be, the content of `path`."""
    return checked(NodeFile, parse(text, path), text, path)
