"""Segments are written so that reading them gives back what was said."""

from __future__ import annotations

import pytest

from gateway.bindings.hl7v2 import Delimiters, Segment, read_message, segments
from gateway.config import Limits
from gateway.errors import Defect, Meaning, Refused

HEADER = Segment(
    "MSH", ("EMR", "HOSPITAL", "", "", "20260101", "", (("ADT", "A31", "ADT_A05"),), "1", "P", "2.5")
)
PERSON = Segment(
    "PID",
    (
        "1",
        "",
        (("4711", "", "", ("HOSP", "2.999.1", "ISO")), ("12", "", "", ("NAT", "2.999.2", "ISO"), "NI")),
        "",
        ("", ("", "", "", "", "", "", "S")),
        "",
        "19700101",
        "",
    ),
)


def test_a_segment_is_written_with_all_four_levels() -> None:
    assert segments.line(PERSON) == (
        "PID|1||4711^^^HOSP&2.999.1&ISO~12^^^NAT&2.999.2&ISO^NI||~^^^^^^S||19700101"
    )


def test_a_header_begins_with_its_delimiters() -> None:
    assert segments.line(HEADER) == r"MSH|^~\&|EMR|HOSPITAL|||20260101||ADT^A31^ADT_A05|1|P|2.5"


def test_what_is_empty_to_the_end_is_left_out() -> None:
    assert segments.line(Segment("PV1", ("", (("", ("", "")),), "N", "", ((),)))) == "PV1|||N"


def test_a_null_stays_a_null_and_a_space_a_space() -> None:
    assert segments.line(Segment("PID", ("", '""', " "))) == 'PID||""| '


@pytest.mark.parametrize("marks", [Delimiters(), Delimiters("#", "*", "%", "!", "?")])
def test_delimiters_in_a_text_come_back_as_they_were(marks: Delimiters) -> None:
    name = "A|B^C~D\\E&F#G*H%I!J?K"
    told = segments.text([HEADER, Segment("PID", ("", "", "", "", (((name, "van"), name),)))], marks)
    message = read_message(told.encode(), Limits())
    assert message.value("PID-5.1.1") == name
    assert message.value("PID-5.1.2") == "van"
    assert message.value("PID-5.2") == name


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\x0b", "\x1c", "\u2028"])
def test_a_text_of_two_lines_makes_no_second_segment(end: str) -> None:
    told = segments.text([Segment("PID", ("", f"one{end}MSH|two"))])
    assert told == "PID||one MSH\\F\\two\r"


@pytest.mark.parametrize(
    ("charset", "name"),
    [("", "Muller"), ("UNICODE UTF-8", "Müller-Œil €"), ("8859/1", "Müßig"), ("8859/15", "Œil €")],
)
def test_octets_are_of_the_character_set(charset: str, name: str) -> None:
    codec = {"": "ascii", "UNICODE UTF-8": "utf-8", "8859/1": "latin-1", "8859/15": "iso-8859-15"}[charset]
    assert segments.encoded(name, charset) == name.encode(codec)


@pytest.mark.parametrize(("charset", "name"), [("", "Müller"), ("8859/1", "Œil"), ("8859/15", "Łuk")])
def test_no_character_is_replaced_by_another(charset: str, name: str) -> None:
    with pytest.raises(Refused) as caught:
        segments.encoded(name, charset)
    problem = caught.value.problems[0]
    assert problem.meaning is Meaning.NOT_ACCEPTABLE
    assert problem.location == "MSH^1^18"
    assert name not in problem.context


def test_a_character_set_that_is_not_known_is_not_written() -> None:
    with pytest.raises(Defect):
        segments.encoded("x", "BIG-5")


def test_what_was_kept_as_text_is_taken_apart_and_written_again() -> None:
    kept = r"4711^^^HOSP&2.999.1&ISO^A\T\B"
    told = segments.line(
        Segment("PID", ("", "", (segments.taken_apart(kept),))), Delimiters("#", "*", "%", "!", "?")
    )
    assert told == "PID###4711***HOSP?2.999.1?ISO*A&B"
