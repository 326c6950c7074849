"""Weights from pairs."""

from __future__ import annotations

from collections.abc import Callable
from math import log2

import pytest

from gateway.matching import MatchModel, Traits, estimate

Person = Callable[..., Traits]


def test_weights_are_what_the_pairs_show(person: Person, model: MatchModel) -> None:
    same, other = (person(), person()), (person(), person(sex="M"))
    learned = estimate([same] * 99 + [other], [same] * 50 + [other] * 50, model).source.weights
    assert learned.sex[0] == pytest.approx(log2(99.5 / 101) - log2(50.5 / 101), abs=0.01)
    assert learned.sex[1] == pytest.approx(log2(1.5 / 101) - log2(50.5 / 101), abs=0.01)


def test_what_is_not_shown_keeps_its_weight(person: Person, model: MatchModel) -> None:
    learned = estimate([(person(), person())], [(person(), person(sex="M"))], model).source.weights
    assert learned.phone == model.source.weights.phone
    assert learned.family[2] == model.source.weights.family[2]
    assert estimate([], [], model).version == model.version


def test_the_number_keeps_its_weight_when_matches_were_found_by_it(person: Person, model: MatchModel) -> None:
    one, other = person(matricule="1990010112385"), person(matricule="2004022900721")
    found_by_it = estimate([(one, one)] * 9, [(one, other)] * 9, model)
    assert found_by_it.source.weights.matricule == model.source.weights.matricule
    otherwise = estimate([(one, one)] * 9 + [(one, other)], [(one, other)] * 9, model)
    assert otherwise.source.weights.matricule != model.source.weights.matricule


def test_common_names_say_less(person: Person, model: MatchModel) -> None:
    common, rare = person("Müller"), person("Reuter")
    pairs = [(common, common)] * 75 + [(rare, rare)] * 25
    names = estimate([(common, common)], pairs, model).family_rarity.names
    assert names["muller"] == pytest.approx(log2(0.625 / 0.75), abs=0.01)
    assert names["reuter"] == pytest.approx(log2(0.625 / 0.25), abs=0.01)


def test_names_seen_seldom_are_not_listed(person: Person, model: MatchModel) -> None:
    common, rare = person("Müller"), person("Reuter")
    learned = estimate([(common, common)], [(common, common)] * 50 + [(rare, common)], model).family_rarity
    assert set(learned.names) == {"muller"}
    assert learned.other == learned.names["muller"]
    assert learned.further == model.family_rarity.further
