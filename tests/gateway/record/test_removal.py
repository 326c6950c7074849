from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Meaning, Refused
from gateway.record.documents import Relation, Submission
from gateway.record.removal import Removal, orphan, plan_removal

NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"


def planned(record: Any, *ids: str) -> Removal:
    return record.run(plan_removal(ids, record.registry))


def refusals(record: Any, *ids: str) -> list[tuple[Meaning, str | None]]:
    with pytest.raises(Refused) as caught:
        planned(record, *ids)
    return [(problem.meaning, problem.location) for problem in caught.value.problems]


def stay(record: Any, make: Any) -> tuple[Submission, Any, Any, Any]:
    """A folder with a document: (submission, document, folder, membership)."""
    entry, folder = make.entry(), make.folder()
    member = make.member(folder.id, entry.id)
    submission = record.register(make.submission(entry, folders=[folder], links=[member]), make)
    return submission, entry, folder, member


def of_set(submission: Submission, target: str) -> str:
    head = submission.submission_set.id
    return next(each.id for each in submission.associations if (each.source, each.target) == (head, target))


def test_a_whole_submission_goes_at_once(record: Any, make: Any) -> None:
    submission, *_ = stay(record, make)
    plan = planned(record, *submission.ids)
    assert [each.id for each in plan.removed] == list(submission.ids)
    assert (plan.sets, plan.members) == ((), ())


def test_what_is_not_registered(record: Any, make: Any) -> None:
    submission, *_ = stay(record, make)
    assert refusals(record, *submission.ids, NOWHERE) == [(Meaning.UNRESOLVED_REFERENCE, NOWHERE)]


@pytest.mark.parametrize("what", ["document", "folder", "membership", "set"])
def test_what_is_referred_to_stays(record: Any, make: Any, what: str) -> None:
    submission, entry, folder, member = stay(record, make)
    name = {
        "document": entry.id,
        "folder": folder.id,
        "membership": member.id,
        "set": submission.submission_set.id,
    }[what]
    found = refusals(record, name)
    assert {(meaning, where) for meaning, where in found if meaning is not Meaning.UNREFERENCED_OBJECT} == {
        (Meaning.REFERENCES_EXIST, name)
    }


def test_a_folder_goes_with_its_memberships_and_theirs(record: Any, make: Any) -> None:
    submission, entry, folder, member = stay(record, make)
    ids = (folder.id, member.id, of_set(submission, member.id), of_set(submission, folder.id))
    plan = planned(record, *ids)
    assert [each.id for each in plan.sets] == [submission.submission_set.id]
    assert [each.id for each in plan.members] == [entry.id]


def test_what_would_belong_to_no_set(record: Any, make: Any) -> None:
    submission, entry, *_ = stay(record, make)
    assert refusals(record, of_set(submission, entry.id)) == [(Meaning.UNREFERENCED_OBJECT, entry.id)]


def test_a_document_of_two_sets_stays_the_member_of_one(record: Any, make: Any) -> None:
    submission, entry, *_ = stay(record, make)
    second = make.submission()
    link = make.member(second.submission_set.id, entry.id, "Reference")
    record.register(make.adding(second, link), make)
    plan = planned(record, of_set(submission, entry.id))
    assert [each.id for each in plan.members] == [entry.id]


def test_a_set_that_would_hold_nothing(record: Any, make: Any) -> None:
    entry = make.entry()
    submission = record.register(make.submission(entry), make)
    head = submission.submission_set.id
    assert refusals(record, entry.id, of_set(submission, entry.id)) == [(Meaning.UNREFERENCED_OBJECT, head)]


def test_a_relationship_goes_alone(record: Any, make: Any) -> None:
    old, new = make.entry(), make.entry()
    record.register(make.submission(old), make)
    link = make.link(Relation.APPEND, new.id, old.id)
    record.register(make.submission(new, links=[link]), make)
    assert [each.kind for each in planned(record, link.id).removed] == ["association"]


def test_an_orphan_is_named_with_its_kind(record: Any, make: Any) -> None:
    submission, *_ = stay(record, make)
    (head, *_) = planned(record, *submission.ids).removed
    problem = orphan(head)
    assert problem.location == head.id
    assert "submission-set" in problem.context


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.sets(st.integers(0, 10)))
def test_after_a_removal_nothing_dangles_and_nothing_is_an_orphan(
    record: Any, make: Any, chosen: set[int]
) -> None:
    first, entry, *_ = stay(record, make)
    addendum = make.entry()
    second = record.register(
        make.submission(addendum, links=[make.link(Relation.APPEND, addendum.id, entry.id)]), make
    )
    names = [*first.ids, *second.ids]
    assert len(names) == 11
    picked = [names[at] for at in sorted(chosen)]
    if not picked:
        return
    links = [*first.associations, *second.associations]
    left = set(names) - set(picked)
    staying = [each for each in links if each.id in left]
    heads = {first.submission_set.id, second.submission_set.id}
    held = {each.target for each in staying if each.source in heads}
    brought = {each.target for each in links if each.source in heads}
    touched = {end for each in links if each.id not in left for end in (each.source, each.target)} & left
    whole = all({each.source, each.target} <= left for each in staying) and all(
        (name in {each.source for each in staying}) if name in heads else name in held
        for name in touched
        if name in heads | brought
    )
    if whole:
        record.remove(*picked)
        assert set(record.run(record.registry.standing(names))) == left
    else:
        found = {meaning for meaning, _ in refusals(record, *picked)}
        assert found <= {Meaning.REFERENCES_EXIST, Meaning.UNREFERENCED_OBJECT}
        assert set(record.run(record.registry.standing(names))) == set(names)
