"""What is known of a person → PID (HL7 v2.5 3.4.2; ITI TF-2 3.21.4.2.2.6), the way back of `pid_read`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gateway.bindings.hl7v2 import Segment
from gateway.bindings.hl7v2.segments import taken_apart
from gateway.declare.bindings import Hl7Field, Hl7Repetition
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pix.wire.authority import qualified

_LEGAL, _MAIDEN, _UNSPECIFIED = "L", "M", "U"
"""Codes of table 0200."""

_WORK, _EMAIL = "work", "email"
_USES: Mapping[str, str] = MappingProxyType({"home": "PRN", _WORK: "WPN", "mobile": "PRN"})
"""Table 0201."""
_EQUIPMENT: Mapping[str, str] = MappingProxyType({"phone": "PH", "fax": "FX"})
"""Table 0202."""


def pid(
    identifiers: Iterable[PatientId],
    told: Demographics,
    domain: Domain,
    *,
    number: int | None = None,
) -> Segment:
    """All that is told, PID-3 fully qualified and in the order given; `number` is PID-1.

    Identifiers in `told` are those that the reader may see. A name that is not known is one of unspecified
    type, since PID-5 is required.
    """
    fields: dict[int, Hl7Field] = {
        1: "" if number is None else str(number),
        3: tuple(qualified(each, domain) for each in identifiers),
        5: tuple(_name(each) for each in told.names or ()) or (_typed(_UNSPECIFIED),),
        6: (_typed(_MAIDEN, told.mothers_maiden_name),) if told.mothers_maiden_name else "",
        7: told.birth_date or "",
        8: told.sex or "",
        11: tuple(_address(each) for each in told.addresses or ()),
        13: tuple(_telecom(each) for each in told.telecoms or () if each.use != _WORK),
        14: tuple(_telecom(each) for each in told.telecoms or () if each.use == _WORK),
        15: told.language or "",
        16: told.marital_status or "",
        18: (taken_apart(told.account),) if told.account else "",
        19: _national_number(told, domain),
        21: tuple(qualified(each, domain) for each in told.mothers_identifiers or ()),
        23: told.birth_place or "",
        24: told.multiple_birth or "",
        25: told.birth_order or "",
        26: told.nationality or "",
        29: told.deceased_at or "",
        30: told.deceased or "",
        32: told.status or "",
    }
    return Segment("PID", tuple(fields.get(at, "") for at in range(1, max(fields) + 1)))


def _typed(use: str, family: str = "") -> Hl7Repetition:
    return (family, "", "", "", "", "", use)


def _name(name: PersonName) -> Hl7Repetition:
    first, *others = name.given or ("",)
    return (name.family, first, " ".join(others), name.suffix, name.prefix, "", name.use or _LEGAL)


def _address(address: Address) -> Hl7Repetition:
    street, *others = address.lines or ("",)
    return (
        street,
        " ".join(others),
        address.city,
        address.state,
        address.postcode,
        address.country,
        address.use,
    )


def _telecom(telecom: Telecom) -> Hl7Repetition:
    if telecom.system == _EMAIL:
        return ("", "NET", "Internet", telecom.value)
    equipment = "CP" if telecom.use == "mobile" else _EQUIPMENT.get(telecom.system, "")
    return (telecom.value, _USES.get(telecom.use, ""), equipment)


def _national_number(told: Demographics, domain: Domain) -> str:
    """A number that a source names and does not assign: PID-19, not one of the identifiers in PID-3."""
    numbers = (each.extension for each in told.identifiers or () if each.root in domain.national_roots)
    return next(numbers, "")
