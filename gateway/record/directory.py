"""Entries of the directory of professionals, and what is asked of it (ITI HPD 3.58, 3.59; RFC 4511)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from types import MappingProxyType

from gateway.errors import GatewayError

LONGEST_VALUE = 600
"""Characters of a value that is compared; a binary one may be longer."""
_HEX = re.compile(r"\\([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r'[,+"\\<>;=]')


@unique
class ResultCode(Enum):
    """LDAPResult (RFC 4511 4.1.9): number, and its name in DSML."""

    SUCCESS = (0, "success")
    TIME_LIMIT_EXCEEDED = (3, "timeLimitExceeded")
    SIZE_LIMIT_EXCEEDED = (4, "sizeLimitExceeded")
    ADMIN_LIMIT_EXCEEDED = (11, "adminLimitExceeded")
    UNAVAILABLE_CRITICAL_EXTENSION = (12, "unavailableCriticalExtension")
    NO_SUCH_ATTRIBUTE = (16, "noSuchAttribute")
    INAPPROPRIATE_MATCHING = (18, "inappropriateMatching")
    CONSTRAINT_VIOLATION = (19, "constraintViolation")
    ATTRIBUTE_OR_VALUE_EXISTS = (20, "attributeOrValueExists")
    INVALID_ATTRIBUTE_SYNTAX = (21, "invalidAttributeSyntax")
    NO_SUCH_OBJECT = (32, "noSuchObject")
    INVALID_DN_SYNTAX = (34, "invalidDNSyntax")
    INSUFFICIENT_ACCESS_RIGHTS = (50, "insufficientAccessRights")
    BUSY = (51, "busy")
    UNWILLING_TO_PERFORM = (53, "unwillingToPerform")
    NAMING_VIOLATION = (64, "namingViolation")
    OBJECT_CLASS_VIOLATION = (65, "objectClassViolation")
    NOT_ALLOWED_ON_NON_LEAF = (66, "notAllowedOnNonLeaf")
    NOT_ALLOWED_ON_RDN = (67, "notAllowedOnRDN")
    ENTRY_ALREADY_EXISTS = (68, "entryAlreadyExists")


class Declined(GatewayError):
    """One operation is refused with an LDAP result; others of the same batch may be done."""

    def __init__(self, code: ResultCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@unique
class Unit(Enum):
    """The organisational units below a suffix: name, and the attributes that may name an entry."""

    PROFESSIONAL = ("HCProfessional", ("uid",))
    ORGANISATION = ("HCRegulatedOrganization", ("uid",))
    RELATIONSHIP = ("Relationship", ("cn",))
    CREDENTIAL = ("HPDCredential", ("credentialNumber",))
    SERVICE = ("HPDElectronicService", ("hpdServiceId",))
    MEMBERSHIP = ("HPDProviderMembership", ("hpdMemberId", "uid", "cn"))

    def __init__(self, label: str, naming: tuple[str, ...]) -> None:
        self.label = label
        self.naming = naming


_UNITS: Mapping[str, Unit] = MappingProxyType(
    {**{each.label.lower(): each for each in Unit}, "hpdcredentials": Unit.CREDENTIAL}
)


def fold(value: str) -> str:
    """How values are compared (caseIgnoreMatch, RFC 4518): case and runs of spaces count for nothing."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: an entry, a unit (no `value`) or the whole of a suffix (no `unit`)."""

    organisation: str
    country: str
    unit: Unit | None = None
    attribute: str = ""
    value: str = ""

    @property
    def suffix(self) -> str:
        """The suffix in the form in which it is compared."""
        return f"dc=hpd,o={_escape(fold(self.organisation))},c={_escape(fold(self.country))}"

    @property
    def key(self) -> str:
        """The distinguished name of an entry in the form in which it is compared."""
        unit = self.unit.label.lower() if self.unit else ""
        return f"{self.attribute.lower()}={_escape(fold(self.value))},ou={unit},{self.suffix}"

    @property
    def dn(self) -> str:
        """The distinguished name as it is told (RFC 4514)."""
        tail = f"dc=HPD,o={_escape(self.organisation)},c={_escape(self.country)}"
        if self.unit is None:
            return tail
        head = f"{self.attribute}={_escape(self.value)}," if self.value else ""
        return f"{head}ou={self.unit.label},{tail}"

    @property
    def rdn(self) -> str:
        """The relative distinguished name."""
        return f"{self.attribute}={_escape(self.value)}"


def read_place(dn: str) -> Place:
    """A distinguished name in the tree of HPD; parts of the suffix in any order. Declined for others."""
    parts = [_assertion(each) for each in _split(dn)]
    found: dict[str, str] = {}
    while parts and parts[-1][0] in {"dc", "o", "c"} and parts[-1][0] not in found:
        name, value = parts.pop()
        found[name] = value
    if fold(found.get("dc", "")) != "hpd" or not found.get("o") or not found.get("c"):
        raise Declined(ResultCode.NO_SUCH_OBJECT, "the name does not end in dc=HPD, o=… and c=…")
    if not parts:
        return Place(found["o"], found["c"])
    name, label = parts.pop()
    unit = _UNITS.get(fold(label))
    if name != "ou" or unit is None or len(parts) > 1:
        names = ", ".join(each.label for each in Unit)
        raise Declined(ResultCode.NO_SUCH_OBJECT, f"the name has no unit of this directory: {names}")
    if not parts:
        return Place(found["o"], found["c"], unit)
    return _entry(found["o"], found["c"], unit, *parts[0])


def _entry(organisation: str, country: str, unit: Unit, name: str, value: str) -> Place:
    attribute = next((each for each in unit.naming if each.lower() == name), None)
    if attribute is None:
        text = f"an entry of {unit.label} is named by {' or '.join(unit.naming)}"
        raise Declined(ResultCode.NAMING_VIOLATION, text)
    if len(value) > LONGEST_VALUE // 3:
        raise Declined(ResultCode.INVALID_DN_SYNTAX, f"a name is longer than {LONGEST_VALUE // 3} characters")
    return Place(organisation, country, unit, attribute, value)


def renamed(place: Place, rdn: str) -> Place:
    """The place of an entry with another relative distinguished name."""
    parts = [_assertion(each) for each in _split(rdn)]
    if len(parts) != 1 or place.unit is None:
        raise Declined(ResultCode.INVALID_DN_SYNTAX, "newrdn is no relative distinguished name")
    return _entry(place.organisation, place.country, place.unit, *parts[0])


def _split(dn: str) -> list[str]:
    """At commas that are not escaped."""
    parts = re.split(r"(?<!\\),", dn)
    if not dn.strip() or any(not each.strip() for each in parts):
        raise Declined(ResultCode.INVALID_DN_SYNTAX, "the distinguished name has an empty part")
    return parts


def _assertion(part: str) -> tuple[str, str]:
    name, separator, value = part.partition("=")
    if not separator or not name.strip() or not value.strip() or re.search(r"(?<!\\)\+", value):
        text = "a part of the distinguished name is no single attribute=value"
        raise Declined(ResultCode.INVALID_DN_SYNTAX, text)
    plain = _HEX.sub(lambda found: chr(int(found[1], 16)), value.strip())
    return name.strip().lower(), re.sub(r"\\(.)", r"\1", plain)


def _escape(value: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\{found[0]}", value)


@dataclass(frozen=True, slots=True)
class Attribute:
    """A name as it is told, and its values; a `binary` one holds base64."""

    name: str
    values: tuple[str, ...]
    binary: bool = False


Attributes = Mapping[str, Attribute]
"""By name in lower case."""


def attributes(given: Iterable[Attribute]) -> dict[str, Attribute]:
    """Attributes by their name in lower case; one that comes twice has the values of both."""
    found: dict[str, Attribute] = {}
    for each in given:
        before = found.get(each.name.lower())
        values = (*before.values, *each.values) if before else each.values
        found[each.name.lower()] = Attribute(each.name, values, each.binary)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as it stands. `blocked` by an operator, whatever its attributes say."""

    key: int
    place: Place
    attributes: Attributes
    version: int
    blocked: bool
    created: datetime
    changed: datetime


# --- what is asked (ITI-58) ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Both:
    """All of the parts hold."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of the parts holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """The part does not hold."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Compared:
    """A value is equal ("="), at least (">=") or at most ("<=") the one given."""

    name: str
    value: str
    how: str = "="


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value."""

    name: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A value begins with, holds in this order, and ends with some texts."""

    name: str
    initial: str = ""
    inner: tuple[str, ...] = ()
    final: str = ""


Filter = Both | Either | Negated | Compared | Present | Parts


@unique
class SearchScope(Enum):
    """Which entries are looked at, from the base."""

    BASE = "baseObject"
    ONE = "singleLevel"
    ALL = "wholeSubtree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search. `attributes` are names in lower case to be told, none means all; `most` 0: no limit."""

    base: Place
    scope: SearchScope
    filter: Filter
    most: int = 0
    attributes: frozenset[str] = frozenset()
    types_only: bool = False


# --- what is to be changed (ITI-59) --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Add:
    """A new entry."""

    place: Place
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one attribute: "add", "delete" or "replace"."""

    how: str
    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Modify:
    """Changes of an entry, all or none."""

    place: Place
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Delete:
    """An entry goes."""

    place: Place


@dataclass(frozen=True, slots=True)
class Rename:
    """An entry gets another name at the same place; the value it was named by goes, unless it may stay."""

    place: Place
    to: Place
    drops: bool = True


Edit = Add | Modify | Delete | Rename
