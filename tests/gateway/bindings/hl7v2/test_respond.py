"""Responses to queries: MSH, MSA, ERR, QAK, the query itself, and what was found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.bindings.hl7v2 import Message, Segment, read_message
from gateway.bindings.hl7v2.respond import response
from gateway.config import Limits
from gateway.declare.bindings import Hl7Reply
from gateway.errors import Meaning, Problem, Refused

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"
KIND = ("RSP", "K23", "RSP_K23")
QUERY = "QPD|IHE PIX Query^^|tag~2|A^^^X||\\T\\ |"
UNKNOWN = Problem(Meaning.UNKNOWN_KEY, "not known", "QPD^1^3^1^4")


def request(charset: str = "UNICODE UTF-8", query: str = QUERY) -> Message:
    head = f"MSH|^~\\&|APP|FAC|PIXM|DSP|20260101||QBP^Q23^QBP_Q21|Q-1|P|2.5||||||{charset}".rstrip("|")
    return read_message(f"{head}\r{query}\rRCP|I\r".encode(), Limits())


def lines(reply: Hl7Reply, asked: Message) -> list[str]:
    return response(asked, KIND, reply, NOW, TRACE).decode(asked.encoding).rstrip("\r").split("\r")


def test_what_was_found_follows_the_query() -> None:
    person = Segment("PID", ("", "", "A&B"))
    head, *rest = lines(Hl7Reply(response=KIND, segments=(person,)), request())
    assert head.startswith(
        "MSH|^~\\&|PIXM|DSP|APP|FAC|20261122093000+0000||RSP^K23^RSP_K23|0123456789abcdef0123|"
    )
    assert head.endswith("|P|2.5||||||UNICODE UTF-8")
    assert rest == [
        "MSA|AA|Q-1",
        "QAK|tag~2|OK",
        QUERY,
        "PID|||A\\T\\B",
    ]


def test_nothing_found_is_no_error() -> None:
    assert lines(Hl7Reply(response=KIND), request())[1:] == ["MSA|AA|Q-1", "QAK|tag~2|NF", QUERY]


@pytest.mark.parametrize(
    ("meaning", "status", "code"),
    [(Meaning.UNKNOWN_KEY, "AE", "204"), (Meaning.GENERAL, "AE", "207"), (Meaning.BUSY, "AR", "206")],
)
def test_a_refusal_repeats_the_query_and_gives_nothing(meaning: Meaning, status: str, code: str) -> None:
    reply = Hl7Reply((Problem(meaning, "why", "QPD^1^3"),), response=KIND, segments=(Segment("PID", ("1",)),))
    msa, err, *rest = lines(reply, request())[1:]
    assert msa == f"MSA|{status}|Q-1"
    assert err.startswith(f"ERR||QPD^1^3|{code}^")
    assert rest == [f"QAK|tag~2|{status}", QUERY]


def test_each_problem_has_its_segment() -> None:
    told = lines(Hl7Reply((UNKNOWN, UNKNOWN), response=KIND), request())
    assert [each.partition("|")[0] for each in told] == ["MSH", "MSA", "ERR", "ERR", "QAK", "QPD"]


def test_a_warning_stands_beside_what_was_found() -> None:
    warning = Problem(Meaning.GENERAL, "careful", warning=True)
    told = lines(Hl7Reply((warning,), response=KIND, segments=(Segment("PID", ("1",)),)), request())
    assert [each.partition("|")[0] for each in told] == ["MSH", "MSA", "ERR", "QAK", "QPD", "PID"]
    assert (told[1], told[3]) == ("MSA|AA|Q-1", "QAK|tag~2|OK")


def test_what_the_character_set_does_not_hold_is_not_written() -> None:
    reply = Hl7Reply(response=KIND, segments=(Segment("PID", ("\u0153",)),))
    with pytest.raises(Refused) as caught:
        response(request("8859/1"), KIND, reply, NOW, TRACE)
    refusal = Hl7Reply(caught.value.problems, response=KIND)
    assert lines(refusal, request("8859/1"))[1] == "MSA|AE|Q-1"
