"""ITI-78: pages to the end, while others come and go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhirbench import HOSPITAL, HOSPITAL_URI, Bench, patient, token
from tests.profiles.pdqm.answers import systems


@pytest.fixture
def crowd(bench: Bench) -> Bench:
    for number in range(25):
        told = patient(
            HOSPITAL,
            f"C-{number}",
            name=[{"family": "Crowd", "given": [chr(65 + number) * 4]}],
            birthDate=f"{1930 + number}-01-01",
        )
        assert bench.feed(told).status == 201
    return bench


def values(answer: Any) -> list[str]:
    return [each["identifier"][0]["value"] for each in answer.resources]


def test_pages_to_the_end_while_others_come_and_go(crowd: Bench) -> None:
    page = crowd.search(("family", "crowd"), ("_count", "10"))
    assert len(values(page)) == 10
    seen, totals = values(page), {page.json["total"]}
    crowd.feed(patient(HOSPITAL, "C-99", name=[{"family": "Crowd"}], birthDate="1999-01-01"))
    gone = next(f"C-{number}" for number in range(25) if f"C-{number}" not in seen)
    crowd.remove(token(HOSPITAL, gone))
    while (following := page.link("next")) is not None:
        assert "crowd" not in following
        page = crowd.follow(following)
        seen += values(page)
        totals.add(page.json["total"])
    assert sorted(seen) == sorted({f"C-{number}" for number in range(25)} - {gone})
    assert totals == {25}


def test_a_page_is_the_same_when_it_is_asked_for_again(crowd: Bench) -> None:
    following = crowd.search(("family", "crowd")).link("next")
    assert following is not None
    assert values(crowd.follow(following)) == values(crowd.follow(following))
    assert len(values(crowd.follow(following))) == 5


def test_a_page_is_of_the_node_that_searched(crowd: Bench) -> None:
    following = crowd.search(("family", "crowd")).link("next")
    assert following is not None
    assert crowd.follow(following, node="laboratory").issue[:2] == (410, "deleted")


def test_the_domains_chosen_hold_on_every_page(crowd: Bench) -> None:
    first = crowd.search(("family", "crowd"), ("identifier", f"urn:oid:{HOSPITAL}|"), ("_count", "20"))
    following = first.link("next")
    assert following is not None
    assert systems(crowd.follow(following)) == [[HOSPITAL_URI]] * 5


def test_the_number_alone(crowd: Bench) -> None:
    answer = crowd.search(("family", "crowd"), ("_count", "0"))
    assert answer.json["total"] == 25
    assert not {"entry"} & answer.json.keys()
    assert answer.link("next") is None
