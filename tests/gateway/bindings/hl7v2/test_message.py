"""Delimiters, character sets, limits and paths; V2-05, V2-06 and V2-08."""

import time

import pytest

from gateway.bindings.hl7v2.message import Delimiters, Message, read_header, read_message
from gateway.config import Limits
from gateway.errors import Malformed, Meaning, Refused, TooComplex

LIMITS = Limits()
HEAD = r"MSH|^~\&|APP|FAC|REG|DOM|20260101||ADT^A01|1|P|2.3.1"


def message(*segments: str, charset: str = "", encoding: str = "utf-8") -> bytes:
    head = f"{HEAD}||||||{charset}" if charset else HEAD
    return "".join(f"{segment}\r" for segment in (head, *segments)).encode(encoding)


def read(*segments: str, charset: str = "", encoding: str = "utf-8") -> Message:
    return read_message(message(*segments, charset=charset, encoding=encoding), LIMITS)


def meaning_of(data: bytes) -> Meaning:
    with pytest.raises(Refused) as refusal:
        read_message(data, LIMITS)
    assert refusal.value.location == "MSH^1^18"
    return refusal.value.problems[0].meaning


def test_paths_name_repetitions_components_and_subcomponents() -> None:
    found = read("PID|1||A^^^NS&1.2&ISO~B^^^&3.4&ISO||Doe&van^Jo")
    assert found.value("PID-3") == "A^^^NS&1.2&ISO"
    assert found.value("PID-3[2].1") == "B"
    assert found.value("PID-3[2].4.2") == "3.4"
    assert found.value("PID-3[2].4.1") is None
    assert found.value("PID-3[3].1") is None
    assert found.value("PID-5.1.1") == "Doe"
    assert found.value("PID-40") is None
    assert found.field("PID-3") == "A^^^NS&1.2&ISO~B^^^&3.4&ISO"
    assert found.repetitions("PID-3") == 2
    assert found.repetitions("PID-4") == 0


def test_a_single_value_is_its_own_first_part() -> None:
    found = read("PID|1||A")
    assert found.value("PID-3[1].1.1") == "A"
    assert found.value("PID-3.2") is None
    assert found.value("PID-3.1.2") is None


def test_msh_counts_from_the_field_separator() -> None:
    found = read()
    assert found.field("MSH-1") == "|"
    assert found.field("MSH-2") == r"^~\&"
    assert found.value("MSH-9.2") == "A01"


def test_segments_repeat() -> None:
    found = read("NK1|1", "NK1|2")
    assert found.segments("NK1") == 2
    assert found.value("NK1[2]-1") == "2"
    assert found.value("NK1[3]-1") is None


def test_absent_null_and_escaped_values() -> None:
    found = read(r'PID|||""||A\T\B\F\\S\\R\\E\C|\X41\|\H\bold')
    assert found.value("PID-2") is None
    assert found.value("PID-3") == ""
    assert found.value("PID-5") == "A&B|^~\\C"
    assert found.value("PID-6") == "\\X41\\"
    assert found.value("PID-7") == r"\H\bold"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_line_ends_are_tolerated(end: str) -> None:
    found = read_message(end.join((HEAD, "EVN|A01", "", "PID|1")).encode(), LIMITS)
    assert found.value("EVN-1") == "A01"
    assert found.value("PID-1") == "1"


def test_delimiters_are_those_of_the_message() -> None:
    data = b"MSH#*%!?#APP#FAC###20260101##ADT*A01#1#P#2.3.1\rPID###X*Y%Z*a?b##A!T!B\r"
    found = read_message(data, LIMITS)
    assert found.value("PID-3[2].2.2") == "b"
    assert found.value("PID-5") == "A?B"
    assert found.standard("PID-3[2]") == "Z^a&b"
    assert found.standard("PID-5") == "A?B"


def test_standard_form_escapes_what_the_recommended_delimiters_need() -> None:
    found = read_message(b"MSH#*%!?#\rPID#####A^B*C\r", LIMITS)
    assert found.standard("PID-5") == r"A\S\B^C"


def test_escaping_keeps_one_line() -> None:
    assert Delimiters().escaped("a|b^c\r\nd\\&~") == r"a\F\b\S\c d\E\\T\\R" + "\\"


@pytest.mark.parametrize(
    "start",
    [
        b"MSH|^^\\&|",
        b"MSH|^~\\|",
        b"MSH|^~|",
        b"MSH\r^~\\&\r",
        b"MSHA^~\\&A",
        b"MSH|^~x&|",
        b"MSH|^~|&|",
        b'MSH|^~"&|',
        b"MSH|^~\\&%!|",
        b"MSH",
        b"PID|1",
        b"",
        b"\xef\xbb\xbfMSH|^~\\&|",
    ],
)
def test_v2_05_unusable_headers(start: bytes) -> None:
    with pytest.raises(Malformed):
        read_message(start + b"APP|FAC\rPID|1\r", LIMITS)


def test_v2_05_a_header_without_end() -> None:
    with pytest.raises(Malformed):
        read_header(b"MSH|^~\\&|" + b"A" * 5_000)


@pytest.mark.parametrize(
    ("charset", "encoding", "name"),
    [
        ("UNICODE UTF-8", "utf-8", "Zoë Œuvrard €"),
        ("8859/1", "iso-8859-1", "Zoë Groß"),
        ("8859/15", "iso-8859-15", "Œuvrard €"),
        ("ASCII", "ascii", "Zoe"),
    ],
)
def test_character_sets(charset: str, encoding: str, name: str) -> None:
    found = read(f"PID|||||{name}", charset=charset, encoding=encoding)
    assert found.value("PID-5") == name
    assert found.charset == charset


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("8859/1", "utf-8"),
        ("8859/15", "utf-8"),
        ("UNICODE UTF-8", "iso-8859-1"),
        ("ASCII", "utf-8"),
        ("", "utf-8"),
        ("", "iso-8859-1"),
        ("UNICODE UTF-16", "utf-8"),
        ("UNICODE UTF-32", "utf-8"),
        ("UTF-8", "utf-8"),
        ("8859/1~UNICODE UTF-8", "iso-8859-1"),
    ],
)
def test_v2_06_nothing_is_decoded_against_msh_18(charset: str, encoding: str) -> None:
    assert meaning_of(message("PID|||||Zoë", charset=charset, encoding=encoding)) is Meaning.DATA_TYPE


@pytest.mark.parametrize("octet", [b"\x00", b"\x0c", b"\x1b", b"\x7f"])
def test_control_characters_are_refused(octet: bytes) -> None:
    assert meaning_of(message("PID|1||A") + b"NTE|" + octet + b"\r") is Meaning.DATA_TYPE


def test_c1_control_characters_are_refused() -> None:
    assert meaning_of(message("PID|1||A\x85", charset="8859/1", encoding="iso-8859-1")) is Meaning.DATA_TYPE


@pytest.mark.parametrize(
    "segments",
    [
        ("PID|||" + "~".join("1" * 20_000),),
        ("PID|||" + "^".join("1" * 20_000),),
        ("PID|||" + "&".join("1" * 20_000),),
        ("PID" + "|" * 20_000,),
        ("NTE|1",) * 20_000,
    ],
)
def test_v2_08_counts_are_bounded_before_anything_is_split(segments: tuple[str, ...]) -> None:
    started = time.perf_counter()
    with pytest.raises(TooComplex):
        read(*segments)
    assert time.perf_counter() - started < 1


def test_v2_08_the_limits_themselves_are_allowed() -> None:
    found = read("PID|||" + "~".join("1" * 200) + "||" + "^".join("2" * 100), *("NTE|1",) * 1_998)
    assert found.repetitions("PID-3") == 200
    assert found.value("PID-5.100") == "2"
    assert found.segments("NTE") == 1_998


@pytest.mark.parametrize("line", [HEAD, "pid|1", "PIDX|1", "free text"])
def test_lines_that_are_no_segments(line: str) -> None:
    found = read("EVN|A01", line)
    with pytest.raises(Refused) as refusal:
        found.value("EVN-1")
    assert refusal.value.problems[0].meaning is Meaning.SEGMENT_SEQUENCE


def test_a_path_of_another_form_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="path"):
        read().value("PID.3")


def test_a_segment_and_the_whole_message_come_back_as_they_were_sent() -> None:
    sent = message("PID|1||A\\T\\é", "PID|2", charset="8859/15", encoding="iso-8859-15")
    found = read_message(sent, LIMITS)
    assert found.sent("PID") == "PID|1||A\\T\\é"
    assert found.sent("QPD") == ""
    assert found.octets == sent
