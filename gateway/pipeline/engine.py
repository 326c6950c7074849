"""What the stages work with: built once at the start by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lxml import etree

from gateway.audit.record import AuditSource, Participant
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Proven
from gateway.declare.catalogue import Catalogue
from gateway.declare.services import Services
from gateway.pipeline.exchange import Exchange
from gateway.policy.model import Policy
from gateway.record.access import Standing
from gateway.record.people import Node, Principal, Subscriber
from gateway.record.revoked import Revoked
from gateway.stores.committer import GroupCommitter
from gateway.stores.journal import Journal
from gateway.stores.outbox import Outbox
from gateway.stores.room import Room
from gateway.stores.threads import Beat, HeavyWork


class Nodes(Protocol):
    """Enrolled partner systems."""

    def authenticate(self, der: bytes, peer_host: str, now: datetime) -> Node:
        """The node of a TLS client certificate."""
        ...

    def subscribed(self) -> Sequence[tuple[Node, Subscriber]]:
        """Who is told of changed persons; no blocked nodes."""
        ...

    def subscribing(self) -> Sequence[Node]:
        """Nodes that may ask to be told themselves; no blocked ones."""
        ...


class Assertions(Protocol):
    """Reads user assertions."""

    def read(
        self,
        element: etree._Element,
        *,
        now: datetime,
        tls_certificate: bytes | None,
        signing_certificate: bytes | None,
        bearer_allowed: bool,
    ) -> Principal:
        """The principal of a SAML assertion."""
        ...


class Tokens(Protocol):
    """Reads OAuth access tokens."""

    def read(
        self, token: str, *, now: datetime, tls_certificate: bytes | None, bearer_allowed: bool
    ) -> Principal:
        """The principal of a compact JWS."""
        ...


class Revocations(Protocol):
    """Who is shut out, whatever else says."""

    async def current(self, at: datetime) -> Revoked:
        """What is revoked now; never older than a few seconds."""
        ...


class Logins(Protocol):
    """Who asks for a token or an assertion."""

    async def visitor(self, der: bytes, now: datetime) -> Node:
        """The stand-in for the node of a person who connects with the own certificate."""
        ...

    async def principal(self, proven: Proven, node: Node, tls_certificate: bytes, now: datetime) -> Principal:
        """The person without a role yet, or the system itself."""
        ...


class Directories(Protocol):
    """The directory of each kind of subject: one function, one directory."""

    async def standing(self, principal: Principal, at: datetime) -> Standing:
        """What the directory of its kind says of a subject now."""
        ...


class Policies(Protocol):
    """The rights policy in force."""

    def current(self) -> Policy:
        """The compiled policy, as it was last taken up."""
        ...

    async def in_force(self) -> Policy:
        """The policy to decide by now; a newer one is taken up."""
        ...


class Log(Protocol):
    """The operators' log: technical events, never contents."""

    def warning(self, event: str, **fields: object) -> None:
        """Something was refused."""
        ...

    def error(self, event: str, **fields: object) -> None:
        """Something is broken."""
        ...


class Stage(Protocol):
    """One step of the pipeline."""

    __name__: str

    async def __call__(self, x: Exchange, engine: Engine) -> None:
        """Writes its own fields of the exchange, or raises."""
        ...


def _believed() -> None:
    """A clock that nobody compares."""


def _unmeasured(_transaction: str, _done: bool, _seconds: float) -> None:  # noqa: FBT001 - a place is enough
    """Figures that nobody reads."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Immutable; the same for every request of a worker."""

    stages: Sequence[Stage]
    catalogue: Catalogue
    nodes: Nodes
    assertions: Assertions
    tokens: Tokens
    revocations: Revocations
    logins: Logins
    directories: Directories
    policies: Policies
    services: Services
    journal: Journal
    outbox: Outbox
    committer: GroupCommitter
    room: Room
    signer: Signer
    here: Participant
    audit_source: AuditSource
    clock: Callable[[], datetime]
    new_trace: Callable[[], str]
    replay_seconds: float
    arrival_seconds: float
    """How long the largest message may take to come in."""
    heavy: HeavyWork
    beat: Beat
    log: Log
    check_clock: Callable[[], None] = _believed
    """Busy while the clock is too wrong for new work."""
    measure: Callable[[str, bool, float], None] = _unmeasured
    """Takes, for each exchange, the code of its transaction, whether it was done, and its seconds."""
