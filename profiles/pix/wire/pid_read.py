"""PID → what is told of a person: absent, null or a value for each field (ITI TF-2 3.8.4.1.2, 3.30.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from gateway.bindings.hl7v2 import Message
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed
from gateway.record.people import PatientId
from profiles.pix.rules import (
    bounded,
    checked_code,
    checked_date,
    checked_flag,
    checked_order,
    checked_sex,
    identifiers,
    known_identifier,
    place,
)

_NULL = '""'
_MATRICULE_DIGITS = 13
_ALIAS = "AL"
"""Table 0445: the identity is not known, and goes by an alias."""

HOME, WORK, MOBILE = "home", "work", "mobile"
_AT_HOME = frozenset({HOME, MOBILE, ""})
"""Uses of PID-13; those of PID-14 are WORK only."""
_USES = {"PRN": HOME, "ORN": HOME, "VHN": HOME, "WPN": WORK, "PRS": MOBILE}
"""Table 0201."""
_SYSTEMS = {"FX": "fax", "INTERNET": "email", "MD": "other", "BP": "other", "X.400": "other"}
"""Table 0202; all other equipment is a telephone."""

T = TypeVar("T")


def patient_feed(message: Message, domain: Domain) -> PatientFeed:
    """PID-3 and everything else that PID tells; Refused with the place of what is wrong."""
    telecoms, untold = _telecoms(message)
    national = sorted(domain.national_roots)
    number = _national_number(message, national)
    return PatientFeed(
        identifiers=identifiers(message, "PID-3", domain),
        demographics=demographics(message, domain, telecoms, number),
        message_id=message.value("MSH-10") or "",
        untold_uses=untold,
        emptied_roots=frozenset(national) if message.raw("PID-19") == _NULL else frozenset(),
    )


def demographics(
    message: Message,
    domain: Domain,
    telecoms: tuple[Telecom, ...] | None,
    number: PatientId | None,
) -> Demographics:
    """Every field of PID that is kept. None: it was not sent; empty: it was sent as null."""
    return Demographics(
        names=_each(message, "PID-5", lambda path: _name(message, path)),
        mothers_maiden_name=_maiden_name(message),
        birth_date=_moment(message, "PID-7"),
        sex=checked_sex(message.value("PID-8"), "PID^1^8"),
        addresses=_each(message, "PID-11", lambda path: _address(message, path)),
        telecoms=telecoms,
        identifiers=(number,) if number is not None else None,
        mothers_identifiers=_each(message, "PID-21", lambda path: known_identifier(message, path, domain)),
        account=_account(message),
        birth_place=_single(message, "PID-23"),
        multiple_birth=checked_flag(message.value("PID-24"), "PID^1^24"),
        birth_order=checked_order(message.value("PID-25"), "PID^1^25"),
        marital_status=_single(message, "PID-16"),
        language=_single(message, "PID-15"),
        nationality=_single(message, "PID-26"),
        deceased=checked_flag(message.value("PID-30"), "PID^1^30"),
        deceased_at=_moment(message, "PID-29"),
        status=_status(message),
    )


def _each(message: Message, field: str, read: Callable[[str], T | None]) -> tuple[T, ...] | None:
    """What each repetition says; none at all where there is only null."""
    null, found = False, []
    for path in _paths(message, field):
        if message.raw(path) == _NULL:
            null = True
        elif (value := read(path)) is not None:
            found.append(value)
    return tuple(found) if found or null else None


def _paths(message: Message, field: str) -> Iterator[str]:
    for number in range(1, message.repetitions(field) + 1):
        path = f"{field}[{number}]"
        if message.raw(path):
            yield path


def _text(message: Message, path: str) -> str:
    """A component; null inside a repetition says no more than that it is empty."""
    return bounded((message.value(path) or "").strip(), place(path))


def _single(message: Message, field: str) -> str | None:
    """The first component of a field of which one repetition is kept."""
    sent = message.value(f"{field}.1")
    return _text(message, f"{field}.1") or None if sent else sent


def _moment(message: Message, field: str) -> str | None:
    """A TS without seconds and offset: YYYY[MM[DD[HHMM]]]."""
    sent = checked_date(message.value(f"{field}.1"), place(field))
    return sent.partition("+")[0].partition("-")[0].partition(".")[0][:12] if sent else sent


# --- names and addresses -------------------------------------------------------------------------


def _name(message: Message, path: str) -> PersonName | None:
    """XPN; one of which nothing but the type is sent names nobody."""
    first = _text(message, f"{path}.2")
    name = PersonName(
        family=_text(message, f"{path}.1.1"),
        given=tuple(filter(None, (first, *_text(message, f"{path}.3").split()))),
        suffix=_text(message, f"{path}.4"),
        prefix=_text(message, f"{path}.5"),
        use=_text(message, f"{path}.7"),
    )
    return name if name.family or name.given else None


def _maiden_name(message: Message) -> str | None:
    """The family name of the first repetition of PID-6 that has one."""
    found = _each(message, "PID-6", lambda path: _text(message, f"{path}.1.1") or None)
    return None if found is None else "".join(found[:1])


def _address(message: Message, path: str) -> Address | None:
    """XAD. A street line that is sent in parts only is put together: number, then street."""
    street = _text(message, f"{path}.1.1")
    if not street:
        parts = _text(message, f"{path}.1.3"), _text(message, f"{path}.1.2")
        street = " ".join(filter(None, parts))
    address = Address(
        lines=tuple(filter(None, (street, _text(message, f"{path}.2")))),
        city=_text(message, f"{path}.3"),
        state=_text(message, f"{path}.4"),
        postcode=_text(message, f"{path}.5"),
        country=_text(message, f"{path}.6"),
    )
    if address == Address():
        return None
    return replace(address, use=_text(message, f"{path}.7"))


# --- telecommunication ---------------------------------------------------------------------------


def _telecoms(message: Message) -> tuple[tuple[Telecom, ...] | None, frozenset[str]]:
    """PID-13 and PID-14, and the uses of which the message does not speak."""
    home = _each(message, "PID-13", lambda path: _telecom(message, path, HOME))
    work = _each(message, "PID-14", lambda path: _telecom(message, path, WORK))
    if home is None and work is None:
        return None, frozenset()
    untold: set[str] = set()
    if home is None:
        untold |= _AT_HOME
    if work is None and not any(each.use == WORK for each in home or ()):
        untold.add(WORK)
    return tuple(dict.fromkeys((*(home or ()), *(work or ())))), frozenset(untold)


def _telecom(message: Message, path: str, field: str) -> Telecom | None:
    """XTN in any of its forms: text, electronic address, unformatted or in parts."""
    code, equipment = _text(message, f"{path}.2"), _text(message, f"{path}.3").upper()
    system = "email" if code == "NET" else _SYSTEMS.get(equipment, "phone")
    number = _text(message, f"{path}.1") or _text(message, f"{path}.12") or _in_parts(message, path)
    mail = _text(message, f"{path}.4")
    if mail and (system == "email" or not number):
        number, system = mail, "email"
    if not number:
        return None
    if field == WORK:
        return Telecom(value=number, system=system, use=WORK)
    use = MOBILE if equipment == "CP" else _USES.get(code, HOME)
    return Telecom(value=number, system=system, use=use)


def _in_parts(message: Message, path: str) -> str:
    """XTN-5 to 8 as ITU-T E.123 writes it: +352 26 000001 ext. 12."""
    number = _text(message, f"{path}.7")
    if not number:
        return ""
    country, area = _text(message, f"{path}.5").lstrip("+"), _text(message, f"{path}.6")
    extension = _text(message, f"{path}.8")
    parts = (f"+{country}" if country else "", area, number, f"ext. {extension}" if extension else "")
    return " ".join(filter(None, parts))


# --- numbers and status --------------------------------------------------------------------------


def _national_number(message: Message, roots: list[str]) -> PatientId | None:
    """PID-19, where there is one domain of national numbers and it looks like one of them.

    Whether date and check digits hold is for matching to say: a number that is wrong is worth knowing of.
    """
    digits = "".join(each for each in message.value("PID-19") or "" if each not in " -./")
    if len(roots) != 1 or len(digits) != _MATRICULE_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    return PatientId(digits, roots[0])


def _account(message: Message) -> str | None:
    sent = message.standard("PID-18")
    if sent and not message.value("PID-18.1"):
        return None
    return bounded(sent, "PID^1^18") if sent else sent


def _status(message: Message) -> str | None:
    """PID-32; an identity that is said to be unknown (PID-31) goes by an alias."""
    unknown = checked_flag(message.value("PID-31"), "PID^1^31")
    sent = checked_code(message.value("PID-32"), "PID^1^32")
    return _ALIAS if unknown == "Y" and not sent else sent
