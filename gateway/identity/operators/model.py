"""Who administers: an operator, what it may, and from which directory it is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique

from gateway.config.operators import WATCHING, OperatorRole
from gateway.errors import OperatorRefused

REFUSED = "login, password or code not accepted"
"""The one answer to whatever was wrong; the trail knows more."""

AUDITOR: OperatorRole = "auditor"


@unique
class Source(Enum):
    """Where an operator is known from. The name of a directory is part of every identifier."""

    LDAP = "ldap"
    MACHINE = "os"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person who administers. `session` names the session in the trail; empty for a user of the machine."""

    login: str
    source: Source
    environment: str
    roles: frozenset[str]
    session: str = ""

    @property
    def id(self) -> str:
        """The login with its directory, so that equal names in two directories stay two persons."""
        return f"{self.source.value}:{self.login}"

    def may(self, role: str) -> bool:
        """Whether the operator has a role."""
        return role in self.roles


def apart(roles: Iterable[OperatorRole]) -> frozenset[OperatorRole]:
    """The roles, unless they must not meet in one person: who audits, changes nothing."""
    given = frozenset(roles)
    if AUDITOR in given and given - WATCHING:
        others = ", ".join(sorted(given - WATCHING))
        raise OperatorRefused(REFUSED, reason=f"an auditor has no other role; has {others}")
    return given
