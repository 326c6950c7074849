import pytest

from gateway.paper.model import Grid, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Łódź", "Łódź"),
        ("e\u0301", "é"),
        ("a\tb\nc", "a    b\nc"),
        ("abc\u202etxt.exe", "abc[U+202E]txt.exe"),
        ("nul\x00 bell\x07", "nul[U+0000] bell[U+0007]"),
        ("zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"),
        ("\ud800", "[U+D800]"),
        ("line\u2028", "line[U+2028]"),
    ],
)
def test_what_has_no_shape_or_turns_text_is_spelled(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_columns_share_the_width() -> None:
    assert Grid(("a", "b"), (), (1, 3)).widths(100) == [25, 75]
    assert Grid(("a", "b"), ()).widths(100) == [50, 50]
