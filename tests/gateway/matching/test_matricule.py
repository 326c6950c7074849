"""Check digits and dates of the national number."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching.matricule import is_matricule, luhn_digit, verhoeff_digit


@pytest.mark.parametrize("number", ["1893120105732", "1990010112385", "2004022900721"])
def test_takes_what_was_published(number: str) -> None:
    assert is_matricule(number)


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        ("2005022900718", "date"),
        ("1990010112386", "Verhoeff"),
        ("1990010112395", "Luhn"),
        ("199001011238", "length"),
        ("19900101123850", "length"),
        ("199001011238x", "letter"),
        ("19900101123８5", "digit of another script"),  # noqa: RUF001
        ("", "empty"),
    ],
)
def test_refuses_a_wrong(number: str, wrong: str) -> None:
    assert not is_matricule(number), wrong


def test_the_date_alone_is_wrong_in_a_number_with_right_check_digits() -> None:
    body = "20050229007"
    assert f"{body}{luhn_digit(body)}{verhoeff_digit(body)}" == "2005022900718"


numbers = st.builds(
    lambda born, serial: _whole(f"{born:%Y%m%d}{serial:03d}"),
    st.dates(date(1890, 1, 1), date(2030, 12, 31)),
    st.integers(0, 999),
)


def _whole(body: str) -> str:
    return f"{body}{luhn_digit(body)}{verhoeff_digit(body)}"


@given(numbers)
def test_takes_what_it_makes(number: str) -> None:
    assert is_matricule(number)


@given(numbers, st.integers(0, 12), st.integers(1, 9))
def test_finds_one_wrong_digit(number: str, place: int, step: int) -> None:
    digit = (int(number[place]) + step) % 10
    assert not is_matricule(f"{number[:place]}{digit}{number[place + 1 :]}")


@given(numbers, st.integers(0, 9))
def test_finds_neighbours_swapped(number: str, place: int) -> None:
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert is_matricule(swapped) == (swapped == number)
