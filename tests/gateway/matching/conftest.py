"""People as systems tell of them, and a model to judge them by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from gateway.config import shipped
from gateway.config.matching import MatchingFile, NameRarity, Rarities, Weights, load_matching
from gateway.matching import MatchModel, Traits, traits_of
from gateway.matching.model import model_of
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.people import PatientId

OWN = PatientId("1", "2.999.7")
NATIONAL = "2.999.352.1"
Person = Callable[..., Traits]


@pytest.fixture(scope="session")
def model() -> MatchModel:
    """Fixed weights and no table of names, whatever is shipped; the shipped placeholders."""
    weights = Weights(
        family=(8.9, 7.0, 4.9, 0.9, -4.5, 11.8),
        given=(9.7, 7.0, 3.9, -0.4, -8.4, 11.8),
        birth_date=(14.6, 3.7, 0.4, -10.5),
        sex=(1.0, -6.1),
        address=(17.5, 0.7, -1.8, -1.8),
        phone=(17.8, -2.4),
        matricule=(18.8, -9.1, 9.0),
        mother=(12.0, 5.0, -3.0, -8.0),
        birth_place=(3.0, -0.5),
        birth_order=(1.0, -8.0),
        identifier=(18.0,),
    )
    shipped_file = load_matching(shipped("matching/model.toml"))
    return model_of(MatchingFile(policy="C", weights=weights, placeholders=shipped_file.placeholders))


@pytest.fixture(scope="session")
def named(model: MatchModel) -> MatchModel:
    """The same model, with some names in use and how rare they are."""
    given = {"sophie": -1.0, "anna": -2.0, "anne": -1.5, "paul": -1.0, "luca": 0.0}
    rarity = Rarities(
        family=NameRarity(other=4.0, names={"muller": -3.0}),
        given=NameRarity(other=7.0, further=4.0, names=given),
    )
    return model_of(replace(model.source, rarity=rarity))


@pytest.fixture(scope="session")
def person(model: MatchModel) -> Person:
    def make(
        family: str = "Reuter",
        given: str = "Sophie",
        born: str | None = "19850317",
        sex: str | None = "F",
        *,
        home: tuple[str, str] | None = None,
        phone: str | None = None,
        matricule: str | None = None,
        identity: PatientId = OWN,
        identifiers: Iterable[PatientId] = (),
        mother: str | None = None,
        other_family: str | None = None,
        **rest: str | None,
    ) -> Traits:
        names = [PersonName(family=family, given=tuple(given.split()))]
        if other_family:
            names.append(PersonName(family=other_family, use="M"))
        numbers = tuple(identifiers) + ((PatientId(matricule, NATIONAL),) if matricule else ())
        told = Demographics(
            names=tuple(names),
            birth_date=born,
            sex=sex,
            addresses=(Address(postcode=home[0], lines=(home[1],), city="Esch"),) if home else None,
            telecoms=(Telecom(value=phone),) if phone else None,
            identifiers=numbers or None,
            mothers_identifiers=(PatientId(mother, NATIONAL),) if mother else None,
            **rest,
        )
        return traits_of(told, identity, frozenset({NATIONAL}), model.stop)

    return make
