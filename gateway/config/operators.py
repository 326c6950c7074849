"""Settings of the operators: their LDAP directory (RFC 4511, 4513), groups and roles, factor, sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gateway.config.values import Count, Environment, FilePath, Fingerprint, Port, Seconds, Text

OperatorRole = Literal[
    "security-officer",
    "policy-editor",
    "policy-approver",
    "node-manager",
    "identity-manager",
    "directory-manager",
    "rights-manager",
    "auditor",
    "support",
]
"""What an operator may be; docs/operators.md says what each may do."""

ROLES: tuple[OperatorRole, ...] = get_args(OperatorRole)
WATCHING: frozenset[OperatorRole] = frozenset({"auditor", "support"})
"""Roles that change nothing; an auditor has no other role beside (separation of duties)."""

LOGIN = "{login}"
PERSON = "{dn}"
_ADDRESS = re.compile(r"ldaps?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_RECEIVER = re.compile(r"tls://[A-Za-z0-9.-]+:[0-9]{1,5}")
_CLOSED = ConfigDict(extra="forbid", validate_default=True)

Groups = dict[Environment, dict[OperatorRole, tuple[Text, ...]]]
Optional = Annotated[str, Field(max_length=1024)]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Operators:
    """Who administers. Without `url` there is no directory: in integration the user of the machine counts.

    `url` is ldaps://host[:port], or ldap://host[:port], which is always continued with StartTLS. An operator
    is found by a search with `user_filter` below `user_base` as the service account `bind_dn`, or named by
    `user_dn`. `roles` are DNs of groups by environment and role. `bastions` are SHA-256 fingerprints of the
    certificates that may reach the operators' listener. `syslog` is tls://host:port of the receiver of the
    operators' trail.
    """

    url: Optional = ""
    trust: FilePath | None = None
    bind_dn: Optional = ""
    bind_password_file: FilePath | None = None
    user_base: Optional = ""
    user_filter: Text = "(&(objectClass=inetOrgPerson)(uid={login}))"
    user_dn: Optional = ""
    group_base: Optional = ""
    group_filter: Text = "(&(objectClass=groupOfNames)(member={dn}))"
    roles: Groups = Field(default_factory=dict)
    bastions: tuple[Fingerprint, ...] = ()
    health_port: Port = 8445
    syslog: Optional = ""
    trail_days: Count = 366
    answer_seconds: Count = 5
    refusal_seconds: Seconds = 1.0
    failures_per_hour: Count = 10
    totp_digest: Literal["sha1", "sha256"] = "sha1"
    session_seconds: Seconds = 14_400.0
    idle_seconds: Seconds = 900.0

    @property
    def configured(self) -> bool:
        """Whether operators are known by a directory."""
        return bool(self.url)

    @property
    def address(self) -> tuple[str, int, bool]:
        """Host, port and whether TLS begins with the connection."""
        parts = urlsplit(self.url)
        direct = parts.scheme == "ldaps"
        return parts.hostname or "", parts.port or (636 if direct else 389), direct


def wrong(told: Operators, environment: Environment) -> Iterator[tuple[str, str]]:
    """Everything that cannot work or would open a door, as key and reason."""
    if told.syslog and not _RECEIVER.fullmatch(told.syslog):
        yield "syslog", "expected tls://host:port"
    if not told.configured:
        return
    if not _ADDRESS.fullmatch(told.url):
        yield "url", "expected ldaps://host:port or ldap://host:port (then always with StartTLS)"
    if told.trust is None or not told.trust.is_file():
        yield "trust", "the file with the authorities of the directory is not found"
    if not told.bastions:
        yield "bastions", "is empty, so nobody could reach the operators' listener"
    if not told.syslog and environment != "integration":
        yield "syslog", f"is missing; the operators' trail leaves this machine in {environment}"
    yield from _wrong_search(told)
    yield from _wrong_groups(told, environment)


def _wrong_search(told: Operators) -> Iterator[tuple[str, str]]:
    if not told.user_dn and not told.bind_dn:
        yield "user_dn", "is missing; expected it, or bind_dn to search with"
    if told.user_dn and LOGIN not in told.user_dn:
        yield "user_dn", f"expected {LOGIN} in it"
    if not told.user_dn and (LOGIN not in told.user_filter or not told.user_base):
        yield "user_filter", f"expected {LOGIN} in it, and user_base"
    if told.bind_dn and (told.bind_password_file is None or not told.bind_password_file.is_file()):
        yield "bind_password_file", "file not found"
    if PERSON not in told.group_filter or not told.group_base:
        yield "group_filter", f"expected {PERSON} in it, and group_base"


def _wrong_groups(told: Operators, environment: Environment) -> Iterator[tuple[str, str]]:
    """A group counts in one environment only: whoever is in it has one target."""
    if not told.roles.get(environment):
        yield f"roles.{environment}", "no group has a role here, so nobody could log in"
    seen: dict[str, Environment] = {}
    for place, roles in told.roles.items():
        for group in {each.lower() for groups in roles.values() for each in groups}:
            if seen.setdefault(group, place) != place:
                yield f"roles.{place}", f"{group} is a group of {seen[group]} already"
