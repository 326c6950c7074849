"""Settings of the audit trail: where it goes, what comes in, how it is stamped, watched and kept."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from gateway.config.values import CLOSED, Days, FilePath, Name, RepositoryAddress, Seconds


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
    """

    destinations: tuple[AuditDestination, ...] = ()
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
    """How long what is kept, in days by class; 0 is for ever. What is over is erased by whole weeks.

    `own` is our trail of what was done here: messages, evidence and decisions. `received` is what other
    systems told of the use of the record.
    """

    own_days: Days = 0
    received_days: Days = 0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Watch:
    """The rules that look at the trail as it grows."""
