"""QPD-3 as the index is asked; what is refused is tried through the pipeline."""

from __future__ import annotations

import pytest

from gateway.bindings.hl7v2 import read_message
from gateway.config import Limits
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdq.wire.criteria import query_of
from profiles.pdq.wire.parameters import groups, parameters


def asked(domain: Domain, *sent: str) -> DemographicsQuery:
    head = "MSH|^~\\&|KIS|HOSP|PDS|DSP|20261122||QBP^Q22|1|P|2.5||||||UNICODE UTF-8"
    text = f"{head}\rQPD|IHE PDQ Query|tag|{'~'.join(sent)}\r"
    return query_of(groups(parameters(read_message(text.encode(), Limits()))), domain)


def one(field: Field, *values: str) -> DemographicsQuery:
    return DemographicsQuery(criteria=tuple(Criterion(field=field, values=(value,)) for value in values))


def test_names_belong_together_until_one_comes_again(domain: Domain) -> None:
    found = asked(domain, "@PID.5.1.1^Doe", "@PID.5.2^Jo", "@PID.5.3^Al Bo", "@PID.5.1^Roe*")
    assert found.names == ((NameWanted(family="Doe", given=("Jo", "Al", "Bo")),), (NameWanted(family="Roe"),))


@pytest.mark.parametrize("again", ["@PID.5^Roe", "@PID.5.1^Roe", "@PID.5.1.1^Roe"])
def test_nothing_that_was_asked_for_is_lost(domain: Domain, again: str) -> None:
    for first in ("@PID.5^Doe", "@PID.5.1^Doe", "@PID.5.1.1^Doe"):
        assert len(asked(domain, first, again).names) == 2


def test_identifiers_belong_to_their_authorities(domain: Domain) -> None:
    found = asked(
        domain,
        *("@PID.3.1^1", "@PID.3.2.1^9", "@PID.3.4.1^LAB", "@PID.3.5^PI"),
        *("@PID.3.1^2", "@PID.3.4.2^2.999.3.2", "@PID.3.4.3^ISO"),
        *("@PID.3.1^3", "@PID.3.4^NOWHERE"),
    )
    assert found.identifiers == ((PatientId("1", "2.999.3.1"),), (PatientId("2", "2.999.3.2"),), ())


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("1980", "19800101", "19801231"),
        ("198002", "19800201", "19800229"),
        ("19800229", "19800229", "19800229"),
        ("198012312359", "19801231", "19801231"),
    ],
)
def test_birth_dates_stand_for_their_days(domain: Domain, sent: str, low: str, high: str) -> None:
    assert asked(domain, f"@PID.7.1^{sent}").born == (DateRange(low=low, high=high),)


@pytest.mark.parametrize(
    ("sent", "query"),
    [
        (("@PID.6.1.1^Roe",), one(Field.MOTHERS_MAIDEN_NAME, "Roe")),
        (("@PID.8.1^F",), one(Field.SEX, "F")),
        (("@PID.11^Esch",), one(Field.ADDRESS, "Esch")),
        (("@PID.11.1.2^Rue",), one(Field.STREET, "Rue")),
        (("@PID.11.4^L",), one(Field.STATE, "L")),
        (("@PID.13.12^26",), one(Field.TELECOM, "26")),
        (("@PID.14.4^jo@example.lu",), one(Field.TELECOM, "jo@example.lu")),
        (("@PID.13.5^352", "@PID.13.6^26", "@PID.13.7^1"), one(Field.TELECOM, "+352 26 1")),
        (("@PID.13.1^1", "@PID.13.1^2"), one(Field.TELECOM, "1", "2")),
        (("@PID.18.1^77",), one(Field.ACCOUNT, "77")),
        (("@PID.18.1^77", "@PID.18.4.1^HOSP"), one(Field.ACCOUNT, "77^^^HOSP")),
        (("@PID.18.1^77", "@PID.18.4.2^1.2", "@PID.18.4.3^ISO"), one(Field.ACCOUNT, "77^^^&1.2&ISO")),
        (("@PID.24^Y",), one(Field.MULTIPLE_BIRTH, "Y")),
        (("@PID.25^2",), one(Field.BIRTH_ORDER, "2")),
        (("@PID.30^N",), one(Field.DECEASED, "N")),
    ],
)
def test_everything_else_is_a_criterion(
    domain: Domain, sent: tuple[str, ...], query: DemographicsQuery
) -> None:
    assert asked(domain, *sent) == query


def test_values_come_without_escapes(domain: Domain) -> None:
    assert asked(domain, "@PID.5.1^Doe \\T\\ Roe").names == ((NameWanted(family="Doe & Roe"),),)
