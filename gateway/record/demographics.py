"""What is known of a person, in the terms that HL7 v2 PID, HL7 v3 Patient and FHIR Patient share.

Codes are those of HL7 v2: table 0001 for the sex, 0200 for the use of a name, 0190 of an address, 0201 of a
telecommunication number. Dates are TS text, YYYY[MM[DD[HHMM]]]. Three states of a field are told apart, as
HL7 v2 does: None was not sent (what is stored stays), empty was sent as null (what is stored goes), a value.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import orjson

from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonName:
    """XPN. `use` is a code of table 0200: L legal (also when empty), M maiden, N nickname, A alias, …."""

    family: str = ""
    given: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """XAD. `lines` are street lines with house number; `country` an ISO 3166 code as it was sent."""

    lines: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postcode: str = ""
    country: str = ""
    use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telecom:
    """XTN. `system` is phone, fax, email or other; `use` is home, work, mobile or empty."""

    value: str
    system: str = "phone"
    use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """One system's account of a person. Every field: None = not sent, empty = delete, else the value.

    `identifiers` are those of domains that the sender names but does not assign: national number, insurance.
    `account` is PID-18, as CX text. `multiple_birth` and `deceased` are Y or N, `birth_order` counts from 1.
    `status` is a code of table 0445: how far the identity is verified.
    """

    names: tuple[PersonName, ...] | None = None
    mothers_maiden_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    addresses: tuple[Address, ...] | None = None
    telecoms: tuple[Telecom, ...] | None = None
    identifiers: tuple[PatientId, ...] | None = None
    mothers_identifiers: tuple[PatientId, ...] | None = None
    account: str | None = None
    birth_place: str | None = None
    multiple_birth: str | None = None
    birth_order: str | None = None
    marital_status: str | None = None
    language: str | None = None
    nationality: str | None = None
    deceased: str | None = None
    deceased_at: str | None = None
    status: str | None = None

    @property
    def name(self) -> PersonName:
        """The legal name: the first that is no maiden name, nickname or alias; else the first; else none."""
        names = self.names or (PersonName(),)
        return next((each for each in names if each.use in {"", "L", "D"}), names[0])

    def over(self, stored: Demographics) -> Demographics:
        """What is known after this message; null and unknown are told apart no more."""
        merged: dict[str, Any] = {}
        for name in _FIELDS:
            sent = getattr(self, name)
            merged[name] = getattr(stored, name) if sent is None else (sent or None)
        return Demographics(**merged)

    def known(self) -> Demographics:
        """As if this were all there is to know: null becomes unknown."""
        return self.over(NOTHING)


_FIELDS = tuple(each.name for each in fields(Demographics))
NOTHING = Demographics()
_TUPLES: dict[str, type] = {"names": PersonName, "addresses": Address, "telecoms": Telecom}
_IDENTIFIERS = ("identifiers", "mothers_identifiers")


def dump(told: Demographics) -> bytes:
    """JSON without what is not known."""
    kept: dict[str, Any] = {}
    for name in _FIELDS:
        value = getattr(told, name)
        if not value:
            continue
        if name in _TUPLES:
            kept[name] = [_filled(each) for each in value]
        elif name in _IDENTIFIERS:
            kept[name] = [(each.extension, each.root) for each in value]
        else:
            kept[name] = value
    return orjson.dumps(kept)


def _filled(value: Any) -> dict[str, Any]:
    return {each.name: held for each in fields(value) if (held := getattr(value, each.name))}


def load(data: bytes) -> Demographics:
    """What `dump` wrote."""
    kept: dict[str, Any] = orjson.loads(data)
    if _EARLIER.intersection(kept):
        return _earlier(kept)
    for name, kind in _TUPLES.items():
        if name in kept:
            kept[name] = tuple(kind(**_frozen(each)) for each in kept[name])
    for name in _IDENTIFIERS:
        if name in kept:
            kept[name] = tuple(PatientId(*each) for each in kept[name])
    return Demographics(**kept)


_EARLIER = frozenset({"family", "given", "address", "telephone"})


def _earlier(kept: dict[str, Any]) -> Demographics:
    """What was written while one name, one address and one number were kept, as HL7 v2 text."""
    name = PersonName(family=kept.get("family", ""), given=tuple(filter(None, [kept.get("given", "")])))
    parts = [part.replace("&", " ") for part in kept.get("address", "").split("~")[0].split("^")] + [""] * 6
    address = Address(
        lines=tuple(filter(None, parts[:2])),
        city=parts[2],
        state=parts[3],
        postcode=parts[4],
        country=parts[5],
    )
    number = kept.get("telephone", "").split("~")[0].split("^")[0]
    return Demographics(
        names=(name,) if name != PersonName() else None,
        birth_date=kept.get("birth_date"),
        sex=kept.get("sex"),
        addresses=(address,) if address != Address() else None,
        telecoms=(Telecom(value=number),) if number else None,
    )


def _frozen(held: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in held.items()}


def complete(told: Demographics) -> Demographics:
    """A message that replaces everything: what it does not say is deleted (FHIR PUT, HL7 v3 revise)."""
    emptied: dict[str, Any] = {
        name: () if name in _TUPLES or name in _IDENTIFIERS else ""
        for name in _FIELDS
        if getattr(told, name) is None
    }
    return replace(told, **emptied)
