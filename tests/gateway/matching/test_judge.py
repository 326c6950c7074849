"""Weights, thresholds at their borders, policies, grades, and what is said of a decision."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.matching import Grade, MatchModel, Traits, Zone, explain, judge
from gateway.matching.model import model_of

Person = Callable[..., Traits]
HOME, MOVED = ("4001", "3, rue du Brill"), ("1234", "1, rue des Champs")
POPULATION = 1 << 20


def with_(model: MatchModel, policy: Literal["A", "B", "C"] = "C", **limits: float) -> MatchModel:
    thresholds = replace(model.thresholds, **limits)
    return model_of(replace(model.source, policy=policy, thresholds=thresholds))


def test_the_weight_is_the_sum_of_the_shares(person: Person, model: MatchModel) -> None:
    judgement = judge(person(home=HOME), person(home=HOME), model, POPULATION)
    weights = model.source.weights
    assert dict(judgement.shares) == {
        "family": weights.family[0],
        "given": weights.given[0],
        "birth_date": weights.birth_date[0],
        "sex": weights.sex[0],
        "address": weights.address[0],
    }
    assert judgement.weight == pytest.approx(sum(judgement.shares.values()))
    assert judgement.odds == pytest.approx(judgement.weight - 20)


def test_a_rare_name_weighs_more(person: Person, named: MatchModel) -> None:
    common = judge(person("Müller"), person("Mueller"), named, POPULATION)
    rare = judge(person("Reuter"), person("Reuter"), named, POPULATION)
    assert rare.weight - common.weight == pytest.approx(7.0)


def test_a_rare_name_within_another_weighs_more(person: Person, named: MatchModel) -> None:
    common = judge(person("Müller"), person("Mueller Weber"), named, POPULATION)
    rare = judge(person("Reuter"), person("Reuter Weber"), named, POPULATION)
    assert rare.weight - common.weight == pytest.approx(7.0)


def test_a_second_given_name_in_common_weighs_more(person: Person, named: MatchModel) -> None:
    one = judge(person(given="Anna"), person(given="Anna"), named, POPULATION)
    two = judge(person(given="Anna Anne"), person(given="Anna Anne"), named, POPULATION)
    assert two.weight - one.weight == pytest.approx(0.5 + 4.0)


@pytest.mark.parametrize(("beyond", "zone"), [(0.0, Zone.LINK), (0.01, Zone.REVIEW)])
def test_links_from_the_threshold_on(person: Person, model: MatchModel, beyond: float, zone: Zone) -> None:
    pair = person(home=HOME), person(home=HOME)
    odds = judge(*pair, model, POPULATION).odds
    limits = with_(model, automatic=odds + beyond, strong=odds + 1, rare=odds + 2)
    assert judge(*pair, limits, POPULATION).zone is zone


@pytest.mark.parametrize(("beyond", "zone"), [(0.0, Zone.REVIEW), (0.01, Zone.NONE)])
def test_reviews_from_the_threshold_on(person: Person, model: MatchModel, beyond: float, zone: Zone) -> None:
    pair = person(), person(born="19850318", sex=None)
    odds = judge(*pair, model, POPULATION).odds
    limits = with_(model, review=odds + beyond, automatic=odds + 1, strong=odds + 2, rare=odds + 3)
    assert judge(*pair, limits, POPULATION).zone is zone


@pytest.mark.parametrize(("beyond", "grade"), [(0.0, Grade.POSSIBLE), (0.01, Grade.NONE)])
def test_is_possible_from_the_threshold_on(
    person: Person, model: MatchModel, beyond: float, grade: Grade
) -> None:
    pair = person(), person(born="19850318", sex=None)
    odds = judge(*pair, model, POPULATION).odds
    limits = with_(
        model, possible=odds + beyond, review=odds + 1, automatic=odds + 2, strong=odds + 3, rare=odds + 4
    )
    assert judge(*pair, limits, POPULATION).grade is grade


def test_a_larger_index_asks_for_more(person: Person, model: MatchModel) -> None:
    pair = person(), person(born="19850318")
    few, many = judge(*pair, model, 1000), judge(*pair, model, 10**9)
    assert few.odds > many.odds
    assert (few.zone, many.zone) == (Zone.REVIEW, Zone.NONE)


@pytest.mark.parametrize(
    ("policy", "rule"), [("A", "policy-a"), ("B", "policy-b-exact"), ("C", "unsupported")]
)
def test_policies_differ_in_what_they_ask_besides(
    person: Person, model: MatchModel, policy: Literal["A", "B", "C"], rule: str
) -> None:
    judgement = judge(person(home=HOME), person(home=MOVED), with_(model, policy), 1 << 18)
    assert judgement.rule == rule
    assert (judgement.zone is Zone.LINK) is (policy != "C")


@pytest.mark.parametrize("other", [{"home": ("4001", "5, rue du Brill")}, {"phone": "26123456"}])
def test_policy_c_asks_for_address_or_phone(
    person: Person, model: MatchModel, other: dict[str, object]
) -> None:
    judgement = judge(person(home=HOME, phone="26123456"), person(**other), model, POPULATION)
    assert (judgement.zone, judgement.rule, judgement.grade) == (Zone.LINK, "policy-c", Grade.CERTAIN)


def test_the_same_road_is_enough_of_those_born_on_one_day(person: Person, model: MatchModel) -> None:
    one, neighbour = person(home=HOME), ("4001", "5, rue du Brill")
    assert judge(one, person(home=neighbour), model, 1 << 10).rule == "policy-c"
    assert judge(one, person(home=neighbour, born="19850318"), model, 1 << 10).rule == "unsupported"


def test_policy_b_asks_for_exact_names_without_address(person: Person, model: MatchModel) -> None:
    judgement = judge(person("Reuter"), person("Reutter"), with_(model, "B"), 1 << 10)
    assert judgement.rule == "unsupported"


def test_a_rare_exact_person_needs_no_address(person: Person, named: MatchModel) -> None:
    limits = with_(named, rare=20.0)
    assert judge(person(), person(), limits, POPULATION).rule == "unsupported"
    assert judge(person(), person(), named, POPULATION).rule == "exact-and-rare"
    common = person("Müller", "Anna")
    assert judge(common, common, named, POPULATION).rule == "unsupported"


def test_a_rare_person_may_be_misspelt_but_not_unlike(person: Person, named: MatchModel) -> None:
    one = person("Reuter Lang", "Anna Anne")
    assert judge(one, person("Reuter", "Anna Anne"), named, 1 << 10).rule == "exact-and-rare"
    assert judge(one, person("Reutter Lang", "Anna Anne"), named, 1 << 10).rule == "close-and-rare"
    one = person("Demir", "Anna Anne")
    assert judge(one, person("Demirtas", "Anna Anne"), named, 1 << 10).rule == "unsupported"


def test_who_has_a_homonym_needs_an_address(person: Person, named: MatchModel) -> None:
    one = person(home=HOME, status="HOMA")
    assert judge(one, person(), named, POPULATION).rule == "unsupported"
    assert judge(one, person(home=HOME), named, POPULATION).rule == "policy-c"


def test_who_is_rare_is_not_known_without_a_table_of_names(person: Person, model: MatchModel) -> None:
    judgement = judge(person(), person(), model, 2)
    assert judgement.odds > model.thresholds.rare
    assert judgement.rule == "unsupported"


def test_a_changed_family_name_asks_for_strong_odds(person: Person, named: MatchModel) -> None:
    pair = person(home=HOME), person("Costa", home=HOME)
    assert judge(*pair, named, POPULATION).rule == "renamed"
    assert judge(*pair, named, POPULATION).zone is Zone.LINK
    odds = judge(*pair, named, POPULATION).odds
    limits = with_(named, strong=odds + 0.01, rare=odds + 1)
    assert judge(*pair, limits, POPULATION).zone is Zone.REVIEW


def test_grades(person: Person, model: MatchModel) -> None:
    one = person(home=HOME)
    assert judge(one, person(home=HOME), model, POPULATION).grade is Grade.CERTAIN
    assert judge(one, person(home=HOME, given="Nicole"), model, POPULATION).grade is Grade.PROBABLE
    assert judge(one, person(home=MOVED, born="19850318", sex="M"), model, POPULATION).grade is Grade.POSSIBLE
    assert judge(one, person("Costa", "Rui", "19591102"), model, POPULATION).grade is Grade.NONE
    assert judge(one, person(home=HOME, status="DESA"), model, POPULATION).grade is Grade.NONE


def test_only_a_rule_scores_one(person: Person, model: MatchModel) -> None:
    number = {"matricule": "1990010112385"}
    assert judge(person(**number), person(**number), model, POPULATION).score == 1.0
    assert judge(person(home=HOME), person(home=HOME), model, POPULATION).score == 0.9999
    assert judge(person(), person("Costa", "Rui", "19591102"), model, POPULATION).score == 0.0


def test_the_explanation_is_json_without_the_person(person: Person, model: MatchModel) -> None:
    pair = person(home=HOME, phone="26123456"), person(given="Nicole", home=HOME)
    told = explain(judge(*pair, model, POPULATION))
    text = json.dumps(told).lower()
    assert not [
        word for word in ("reuter", "sophie", "nicole", "1985", "4001", "brill", "26123456") if word in text
    ]
    assert told["rule"] == "given-unlike"
    assert told["vetoes"] == ["given-unlike"]
    assert told["levels"]["given"] == 4
    assert told["bits"]["given"] == model.source.weights.given[4]
    assert told["model"] == model.version


words = st.lists(st.sampled_from(["anna", "anne", "annna", "sophie", "reuter"]), max_size=2).map(tuple)
people = st.builds(
    Traits,
    family=words,
    given=words,
    birth_date=st.sampled_from(["", "1985", "19850317", "19990317"]),
    sex=st.sampled_from(["", "F", "M"]),
    phones=st.sampled_from([frozenset(), frozenset({"26123456"})]),
    matricule=st.sampled_from([None, "1990010112385", "2004022900721"]),
    status=st.sampled_from(["", "PROV", "FILI", "DOUT", "FICT"]),
    birth_order=st.integers(0, 2),
    multiple_birth=st.sampled_from([None, True, False]),
)


@given(people, people)
def test_the_order_does_not_matter(named: MatchModel, one: Traits, other: Traits) -> None:
    assert judge(one, other, named, POPULATION) == judge(other, one, named, POPULATION)


@given(people, people)
def test_a_veto_never_links(named: MatchModel, one: Traits, other: Traits) -> None:
    judgement = judge(one, other, named, POPULATION)
    assert not judgement.vetoes or judgement.zone is not Zone.LINK
    assert (judgement.grade is Grade.CERTAIN) == (judgement.zone is Zone.LINK)
