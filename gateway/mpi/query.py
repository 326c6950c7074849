"""A demographics query as all wire forms state it (ITI TF-2 3.21.4.1.2.2, 3.47.4.1.2.2, 3.78.4.1.2.1).

Text is compared after folding case and accents, from its beginning; `exact` compares the whole of it as sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

from gateway.record.people import PatientId


@unique
class Field(Enum):
    """What a text criterion is about. ADDRESS is any part of an address."""

    ADDRESS = "address"
    STREET = "street"
    CITY = "city"
    STATE = "state"
    POSTCODE = "postcode"
    COUNTRY = "country"
    TELECOM = "telecom"
    MOTHERS_MAIDEN_NAME = "mothers-maiden-name"
    SEX = "sex"
    ACCOUNT = "account"
    BIRTH_ORDER = "birth-order"
    MULTIPLE_BIRTH = "multiple-birth"
    DECEASED = "deceased"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One of the values must fit. Codes (sex, multiple birth, deceased, active: Y or N) are always exact."""

    field: Field
    values: tuple[str, ...]
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NameWanted:
    """A family name and given names that must all stand in one name; empty is no condition."""

    family: str = ""
    given: tuple[str, ...] = ()
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRange:
    """Days YYYYMMDD, both ends included; None is open. `outside`: the date must not lie between them."""

    low: str | None = None
    high: str | None = None
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemographicsQuery:
    """Everything must hold. `names` and `identifiers` are groups: one of each group must fit.

    `domains` are the OIDs whose identifiers are wanted, resolved by the wire form; None is all the caller
    may see. A person without an identifier in them is left out. `person` is a logical id. `least` is the
    lowest score wanted, 0 to 100.
    """

    identifiers: tuple[tuple[PatientId, ...], ...] = ()
    names: tuple[tuple[NameWanted, ...], ...] = ()
    born: tuple[DateRange, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    domains: tuple[str, ...] | None = None
    person: int | None = None
    least: int = 0
