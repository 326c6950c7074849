"""Who is shut out, whatever directories and policies say (nodes, persons, issuers, tokens)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, unique

from gateway.errors import NodeRefused, TokenInvalid
from gateway.record.people import Node, Principal, SubjectKind

_OID_URN = "urn:oid:"


@unique
class RevokedKind(Enum):
    """What a revocation names."""

    PERSON = "person"
    NODE = "node"
    ORGANISATION = "organisation"
    ISSUER = "issuer"
    TOKEN = "token"  # noqa: S105 - a kind
    PATIENT = "patient"
    OPERATOR = "operator"


Named = tuple[RevokedKind, str]


@dataclass(frozen=True, slots=True)
class Revoked:
    """What is revoked: each name with the time at which it ends (aware UTC), None for ever."""

    names: Mapping[Named, datetime | None] = field(default_factory=dict)

    def holds(self, kind: RevokedKind, name: str, at: datetime) -> bool:
        """Whether a name is revoked at a time."""
        if (kind, name) not in self.names:
            return False
        until = self.names[kind, name]
        return until is None or at < until

    def shuts_out(self, node: Node, at: datetime) -> bool:
        """Whether a node or its organisation is revoked."""
        return bool(self.names) and (
            self.holds(RevokedKind.NODE, node.name, at)
            or self.holds(RevokedKind.ORGANISATION, bare(node.organisation), at)
        )

    def check_node(self, node: Node, at: datetime) -> None:
        """NodeRefused where the node or its organisation is revoked."""
        if self.shuts_out(node, at):
            raise NodeRefused(f"node {node.name}, or its organisation, is revoked")

    def check_principal(self, principal: Principal, at: datetime) -> None:
        """TokenInvalid where the token, its issuer, the person, or whoever it acts for is revoked."""
        if not self.names:
            return
        for kind, name in _names(principal):
            if self.holds(kind, bare(name), at):
                raise TokenInvalid(f"the {kind.value} is revoked", location=kind.value)


def bare(name: str) -> str:
    """A name as it is compared: OIDs without "urn:oid:"."""
    return name.removeprefix(_OID_URN)


def _names(principal: Principal) -> Iterator[Named]:
    """Everything by which a revocation could name a principal."""
    yield RevokedKind.ISSUER, principal.issuer
    if principal.token_id is not None:
        yield RevokedKind.TOKEN, principal.token_id
        yield RevokedKind.TOKEN, f"{principal.token_id}@{principal.issuer}"
    if principal.organisation is not None:
        yield RevokedKind.ORGANISATION, principal.organisation
    for name in (principal.subject, principal.on_behalf_of, *principal.provider_ids):
        if name is not None:
            yield RevokedKind.PERSON, name
            yield RevokedKind.PERSON, f"{name}@{principal.issuer}"
    if principal.kind is SubjectKind.PATIENT:
        yield RevokedKind.PATIENT, principal.subject
    if principal.kind is SubjectKind.NODE:
        yield RevokedKind.NODE, principal.subject
