"""Settings of the audit trail: where it goes, what comes in, how it is stamped, watched and kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.config.values import (
    CLOSED,
    Count,
    Days,
    FilePath,
    Name,
    Oid,
    Port,
    RepositoryAddress,
    Seconds,
    TimeServer,
    WebAddress,
    WitnessKey,
)

WatchRule = Literal[
    "refusals",
    "guessing",
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
    this time is sent once more. `retry_seconds` is the pause after a failure. `verify_last` rows are verified
    again each second, and `verify_rate` others, round and round.
    `space_bytes` is what the database may fill; 0: the volume of a SQLite file, no limit for PostgreSQL.
    """

    destinations: tuple[AuditDestination, ...] = ()
    space_bytes: Annotated[int, Field(ge=0, strict=True)] = 0
    resend_seconds: Seconds = 60.0
    retry_seconds: Seconds = 5.0
    verify_last: Count = 256
    verify_rate: Count = 50


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Repository:
    """The audit record repository: what other systems send us (ITI-20).

    `syslog_port` is that of syslog over TLS, `udp_port` that of syslog over UDP, which is off without one.
    `connections` may be open at a time in one process, `connections_per_node` of them by one node;
    `frame_seconds` is how long a message that has begun may take to come.
    """

    syslog_port: Port = 6514
    udp_port: Port | None = None
    connections: Count = 500
    connections_per_node: Count = 50
    frame_seconds: Seconds = 30.0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Witness:
    """Somebody who signs that our trail only ever grew (C2SP tlog-witness); `key` is its verifier key."""

    url: WebAddress
    key: WitnessKey


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Stamps:
    """Time stamps (RFC 3161) and cosignatures of witnesses over the checkpoints of the trail.

    Without `url` no stamps are asked for. `trust` are the authorities (PEM) of the stamps, `policy` the one
    to stamp by. What stays without proof for `alert_seconds` is told as a security alert.
    """

    url: WebAddress | None = None
    trust: FilePath | None = None
    policy: Oid | None = None
    every_seconds: Seconds = 60.0
    timeout_seconds: Seconds = 10.0
    alert_seconds: Seconds = 900.0
    witnesses: tuple[Witness, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Clock:
    """Who tells the right time (NTP), and how far ours may be from it.

    From `alert_offset_seconds` on the operators are told, and times are those of the servers; from
    `most_offset_seconds` on no new work is taken.
    """

    servers: tuple[TimeServer, ...] = ()
    alert_offset_seconds: Seconds = 1.0
    most_offset_seconds: Seconds = 60.0
    every_seconds: Seconds = 60.0
    timeout_seconds: Seconds = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Retention:
    """How long what is kept, in days by class; 0 is for ever. What is over is erased by whole weeks.

    `own` is our trail of what was done here: messages, evidence and decisions. `received` is what other
    systems told of the use of the record, `system` what systems said of themselves, `alert` what the watch
    found and nobody has to look at any more, `incident` incidents that are closed, with their steps.
    """

    own_days: Days = 0
    received_days: Days = 0
    system_days: Days = 0
    alert_days: Days = 0
    incident_days: Days = 0


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
    guesses: Count = 20
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
