"""The search parameters of ITI-78 as a table, and what each asks of the index (PDQm 2:3.78.4.1.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.query import Criterion, DateRange, Field, NameWanted
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdqm import codes
from profiles.pdqm.iti78_mobile_patient_demographics_query.values import (
    alternatives,
    days,
    flags,
    invalid,
    strings,
    tokens,
)
from profiles.pdqm.rules import key_of

GENDER_SYSTEM = "http://hl7.org/fhir/administrative-gender"
EXACT = ":exact"


@dataclass(slots=True)
class Asked:
    """What is gathered from the parameters. `born` and `persons` hold alternatives: one of each group."""

    domain: Domain
    identifiers: list[tuple[PatientId, ...]] = field(default_factory=list)
    names: list[tuple[NameWanted, ...]] = field(default_factory=list)
    born: list[tuple[DateRange, ...]] = field(default_factory=list)
    criteria: list[Criterion] = field(default_factory=list)
    persons: list[tuple[int, ...]] = field(default_factory=list)
    telecoms: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    """(system or "", value) of numbers whose system counts."""
    domains: list[tuple[str | None, ...]] = field(default_factory=list)
    """OIDs; None for a system that is not known."""
    nobody: bool = False
    """Something is asked that nobody here can have."""


Reader = Callable[[Asked, str, str, bool], None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: its FHIR type, and the reader of (asked, name, value, whether exact)."""

    type: str
    read: Reader


# --- readers -------------------------------------------------------------------------------------


def _id(asked: Asked, name: str, value: str, _exact: bool) -> None:  # noqa: FBT001
    keys = tuple(key for each in strings(name, value) if (key := key_of(each)) is not None)
    asked.persons.append(keys)
    asked.nobody |= not keys


def _family(asked: Asked, name: str, value: str, exact: bool) -> None:  # noqa: FBT001
    asked.names.append(tuple(NameWanted(family=each, exact=exact) for each in strings(name, value)))


def _given(asked: Asked, name: str, value: str, exact: bool) -> None:  # noqa: FBT001
    asked.names.append(tuple(NameWanted(given=(each,), exact=exact) for each in strings(name, value)))


def _name(asked: Asked, name: str, value: str, exact: bool) -> None:  # noqa: FBT001
    """Any part of a name."""
    asked.names.append(
        tuple(
            wanted
            for each in strings(name, value)
            for wanted in (NameWanted(family=each, exact=exact), NameWanted(given=(each,), exact=exact))
        )
    )


def _identifier(asked: Asked, name: str, value: str, _exact: bool) -> None:  # noqa: FBT001
    """Identifiers; systems without value choose domains (PDQm 2:3.78.4.1.2.3)."""
    found = tokens(name, value)
    chosen = [system for system, code in found if not code]
    if chosen and len(chosen) < len(found):
        raise invalid(name, "identifiers and domains in one list; expected one kind")
    if chosen:
        if not all(chosen):
            raise invalid(name, "neither system nor value")
        asked.domains.append(tuple(asked.domain.root_of_system(each or "") for each in chosen))
        return
    group = tuple(each for system, code in found for each in _identities(asked.domain, system, code))
    asked.identifiers.append(group)
    asked.nobody |= not group


def _identities(domain: Domain, system: str | None, value: str) -> tuple[PatientId, ...]:
    """Without system, those of every domain; none here is without one."""
    if system is None:
        return tuple(PatientId(value, root) for root in domain.identity_domains)
    root = domain.root_of_system(system)
    return () if root is None else (PatientId(value, root),)


def _birthdate(asked: Asked, name: str, value: str, _exact: bool) -> None:  # noqa: FBT001
    asked.born.append(tuple(days(name, each) for each in alternatives(name, value)))


def _text(about: Field, asked: Asked, name: str, value: str, exact: bool) -> None:  # noqa: FBT001
    asked.criteria.append(Criterion(field=about, values=strings(name, value), exact=exact))


def _telecom(asked: Asked, name: str, value: str, _exact: bool) -> None:  # noqa: FBT001
    """A number as it is; with a system, of that system only."""
    found = tokens(name, value)
    if not all(code for _, code in found):
        raise invalid(name, "a number is missing")
    criterion = Criterion(field=Field.TELECOM, values=tuple(code for _, code in found), exact=True)
    asked.criteria.append(criterion)
    if any(system for system, _ in found):
        asked.telecoms.append(tuple((system or "", code) for system, code in found))


def _gender(asked: Asked, name: str, value: str, _exact: bool) -> None:  # noqa: FBT001
    wanted: list[str] = []
    for system, code in tokens(name, value):
        if system not in {None, GENDER_SYSTEM} or code not in codes.SEXES:
            text = f"{name}: expected male, female, other or unknown"
            raise Refused(Problem(Meaning.TABLE_VALUE, text, name))
        wanted += [sex for sex, gender in codes.GENDERS.items() if gender == code]
    asked.criteria.append(Criterion(field=Field.SEX, values=tuple(wanted), exact=True))


def _flag(about: Field, asked: Asked, name: str, value: str, _exact: bool) -> None:  # noqa: FBT001
    asked.criteria.append(Criterion(field=about, values=flags(name, value), exact=True))


# --- the table -----------------------------------------------------------------------------------

PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "_id": Parameter("token", _id),
        "active": Parameter("token", partial(_flag, Field.ACTIVE)),
        "family": Parameter("string", _family),
        "given": Parameter("string", _given),
        "name": Parameter("string", _name),
        "identifier": Parameter("token", _identifier),
        "telecom": Parameter("token", _telecom),
        "birthdate": Parameter("date", _birthdate),
        "address": Parameter("string", partial(_text, Field.ADDRESS)),
        "address-city": Parameter("string", partial(_text, Field.CITY)),
        "address-country": Parameter("string", partial(_text, Field.COUNTRY)),
        "address-postalcode": Parameter("string", partial(_text, Field.POSTCODE)),
        "address-state": Parameter("string", partial(_text, Field.STATE)),
        "gender": Parameter("token", _gender),
        "deceased": Parameter("token", partial(_flag, Field.DECEASED)),
        "mothersMaidenName": Parameter("string", partial(_text, Field.MOTHERS_MAIDEN_NAME)),
    }
)


def takes(name: str) -> bool:
    """Whether a parameter is understood, with its modifier."""
    plain, _, modifier = name.partition(":")
    known = PARAMETERS.get(plain)
    return known is not None and (not modifier or (f":{modifier}" == EXACT and known.type == "string"))
