"""Task and Provenance beyond what the transactions show."""

import orjson
import pytest

from gateway.mpi.reviewing import Outcome
from gateway.stores.reviews import Review, ReviewState
from profiles.vigilance.codes import FHIR_STATUSES, STATUSES
from profiles.vigilance.wire.task import explained, write_listed


def review(**told: object) -> Review:
    usual = {
        "key": 255,
        "kind": "overlay",
        "patient": 1,
        "person": 2,
        "state": ReviewState.OPEN,
        "priority": 1,
        "explanation": '{"rule":"overlay"}',
        "created_at": 1_795_339_800_123,
    }
    return Review(**{**usual, **told})  # type: ignore[arg-type]


def test_every_state_has_a_status_of_its_own() -> None:
    assert set(FHIR_STATUSES) == set(ReviewState)
    assert {STATUSES[FHIR_STATUSES[state]] for state in ReviewState} == set(ReviewState)


def test_what_is_urgent_comes_as_urgent() -> None:
    task = write_listed(review())
    assert (task["id"], task["priority"], task["status"]) == ("ff", "urgent", "requested")
    assert task["authoredOn"] == task["lastModified"] == "2026-11-22T09:30:00.123Z"
    assert {"note", "output"}.isdisjoint(task)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_list_tells_who_said_what_but_not_why(outcome: Outcome) -> None:
    said = {
        "proposed": outcome.value,
        "proposed_by": "eve",
        "proposed_at": 0,
        "proposed_reason": "Anna Schmit",
    }
    task = write_listed(review(state=ReviewState.PROPOSED, **said))
    assert task["note"] == [
        {"authorString": "eve", "time": "1970-01-01T00:00:00.000Z", "text": f"proposed {outcome.value}"}
    ]
    assert "Schmit" not in str(task)


def test_an_explanation_in_words() -> None:
    told = {
        "rule": "twin",
        "odds": 4.2,
        "levels": {"family": 0, "given": 2, "sex": 1},
        "bits": {"family": 7.3, "given": -3},
        "vetoes": ["twin", "undated"],
    }
    assert explained(orjson.dumps(told).decode()) == (
        "rule twin; odds +4.20 bits; family equal (+7.30); given level 2 (-3.00); sex level 1 (+0.00); "
        "against it: twin, undated"
    )
    assert explained("{}") == "rule unknown"


def test_a_kind_that_is_new_is_asked_in_general() -> None:
    task = write_listed(review(kind="new-kind"))
    assert task["code"]["text"] == "new kind"
    assert task["description"] == "Is it the same human being?"
