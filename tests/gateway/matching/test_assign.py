"""Which person: members, several persons, assertions, caps, overlays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.matching import MatchModel, Traits, Zone, assign, overlay
from gateway.record.people import PatientId

Person = Callable[..., Traits]
HOME, MOVED = ("4001", "3, rue du Brill"), ("1234", "1, rue des Champs")
ID, OTHER_ID = "1990010112385", "2004022900721"
POPULATION = 1_000_000


def test_the_first_is_a_new_person(person: Person, model: MatchModel) -> None:
    found = assign(person(), {}, model, POPULATION)
    assert (found.person, found.judgement, found.reviews) == (None, None, ())


def test_the_best_member_counts(person: Person, model: MatchModel) -> None:
    members = [person(home=MOVED), person(home=HOME)]
    found = assign(person(home=HOME), {7: members}, model, POPULATION)
    assert found.person == 7
    assert found.judgement is not None
    assert found.judgement.rule == "policy-c"
    assert found.reviews == ()


def test_another_member_may_support_a_link(person: Person, model: MatchModel) -> None:
    exact, neighbour = person(home=MOVED), person("Costa", born="19851703", home=HOME)
    new = person(home=HOME)
    assert assign(new, {7: [exact]}, model, 1 << 16).person is None
    found = assign(new, {7: [exact, neighbour]}, model, 1 << 16)
    assert found.person == 7
    assert found.judgement is not None
    assert found.judgement.rule == "supported-by-cluster"


@pytest.mark.parametrize(
    ("member", "veto"),
    [
        ({"matricule": OTHER_ID, "home": HOME}, "member-other-number"),
        ({"born": "19920318", "home": MOVED}, "member-other-date"),
        ({"status": "COLV", "home": MOVED}, "member-status-frozen"),
    ],
)
def test_one_member_may_veto_the_link(
    person: Person, model: MatchModel, member: dict[str, str], veto: str
) -> None:
    new = person(home=HOME, matricule=ID)
    found = assign(new, {7: [person(home=HOME), person(**member)]}, model, POPULATION)
    assert found.person is None
    assert [(each.person, each.kind) for each in found.reviews] == [(7, "possible-match")]
    assert found.reviews[0].judgement.rule == "member-veto"
    assert veto in found.reviews[0].judgement.vetoes
    assert found.reviews[0].judgement.zone is Zone.REVIEW


def test_who_has_another_number_is_no_question(person: Person, model: MatchModel) -> None:
    members = [person(given="Nicole", home=HOME), person(given="Nicole", home=HOME, matricule=OTHER_ID)]
    assert len(assign(person(home=HOME, matricule=ID), {7: members[:1]}, model, POPULATION).reviews) == 1
    assert assign(person(home=HOME, matricule=ID), {7: members}, model, POPULATION).reviews == ()


def test_two_persons_who_qualify_are_one_task_and_no_link(person: Person, model: MatchModel) -> None:
    clusters = {7: [person(home=HOME)], 8: [person(home=HOME, phone="26123456")], 9: [person("Costa", "Rui")]}
    found = assign(person(home=HOME, phone="26123456"), clusters, model, POPULATION)
    assert found.person is None
    assert [(each.person, each.kind, each.others) for each in found.reviews] == [
        (8, "several-clusters", (7,))
    ]


def test_a_person_asserted_to_be_another_is_not_looked_at(person: Person, model: MatchModel) -> None:
    clusters = {7: [person(home=HOME)], 8: [person(home=HOME)]}
    new = person(home=HOME)
    assert assign(new, clusters, model, POPULATION, apart=frozenset({8})).person == 7
    assert assign(new, clusters, model, POPULATION, apart=frozenset({7, 8})).person is None
    assert assign(new, clusters, model, POPULATION, apart=frozenset({7, 8})).reviews == ()


def test_where_candidates_were_left_out_only_a_rule_links(person: Person, model: MatchModel) -> None:
    likely = assign(person(home=HOME), {7: [person(home=HOME)]}, model, POPULATION, capped=True)
    assert likely.person is None
    assert [each.kind for each in likely.reviews] == ["cap-hit"]
    sure = assign(person(matricule=ID), {7: [person(matricule=ID)]}, model, POPULATION, capped=True)
    assert sure.person == 7


@pytest.mark.parametrize(
    ("new", "held", "kind"),
    [
        ({"given": "Nicole", "home": HOME}, {"home": HOME}, "possible-match"),
        ({"given": "Nicole", "matricule": ID}, {"matricule": ID}, "same-id-unlike-traits"),
        ({"home": HOME, "matricule": OTHER_ID}, {"home": HOME, "matricule": ID}, "id-conflict"),
    ],
)
def test_tasks_say_what_they_are_about(
    person: Person, model: MatchModel, new: dict[str, str], held: dict[str, str], kind: str
) -> None:
    found = assign(person(**new), {7: [person(**held)]}, model, POPULATION)
    assert found.person is None
    assert [each.kind for each in found.reviews] == [kind]


def test_a_number_in_use_elsewhere_is_told_although_the_person_was_found(
    person: Person, model: MatchModel
) -> None:
    clusters = {7: [person(matricule=ID)], 8: [person("Costa", "Rui", "19591102", "M", matricule=ID)]}
    found = assign(person(matricule=ID), clusters, model, POPULATION)
    assert found.person == 7
    assert [(each.person, each.kind) for each in found.reviews] == [(8, "same-id-unlike-traits")]


def test_twins_stay_two(person: Person, model: MatchModel) -> None:
    first = person(given="Anna", home=HOME, phone="26123456")
    found = assign(person(given="Anne", home=HOME, phone="26123456"), {7: [first]}, model, POPULATION)
    assert found.person is None
    brother = person(given="Luc", sex="M", home=HOME, phone="26123456")
    assert assign(brother, {7: [first]}, model, POPULATION).reviews == ()


def test_twins_who_are_not_named_yet_stay_two(person: Person, named: MatchModel) -> None:
    first = person(given="Bebe", home=HOME, phone="26123456")
    for second in (person(given="Bebe", home=HOME, phone="26123456"), person(home=HOME, phone="26123456")):
        assert assign(second, {7: [first]}, named, POPULATION).person is None


def test_a_triplet_is_told_by_its_order(person: Person, model: MatchModel) -> None:
    born = [person(given="Bebe", mother="M1", multiple_birth="Y", birth_order=str(n)) for n in (1, 2, 3)]
    clusters = {1: [born[0]], 2: [born[1]]}
    assert assign(born[2], clusters, model, POPULATION).person is None
    named = person(given="Luca", mother="M1", multiple_birth="Y", birth_order="2")
    assert assign(named, clusters, model, POPULATION).person == 2


def test_father_and_son_of_one_name_stay_two(person: Person, model: MatchModel) -> None:
    father = person(given="Paul", sex="M", born="19550317", home=HOME, phone="26123456")
    son = person(given="Paul", sex="M", born="19850317", home=HOME, phone="26123456")
    assert assign(son, {7: [father]}, model, POPULATION).person is None


def test_the_fictitious_is_nobody(person: Person, model: MatchModel) -> None:
    nobody = person(matricule=ID, status="FICT")
    found = assign(nobody, {7: [person(matricule=ID)]}, model, POPULATION)
    assert (found.person, found.reviews) == (None, ())


def test_the_order_of_persons_does_not_matter(person: Person, model: MatchModel) -> None:
    clusters = {7: [person(given="Nicole", home=HOME)], 8: [person(home=HOME)], 9: [person(born="1985")]}
    new = person(home=HOME)
    turned = dict(reversed(clusters.items()))
    assert assign(new, clusters, model, POPULATION) == assign(new, turned, model, POPULATION)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"family": "Costa", "given": "Rui", "born": "19591102", "sex": "M"}, True),
        ({"home": HOME}, {"given": "Rui", "sex": "M", "born": "19911102", "home": HOME}, True),
        ({}, {"family": "Costa"}, False),
        ({}, {"family": "Costa", "given": "Rui"}, True),
        ({"given": "Bebe"}, {}, False),
        ({"family": "Inconnu", "given": "X", "born": None}, {}, False),
        ({"matricule": ID}, {"matricule": OTHER_ID}, False),
        ({"matricule": ID, "home": MOVED}, {"matricule": OTHER_ID, "given": "Rui", "born": "19920318"}, True),
    ],
)
def test_overlay(
    person: Person, model: MatchModel, old: dict[str, str], new: dict[str, str], *, expected: bool
) -> None:
    assert overlay(person(**old), person(**new), model, POPULATION) is expected


def test_the_own_number_of_another_system_links(person: Person, model: MatchModel) -> None:
    own = PatientId("55", "2.999.9")
    held = person(identity=own)
    assert assign(person(identifiers=[own]), {7: [held]}, model, POPULATION).person == 7
