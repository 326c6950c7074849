"""Typed reading of one file."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsInvalid
from gateway.policy.tomlfile import TomlFile

TEXT = b"""word = "x"
empty = ""
flag = true
number = 3
list = ["a", "b"]
mixed = ["a", 1]

[table]
key = 1

[table."dotted.name"]
inner = "y"
"""


@pytest.fixture
def file() -> TomlFile:
    return TomlFile.parse("some.toml", TEXT)


def test_values_of_every_kind(file: TomlFile) -> None:
    assert file.string("word") == "x"
    assert file.flag("flag") is True
    assert file.number("number", low=1, high=3) == 3
    assert file.strings("list") == ("a", "b")
    assert file.choice("word", among=("x", "y")) == "x"
    assert file.string("table", "dotted.name", "inner") == "y"


def test_defaults_stand_for_what_is_absent(file: TomlFile) -> None:
    assert file.string("absent", default="d") == "d"
    assert file.flag("absent", default=False) is False
    assert file.strings("absent", default=()) == ()
    assert file.table("absent", required=False) == {}


@pytest.mark.parametrize(
    ("read", "location"),
    [
        (lambda file: file.string("absent"), "some.toml:1"),
        (lambda file: file.string("empty"), "some.toml:2"),
        (lambda file: file.string("number"), "some.toml:4"),
        (lambda file: file.flag("number"), "some.toml:4"),
        (lambda file: file.number("flag", low=0, high=9), "some.toml:3"),
        (lambda file: file.strings("mixed"), "some.toml:6"),
        (lambda file: file.strings("word"), "some.toml:1"),
        (lambda file: file.choice("word", among=("y",)), "some.toml:1"),
        (lambda file: file.table("word"), "some.toml:1"),
        (lambda file: file.only(("other", "dotted.name"), "table"), "some.toml:9"),
        (lambda file: file.only((), "table", "dotted.name"), "some.toml:12"),
    ],
)
def test_a_wrong_value_is_refused_at_its_line(file: TomlFile, read: object, location: str) -> None:
    assert callable(read)
    with pytest.raises(SettingsInvalid) as caught:
        read(file)
    assert caught.value.location == location


@pytest.mark.parametrize(
    ("data", "location"), [(b'a = 1\nb = "\xff"\n', "f.toml:2"), (b"a = 1\n\nb = = 2\n", "f.toml:3")]
)
def test_text_that_is_no_toml(data: bytes, location: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        TomlFile.parse("f.toml", data)
    assert caught.value.location == location
