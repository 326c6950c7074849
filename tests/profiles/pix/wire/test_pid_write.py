"""PID is written so that reading it gives back what was known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.bindings.hl7v2 import Delimiters, read_message, segments
from gateway.config import Limits
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pix.wire.pid_read import patient_feed
from profiles.pix.wire.pid_write import pid

HERE = PatientId("A-1", "2.999.1.1")
LOCAL = PatientId("L-1", "2.999.2.2")
MOTHER = PatientId("M-1", "2.999.2.2")
HEAD = "MSH|^~\\&|KIS|HOSP|REG|DOM|20261122||ADT^A01|1|P|2.5||||||UNICODE UTF-8\r"


def written(told: Demographics, domain: Domain) -> str:
    return segments.line(pid((HERE, LOCAL), told, domain, number=1))


def test_identifiers_are_fully_qualified(domain: Domain) -> None:
    assert written(Demographics(), domain) == (
        "PID|1||A-1^^^PASSERELLE&2.999.1.1&ISO~L-1^^^LOCAL&2.999.2.2&ISO||^^^^^^U"
    )


def test_an_identifier_of_a_domain_without_namespace_has_its_oid(domain: Domain) -> None:
    assert segments.line(pid((PatientId("X", "2.999.77"),), Demographics(), domain)).startswith(
        "PID|||X^^^&2.999.77&ISO|"
    )


@pytest.mark.parametrize("marks", [Delimiters(), Delimiters("#", "*", "%", "!", "?")])
def test_what_is_written_is_read_again(domain: Domain, marks: Delimiters) -> None:
    told = Demographics(
        names=(
            PersonName(family="Doe & Sons", given=("Jo", "Al", "Bo"), prefix="Dr", suffix="Jr", use="L"),
            PersonName(family="Roe", use="M"),
        ),
        mothers_maiden_name="Œuvré",
        birth_date="197001021030",
        sex="M",
        addresses=(
            Address(
                lines=("12, rue de la Paix", "Bât. A"),
                city="Esch",
                state="L",
                postcode="4001",
                country="LUX",
                use="H",
            ),
        ),
        telecoms=(
            Telecom(value="+352 26 12 34 56", use="home"),
            Telecom(value="621 123 456", use="mobile"),
            Telecom(value="26 00 00 02", system="fax", use="home"),
            Telecom(value="jo@example.lu", system="email", use="home"),
            Telecom(value="26 00 00 01", use="work"),
        ),
        mothers_identifiers=(MOTHER,),
        account="77^^^HOSP&2.999.4&ISO",
        birth_place="Esch",
        multiple_birth="Y",
        birth_order="2",
        marital_status="M",
        language="fr",
        nationality="LUX",
        deceased="Y",
        deceased_at="20200101",
        status="VALI",
    )
    head = HEAD.translate(str.maketrans("|^~\\&", "#*%!?")) if marks.field == "#" else HEAD
    sent = head + segments.text((pid((HERE, LOCAL), told, domain),), marks)
    read = patient_feed(read_message(sent.encode(), Limits()), domain)
    assert read.identifiers == (HERE, LOCAL)
    assert read.demographics == told


def test_a_national_number_that_is_told_stands_in_pid_19(domain: Domain) -> None:
    told = Demographics(identifiers=(PatientId("other", "2.999.2.2"), PatientId("1893120105732", "2.999.7")))
    assert written(told, domain).split("|")[19] == "1893120105732"


def test_every_field_that_is_read_is_written(
    domain: Domain, every_field: Mapping[str, tuple[str, str]]
) -> None:
    """Whatever the reader learns is not lost on the way out."""
    fields = [""] * 40
    fields[0], fields[3] = "PID", "A-1^^^PASSERELLE"
    for name, value in every_field.values():
        fields[int(name.removeprefix("pid_"))] = value
    read = patient_feed(read_message(f"{HEAD}{'|'.join(fields)}\r".encode(), Limits()), domain).demographics
    again = written(read, domain).split("|")
    assert {at for at, each in enumerate(fields) if each} <= {at for at, each in enumerate(again) if each}
