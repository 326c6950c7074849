"""gateway.stores.fragments: what is stored is read again, and is small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.fragments import _DICTIONARY, pack, unpack


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


def test_what_most_entries_say_takes_a_tenth_at_most() -> None:
    entry = _DICTIONARY.decode()[-6000:].replace("2.25.1", "2.25.123456789012345678901234567890")
    assert len(pack(entry)) < len(entry) / 10


def test_an_unknown_dictionary_is_told() -> None:
    with pytest.raises(ValueError, match="dictionary"):
        unpack(b"\x02" + pack("x")[1:])
