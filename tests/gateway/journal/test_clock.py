"""Times in the form of each language, in Luxembourg or, where the zone is not known, in UTC and said so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.journal.clock import clock_of
from gateway.journal.words import words

_FORMS = {
    "en": "1 March 2026 at 0:05",
    "fr": "1er mars 2026 à 0 h 05",
    "de": "1. März 2026 um 0:05 Uhr",
    "lb": "1. Mäerz 2026 um 0:05 Auer",
    "pt": "1 de março de 2026, 0:05",
}


@pytest.mark.parametrize(("language", "expected"), _FORMS.items())
def test_a_moment_stands_in_local_time(language: str, expected: str) -> None:
    clock = clock_of(words(language))
    assert clock.local
    assert clock.moment(datetime(2026, 2, 28, 23, 5, tzinfo=UTC)) == expected


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    clock = clock_of(words("en"))
    assert clock.time(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == "2:30 (CEST)"
    assert clock.time(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == "2:30 (CET)"
    assert clock.time(datetime(2026, 10, 25, 2, 30, tzinfo=UTC)) == "3:30"


def test_without_the_zone_it_is_utc_and_says_so() -> None:
    clock = clock_of(words("lb"), "Nowhere/At-All")
    assert not clock.local
    assert clock.moment(datetime(2026, 7, 2, 12, 0, tzinfo=UTC)) == "2. Juli 2026 um 12:00 Auer (UTC)"
