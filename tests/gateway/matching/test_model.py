"""The file that is shipped, what is refused, and that a model can be written and read again."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from gateway.config import shipped
from gateway.config.matching import NameRarity, Rarities
from gateway.errors import SettingsInvalid
from gateway.matching import MatchModel, dump_model, load_model
from gateway.matching.compare import LEVELS, Levels
from gateway.matching.model import model_of

SHIPPED = shipped("matching/model.toml")


def test_what_is_shipped_is_strict_and_knows_names() -> None:
    model = load_model(SHIPPED)
    assert model.policy == "C"
    assert [len(row) - 1 for row in model.weights] == list(LEVELS)
    assert model.knows_names


def test_what_is_missing_weighs_nothing(model: MatchModel) -> None:
    assert {row[level] for row, level in zip(model.weights, Levels(), strict=True)} == {0.0}


def test_is_read_as_it_was_written(named: MatchModel, tmp_path: Path) -> None:
    file = tmp_path / "model.toml"
    file.write_text(dump_model(named), encoding="utf-8")
    assert load_model(file) == named


def test_the_version_is_of_the_content(tmp_path: Path) -> None:
    model = load_model(SHIPPED)
    text = SHIPPED.read_text(encoding="utf-8")
    file = tmp_path / "model.toml"
    file.write_text("# a remark\n" + text, encoding="utf-8")
    assert load_model(file).version == model.version
    other = model_of(replace(model.source, policy="B"))
    assert other.version != model.version


def test_names_with_quotes_are_written(model: MatchModel, tmp_path: Path) -> None:
    rarity = Rarities(family=NameRarity(names={'a"b\\c é': -1.5}))
    file = tmp_path / "model.toml"
    file.write_text(dump_model(model_of(replace(model.source, rarity=rarity))), encoding="utf-8")
    assert load_model(file).family_rarity.names == {'a"b\\c é': -1.5}


def test_is_frozen(model: MatchModel) -> None:
    with pytest.raises(FrozenInstanceError):
        model.policy = "A"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('policy = "C"', 'policy = "D"', "policy"),
        ("sex = [", "sex = [1.0, ", "weights.sex"),
        ("phone = [", "phone = [nan, ", "weights.phone"),
        ("sex = [", "sexes = [", "weights.sex"),
        ("review = -2.0", "review = 6.0", "review"),
        ("review = -2.0", "revue = -2.0", "revue"),
        ("new_year_step = 10", "new_year_step = true", "new_year_step"),
        ('"19000101"', '"1900"', "dates"),
        ("[weights]", "[weights", "TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(before: str, after: str, reason: str, tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert before in text
    file = tmp_path / "model.toml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=reason) as refusal:
        load_model(file)
    assert str(refusal.value.location).startswith(f"{file}:")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load_model(tmp_path / "absent.toml")
