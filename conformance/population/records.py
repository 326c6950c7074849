"""What the systems of hospitals and laboratories wrote down about a person, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.people import PatientId

from .matricule import MATRICULE_ROOT
from .names import nicknames
from .people import TODAY, Person
from .places import Home, home, mobile
from .spelling import digit_slip, plain, spelled_out, typo

_CHILD, _NEWBORN_SINCE = 14, f"{TODAY.year - 1}1001"
_BABY = ("Bébé", "Baby", "Nouveau-né", "Enfant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often a record differs from the truth in one respect; parts of one."""

    family_typo: float = 0.03
    given_typo: float = 0.03
    names_swapped: float = 0.007
    second_given_dropped: float = 0.35
    family_part_dropped: float = 0.08
    nickname: float = 0.02
    date_missing: float = 0.003
    day_and_month_swapped: float = 0.003
    date_digit: float = 0.005
    first_of_january: float = 0.002
    year_only: float = 0.002
    sex_wrong: float = 0.003
    sex_missing: float = 0.01
    address_missing: float = 0.04
    moved: float = 0.15
    street_typo: float = 0.03
    phone_missing: float = 0.4
    phone_changed: float = 0.12
    landline: float = 0.3
    matricule_missing: float = 0.25
    matricule_mistyped: float = 0.002
    matricule_of_relative: float = 0.0005
    mother_named: float = 0.12
    provisional: float = 0.015
    verified: float = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A source of records: its domain, and its habits of writing."""

    root: str
    spell: Callable[[str], str] = str
    upper: bool = False
    one_given: bool = False
    local_phone: bool = False


SYSTEMS = (
    System(root="2.999.352.1", spell=plain, upper=True, one_given=True),
    System(root="2.999.352.2", one_given=True, local_phone=True),
    System(root="2.999.352.3"),
    System(root="2.999.352.4", spell=spelled_out, upper=True),
    System(root="2.999.352.5", local_phone=True),
    System(root="2.999.352.6", spell=spelled_out),
    System(root="2.999.352.7", spell=plain, local_phone=True),
    System(root="2.999.352.8", upper=True),
)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Writes records of persons for a system, as carefully as the rates say."""

    rng: Random
    rates: Rates

    def newborn(self, person: Person, system: System) -> Demographics:
        """The record of the first day: the mother's name, no number, perhaps no given name."""
        mother = person.mother or person
        known = self.rng.random() < 0.4  # noqa: PLR2004 - less than half have a name on the first day
        given = person.given if known else (self.rng.choice(_BABY),)
        return Demographics(
            names=(PersonName(family=system.spell(mother.married or mother.family), given=given),),
            birth_date=person.born,
            sex=person.sex,
            addresses=self._addresses(mother, system),
            telecoms=self._telecoms(mother, system),
            mothers_identifiers=(PatientId(mother.matricule, MATRICULE_ROOT),),
            mothers_maiden_name=system.spell(mother.family),
            multiple_birth="Y" if person.order else None,
            birth_order=str(person.order) if person.order else None,
            status="FILI",
        )

    def record(self, person: Person, system: System) -> Demographics:
        """What this system knows of a person."""
        roll = self.rng.random
        rates = self.rates
        named = roll() < rates.mother_named
        mother = person.mother if named else None
        return Demographics(
            names=self._names(person, system),
            birth_date=self._birth_date(person.born),
            sex=self._sex(person.sex),
            addresses=self._addresses(person, system),
            telecoms=self._telecoms(person, system),
            identifiers=self._identifiers(person),
            mothers_maiden_name=system.spell(person.mothers_name) if named else None,
            mothers_identifiers=(PatientId(mother.matricule, MATRICULE_ROOT),) if mother else None,
            birth_place=person.birth_place if named else None,
            multiple_birth="Y" if person.order and named else None,
            birth_order=str(person.order) if person.order and named else None,
            status=self._status(),
        )

    def _names(self, person: Person, system: System) -> tuple[PersonName, ...]:
        rng, rates = self.rng, self.rates
        families, roll = [person.family], rng.random()
        if person.married and roll < 0.55:  # noqa: PLR2004 - the other systems go by the name of birth
            families = _married(person, roll)
        families = [system.spell(self._family(each)) for each in families]
        given = self._given(person.given, system)
        if rng.random() < rates.names_swapped:
            families[0], given = " ".join(given), (families[0],)
        if system.upper:
            families, given = [each.upper() for each in families], tuple(each.upper() for each in given)
        legal = PersonName(family=families[0], given=given, use="L")
        return (legal, *(PersonName(family=each, given=given, use="M") for each in families[1:]))

    def _family(self, family: str) -> str:
        rng, rates = self.rng, self.rates
        if " " in family and rng.random() < rates.family_part_dropped:
            parts = family.split(" ")
            family = parts[-1] if rng.random() < 0.7 else " ".join(parts[:-1])  # noqa: PLR2004 - mostly the last stays
        elif " " in family and rng.random() < 0.05:  # noqa: PLR2004 - some write it with a hyphen
            family = family.replace(" ", "-")
        return typo(rng, family) if rng.random() < rates.family_typo else family

    def _given(self, given: tuple[str, ...], system: System) -> tuple[str, ...]:
        rng, rates = self.rng, self.rates
        first = given[0]
        if len(given) > 1 and rng.random() < rates.second_given_dropped:
            given = given[:1]
        elif "-" in first and rng.random() < rates.second_given_dropped:
            given = tuple(first.split("-")) if rng.random() < 0.7 else (first.split("-")[0],)  # noqa: PLR2004
        if rng.random() < rates.nickname and first in nicknames():
            given = (rng.choice(nicknames()[first]),)
        if rng.random() < rates.given_typo:
            given = (typo(rng, given[0]), *given[1:])
        spelled = tuple(system.spell(each) for each in given)
        return (" ".join(spelled),) if system.one_given and len(spelled) > 1 else spelled

    def _birth_date(self, born: str) -> str | None:
        rates, roll = self.rates, self.rng.random()
        roll -= rates.date_missing
        if roll < 0:
            return None
        roll -= rates.day_and_month_swapped
        if roll < 0:
            return born[:4] + born[6:] + born[4:6] if born[6:] <= "12" else born
        roll -= rates.date_digit
        if roll < 0:
            return _date_slip(self.rng, born)
        roll -= rates.first_of_january
        if roll < 0:
            return born[:4] + "0101"
        return born[:4] if roll < rates.year_only else born

    def _sex(self, sex: str) -> str | None:
        roll = self.rng.random()
        if roll < self.rates.sex_wrong:
            return "M" if sex == "F" else "F"
        return self.rng.choice(("U", None)) if roll > 1 - self.rates.sex_missing else sex

    def _addresses(self, person: Person, system: System) -> tuple[Address, ...] | None:
        rng, rates = self.rng, self.rates
        if rng.random() < rates.address_missing:
            return None
        homes, now = person.homes, person.homes[0]
        if rng.random() < rates.moved:
            now = homes[1] if len(homes) > 1 else home(rng, person.origin.code, abroad=now.country != "LU")
        street = typo(rng, now.street) if rng.random() < rates.street_typo else now.street
        postcode = now.postcode[2:] if system.local_phone and now.country == "LU" else now.postcode
        city = system.spell(now.city)
        return (
            Address(
                lines=(_line(rng, street, now, system),),
                city=city.upper() if system.upper else city,
                postcode=postcode,
                country=now.country,
            ),
        )

    def _telecoms(self, person: Person, system: System) -> tuple[Telecom, ...] | None:
        rng, rates = self.rng, self.rates
        if rng.random() < rates.phone_missing:
            return None
        home_now, roll = person.homes[0], rng.random()
        if roll < rates.phone_changed:
            number = mobile(rng, home_now.country)
        elif roll < rates.phone_changed + rates.landline:
            number = home_now.landline
        else:
            number = (person.mother or person).mobile if person.age < _CHILD else person.mobile
        if system.local_phone and number.startswith("+352"):
            number = number[4:]
        elif system.one_given:
            number = "00" + number[1:]
        return (Telecom(value=number, use="home"),)

    def _identifiers(self, person: Person) -> tuple[PatientId, ...] | None:
        rates, roll = self.rates, self.rng.random()
        roll -= rates.matricule_missing
        if roll < 0:
            return None
        number = person.matricule
        roll -= rates.matricule_mistyped
        if roll < 0:
            number = digit_slip(self.rng, number)
        elif roll < rates.matricule_of_relative and person.relatives:
            number = self.rng.choice(person.relatives).matricule
        return (PatientId(number, MATRICULE_ROOT),)

    def _status(self) -> str | None:
        roll = self.rng.random()
        if roll < self.rates.provisional:
            return "PROV"
        return "VALI" if roll > 1 - self.rates.verified else None


def is_newborn(person: Person) -> bool:
    """Whether the first record may have been written on the day of birth."""
    return person.mother is not None and person.born >= _NEWBORN_SINCE


def _married(person: Person, roll: float) -> list[str]:
    """The ways to write a wife's name: his, both with a hyphen, or his with hers as maiden name."""
    if roll < 0.2:  # noqa: PLR2004
        return [person.married]
    if roll < 0.4:  # noqa: PLR2004
        return [f"{person.married}-{person.family}" if roll < 0.3 else f"{person.family}-{person.married}"]  # noqa: PLR2004
    return [person.married, person.family]


def _date_slip(rng: Random, born: str) -> str:
    """A date with one wrong digit, still a day of the calendar."""
    at = rng.randrange(4)
    if at == 0:
        return f"{born[:3]}{(int(born[3]) + rng.randrange(1, 10)) % 10}{born[4:]}"
    if at == 1:
        return f"{born[:2]}{(int(born[2]) + rng.choice((1, 9))) % 10}{born[3:]}"
    if at == 2:  # noqa: PLR2004
        return f"{born[:4]}{rng.randrange(1, 13):02d}{min(int(born[6:]), 28):02d}"
    return f"{born[:6]}{rng.randrange(1, 29):02d}"


def _line(rng: Random, street: str, now: Home, system: System) -> str:
    """Street and number in the order of the country, at times in the other."""
    street = system.spell(street)
    if rng.random() < 0.04:  # noqa: PLR2004 - the number is left out
        return street
    if system.local_phone and rng.random() < 0.3:  # noqa: PLR2004 - short forms
        street = street.replace("avenue", "av.").replace("boulevard", "bd").replace("rue", "r.")
    if (now.country == "DE") != (rng.random() < 0.1):  # noqa: PLR2004
        line = f"{street} {now.number}"
    else:
        line = f"{now.number}, {street}" if rng.random() < 0.7 else f"{now.number} {street}"  # noqa: PLR2004
    return line.upper() if system.upper else line
