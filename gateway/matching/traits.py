"""What of a person is compared, normalised once (patient identity feed, ITI-8, ITI-44, ITI-104)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.matching.matricule import is_matricule
from gateway.matching.normalise import (
    StopList,
    date_digits,
    phone_digits,
    plain,
    postcode_of,
    road_of,
)
from gateway.matching.phonetics import Heard, hear_family, hear_given
from gateway.matching.statuses import MOTHER_ONLY
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.people import PatientId

_ELSEWHERE = frozenset({"BA", "BR", "N", "F", "O", "B", "BI", "BDL", "RH"})
"""Uses of an address (table 0190) that do not say where the person lives."""
_MATRICULE_DIGITS, _FULL_DATE, _LEGACY_DIGITS = 13, 8, 11
_NOBODY = PatientId("", "")
_KNOWN_SEX = frozenset({"F", "M"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One identity's traits. Texts are folded, empty when not known; placeholders count as not known.

    `birth_date` is YYYYMMDD, YYYYMM or YYYY; `sex` F, M or empty; `phones` the last eight digits of each.
    `family_codes` and `given_codes` are sounds, word by word. `family_whole` has the particles, in one word.
    `other_families` are words of maiden and other names. `set_aside` are placeholder words of the name.
    `matricule` is a valid national number, `matricule_sent` one that is not; `birth_order` 0 when not known.
    """

    family: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    family_codes: tuple[tuple[str, ...], ...] = ()
    given_codes: tuple[tuple[str, ...], ...] = ()
    family_whole: str = ""
    other_families: tuple[tuple[str, ...], ...] = ()
    set_aside: tuple[str, ...] = ()
    birth_date: str = ""
    sex: str = ""
    postcode: str = ""
    locality: str = ""
    street: str = ""
    number: str = ""
    phones: frozenset[str] = frozenset()
    matricule: str | None = None
    matricule_sent: str = ""
    mothers_identifiers: frozenset[PatientId] = frozenset()
    mothers_name: str = ""
    birth_place: str = ""
    multiple_birth: bool | None = None
    birth_order: int = 0
    newborn: bool = False
    status: str = ""
    identity: PatientId = _NOBODY
    identifiers: frozenset[PatientId] = frozenset()

    @property
    def matricule_invalid(self) -> bool:
        """A national number was sent whose date or check digits are wrong: an event of data quality."""
        return bool(self.matricule_sent)

    @property
    def full_date(self) -> str:
        """The birth date where the day is known, else empty."""
        return self.birth_date if len(self.birth_date) == _FULL_DATE else ""


def traits_of(
    told: Demographics, identity: PatientId, national_roots: frozenset[str], stop: StopList
) -> Traits:
    """The traits of what one system tells of a person; national numbers are those of the given roots."""
    name = told.name
    family = hear_family(name.family)
    given = hear_given(" ".join(name.given))
    told_family, told_given = _evidence(family, stop.names), _given(told, given, stop)
    matricule, sent, identifiers = _numbers(told.identifiers or (), identity, national_roots)
    if told.status in MOTHER_ONLY:
        matricule, sent = None, ""
    postcode, locality, street, number = _home(told.addresses or (), stop)
    return Traits(
        family=tuple(each[0] for each in told_family),
        given=tuple(each[0] for each in told_given),
        family_codes=tuple(each[1] for each in told_family),
        given_codes=tuple(each[1] for each in told_given),
        family_whole=plain(name.family).replace(" ", "") if told_family else "",
        other_families=_others(told.names or (), name, stop),
        set_aside=_placeholders(family, told_family),
        birth_date=_birth_date(told.birth_date, matricule, stop),
        sex=told.sex if told.sex in _KNOWN_SEX else "",
        postcode=postcode,
        locality=locality,
        street=street,
        number=number,
        phones=_phones(told.telecoms or (), stop),
        matricule=matricule,
        matricule_sent=sent,
        mothers_identifiers=frozenset(told.mothers_identifiers or ()),
        mothers_name="".join(each[0] for each in hear_family(told.mothers_maiden_name or "")),
        birth_place=plain(told.birth_place or ""),
        multiple_birth=_FLAGS.get(told.multiple_birth or ""),
        birth_order=_order(told.birth_order),
        newborn=told.status in MOTHER_ONLY or any(each[0] in stop.newborn for each in given),
        status=told.status or "",
        identity=identity,
        identifiers=identifiers,
    )


_FLAGS = {"Y": True, "N": False}


def _evidence(heard: Heard, placeholders: frozenset[str]) -> Heard:
    for word, _ in heard:
        if word in placeholders:
            return tuple(each for each in heard if each[0] not in placeholders)
    return heard


def _given(told: Demographics, heard: Heard, stop: StopList) -> Heard:
    """Under its mother's traits a newborn has no given name yet: the one told is hers, as is the number."""
    return () if told.status in MOTHER_ONLY else _evidence(_evidence(heard, stop.names), stop.newborn)


def _placeholders(heard: Heard, kept: Heard) -> tuple[str, ...]:
    return () if heard is kept else tuple(each[0] for each in heard if each not in kept)


def _others(names: Iterable[PersonName], legal: PersonName, stop: StopList) -> tuple[tuple[str, ...], ...]:
    found = []
    for name in names:
        if name.family and name.family != legal.family:
            words = tuple(each[0] for each in _evidence(hear_family(name.family), stop.names))
            if words:
                found.append(words)
    return tuple(found)


def _numbers(
    told: Iterable[PatientId], identity: PatientId, national_roots: frozenset[str]
) -> tuple[str | None, str, frozenset[PatientId]]:
    """The national number, one that is not valid, and all other identifiers."""
    valid: str | None = None
    sent = ""
    others = []
    for each in (identity, *told):
        digits = _digits(each.extension) if each.root in national_roots else ""
        if is_matricule(digits):
            valid = valid or digits
        elif digits and len(digits) != _LEGACY_DIGITS:
            sent = sent or digits
        elif each is not identity:
            others.append(each)
    return valid, "" if valid else sent, frozenset(others)


def _digits(text: str) -> str:
    return text if text.isdigit() else "".join(each for each in text if each.isdigit())


def _birth_date(told: str | None, matricule: str | None, stop: StopList) -> str:
    """The date as told, or as the national number has it where it is not told, or a placeholder."""
    date = date_digits(told or "")
    if date and not stop.holds_date(date):
        return date
    return date_digits(matricule or "")


def _home(told: Iterable[Address], stop: StopList) -> tuple[str, str, str, str]:
    for each in told:
        if each.use in _ELSEWHERE:
            continue
        postcode, locality = postcode_of(each.postcode), plain(each.city)
        street, number = road_of(each.lines[0]) if each.lines else ("", "")
        if stop.addresses and f"{postcode} {street} {number}" in stop.addresses:
            continue
        return postcode, locality, street, number
    return "", "", "", ""


def _phones(told: Iterable[Telecom], stop: StopList) -> frozenset[str]:
    found = (phone_digits(each.value, stop) for each in told if each.system == "phone")
    return frozenset(digits for digits in found if digits)


def _order(told: str | None) -> int:
    return int(told) if told and told.isascii() and told.isdigit() and len(told) < _LEGACY_DIGITS else 0
