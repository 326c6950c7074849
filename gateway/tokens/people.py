"""What the issuing of tokens asks of a directory of professionals (ITI TF-2 3.58, HPD)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.record.people import Code, Node
from gateway.record.revoked import Revoked


@dataclass(frozen=True, slots=True)
class Membership:
    """An organisation through which somebody acts: OID or URI, and its name."""

    organisation: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Professional:
    """One person of the directory. `uid` names it everywhere; `certificates` are DER, by SHA-256 in hex.

    A certificate that the directory knows by its thumbprint only has no DER (None).
    """

    uid: str
    name: str
    roles: tuple[Code, ...]
    memberships: tuple[Membership, ...]
    active: bool
    certificates: dict[str, bytes | None]
    national_id: str | None = None


class Professionals(Protocol):
    """Who is whom among professionals."""

    async def holder(self, thumbprint: str) -> Professional | None:
        """Whose certificate this is, by SHA-256 of its DER in hex; None where not exactly one has it."""
        ...

    async def named(self, uid: str) -> Professional | None:
        """The professional of an identifier."""
        ...


class Revocations(Protocol):
    """Who is shut out, whatever the directory says."""

    async def current(self, at: datetime) -> Revoked:
        """What is revoked now."""
        ...


class Clients(Protocol):
    """The enrolled nodes, as OAuth knows them: a node is the client of its name."""

    def named(self, name: str) -> Node | None:
        """The node of a name, blocked or not."""
        ...
