"""The compiled policy: the matrix, confidentiality ranks and switches as lookups (rules P3 to P10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.declare.actions import Action
from gateway.record.consents import Directive
from gateway.record.measures import EmergencyRules, PresenceRules, VisitRules
from gateway.record.people import Code, SubjectKind

CodeKey = tuple[str, str]
"""Coding scheme (without "urn:oid:") and code."""


def code_key(code: Code) -> CodeKey:
    """How a coded value is looked up; "urn:oid:2.999" and "2.999" are the same scheme."""
    return code.scheme.removeprefix("urn:oid:"), code.code


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRule:
    """One role of the matrix. `may` gives the class codes of each action, None for all of them."""

    name: str
    code: Code
    kinds: frozenset[SubjectKind]
    may: Mapping[Action, frozenset[str] | None]
    may_emergency: bool
    rank: int
    needs_relation: bool
    own_record: bool = False
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """An accepted purpose of use; every code of the same meaning shares one `name`."""

    name: str
    emergency: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the engine needs besides the request and the patient's decisions. Ranks are 1..3."""

    version: str
    roles: Mapping[CodeKey, RoleRule]
    purposes: Mapping[CodeKey, Purpose]
    ranks: Mapping[CodeKey, int]
    unknown_rank: int
    blacklist_beats_emergency: bool
    denied_mode: str
    relation_assumed: bool
    purpose_required: bool
    relation_days: Mapping[str, int]
    consents: Mapping[str, tuple[Directive, ...]] = field(default_factory=dict)
    """What a policy that patients acknowledge comes to, by its OID or URN."""
    emergency: EmergencyRules = field(default_factory=EmergencyRules)
    presence: PresenceRules = field(default_factory=PresenceRules)
    visits: VisitRules = field(default_factory=VisitRules)

    def rank_of(self, codes: Iterable[Code]) -> int:
        """Confidentiality rank (1..3) of a document with these codes: the highest of theirs."""
        unknown = self.unknown_rank
        return max((self.ranks.get(code_key(code), unknown) for code in codes), default=unknown)

    def days_of_relation(self, role: str) -> int:
        """How many days a care relation or grant lasts by default for the role of this name."""
        return self.relation_days.get(role, self.relation_days["default"])

    def relation_length(self, role: Code | None) -> timedelta:
        """The same for the code of a role, as a token has it."""
        rule = self.roles.get(code_key(role)) if role is not None else None
        return timedelta(days=self.days_of_relation(rule.name if rule is not None else "default"))
