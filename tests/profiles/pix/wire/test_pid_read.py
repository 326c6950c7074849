"""Every field of PID: absent, null and a value; the bounds; what one message leaves unsaid."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.bindings.hl7v2 import read_message
from gateway.config import Limits
from gateway.errors import Meaning, Refused
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed
from gateway.record.people import PatientId
from profiles.pix.wire.pid_read import patient_feed

ID = "A-1^^^&2.999.1.1&ISO"
NATIONAL = "2.999.7"
Read = Callable[..., PatientFeed]


@pytest.fixture
def read(domain: Domain) -> Read:
    """read(pid_5="Doe^Jo") → the feed."""

    def make(**given: str) -> PatientFeed:
        fields = ["PID", "", "", ID, *[""] * 36]
        for name, value in given.items():
            fields[int(name.removeprefix("pid_"))] = value
        head = "MSH|^~\\&|KIS|HOSP|REG|DOM|20261122||ADT^A08|1|P|2.3.1||||||UNICODE UTF-8"
        return patient_feed(read_message(f"{head}\r{'|'.join(fields)}".encode(), Limits()), domain)

    return make


FIELDS: dict[int, tuple[str, str, Any]] = {
    5: ("names", "Doe^Jo", (PersonName(family="Doe", given=("Jo",)),)),
    6: ("mothers_maiden_name", "Roe^Ann^^^^^M", "Roe"),
    7: ("birth_date", "19700131", "19700131"),
    8: ("sex", "F", "F"),
    11: ("addresses", "1, rue^^Ville", (Address(lines=("1, rue",), city="Ville"),)),
    15: ("language", "fr^French^ISO639", "fr"),
    16: ("marital_status", "M", "M"),
    18: ("account", "77^^^HOSP", "77^^^HOSP"),
    21: ("mothers_identifiers", "M-1^^^LOCAL~X^^^ELSEWHERE", (PatientId("M-1", "2.999.2.2"),)),
    23: ("birth_place", "Esch", "Esch"),
    24: ("multiple_birth", "Y", "Y"),
    25: ("birth_order", "2", "2"),
    26: ("nationality", "LUX^Luxembourg~FRA", "LUX"),
    29: ("deceased_at", "202001011200", "202001011200"),
    30: ("deceased", "Y", "Y"),
    32: ("status", "VALI~PROV", "VALI"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_absent_null_and_a_value(read: Read, field: int) -> None:
    name, sent, expected = FIELDS[field]
    assert read().demographics == Demographics()
    assert getattr(read(**{f"pid_{field}": sent}).demographics, name) == expected
    null = getattr(read(**{f"pid_{field}": '""'}).demographics, name)
    assert null is not None
    assert not null


def test_names_of_every_kind(read: Read) -> None:
    told = read(pid_5="Doe&van^Zoë^Maria M.^Jr^Dr^^L~^^^^^^S~Roe^^^^^^M~^Zozo^^^^^N").demographics
    assert told.names == (
        PersonName(family="Doe", given=("Zoë", "Maria", "M."), suffix="Jr", prefix="Dr", use="L"),
        PersonName(family="Roe", use="M"),
        PersonName(given=("Zozo",), use="N"),
    )


@pytest.mark.parametrize("sent", [" ", "~^^^^^^S", "^^^^^^L"])
def test_a_name_without_words_says_nothing(read: Read, sent: str) -> None:
    assert read(pid_5=sent).demographics.names is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("1970", "1970"),
        ("197001", "197001"),
        ("197001312359+0100", "197001312359"),
        ("19700131235958.1234", "197001312359"),
        ("1970-0500", "1970"),
    ],
)
def test_times_of_any_precision(read: Read, sent: str, kept: str) -> None:
    assert read(pid_7=sent, pid_29=sent).demographics.birth_date == kept
    assert read(pid_29=sent).demographics.deceased_at == kept


def test_addresses(read: Read) -> None:
    told = read(pid_11=r"1, rue A\T\B&x&y^2e^Ville^LU^L-0000^LUX^H~&rue Basse&7^^Ville^^^^BDL~^^^^^^H")
    assert told.demographics.addresses == (
        Address(
            lines=("1, rue A&B", "2e"),
            city="Ville",
            state="LU",
            postcode="L-0000",
            country="LUX",
            use="H",
        ),
        Address(lines=("7 rue Basse",), city="Ville", use="BDL"),
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("26 00 00 01", Telecom(value="26 00 00 01", use="home")),
        ("^PRN^PH^^352^26^000001^12", Telecom(value="+352 26 000001 ext. 12", use="home")),
        ("^PRN^PH^^^^000001", Telecom(value="000001", use="home")),
        ("^PRN^CP^^^^^^^^^+352 621 000001", Telecom(value="+352 621 000001", use="mobile")),
        ("^ORN^FX^^^^000001", Telecom(value="000001", system="fax", use="home")),
        ("^WPN^PH^^^^000001", Telecom(value="000001", use="work")),
        ("^NET^Internet^a@b.example", Telecom(value="a@b.example", system="email", use="home")),
        ("^NET^X.400^a@b.example", Telecom(value="a@b.example", system="email", use="home")),
        ("a@b.example^NET^Internet", Telecom(value="a@b.example", system="email", use="home")),
        ("^^^a@b.example", Telecom(value="a@b.example", system="email", use="home")),
        ("^PRN^BP^^^^000001", Telecom(value="000001", system="other", use="home")),
    ],
)
def test_telecommunication_in_all_its_forms(read: Read, sent: str, expected: Telecom) -> None:
    assert read(pid_13=sent).demographics.telecoms == (expected,)


def test_pid_14_is_of_work_whatever_it_says(read: Read) -> None:
    told = read(pid_13="1", pid_14="^PRN^CP^^^^2~^WPN^PH^^^^3")
    assert told.demographics.telecoms == (
        Telecom(value="1", use="home"),
        Telecom(value="2", use="work"),
        Telecom(value="3", use="work"),
    )
    assert told.untold_uses == frozenset()


def test_what_one_of_two_fields_does_not_say_stays(read: Read) -> None:
    stored = read(pid_13="1~^PRN^CP^^^^2", pid_14="3").demographics
    numbers = {
        '""': ["3"],
        "9": ["9", "3"],
        "9~^WPN^PH^^^^8": ["9", "8"],
    }
    for sent, expected in numbers.items():
        told = read(pid_13=sent)
        after = told.beside(told.demographics, stored).over(stored)
        assert [each.value for each in after.telecoms or ()] == expected
    told = read(pid_14='""')
    after = told.beside(told.demographics, stored).over(stored)
    assert [each.value for each in after.telecoms or ()] == ["1", "2"]


def test_the_national_number(read: Read) -> None:
    number = PatientId("1893120105732", NATIONAL)
    assert read(pid_19="1893 1201 057-32").demographics.identifiers == (number,)
    assert read(pid_19="111-222-333").demographics.identifiers is None
    assert read(pid_19="1893120105732x").demographics.identifiers is None
    stored = Demographics(identifiers=(number, PatientId("L", "2.999.2.2")))
    emptied = read(pid_19='""')
    assert emptied.emptied_roots == {NATIONAL}
    assert emptied.beside(emptied.demographics, stored).identifiers == (PatientId("L", "2.999.2.2"),)
    changed = read(pid_19="1990010112385")
    assert changed.beside(changed.demographics, stored).identifiers == (
        PatientId("1990010112385", NATIONAL),
        PatientId("L", "2.999.2.2"),
    )
    silent = read()
    assert silent.beside(silent.demographics, stored).over(stored).identifiers == stored.identifiers


def test_an_unknown_identity_goes_by_an_alias(read: Read) -> None:
    assert read(pid_31="Y").demographics.status == "AL"
    assert read(pid_31="Y", pid_32="US").demographics.status == "US"
    assert read(pid_31="N").demographics.status is None


@pytest.mark.parametrize(
    ("field", "sent", "meaning", "where"),
    [
        (5, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^5^1^1^1"),
        (5, f"Doe~Roe^{'A' * 1_001}", Meaning.DATA_TYPE, "PID^1^5^2^2"),
        (6, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^6^1^1^1"),
        (7, "19700229", Meaning.DATA_TYPE, "PID^1^7"),
        (7, "1970-02-01", Meaning.DATA_TYPE, "PID^1^7"),
        (8, "X", Meaning.TABLE_VALUE, "PID^1^8"),
        (8, "FM", Meaning.TABLE_VALUE, "PID^1^8"),
        (11, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^11^1^1^1"),
        (13, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^13^1^1"),
        (14, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^14^1^1"),
        (15, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^15^1^1"),
        (18, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^18"),
        (21, r"M\T\1^^^LOCAL", Meaning.DATA_TYPE, "PID^1^21^1^1"),
        (21, "M^^^LOCAL&2.999.1.1&ISO", Meaning.UNKNOWN_KEY, "PID^1^21^1^4"),
        (23, "A" * 1_001, Meaning.DATA_TYPE, "PID^1^23^1^1"),
        (24, "1", Meaning.TABLE_VALUE, "PID^1^24"),
        (25, "0", Meaning.DATA_TYPE, "PID^1^25"),
        (25, "100", Meaning.DATA_TYPE, "PID^1^25"),
        (29, "20201301", Meaning.DATA_TYPE, "PID^1^29"),
        (30, "yes", Meaning.TABLE_VALUE, "PID^1^30"),
        (31, "U", Meaning.TABLE_VALUE, "PID^1^31"),
        (32, "V@LI", Meaning.TABLE_VALUE, "PID^1^32"),
    ],
)
def test_values_that_are_refused(read: Read, field: int, sent: str, meaning: Meaning, where: str) -> None:
    with pytest.raises(Refused) as refused:
        read(**{f"pid_{field}": sent})
    found = refused.value.problems[0]
    assert (found.meaning, found.location) == (meaning, where)
    assert sent not in found.context
