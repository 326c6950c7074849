"""Every rule and every veto: one pair just inside, one just outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.matching import Judgement, MatchModel, Traits, Zone, judge
from gateway.record.people import PatientId

Person = Callable[..., Traits]
Told = dict[str, Any]
HOME = {"home": ("4001", "3, rue du Brill")}
MOVED = {"home": ("1234", "1, rue des Champs")}
ID, TYPO, OTHER_ID = (
    {"matricule": "1990010112385"},
    {"matricule": "1990010112386"},
    {"matricule": "2004022900721"},
)
POPULATION = 1_000_000


@pytest.fixture
def between(person: Person, named: MatchModel) -> Callable[[Told, Told], Judgement]:
    def judged(one: Told, other: Told) -> Judgement:
        return judge(person(**one), person(**other), named, POPULATION)

    return judged


Between = Callable[[Told, Told], Judgement]


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        ("status-never", HOME | {"status": "FICT"}, HOME),
        ("under-mothers-traits", HOME | {"status": "FILI"}, MOVED),
        ("different-numbers", MOVED | ID, HOME | OTHER_ID),
        ("relative", HOME, HOME | {"given": "Paul", "born": "19591102"}),
        ("relative", HOME, HOME | {"given": "Paul", "family": "Costa"}),
        ("sibling", HOME, HOME | {"given": "Paul", "sex": "M"}),
        ("sibling", HOME | {"birth_order": "1"}, HOME | {"birth_order": "2"}),
        ("sibling", HOME | {"mother": "M1", "given": "Bebe"}, HOME | {"mother": "M1", "born": "19880904"}),
        ("other-generation", HOME, HOME | {"born": "19590211"}),
    ],
)
def test_excluded_are_neither_linked_nor_reviewed(
    between: Between, rule: str, one: Told, other: Told
) -> None:
    judgement = between(one, other)
    assert (judgement.zone, judgement.rule) == (Zone.NONE, rule)


@pytest.mark.parametrize(
    ("veto", "inside", "outside"),
    [
        ("number-conflict", (HOME | ID, HOME | OTHER_ID), (HOME | ID, HOME)),
        ("given-unlike", (HOME, HOME | {"given": "Nicole"}), (HOME, HOME | {"given": "Sophie Nicole"})),
        (
            "given-unlike",
            (HOME | {"given": "Luc"}, HOME | {"given": "Marc"}),
            (HOME, HOME | {"given": "Spohie"}),
        ),
        (
            "namesake",
            (HOME, HOME | {"born": "19850325", "family": "Reutter"}),
            (HOME, HOME | {"born": "19850325"}),
        ),
        (
            "twin",
            (HOME | {"given": "Anna"}, HOME | {"given": "Anne"}),
            (HOME | {"given": "Anna"}, HOME | {"given": "Annna"}),
        ),
        (
            "twin",
            (HOME, HOME | {"given": "Sophie Paul", "sex": "M"}),
            (HOME, HOME | {"given": "Sophie Paul"}),
        ),
        ("unnamed", (HOME, HOME | {"given": "Bebe"}), (HOME, HOME | {"given": "Sophie Nicole"})),
        ("unnamed", (HOME, HOME | {"family": "Inconnu"}), (ID, ID | {"family": "Inconnu"})),
        ("date-unlike", (HOME, HOME | {"born": "19920318"}), (HOME, HOME | {"born": "19850325"})),
        ("namesake", (HOME, HOME | {"born": "19990317"}), (HOME, HOME | {"born": "19980317"})),
        (
            "namesake",
            (HOME, HOME | {"born": "19850325", "given": "Sophie Anna"}),
            (HOME, HOME | {"born": "19850318", "given": "Sophie Anna"}),
        ),
        (
            "twin",
            (HOME | {"given": "Anna Sophie"}, HOME | {"given": "Sophie"}),
            (HOME | {"given": "Anna Sophie"}, HOME | {"given": "Anna"}),
        ),
        ("undated", (HOME, HOME | {"born": None}), (HOME, HOME | {"born": "1985"})),
        (
            "family-unlike",
            (HOME, HOME | {"family": "Costa", "sex": None}),
            (HOME, HOME | {"family": "Reutter"}),
        ),
        ("family-unlike", (HOME, MOVED | {"family": "Costa"}), (HOME, HOME | {"family": "Costa"})),
        (
            "swapped-undated",
            (HOME, HOME | {"family": "Sophie", "given": "Reuter", "born": "19850318"}),
            (HOME, HOME | {"family": "Sophie", "given": "Reuter"}),
        ),
        ("newborn-unproved", (HOME | {"status": "FILI"}, HOME), (HOME, HOME)),
        ("status-doubtful", (HOME | {"status": "DOUT"}, HOME), (HOME | {"status": "VALI"}, HOME)),
        ("status-doubtful", (HOME | {"status": "COLV"}, HOME), (HOME | {"status": "HOMD"}, HOME)),
        (
            "other-order",
            (ID | {"birth_order": "1"}, ID | {"birth_order": "2"}),
            (ID, ID | {"birth_order": "2"}),
        ),
    ],
)
def test_vetoed_are_not_linked(
    between: Between, veto: str, inside: tuple[Told, Told], outside: tuple[Told, Told]
) -> None:
    judgement = between(*inside)
    assert veto in judgement.vetoes
    assert judgement.zone is not Zone.LINK
    judgement = between(*outside)
    assert judgement.vetoes == ()
    assert judgement.zone is Zone.LINK


@pytest.mark.parametrize(
    ("rule", "inside", "outside"),
    [
        (
            "same-number",
            (ID, ID | {"family": "Reitter", "born": "19850325"}),
            (ID, ID | {"born": "19920318"}),
        ),
        (
            "same-number",
            (ID, ID | {"family": "Sophie", "given": "Reuter"}),
            (ID, ID | {"family": "Costa", "given": "Ana"}),
        ),
        (
            "same-number-other-family",
            (ID, ID | {"family": "Costa"}),
            (ID, ID | {"family": "Costa", "sex": "M"}),
        ),
        (
            "same-number-other-family",
            (ID, ID | {"family": "Costa", "born": "19850318"}),
            (ID, ID | {"family": "Costa", "born": "19850325"}),
        ),
        ("same-number-other-given", (ID, ID | {"given": "Bebe"}), (ID, ID | {"given": "Nicole"})),
        (
            "same-number-other-given",
            (ID | {"given": "Luc"}, ID | {"given": "Lux"}),
            (ID | {"given": "Luc"}, ID | {"given": "Lux", "sex": "M"}),
        ),
        ("mistyped-number", (ID, TYPO), (ID, TYPO | {"sex": "M"})),
        ("mistyped-number", (ID, TYPO), (ID, {"matricule": "1990010113386"})),
        (
            "same-mother",
            ({"mother": "M1", "given": "Bebe"}, {"mother": "M1"}),
            ({"mother": "M1", "given": "Bebe", "multiple_birth": "Y"}, {"mother": "M1"}),
        ),
        (
            "same-mother",
            ({"mother": "M1", "status": "FILI"}, {"mother": "M1", "family": "Costa"}),
            ({"mother": "M1", "status": "FILI"}, {"mother": "M2"}),
        ),
        (
            "same-mother",
            (
                {"mother": "M1", "given": "Bebe", "multiple_birth": "Y", "birth_order": "1"},
                {"mother": "M1", "birth_order": "1"},
            ),
            ({"mother": "M1", "given": "Bebe", "birth_order": "1"}, {"mother": "M1", "birth_order": "2"}),
        ),
    ],
)
def test_rules_link_whatever_the_weight(
    between: Between, rule: str, inside: tuple[Told, Told], outside: tuple[Told, Told]
) -> None:
    judgement = between(*inside)
    assert (judgement.zone, judgement.rule, judgement.deterministic) == (Zone.LINK, rule, True)
    assert between(*outside).rule != rule


def test_an_undated_pair_of_one_number_is_linked_by_names(person: Person, named: MatchModel) -> None:
    unknown_day = {"matricule": "0000000000000"}
    assert person(born=None, **unknown_day).birth_date == ""
    one, other = person(**ID), person(**ID)
    undated = type(other)(**{name: getattr(other, name) for name in other.__slots__} | {"birth_date": ""})
    judgement = judge(one, undated, named, POPULATION)
    assert (judgement.zone, judgement.rule) == (Zone.LINK, "same-number-undated")


def test_an_identifier_in_common_links_who_agrees(person: Person, named: MatchModel) -> None:
    own = PatientId("55", "2.999.9")
    told = person(identifiers=[own])
    assert judge(person(identity=own), told, named, POPULATION).rule == "same-identifier"
    assert (
        judge(person(identifiers=[own], born="19850325"), told, named, POPULATION).rule == "same-identifier"
    )
    assert judge(person(identity=own, given="Nicole"), told, named, POPULATION).zone is Zone.REVIEW


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ID, ID | {"given": "Nicole"}),
        (ID, ID | {"born": "19920318"}),
        (ID, ID | {"family": "Costa", "given": "Rui", "born": "19591102", "sex": "M"}),
        (ID, ID | {"status": "DOUT"}),
    ],
)
def test_a_number_on_an_unlike_person_is_reviewed(between: Between, one: Told, other: Told) -> None:
    judgement = between(one, other)
    assert (judgement.zone, judgement.rule) == (Zone.REVIEW, "same-number-unlike")


@pytest.mark.parametrize("given", ["Anna", "Anne", "Luca"])
def test_nothing_is_misspelt_where_no_names_are_known(person: Person, model: MatchModel, given: str) -> None:
    judgement = judge(person(given=given, **HOME), person(given=f"{given}h", **HOME), model, POPULATION)
    assert judgement.zone is Zone.REVIEW


@pytest.mark.parametrize(
    ("status", "linked"),
    [
        ("", True),
        ("VALI", True),
        ("IDVER", True),
        ("HOMA", True),
        ("PROV", False),
        ("AL", False),
        ("DPOT", False),
    ],
)
def test_who_is_entered_without_proof_is_linked_by_number_only(
    between: Between, status: str, *, linked: bool
) -> None:
    assert (between(HOME | {"status": status}, HOME).zone is Zone.LINK) is linked
    assert (between(ID | {"status": status}, ID).zone is Zone.LINK) is (status != "DPOT")
