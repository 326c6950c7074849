"""What QPD and RCP must have, whoever asks."""

from __future__ import annotations

import pytest

from gateway.bindings.hl7v2 import Message, read_message
from gateway.config import Limits
from gateway.errors import Meaning, Refused
from profiles.pix.wire.query import quantity, query_text, require_query, sent_repetitions

HEAD = "MSH|^~\\&|KIS|HOSP|PIXM|DSP|20261122||QBP^Q23^QBP_Q21|1|P|2.5||||||8859/15"


def message(*segments: str) -> Message:
    return read_message("".join(f"{each}\r" for each in (HEAD, *segments)).encode("iso-8859-15"), Limits())


def test_the_tag_of_a_query() -> None:
    assert require_query(message("QPD|Q|tag\\T\\1", "RCP|I")) == "tag&1"
    assert require_query(message("QPD|Q|tag", "RCP")) == "tag"


@pytest.mark.parametrize(
    ("segments", "meaning", "place"),
    [
        (("RCP|I",), Meaning.SEGMENT_SEQUENCE, "QPD"),
        (("QPD|Q|tag",), Meaning.SEGMENT_SEQUENCE, "RCP"),
        (("QPD|Q|tag", "QPD|Q|tag", "RCP|I"), Meaning.SEGMENT_SEQUENCE, "QPD"),
        (('QPD|""|tag', "RCP|I"), Meaning.REQUIRED_FIELD, "QPD^1^1"),
        (("QPD|Q", "RCP|I"), Meaning.REQUIRED_FIELD, "QPD^1^2"),
        (("QPD|Q|tag", "RCP|B"), Meaning.TABLE_VALUE, "RCP^1^1"),
    ],
)
def test_what_is_missing(segments: tuple[str, ...], meaning: Meaning, place: str) -> None:
    with pytest.raises(Refused) as caught:
        require_query(message(*segments))
    assert (caught.value.problems[0].meaning, caught.value.location) == (meaning, place)


@pytest.mark.parametrize(("sent", "number"), [("", None), ("|1", 1), ("|25^RD", 25), ("|25^", 25)])
def test_a_quantity(sent: str, number: int | None) -> None:
    assert quantity(message("QPD|Q|tag", f"RCP|I{sent}")) == number


@pytest.mark.parametrize("sent", ["0^RD", "-1^RD", "1.5", "1000000000^RD", "٣^RD", "5^LI"])
def test_what_is_no_quantity(sent: str) -> None:
    text = "".join((f"{HEAD[:-7]}UNICODE UTF-8\r", "QPD|Q|tag\r", f"RCP|I|{sent}\r"))
    with pytest.raises(Refused):
        quantity(read_message(text.encode(), Limits()))


def test_the_audit_has_the_octets_and_their_encoding() -> None:
    sent = message("QPD|Q|tag|é€", "RCP|I")
    told = query_text(sent, "tag")
    assert told.text.decode("iso-8859-15").endswith("QPD|Q|tag|é€\rRCP|I\r")
    assert (told.identifier, told.encoding) == ("tag", "ISO-8859-15")


@pytest.mark.parametrize(("sent", "count"), [("", 0), ("~", 0), ("A", 1), ("A~B", 2), ("A~~B~", 3)])
def test_empty_repetitions_at_the_end_do_not_count(sent: str, count: int) -> None:
    assert len(sent_repetitions(message(f"QPD|Q|tag|{sent}"), "QPD-3")) == count
