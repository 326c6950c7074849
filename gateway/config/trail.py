"""Settings of the audit trail: where it goes, what comes in, how it is stamped, watched and kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.config.values import CLOSED, FilePath, Name, RepositoryAddress, Seconds


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class AuditDestination:
    """An audit record repository of somebody else, to which our audit messages are sent (ITI-20).

    `trust` are the authorities of its certificate, if others than those of our partners.
    """

    name: Name
    address: RepositoryAddress
    trust: FilePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Audit:
    """Where audit messages go beside our own store.

    `resend_seconds`: syslog over TLS has no acknowledgement (RFC 5425); after a break, what was sent within
    this time is sent once more. `retry_seconds` is the pause after a failure.
    `space_bytes` is what the database may fill; 0: the volume of a SQLite file, no limit for PostgreSQL.
    """

    destinations: tuple[AuditDestination, ...] = ()
    space_bytes: Annotated[int, Field(ge=0, strict=True)] = 0
    resend_seconds: Seconds = 60.0
    retry_seconds: Seconds = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Repository:
    """The audit record repository: what other systems send us (ITI-20)."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Stamps:
    """Time stamps (RFC 3161) and cosignatures of witnesses over the checkpoints of the trail."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Clock:
    """Who tells the right time, and how far ours may be from it."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Retention:
    """How long what is kept, by class."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Watch:
    """The rules that look at the trail as it grows."""
