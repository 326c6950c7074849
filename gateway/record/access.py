"""What the rights engine is asked and what it answers; the scope that every store method demands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from gateway.record.people import PatientId

RANKS: Mapping[str, int] = MappingProxyType({"U": 1, "L": 1, "M": 1, "N": 1, "R": 2, "V": 3})
"""Confidentiality (HL7 2.16.840.1.113883.5.25) as three ordered levels: normal, restricted, very."""

LOWEST_RANK = 1
HIGHEST_RANK = 3


@dataclass(frozen=True, slots=True)
class Period:
    """Active for start <= t < end; None is open. Aware UTC."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether the instant lies inside."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Listing:
    """One black or white list entry; `documents` empty means the whole record.

    `subject` is a person id or organisation OID ("*" = anyone).
    """

    subject: str
    period: Period = Period()
    documents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who may act for the patient. `actions` empty means all; `derived` mandates never count."""

    holder: str
    period: Period
    given_by: str
    actions: frozenset[str] = frozenset()
    derived: bool = False


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """The confidentiality rank (1..3) granted to a person or organisation, with its end."""

    subject: str
    rank: int
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class Opposition:
    """The patient wants nobody to look: at all, or for one purpose of use (its name or code)."""

    purpose: str | None = None
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class Raising:
    """The patient made documents or folders more confidential than their authors did; never less."""

    documents: frozenset[str]
    rank: int
    period: Period = Period()


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind uniqueIds on a list: the documents in a folder, and the offspring of a document.

    Offspring replaced, transformed or appended to the document, or did so with another offspring.
    """

    members: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    offspring: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRights:
    """What a patient decided: the stored part of the seven inputs. Defaults are those of a new record."""

    open: bool = True
    oppositions: tuple[Opposition, ...] = ()
    blacklist: tuple[Listing, ...] = ()
    whitelist: tuple[Listing, ...] = ()
    whitelist_only: bool = False
    mandates: tuple[Mandate, ...] = ()
    levels: tuple[AccessLevel, ...] = ()
    emergency_allowed: bool = True
    emergency_rank: int = 2
    relations: tuple[Listing, ...] = ()
    """Care relations: who treats the patient now. Counted where the policy says relation = "required"."""
    default_rank: int = LOWEST_RANK
    """The lowest confidentiality rank a document submitted by somebody else gets."""
    raisings: tuple[Raising, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one permit lets a caller see or do in one patient's record.

    `rank` is the highest confidentiality rank visible; `classes` the class codes allowed (None = all);
    `lifted` document uniqueIds visible whatever their rank (G1); `hidden` uniqueIds never visible;
    `veiled` uniqueIds that the patient raised above the rank; `organisation` sees what it wrote itself at any
    rank, the veiled included.
    """

    rank: int
    classes: frozenset[str] | None = None
    lifted: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    veiled: frozenset[str] = frozenset()
    organisation: str | None = None
    floor: int = LOWEST_RANK
    """A submission below this rank is raised to it, with a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the directory of its kind says of a subject (rule P1), looked up for each request.

    `missing` is why it does not count, in words of the rule path; None where it does. `names` are further ids
    under which lists and mandates may name it. `emergencies` is of how many other
    patients it used emergency access within the window of the policy, counted only if one is claimed.
    """

    missing: str | None = None
    names: frozenset[str] = frozenset()
    emergencies: int = 0


ASSUMED = Standing()
"""The standing of a subject that no directory is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision receipt: verdict, the rule that settled it (P1..P10), every step, the policy used."""

    permitted: bool
    reason: str
    rule: str
    path: tuple[str, ...]
    policy_version: str
    obligations: tuple[str, ...] = ()
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What the decision lets the stores touch: a grant for each permitted patient, by record key."""

    grants: Mapping[int, Grant] = field(default_factory=dict)
    identities: Mapping[int, PatientId] = field(default_factory=dict)
    unrestricted: bool = False
    """Identities may be told, changed and merged."""
    persons: bool = False
    """Identities may be looked up."""
    whole_trail: bool = False
    """Every event of the trail may be read."""
    events_of: frozenset[PatientId] = frozenset()
    """Whose events may be read beside that: all identifiers of the patients in scope."""

    @property
    def keys(self) -> dict[PatientId, int]:
        """The record key of each patient under which new objects are kept: the first in scope."""
        found: dict[PatientId, int] = {}
        for key, identity in self.identities.items():
            found.setdefault(identity, key)
        return found

    @property
    def patients(self) -> tuple[int, ...]:
        """Record keys of the patients in scope."""
        return tuple(self.grants)
