"""PRPA_IN201305UV02 → demographics query (PRPA_MT201306UV02; ITI TF-2 3.47.4.1.2)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator

from lxml import etree

from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.demographics import Address
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pixv3.rules import (
    OID,
    check_author,
    expect_code,
    expect_none,
    expect_oid,
    expect_one,
    invalid,
    place,
    under,
)
from profiles.pixv3.wire.answers import QUERY
from profiles.pixv3.wire.read_person import (
    moment,
    read_address,
    read_name,
    read_patient_id,
    read_sex,
    read_telecom,
)
from profiles.pixv3.wire.wrapper import V

PARAMETERS = f"{QUERY}/parameterList"
DEGREE = f"{QUERY}/matchCriterionList/minimumDegreeMatch/value"
SCOPE = "otherIDsScopingOrganization"
_MOST = 100
_YEAR, _MONTH, _DAY = 4, 6, 8
_OMITTED = (
    f"{QUERY}/sortControl",
    f"{QUERY}/modifyCode",
    f"{QUERY}/responseElementGroupId",
    f"{QUERY}/executionAndDeliveryTime",
    f"{QUERY}/matchCriterionList/id",
    f"{QUERY}/matchCriterionList/matchWeight",
    f"{PARAMETERS}/id",
)
_PARAMETERS_OMITTED = (
    "principalCareProviderId",
    "principalCareProvisionId",
    "livingSubjectDeceasedTime",
    "patientStatusCode",
    "livingSubjectBirthPlaceAddress",
    "livingSubjectBirthPlaceName",
)
_SINGLE = ("livingSubjectAdministrativeGender", "livingSubjectBirthTime", "patientAddress")


# --- rules ---------------------------------------------------------------------------------------


def check_query(message: etree._Element, priorities: frozenset[str], omitted: Iterable[str] = ()) -> None:
    """What ITI-47 and ITI-55 have in common; `omitted` are parameters that one of them leaves out."""
    check_author(message)
    expect_one(message, QUERY)
    expect_code(message, f"{QUERY}/statusCode", {"new"})
    expect_code(message, f"{QUERY}/responseModalityCode", {"R"}, required=False)
    expect_code(message, f"{QUERY}/responsePriorityCode", priorities, required=False)
    expect_none(message, *_OMITTED, *(f"{PARAMETERS}/{each}" for each in omitted))


def check_demographics_query(message: etree._Element) -> None:
    """The rules of ITI-47 (3.47.4.1.2.2)."""
    check_query(message, frozenset({"I"}), _PARAMETERS_OMITTED)
    expect_code(message, f"{QUERY}/initialQuantityCode", {"RD"}, required=False)
    for name in _SINGLE:
        if len(values(message, name)) > 1:
            raise invalid(f"{name} stands more than once", place(message, f"{PARAMETERS}/{name}"))
    expect_oid(message, f"{PARAMETERS}/{SCOPE}/value")


def values(message: etree._Element, parameter: str) -> list[etree._Element]:
    """Every value of a parameter."""
    return message.findall(under(f"{PARAMETERS}/{parameter}/value"))


# --- parameters ----------------------------------------------------------------------------------


def read_query(message: etree._Element, domain: Domain) -> DemographicsQuery:
    """The criteria of ITI-47; which domains are wanted is asked apart."""
    return DemographicsQuery(
        identifiers=_identifiers(message, domain),
        names=_names(message),
        born=_born(message),
        criteria=tuple(_criteria(message)),
        least=read_degree(message),
    )


def read_scopes(query: etree._Element) -> tuple[str, ...]:
    """The OIDs of the domains that are wanted, in order, of a queryByParameter."""
    found = query.findall(under(f"parameterList/{SCOPE}/value"))
    return tuple(each.get("root", "") for each in found)


def _identifiers(message: etree._Element, domain: Domain) -> tuple[tuple[PatientId, ...], ...]:
    """One group for each livingSubjectId; its values are alternatives."""
    groups = []
    where = place(message, f"{PARAMETERS}/livingSubjectId/value")
    for parameter in message.findall(under(f"{PARAMETERS}/livingSubjectId")):
        group = []
        for value in parameter.findall(f"{V}value"):
            if value.get("nullFlavor") is not None:
                continue
            found = read_patient_id(value, domain, where)
            if found is None:
                raise invalid("livingSubjectId has no root or no extension", where)
            group.append(found)
        if group:
            groups.append(tuple(group))
    return tuple(groups)


def _names(message: etree._Element) -> tuple[tuple[NameWanted, ...], ...]:
    """All names are alternatives (3.47.4.1.2.2)."""
    wanted = tuple(wanted_name(each) for each in values(message, "livingSubjectName"))
    named = tuple(each for each in wanted if each != NameWanted())
    return (named,) if named else ()


def wanted_name(value: etree._Element) -> NameWanted:
    """A name; where it may be inexact (SRCH), a trailing * says what is the rule here: it may go on."""
    name = read_name(value)
    if name is None:
        return NameWanted()
    given = tuple(part for each in name.given if (part := each.rstrip("*")))
    return NameWanted(family=name.family.rstrip("*"), given=given)


def _born(message: etree._Element) -> tuple[DateRange, ...]:
    where = place(message, f"{PARAMETERS}/livingSubjectBirthTime/value")
    found = (read_range(each, where) for each in values(message, "livingSubjectBirthTime"))
    return tuple(each for each in found if each is not None)


def read_range(value: etree._Element, where: str) -> DateRange | None:
    """An IVL_TS: a date of any precision, or a range; None when it says nothing."""
    if value.find(f"{V}width") is not None:
        raise invalid("a width is not taken; give low and high", where)
    at = value.get("value") or _bound(value, "center")
    low, high = (at, at) if at else (_bound(value, "low"), _bound(value, "high"))
    if low is None and high is None:
        return None
    return DateRange(
        low=None if low is None else first_day(moment(low, where)),
        high=None if high is None else last_day(moment(high, where)),
    )


def _bound(value: etree._Element, tag: str) -> str | None:
    found = value.find(f"{V}{tag}")
    return None if found is None else found.get("value")


def first_day(moment_: str) -> str:
    """The day on which a date of any precision begins."""
    digits = _digits(moment_)
    return digits + "0101"[len(digits) - _YEAR :] if len(digits) < _DAY else digits


def last_day(moment_: str) -> str:
    """The day on which a date of any precision ends."""
    digits = _digits(moment_)
    if len(digits) == _YEAR:
        return f"{digits}1231"
    if len(digits) == _MONTH:
        return f"{digits}{monthrange(int(digits[:_YEAR]), int(digits[_YEAR:]))[1]:02d}"
    return digits


def _digits(moment_: str) -> str:
    return moment_.partition("+")[0].partition("-")[0][:_DAY]


def _criteria(message: etree._Element) -> Iterator[Criterion]:
    where = place(message, f"{PARAMETERS}/livingSubjectAdministrativeGender/value")
    for value in values(message, "livingSubjectAdministrativeGender"):
        sex = read_sex(value, where)
        if sex:
            yield Criterion(field=Field.SEX, values=("O", "A") if sex == "O" else (sex,))
    yield from address_criteria(message)
    numbers = tuple(each.value for each in map(read_telecom, values(message, "patientTelecom")) if each)
    if numbers:
        yield Criterion(field=Field.TELECOM, values=numbers)
    mothers = (read_name(each) for each in values(message, "mothersMaidenName"))
    maiden = tuple(each.family for each in mothers if each and each.family)
    if maiden:
        yield Criterion(field=Field.MOTHERS_MAIDEN_NAME, values=maiden)


def address_criteria(message: etree._Element) -> Iterator[Criterion]:
    """The parts of an address must all fit."""
    for address in filter(None, map(read_address, values(message, "patientAddress"))):
        yield from (Criterion(field=Field.STREET, values=(line,)) for line in address.lines)
        yield from (Criterion(field=field, values=(value,)) for field, value in _parts(address) if value)


def _parts(address: Address) -> tuple[tuple[Field, str], ...]:
    return (
        (Field.CITY, address.city),
        (Field.STATE, address.state),
        (Field.POSTCODE, address.postcode),
        (Field.COUNTRY, address.country),
    )


def read_degree(message: etree._Element) -> int:
    """The minimumDegreeMatch, 0 to 100; 0 where there is none."""
    found = message.find(under(DEGREE))
    told = None if found is None else found.get("value")
    if told is None:
        return 0
    if not told.isdecimal() or int(told) > _MOST:
        raise invalid("minimumDegreeMatch is not from 0 to 100", place(message, DEGREE))
    return int(told)


def read_quantity(message: etree._Element, path: str) -> int | None:
    """A quantity above 0; None where none was given."""
    found = message.find(under(path))
    told = None if found is None else found.get("value")
    if told is None:
        return None
    if not told.isdecimal() or not 0 < int(told) < 1_000_000:  # noqa: PLR2004 - more than anybody can be told
        raise invalid(f"{path.rpartition('/')[2]} is not a number above 0", place(message, path))
    return int(told)


def is_oid(root: str) -> bool:
    """Whether a text is an OID."""
    return OID.fullmatch(root) is not None
