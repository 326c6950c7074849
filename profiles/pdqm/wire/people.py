"""Names, addresses and telecommunication numbers of a Patient (FHIR R4 datatypes, HL7 v2 XPN, XAD, XTN)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.record.demographics import Address, PersonName, Telecom
from profiles.pdqm import codes
from profiles.pdqm.wire.values import Json, filled

_PAST = "old"


def read_names(names: Iterable[Json]) -> tuple[PersonName, ...]:
    """Names with anything in them; a name of text alone is taken as a family name."""
    found = [
        PersonName(
            family=each.get("family", "") or ("" if each.get("given") else each.get("text", "")),
            given=tuple(filter(None, each.get("given", ()))),
            prefix=" ".join(filter(None, each.get("prefix", ()))),
            suffix=" ".join(filter(None, each.get("suffix", ()))),
            use=codes.NAME_TYPES.get(each.get("use", ""), ""),
        )
        for each in names
    ]
    return tuple(each for each in found if each.family or each.given)


def write_name(name: PersonName) -> Json:
    """A HumanName, with the whole of it as text."""
    parts = (name.prefix, *name.given, name.family, name.suffix)
    return filled(
        use=codes.NAME_USES.get(name.use),
        text=" ".join(part for part in parts if part),
        family=name.family,
        given=list(name.given),
        prefix=[name.prefix] if name.prefix else None,
        suffix=[name.suffix] if name.suffix else None,
    )


def read_addresses(addresses: Iterable[Json]) -> tuple[Address, ...]:
    """Addresses; one of text alone becomes its line."""
    found = [
        Address(
            lines=tuple(filter(None, each.get("line", ()))) or _text_alone(each),
            city=each.get("city", ""),
            state=each.get("state", ""),
            postcode=each.get("postalCode", ""),
            country=each.get("country", ""),
            use=codes.ADDRESS_TYPES.get(each.get("use", ""), ""),
        )
        for each in addresses
    ]
    return tuple(each for each in found if each != Address(use=each.use))


def _text_alone(address: Json) -> tuple[str, ...]:
    parts = ("city", "state", "postalCode", "country")
    return () if any(name in address for name in parts) else tuple(filter(None, [address.get("text", "")]))


def write_address(address: Address) -> Json:
    """An Address."""
    return filled(
        use=codes.ADDRESS_USES.get(address.use),
        line=list(address.lines),
        city=address.city,
        state=address.state,
        postalCode=address.postcode,
        country=address.country,
    )


def read_telecoms(points: Iterable[Json]) -> tuple[Telecom, ...]:
    """Numbers and addresses in use; those of the past are left out."""
    return tuple(
        Telecom(
            value=each["value"],
            system=codes.TELECOM_SYSTEMS.get(each.get("system", ""), "other"),
            use=each["use"] if each.get("use") in codes.TELECOM_USES else "",
        )
        for each in points
        if each.get("value") and each.get("use") != _PAST
    )


def write_telecom(telecom: Telecom) -> Json:
    """A ContactPoint."""
    return filled(system=telecom.system, value=telecom.value, use=telecom.use)
