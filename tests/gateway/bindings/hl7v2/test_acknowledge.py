"""Acknowledgements in the forms of 2.3.1 and 2.5; their structure is checked by hl7apy."""

import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.bindings.hl7v2.acknowledge import CONDITIONS, acknowledgement
from gateway.bindings.hl7v2.message import Message, read_message
from gateway.config import Limits
from gateway.errors import Meaning, Problem

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"
BAD = Problem(Meaning.UNKNOWN_KEY, "no such domain", "PID^1^3^1^4")
ODD = Problem(Meaning.GENERAL, "a|b & c", "somewhere")


def request(version: str = "2.3.1", *, charset: str = "", marks: str = "|^~\\&") -> Message:
    head = f"MSH{marks}|APP^1.2^ISO|FAC|REG|DOM|20260101||ADT^A01|ID-7|P^T|{version}||||||{charset}"
    head = head.replace("|", marks[0]).replace("^", marks[1]) if marks != "|^~\\&" else head
    return read_message(f"{head}\rPID{marks[0]}1\r".encode(), Limits())


def read(answer: bytes) -> Message:
    return read_message(answer, Limits())


def validated(answer: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser: Any = pytest.importorskip("hl7apy.parser")
        # hl7apy finds the structure by MSH-9.3 only, which is optional in 2.3.1.
        named = answer.replace(b"|ACK^A01|", b"|ACK^A01^ACK|")
        parsed = parser.parse_message(named.decode().rstrip("\r"))
        assert parsed.name == "ACK"
        assert parsed.validate()


def test_acceptance_in_2_3_1() -> None:
    answer = acknowledgement(request(), (), NOW, TRACE)
    assert answer == (
        b"MSH|^~\\&|REG|DOM|APP^1.2^ISO|FAC|20261122093000+0000||ACK^A01|0123456789abcdef0123|P^T|2.3.1\r"
        b"MSA|AA|ID-7\r"
    )


def test_acceptance_in_2_5_names_the_structure_and_the_character_set() -> None:
    answer = read(acknowledgement(request("2.5", charset="UNICODE UTF-8"), (), NOW, TRACE))
    assert answer.field("MSH-9") == "ACK^A01^ACK"
    assert answer.field("MSH-18") == "UNICODE UTF-8"
    assert answer.field("MSA-1") == "AA"
    assert answer.segments("ERR") == 0


def test_refusal_in_2_3_1_has_eld_and_a_short_text() -> None:
    answer = read(acknowledgement(request(), (BAD, ODD), NOW, TRACE))
    assert answer.field("MSA-1") == "AE"
    assert answer.field("MSA-3") == f"Unknown key identifier [trace {TRACE}]"
    assert len(answer.field("MSA-3")) <= 80
    assert answer.raw("ERR-1[1]") == "PID^1^3^204&no such domain&HL70357"
    assert answer.raw("ERR-1[2]") == "^^^207&a\\F\\b \\T\\ c&HL70357"


def test_refusal_in_2_5_has_an_err_for_each_problem() -> None:
    warning = Problem(Meaning.TABLE_VALUE, "odd", "PID^1^8", warning=True)
    answer = read(acknowledgement(request("2.5.1"), (BAD, warning), NOW, TRACE))
    assert answer.field("MSA-1") == "AE"
    assert answer.field("MSA-3") == ""
    assert answer.field("ERR-1") == ""
    assert answer.field("ERR-2") == "PID^1^3^1^4"
    assert answer.field("ERR-3") == "204^Unknown key identifier^HL70357"
    assert answer.field("ERR-4") == "E"
    assert answer.field("ERR-8") == f"no such domain [trace {TRACE}]"
    assert answer.field("ERR[2]-4") == "W"


def test_the_trace_stands_once() -> None:
    marked = Problem(BAD.meaning, f"{BAD.context} [trace {TRACE}]", BAD.location)
    for version in ("2.3.1", "2.5"):
        assert acknowledgement(request(version), (marked,), NOW, TRACE).count(TRACE.encode()) == 1


def test_warnings_alone_do_not_refuse() -> None:
    warning = Problem(Meaning.UNKNOWN_KEY, "passed over", "PID^1^3^2", warning=True)
    assert read(acknowledgement(request(), (warning,), NOW, TRACE)).field("MSA-1") == "AA"


def test_without_a_header_it_still_says_that_it_refuses() -> None:
    problem = Problem(Meaning.NOT_SUPPORTED, "no delimiters", "MSH^1^2")
    answer = read(acknowledgement(None, (problem,), NOW, TRACE))
    assert answer.field("MSH-9") == "ACK"
    assert (answer.field("MSA-1"), answer.field("MSA-2")) == ("AR", "")
    assert answer.value("ERR-3.1") == "207"


def test_a_version_that_does_not_exist_is_answered_in_2_5() -> None:
    assert read(acknowledgement(request("9.9"), (BAD,), NOW, TRACE)).field("MSH-12") == "2.5"


def test_delimiters_of_the_request_are_kept() -> None:
    answer = acknowledgement(request("2.5", marks="#*%!?"), (BAD,), NOW, TRACE)
    assert answer.startswith(b"MSH#*%!?#REG#DOM#APP*1.2*ISO#FAC#")
    assert read(answer).value("ERR-2.1") == "PID"


@pytest.mark.parametrize("meaning", list(CONDITIONS))
@pytest.mark.parametrize("version", ["2.3.1", "2.5"])
def test_every_condition_gives_a_valid_structure(meaning: Meaning, version: str) -> None:
    answer = acknowledgement(request(version), (Problem(meaning, "text", "PID^1^3"),), NOW, TRACE)
    assert read(answer).field("MSA-1") == CONDITIONS[meaning].acknowledgement
    validated(answer)


@pytest.mark.parametrize("version", ["2.3.1", "2.5"])
def test_acceptance_is_a_valid_structure(version: str) -> None:
    answer = acknowledgement(request(version), (), NOW, TRACE)
    assert answer.endswith(b"MSA|AA|ID-7\r")
    validated(answer)


@pytest.mark.parametrize("meaning", [Meaning.TOO_WIDE, Meaning.TOO_MANY_RESULTS])
def test_a_query_that_finds_too_many_tells_the_user_what_to_add(meaning: Meaning) -> None:
    problem = Problem(meaning, "name more of the person", "QPD^1^3")
    answer = read(acknowledgement(request("2.5"), (problem,), NOW, TRACE))
    assert answer.field("MSA-1") == "AE"
    assert answer.field("ERR-2") == "QPD^1^3"
    assert answer.field("ERR-3") == "207^Application internal error^HL70357"
    assert answer.field("ERR-8") == f"name more of the person [trace {TRACE}]"
