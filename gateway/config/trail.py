"""Settings of the audit trail: where it goes, what comes in, how it is stamped, watched and kept."""

from __future__ import annotations

from typing import Literal

from pydantic.dataclasses import dataclass

from gateway.config.values import CLOSED, Count, FilePath, Name, RepositoryAddress, Seconds

WatchRule = Literal[
    "refusals",
    "assertion-failures",
    "message-failures",
    "node-failures",
    "emergency",
    "emergencies",
    "mass-query",
    "unusual-volume",
    "own-record",
    "relatives",
    "dormant",
    "two-places",
    "unusual-hour",
]
"""The rules of the watch, by name."""


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
    """How long what is kept, by class."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Watch:
    """The rules that look at the trail as it grows; docs/watch.md says what each of them finds.

    Counts of refusals and failures are within `burst_minutes`; those of patients are different ones, within
    an hour where nothing else is said. `off` are rules that are not applied, `contain` those whose finding
    shuts its subject out at once, for `contain_minutes`.
    """

    off: tuple[WatchRule, ...] = ()
    contain: tuple[WatchRule, ...] = ()
    contain_minutes: Count = 60
    fold_hours: Count = 24
    late_hours: Count = 72
    burst_minutes: Count = 10
    refusals_person: Count = 10
    refusals_node: Count = 50
    refusals_organisation: Count = 100
    assertion_failures: Count = 10
    message_failures: Count = 5
    node_failures: Count = 5
    emergency_hours: Count = 24
    emergency_patients: Count = 3
    query_person: Count = 60
    query_organisation: Count = 2_000
    own_past_least: Count = 30
    own_past_times: Count = 5
    relatives: Count = 3
    dormant_days: Count = 90
    two_places_minutes: Count = 5
    usual_days: Count = 20
