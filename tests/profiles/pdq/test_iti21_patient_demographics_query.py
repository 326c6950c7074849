"""The cases of ITI TF-2 3.21.4.2.2.8 through the whole pipeline; character sets, rights, audit."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from gateway.bindings.hl7v2 import read_message
from gateway.config import Limits
from tests.profiles.pdq.answers import (
    ANNE,
    FINE,
    FORMS,
    JO,
    LAB,
    NOBODY,
    RAD,
    Feed,
    Query,
    cx,
    errors,
    found,
    status,
)

# --- cases ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_without_domains_all_identifiers_are_given(gateway: Any, query: Query) -> None:
    answer = gateway.send(*query("@PID.5.1.1^Doe", "@PID.5.2^Jo"))
    assert status(answer) == FINE
    assert found(answer) == [
        "~".join((cx("A1", "PASSERELLE", "2.999.1.1"), cx("L1", "LAB", LAB), cx("R1", "RAD", RAD)))
    ]
    assert [answer.value(f"PID-{at}") for at in (1, 7, 8)] == ["1", "19700102", "M"]
    assert answer.field("PID-5") == "Doe^Jo^^^^^L"
    assert answer.field("MSH-9") == "RSP^K22^RSP_K21"
    assert answer.segments("DSC") == 0


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("form", FORMS)
def test_with_domains_only_theirs_are_given_and_who_has_none_is_left_out(
    gateway: Any, query: Query, form: str
) -> None:
    wanted = f"^^^{FORMS[form]('RAD', RAD)}"
    answer = gateway.send(*query("@PID.5.1.1^Doe", targets=wanted))
    assert status(answer) == FINE
    assert found(answer) == [cx("R1", "RAD", RAD)]


@pytest.mark.usefixtures("two")
def test_when_all_are_left_out_nobody_is_found(gateway: Any, query: Query) -> None:
    answer = gateway.send(*query("@PID.5.1.1^Doering", "@PID.7^19800304", targets="^^^RAD"))
    assert (status(answer), found(answer)) == (NOBODY, [])


@pytest.mark.usefixtures("two")
def test_each_unknown_domain_has_an_error_of_its_own(gateway: Any, query: Query) -> None:
    """One that others keep for themselves is as unknown as one that is not there."""
    answer = gateway.send(*query("@PID.5.1.1^Doe", targets="^^^NOWHERE~^^^LAB~^^^SECRET~^^^&2.999.77&ISO"))
    assert status(answer) == ("AE", "AE")
    assert errors(answer) == [("QPD^1^8^1", "204"), ("QPD^1^8^3", "204"), ("QPD^1^8^4", "204")]
    assert found(answer) == []


@pytest.mark.usefixtures("two")
def test_nobody_fits(gateway: Any, query: Query) -> None:
    answer = gateway.send(*query("@PID.5.1.1^Nemo", "@PID.7^19700102"))
    assert (status(answer), found(answer), answer.segments("ERR")) == (NOBODY, [], 0)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("form", FORMS)
def test_by_identifier(gateway: Any, query: Query, form: str) -> None:
    named = FORMS[form]("LAB", LAB).split("&")
    parts = [f"@PID.3.4.{at}^{part}" for at, part in enumerate(named, 1) if part]
    answer = gateway.send(*query("@PID.3.1^L2", *parts))
    assert found(answer) == [cx("L2", "LAB", LAB)]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    "authority", [("1^NOWHERE",), ("2^2.999.77", "3^ISO"), ("1^SECRET",), ("2^2.999.3.1", "3^DNS")]
)
def test_an_identifier_of_an_unknown_domain_is_nobodys(
    gateway: Any, query: Query, authority: Sequence[str]
) -> None:
    asked = [f"@PID.3.4.{part}" for part in authority]
    for number in ("S1", "L1", "nobody"):
        answer = gateway.send(*query(f"@PID.3.1^{number}", *asked))
        assert (status(answer), found(answer), answer.segments("ERR")) == (NOBODY, [], 0)


@pytest.mark.usefixtures("two")
def test_two_identifiers_must_be_one_persons(gateway: Any, query: Query) -> None:
    both = ("@PID.3.1^L1", "@PID.3.4.1^LAB", "@PID.3.1^R1", "@PID.3.4.1^RAD")
    assert len(found(gateway.send(*query(*both)))) == 1
    other = ("@PID.3.1^L2", "@PID.3.4.1^LAB", "@PID.3.1^R1", "@PID.3.4.1^RAD")
    assert status(gateway.send(*query(*other))) == NOBODY


@pytest.mark.parametrize(
    "asked",
    [
        ("@PID.5.1^doe", "@PID.8^M"),
        ("@PID.5.1.1^Do*", "@PID.5.2^J*"),
        ("@PID.5^Doe", "@PID.7.1^197001"),
        ("@PID.5.1^Doe", "@PID.11.3^Esch", "@PID.11.5^4001"),
        ("@PID.5.1^Doe", "@PID.11.1.1^Rue de la Paix", "@PID.11.6^LUX"),
        ("@PID.5.1^Doe", "@PID.13.1^+352 26 12 34 56"),
        ("@PID.5.1^Doe", "@PID.13.5^352", "@PID.13.6^26", "@PID.13.7^123456"),
        ("@PID.7^19700102", "@PID.5.2^Jo"),
    ],
)
def test_all_criteria_must_hold(gateway: Any, feed: Feed, query: Query, asked: Sequence[str]) -> None:
    address, number = "12 Rue de la Paix^^Esch^^4001^LUX^H", "+352 26123456^PRN^PH"
    feed("A1", pid_11=address, pid_13=number, **JO)
    feed("A2", **ANNE)
    answer = gateway.send(*query(*asked))
    assert found(answer) == [cx("A1", "PASSERELLE", "2.999.1.1")], answer.octets
    wrong = gateway.send(*query(*asked, "@PID.8^F"))
    assert found(wrong) == []


# --- what is wrong with the query ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "place", "code"),
    [
        ((), "QPD^1^3", "101"),
        (("PID.5.1^Doe",), "QPD^1^3^1^1", "102"),
        (("@PID.5.1^Doe", "@PID^Doe"), "QPD^1^3^2^1", "102"),
        (("@PID.5.1.1.1^Doe",), "QPD^1^3^1^1", "102"),
        (("@PID.5.1^Doe", "@PID.9^Doe"), "QPD^1^3^2^1", "103"),
        (("@PID.5.1^Doe", "@PID.5.9^Doe"), "QPD^1^3^2^1", "103"),
        (("@PID.3.1^X", "@PID.3.4.99^Y"), "QPD^1^3^2^1", "103"),
        (("@PID.6.2^Mary",), "QPD^1^3^1^1", "103"),
        (("@PD1.4.1^X",), "QPD^1^3^1^1", "103"),
        (("@PV1.2^I",), "QPD^1^3^1^1", "103"),
        (("@ZZZ.2^I",), "QPD^1^3^1^1", "103"),
        (("@PID.5.1",), "QPD^1^3^1^2", "101"),
        (('@PID.5.1^""',), "QPD^1^3^1^2", "101"),
        (("@PID.5.1^*",), "QPD^1^3^1^2", "101"),
        (("@PID.3.1^X",), "QPD^1^3^1^2", "101"),
        (("@PID.3.4.1^LAB",), "QPD^1^3^1^2", "101"),
        (("@PID.3.1^X\\T\\Y", "@PID.3.4.1^LAB"), "QPD^1^3^1^2", "102"),
        (("@PID.7^1970-01-02",), "QPD^1^3^1^2", "102"),
        (("@PID.7^19700230",), "QPD^1^3^1^2", "102"),
        (("@PID.8^X",), "QPD^1^3^1^2", "103"),
        (("@PID.24^1",), "QPD^1^3^1^2", "103"),
        (("@PID.25^first",), "QPD^1^3^1^2", "102"),
        ((f"@PID.5.1^{'x' * 251}",), "QPD^1^3^1^2", "102"),
    ],
)
def test_a_parameter_that_cannot_be_asked_for_is_refused(
    gateway: Any, query: Query, parameters: Sequence[str], place: str, code: str
) -> None:
    sent = query(*parameters)
    answer = gateway.send(*sent)
    assert answer.field("MSH-9") == "RSP^K22^RSP_K21"
    assert (status(answer), errors(answer)) == (("AE", "AE"), [(place, code)])
    assert answer.field("QAK-1") == "tag-1"
    assert answer.sent("QPD") == sent[1]


@pytest.mark.parametrize(
    ("rcp", "place", "code"),
    [("0^RD", "RCP^1^2^1^1", "102"), ("x", "RCP^1^2^1^1", "102"), ("5^PG", "RCP^1^2^1^2", "103")],
)
def test_a_quantity_that_is_none_is_refused(
    gateway: Any, query: Query, rcp: str, place: str, code: str
) -> None:
    answer = gateway.send(*query("@PID.5.1^Doe", rcp=rcp))
    assert errors(answer) == [(place, code)]


def test_a_confidence_that_is_none_is_refused(gateway: Any, query: Query) -> None:
    assert errors(gateway.send(*query("@PID.5.1^Doe", confidence="high"))) == [("QPD^1^4", "102")]


@pytest.mark.usefixtures("two")
def test_who_fits_less_than_wanted_is_left_out(gateway: Any, query: Query) -> None:
    """The part of a name that was only begun counts against the person."""
    assert len(found(gateway.send(*query("@PID.5.1^Doe")))) == 2
    assert len(found(gateway.send(*query("@PID.5.1^Doe", confidence="30")))) == 2
    assert found(gateway.send(*query("@PID.5.1^Doe", targets="^^^LAB", confidence="100"))) == [
        cx("L1", "LAB", LAB)
    ]


def test_a_query_that_names_too_little_is_refused(gateway: Any, feed: Feed, query: Query) -> None:
    """As many persons as the index may answer with, and one more."""
    few = replace(gateway.engine.services.index.mpi.domain, max_persons=2)
    index = replace(gateway.engine.services.index, mpi=replace(gateway.engine.services.index.mpi, domain=few))
    services = replace(gateway.engine.services, index=index)
    narrow = replace(gateway, engine=replace(gateway.engine, services=services))
    for number, given in enumerate(("Jo", "Al", "Bo")):
        feed(f"A{number}", pid_5=f"Doe^{given}", pid_7=f"19{number}00102", pid_8="M")
    answer = narrow.send(*query("@PID.5.1^Doe"))
    assert (status(answer), errors(answer)) == (("AE", "AE"), [("QPD^1^3", "207")])
    assert "more than 2 persons" in answer.value("ERR-8")
    assert found(answer) == []


# --- character sets ------------------------------------------------------------------------------

CODECS = {"UNICODE UTF-8": "utf-8", "8859/1": "iso-8859-1", "8859/15": "iso-8859-15"}


def asked(gateway: Any, segments: Sequence[str], charset: str) -> Any:
    sent = "".join(f"{each}\r" for each in segments).encode(CODECS.get(charset, "ascii"))
    return read_message(b"".join(gateway.sealed(sent).pieces), Limits())


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("UNICODE UTF-8", "Müßig-Œuvré€"),
        ("8859/1", "Müßigé"),
        ("8859/15", "Müßig-Œuvré€"),
    ],
)
def test_the_answer_is_in_the_character_set_of_the_query(
    gateway: Any, feed: Feed, query: Query, charset: str, name: str
) -> None:
    feed("A1", pid_5=f"{name}^Anne", pid_7="19800304", pid_8="F")
    answer = asked(gateway, query(f"@PID.5.1^{name}", "@PID.5.2^Anne", charset=charset), charset)
    assert status(answer) == FINE
    assert answer.field("MSH-18") == charset
    assert answer.value("PID-5.1") == name


@pytest.mark.parametrize(("charset", "name"), [("", "Müller"), ("8859/1", "Œuvré"), ("8859/15", "Łukasz")])
def test_what_the_character_set_does_not_hold_is_refused_and_not_garbled(
    gateway: Any, feed: Feed, query: Query, charset: str, name: str
) -> None:
    feed("A1", pid_5=f"{name}^Anne", pid_7="19800304", pid_8="F")
    sent = query("@PID.7^19800304", "@PID.8^F", charset=charset)
    answer = asked(gateway, sent, charset)
    assert (status(answer), errors(answer)) == (("AE", "AE"), [("MSH^1^18", "207")])
    assert "UNICODE UTF-8" in answer.value("ERR-8")
    assert (found(answer), answer.sent("QPD")) == ([], sent[1])


def test_delimiters_in_a_name_are_escaped(gateway: Any, feed: Feed, query: Query) -> None:
    feed("A1", pid_5="Doe \\T\\ Roe^Jo", pid_7="19700102", pid_8="M")
    marks = str.maketrans({"|": "#", "^": "*", "~": "%", "\\": "!", "&": "?"})
    plain = gateway.send(*query("@PID.7^19700102", "@PID.8^M"))
    assert plain.field("PID-5") == "Doe \\T\\ Roe^Jo^^^^^L"
    other = gateway.send(*(each.translate(marks) for each in query("@PID.7^19700102", "@PID.8^M")))
    assert other.field("PID-5") == "Doe & Roe*Jo*****L"


# --- who may ask, and what is told of it ---------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_a_caller_without_the_right_learns_nothing(gateway: Any, query: Query) -> None:
    policy = gateway.engine.policies.current()

    class Without:
        def current(self) -> Any:
            roles = {key: replace(rule, may={}) for key, rule in policy.roles.items()}
            return replace(policy, roles=roles)

        async def in_force(self) -> Any:
            return self.current()

    fenced = replace(gateway, engine=replace(gateway.engine, policies=Without()))
    for sent in (
        query("@PID.5.1^Doe"),
        query("@PID.5.1^Nemo"),
        query("@PID.3.1^L1", "@PID.3.4.1^LAB"),
        query("@PID.5.1^Doe", targets="^^^NOWHERE"),
        query("@PID.5.1^Doe", pointer="nothing"),
    ):
        answer = fenced.send(*sent)
        assert (status(answer), errors(answer), found(answer)) == (("AR", "AR"), [("", "207")], [])


@pytest.mark.usefixtures("two")
def test_the_audit_has_the_query(gateway: Any, query: Query) -> None:
    sent = query("@PID.3.1^L1", "@PID.3.4.1^LAB")
    gateway.send(*sent)
    row = gateway.audit()[-1]
    whole = "".join(f"{segment}\r" for segment in sent).encode()
    assert (row.transaction, row.outcome) == ("ITI-21", 0)
    assert base64.b64encode(whole).decode() in row.message
    assert 'csd-code="ITI-21"' in row.message
    assert f"L1^^^&amp;{LAB}&amp;ISO" in row.message


@pytest.mark.usefixtures("two")
def test_the_audit_has_a_query_that_was_refused(gateway: Any, query: Query) -> None:
    gateway.send(*query("@PID.5.1^Doe", targets="^^^NOWHERE"))
    row = gateway.audit()[-1]
    assert (row.transaction, row.outcome) == ("ITI-21", 8)
    assert 'EventActionCode="E"' in row.message


@pytest.mark.usefixtures("two")
def test_another_implementation_reads_the_answer(gateway: Any, query: Query) -> None:
    """Of RSP_K21 hl7apy has QRI as required, which IHE has not: its groups are read, not validated."""
    text = gateway.octets(*query("@PID.5.1^Doe", "@PID.8^M")).decode()
    message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
    assert message.name == "RSP_K21"
    groups = message.rsp_k21_query_response
    assert [each.pid.pid_5.pid_5_2.value for each in groups] == ["Jo"]
    assert [each.value for each in groups[0].pid.pid_3] == found(read_message(text.encode(), Limits()))[
        0
    ].split("~")
