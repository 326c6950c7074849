"""Steps of a visit: what movements, corrections and cancels make of it."""

from gateway.record.visits import CANCELLED, Visit, VisitFacts, dump, load

FIRST = VisitFacts(patient_class="I", location="Ward^1", attending=("1^Doe",))
START = Visit(number="V1").moved(FIRST, "active", "A01", "M1")


def test_a_movement_keeps_what_it_does_not_say() -> None:
    moved = START.moved(VisitFacts(location="Ward^2", attending=()), None, "A02", "M2")
    assert moved.facts == VisitFacts(patient_class="I", location="Ward^2")
    assert (moved.state, moved.trigger, moved.movement, moved.step, moved.back) == (
        "active",
        "A02",
        "M2",
        2,
        1,
    )


def test_a_correction_is_no_movement() -> None:
    moved = START.corrected(VisitFacts(service="CAR"))
    assert (moved.facts.service, moved.trigger, moved.movement, moved.step, moved.back) == (
        "CAR",
        "A01",
        "M1",
        2,
        None,
    )


def test_a_cancel_leads_back_over_corrections_too() -> None:
    corrected = START.corrected(VisitFacts(service="CAR"))
    moved = corrected.moved(VisitFacts(location="Ward^2"), "away", "A21", "M2")
    undone = moved.corrected(VisitFacts(service="NEU")).undone(corrected)
    assert (undone.facts, undone.state, undone.movement) == (corrected.facts, "active", "M1")
    assert (undone.step, undone.back) == (5, None)
    last = undone.undone(None)
    assert (last.state, last.trigger, last.movement, last.step) == (CANCELLED, "", "", 6)


def test_what_is_written_is_read_again() -> None:
    moved = START.moved(VisitFacts(discharged_at="20260102"), "finished", "A03", "M2")
    assert load(dump(moved), "V1", 2) == moved
    assert b"null" not in dump(moved).replace(b'"back":null', b"")
