"""The acting person or system as the pipeline knows it after identification."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

_BELOW = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+/?|/")
"""What may follow a listed address: whole path segments, none of which leads up, nothing encoded."""


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value: code, coding scheme (OID or URI) and an optional display name."""

    code: str
    scheme: str
    display: str = ""

    def __str__(self) -> str:
        return f"{self.code}^^{self.scheme}"


@dataclass(frozen=True, slots=True, order=True)
class PatientId:
    """An identifier in a domain: `extension` assigned by the authority with OID `root` (HL7 CX)."""

    extension: str
    root: str

    def __str__(self) -> str:
        return f"{self.extension}^^^&{self.root}&ISO"


@unique
class SubjectKind(Enum):
    """Which directory answers for a subject: one function, one directory."""

    PROFESSIONAL = "professional"
    PATIENT = "patient"
    NODE = "node"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is calling. Times are aware UTC; digests are raw SHA-256 (32 bytes).

    `expires` is the last moment at which the token is taken here, the skew of clocks included. `scopes` are
    those of an OAuth token; None where the proof of identity has none.
    """

    kind: SubjectKind
    subject: str
    name: str
    issuer: str
    role: Code | None
    organisation: str | None
    organisation_name: str | None = None
    purpose: Code | None
    alias: str | None = None
    provider_ids: tuple[str, ...] = ()
    patient: PatientId | None = None
    on_behalf_of: str | None = None
    emergency_reason: str | None = None
    confirmation: str
    token_id: str | None
    token_digest: bytes | None
    expires: datetime | None
    one_time: bool = False
    scopes: frozenset[str] | None = None
    authenticated: tuple[datetime, str] | None = None
    """When and how (AuthnContextClassRef) the person was authenticated, for one who asks for a token."""

    @property
    def audit_name(self) -> str:
        """`alias<user@issuer>` (ITI TF-2 3.40.4.2)."""
        return f"{self.alias or ''}<{self.subject}@{self.issuer}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Where a node is told of changed persons, and how: `form` is the code of the transaction.

    `domains` are the OIDs of interest, "*" all. `application` and `facility` name the receiver in HL7 v2.
    """

    form: str
    address: str
    domains: frozenset[str] = frozenset({"*"})
    application: str | None = None
    facility: str | None = None

    def wants(self, root: str) -> bool:
        """Whether a domain of identifiers is of interest, by OID."""
        return root in self.domains or "*" in self.domains


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An enrolled partner system (ITI-19). `fingerprints` are SHA-256 of DER certificates, in hex."""

    name: str
    fingerprints: frozenset[str]
    environment: str
    organisation: str
    organisation_name: str
    transactions: frozenset[str]
    must_sign: bool = True
    must_assert: bool = True
    bearer_allowed: bool = False
    loopback_only: bool = False
    blocked: bool = False
    reply_to: tuple[str, ...] = ()
    feeds: frozenset[str] = frozenset({"*"})
    notify: tuple[Subscriber, ...] = ()
    redirect_uris: tuple[str, ...] = ()

    def may_feed(self, root: str) -> bool:
        """Whether the node is the source of identities in a domain, by OID (ITI TF-2 3.8.1)."""
        return root in self.feeds or "*" in self.feeds

    def may_call(self, transaction: str) -> bool:
        """Whether the node is enrolled for the transaction code; "*" stands for all."""
        return transaction in self.transactions or "*" in self.transactions

    def takes_replies_at(self, address: str) -> bool:
        """Whether replies may be sent to an address: one that is listed, or a path below it.

        Compared octet by octet with what the operator wrote; nothing is normalized or resolved.
        """
        return any(
            address == listed
            or (address.startswith(listed) and _BELOW.fullmatch(address, len(listed.rstrip("/"))) is not None)
            for listed in self.reply_to
        )

    def takes_notices_at(self, address: str) -> bool:
        """Whether changed persons may be told at an address: one that is listed for that, or for replies."""
        return any(address == each.address for each in self.notify) or self.takes_replies_at(address)
