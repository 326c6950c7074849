"""Groups of parameters about PID → a demographics query (ITI TF-2 3.21.4.1.2.2.3, 3.21.4.1.2.2.4)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.errors import Meaning
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdq.wire.parameters import Group, Part
from profiles.pix.rules import SEXES
from profiles.pix.wire.authority import Authority, is_identifier

_ANY = "*"
_DAY = re.compile(r"(\d{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12]\d|3[01])\d*)?)?", re.ASCII)
_FLAGS = frozenset({"Y", "N"})
_ORDER = re.compile(r"[1-9]\d?", re.ASCII)

Reader = Callable[[Group, Domain], DemographicsQuery]
"""What one group asks for."""


_FIRST: tuple[Part, ...] = ((0, 0), (1, 1))
"""The ways to name a field that has one component, or the first of several."""

_GIVEN, _OTHERS = ((2, 1),), ((3, 1),)
_NUMBER, _FAMILY = _FIRST, _FIRST
_HD: tuple[tuple[Part, ...], ...] = (((4, 1),), ((4, 2),), ((4, 3),))
_DESCRIBING: tuple[Part, ...] = tuple((number, sub) for number in (2, 3, 5, 6) for sub in range(1, 4))
"""Check digit, its scheme, type and assigning facility: they say nothing that number and authority do not."""


def query_of(groups: Iterable[Group], domain: Domain) -> DemographicsQuery:
    """All criteria together. Refused for a parameter that nothing can be found by (103)."""
    query = DemographicsQuery()
    for group in groups:
        first = group.first
        reader = _READERS.get(first.field) if first.segment == "PID" else None
        if reader is None:
            raise first.unknown()
        told = reader(group, domain)
        query = replace(
            query,
            identifiers=query.identifiers + told.identifiers,
            names=query.names + told.names,
            born=query.born + told.born,
            criteria=query.criteria + told.criteria,
        )
    return query


def _text(group: Group, parts: Iterable[Part]) -> str:
    """A text that is compared from its beginning; an asterisk at its end says no more than that."""
    known = tuple(parts)
    value = group.text(*known)
    plain = value.rstrip(_ANY).rstrip()
    if value and not plain:
        sent = next(group.parts[part] for part in known if part in group.parts)
        raise sent.wrong("a value has nothing but a wildcard", Meaning.REQUIRED_FIELD)
    return plain


def _criterion(field: Field, *values: str) -> DemographicsQuery:
    return DemographicsQuery(criteria=(Criterion(field=field, values=values),))


# --- PID-3, PID-18 -------------------------------------------------------------------------------


def _identifier(group: Group, domain: Domain) -> DemographicsQuery:
    """Number and authority (ITI TF-2 3.21.4.1.2.2.3). One of a domain that is not known is nobody's."""
    number, authority = _cx(group)
    if not number:
        raise group.first.wrong("an assigning authority was sent without identifier", Meaning.REQUIRED_FIELD)
    if not authority.sent:
        text = "an identifier was sent without assigning authority"
        raise group.first.wrong(text, Meaning.REQUIRED_FIELD)
    root = authority.root(domain)
    wanted = (PatientId(number, root),) if root is not None else ()
    return DemographicsQuery(identifiers=(wanted,))


def _account(group: Group, _domain: Domain) -> DemographicsQuery:
    number, authority = _cx(group)
    if not number:
        raise group.first.wrong("an authority was sent without account number", Meaning.REQUIRED_FIELD)
    hd = f"{authority.namespace}&{authority.universal}&{authority.kind}"
    return _criterion(Field.ACCOUNT, f"{number}^^^{hd}".rstrip("^&"))


def _cx(group: Group) -> tuple[str, Authority]:
    group.refuse_others((*_NUMBER, *(part for parts in _HD for part in parts), *_DESCRIBING))
    number = group.text(*_NUMBER)
    if number and not is_identifier(number):
        raise group.first.wrong("an identifier has delimiters, or is too long")
    return number, Authority(*(group.text(*parts) for parts in _HD))


# --- PID-5, PID-6 --------------------------------------------------------------------------------


def _name(group: Group, _domain: Domain) -> DemographicsQuery:
    group.refuse_others((*_FAMILY, *_GIVEN, *_OTHERS))
    given = tuple(filter(None, (_text(group, _GIVEN), *_text(group, _OTHERS).split())))
    return DemographicsQuery(names=((NameWanted(family=_text(group, _FAMILY), given=given),),))


def _maiden_name(group: Group, _domain: Domain) -> DemographicsQuery:
    """Of the mother nothing but her maiden name is kept."""
    group.refuse_others(_FAMILY)
    return _criterion(Field.MOTHERS_MAIDEN_NAME, _text(group, _FAMILY))


# --- PID-7 ---------------------------------------------------------------------------------------


def _born(group: Group, _domain: Domain) -> DemographicsQuery:
    """A year or a month stands for all its days."""
    group.refuse_others(_FIRST)
    match = _DAY.fullmatch(group.text(*_FIRST))
    if match is None or not int(match[1]):
        raise group.first.wrong("not a date of the form YYYY[MM[DD]]")
    year, month, day = match[1], match[2], match[3]
    last = monthrange(int(year), int(month or 12))[1]
    if day and int(day) > last:
        raise group.first.wrong("not a date of the form YYYY[MM[DD]]")
    low = f"{year}{month or '01'}{day or '01'}"
    return DemographicsQuery(born=(DateRange(low=low, high=f"{year}{month or '12'}{day or f'{last:02d}'}"),))


# --- PID-8, PID-24, PID-25, PID-30 ---------------------------------------------------------------


def _coded(field: Field, allowed: frozenset[str]) -> Reader:
    def read(group: Group, _domain: Domain) -> DemographicsQuery:
        group.refuse_others(_FIRST)
        value = group.text(*_FIRST)
        if value not in allowed:
            raise group.first.wrong("not a code of the table of this field", Meaning.TABLE_VALUE)
        return _criterion(field, value)

    return read


def _order(group: Group, _domain: Domain) -> DemographicsQuery:
    group.refuse_others(_FIRST)
    value = group.text(*_FIRST)
    if not _ORDER.fullmatch(value):
        raise group.first.wrong("not a number from 1 to 99")
    return _criterion(Field.BIRTH_ORDER, value)


# --- PID-11, PID-13, PID-14 ----------------------------------------------------------------------

_ADDRESS: Mapping[int, Field] = MappingProxyType(
    {
        0: Field.ADDRESS,
        1: Field.STREET,
        2: Field.ADDRESS,
        3: Field.CITY,
        4: Field.STATE,
        5: Field.POSTCODE,
        6: Field.COUNTRY,
    }
)
_ADDRESS_PARTS: tuple[Part, ...] = (
    (0, 0),
    *((1, sub) for sub in range(1, 4)),
    *((number, 1) for number in _ADDRESS if number > 1),
)


def _address(group: Group, _domain: Domain) -> DemographicsQuery:
    """Every part is a criterion of its own."""
    group.refuse_others(_ADDRESS_PARTS)
    return DemographicsQuery(
        criteria=tuple(
            Criterion(field=_ADDRESS[part[0]], values=(_text(group, (part,)),)) for part in group.parts
        )
    )


_WHOLE, _MAIL = ((0, 0), (1, 1), (12, 1)), ((4, 1),)
_COUNTRY, _AREA, _LOCAL = (5, 1), (6, 1), (7, 1)


def _telecom(group: Group, _domain: Domain) -> DemographicsQuery:
    """A number in one piece or in parts, or an electronic address."""
    group.refuse_others((*_WHOLE, *_MAIL, _COUNTRY, _AREA, _LOCAL))
    values = [_text(group, (part,)) for part in (*_WHOLE, *_MAIL) if part in group.parts]
    local = _text(group, (_LOCAL,))
    if local:
        country = _text(group, (_COUNTRY,)).lstrip("+")
        parts = (f"+{country}" if country else "", _text(group, (_AREA,)), local)
        values.append(" ".join(filter(None, parts)))
    if not values:
        raise group.first.wrong("an area or country was sent without number", Meaning.REQUIRED_FIELD)
    return DemographicsQuery(
        criteria=tuple(Criterion(field=Field.TELECOM, values=(value,)) for value in values)
    )


_READERS: Mapping[int, Reader] = MappingProxyType(
    {
        3: _identifier,
        5: _name,
        6: _maiden_name,
        7: _born,
        8: _coded(Field.SEX, SEXES),
        11: _address,
        13: _telecom,
        14: _telecom,
        18: _account,
        24: _coded(Field.MULTIPLE_BIRTH, _FLAGS),
        25: _order,
        30: _coded(Field.DECEASED, _FLAGS),
    }
)
