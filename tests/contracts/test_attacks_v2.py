"""V2-05 to V2-10 through the whole pipeline, from an enrolled node; framing is tested at the listener."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest


def told(found: Any) -> tuple[str, str]:
    """The acknowledgement code and the first error code."""
    text = found.body.decode("utf-8", "replace")
    code = text.partition("\rMSA|")[2][:2]
    error = text.partition("\rERR|")[2].partition("\r")[0]
    return code, error


def changed(forge: Any, words: Any, old: bytes, new: bytes, patient: str = "FRESH") -> Any:
    raw = words.hl7(forge.house, "A01", patient)
    assert old in raw.body
    return replace(raw, body=raw.body.replace(old, new, 1))


@pytest.mark.parametrize("delimiters", [b"MSH|^^\\&|", b"MSH|^~|", b"MSH\r^~\\&\r", b"MSHA^~\\&A"])
def test_v2_05_unusable_delimiters(forge: Any, words: Any, delimiters: bytes) -> None:
    found = forge.send(changed(forge, words, b"MSH|^~\\&|", delimiters), "hl7v2")
    assert told(found)[0] in {"AR", ""}
    assert len(found.audit) == 1
    assert found.audit[0].outcome in {4, 8}


def test_v2_06_octets_against_msh_18(forge: Any, words: Any) -> None:
    raw = changed(forge, words, b"TEST^CONTRACT", b"T\xc3\xa9ST^C")
    latin = replace(raw, body=raw.body.replace(b"T\xc3\xa9ST", b"T\xe9ST"))
    found = forge.send(latin, "hl7v2")
    assert told(found)[0] in {"AE", "AR"}
    assert len(found.audit) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ADT^A01", b"ADT^Z99"),
        (b"ADT^A01", b"ZZZ^A01"),
        (b"|P|2.3.1", b"|P|9.9"),
        (b"|P|2.3.1", b"|X|2.3.1"),
    ],
    ids=["trigger", "type", "version", "processing"],
)
def test_v2_07_what_the_header_must_not_say(forge: Any, words: Any, old: bytes, new: bytes) -> None:
    found = forge.send(changed(forge, words, old, new), "hl7v2")
    assert told(found)[0] == "AR"
    assert [each.outcome for each in found.audit] == [4]


@pytest.mark.parametrize(
    "wide",
    [b"~".join([b"X^^^&2.999.1.1&ISO"] * 20_000), b"^" * 20_000, b"X\r" + b"NTE|1\r" * 20_000],
    ids=["repetitions", "components", "segments"],
)
def test_v2_08_counts(forge: Any, words: Any, wide: bytes) -> None:
    raw = words.hl7(forge.house, "A01", "FRESH")
    start = raw.body.index(b"FRESH")
    end = raw.body.index(b"||", start)
    found = forge.send(replace(raw, body=raw.body[:start] + wide + raw.body[end:]), "hl7v2")
    assert told(found)[0] in {"AR", "AE"}
    assert found.kinds == [words.abuse]


def test_v2_09_keys(forge: Any, words: Any) -> None:
    root = forge.house.settings.domain.affinity_oid.encode()
    cases = [
        (b"FRESH^^^&" + root + b"&ISO", b""),
        (b"FRESH^^^&" + root + b"&ISO", b"FRESH^^^&2.999.77&ISO"),
    ]
    for old, new in cases:
        found = forge.send(changed(forge, words, old, new), "hl7v2")
        assert told(found)[0] == "AE"
        assert [(each.event, each.outcome) for each in found.audit] == [("110110", 4)]


def test_v2_09_no_control_id(forge: Any, words: Any) -> None:
    raw = words.hl7(forge.house, "A01", "FRESH")
    control = raw.body.split(b"|")[9]
    found = forge.send(replace(raw, body=raw.body.replace(control, b"", 1)), "hl7v2")
    assert told(found)[0] == "AE"
    assert [(each.event, each.outcome) for each in found.audit] == [("110110", 4)]


def test_v2_10_the_same_message_again(forge: Any, words: Any) -> None:
    raw = words.hl7(forge.house, "A01", "FRESH")
    first = forge.send(raw, "hl7v2", unchanged=False)
    again = forge.send(raw, "hl7v2")
    assert again.body == first.body
    assert [(each.event, each.outcome) for each in again.audit] == [("110110", 0)]


def test_v2_10_other_content_under_the_same_control_id(forge: Any, words: Any) -> None:
    raw = words.hl7(forge.house, "A01", "FRESH")
    forge.send(raw, "hl7v2", unchanged=False)
    other = forge.send(replace(raw, body=raw.body.replace(b"FRESH", b"OTHER")), "hl7v2")
    assert told(other)[0] == "AE"
    assert "205" in told(other)[1]
    assert other.kinds == [words.message]
