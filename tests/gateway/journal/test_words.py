"""The catalogues of the journal: complete and alike in five languages, for everything that can be audited."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from gateway.config.settings import shipped
from gateway.declare.events import ObjectKind
from gateway.errors import SettingsInvalid
from gateway.journal.words import LANGUAGES, codes, words
from gateway.record.people import Code

_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def _texts(language: str) -> dict[str, str]:
    told = words(language).sections
    return {f"{section}/{key}": text for section, table in told.items() for key, text in table.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_placeholders(language: str) -> None:
    expected, found = _texts("en"), _texts(language)
    assert found.keys() == expected.keys()
    for key, text in expected.items():
        assert set(_PLACEHOLDER.findall(found[key])) == set(_PLACEHOLDER.findall(text)), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_and_sentences_end(language: str) -> None:
    assert len(set(words(language).months)) == 12
    for key, text in _texts(language).items():
        assert text.strip() == text != "", key
        if key.startswith(("rule/", "refusal/", "note/")) or (key.startswith("kind.") and "/verb" not in key):
            assert text.endswith("."), key


def test_languages_differ() -> None:
    texts = [words(each).text("paper", "intro") for each in LANGUAGES]
    assert len(set(texts)) == len(LANGUAGES)


def test_another_language_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="language"):
        words("../passerelle")


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_the_codes_lead_to_has_words(language: str) -> None:
    table, told = codes(), words(language)
    for kind in {*table.transactions.values(), *table.events.values(), "other"}:
        assert {"you", "other", "verb"} == set(told.sections[f"kind.{kind}"])
    pairs = (
        ("profession", table.professions),
        ("purpose", table.purposes),
        ("class", table.classes),
        ("rule", table.rules),
        ("refusal", table.refusals),
    )
    for section, listed in pairs:
        assert all(told.known(section, name) for name in listed.values()), section


def test_every_transaction_that_names_patients_has_a_sentence_of_its_own() -> None:
    table = codes()
    declared = [each for profile in import_module("profiles").PROFILES for each in profile.transactions]
    named = {each.code for each in declared if ObjectKind.PATIENT in each.audit.objects} - {"ITI-58"}
    assert named - set(table.transactions) == set()
    assert len(named) > 30


def test_every_reason_of_the_rights_engine_has_words() -> None:
    source = (shipped("journal").parents[1] / "gateway/policy/engine.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r'"P\d+ deny ([A-Z_]+)', source))
    assert len(reasons) >= 9
    assert reasons - set(codes().refusals) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tables_of_the_documentation_are_those_in_use(language: str) -> None:
    page = (shipped("journal").parents[1] / "docs/journal.md").read_text(encoding="utf-8")
    for section, table in words(language).sections.items():
        if section.startswith("kind."):
            text = table["other"].replace("{who}", "…").replace("{what}", "[…]")
            assert f"| {text} |" in page, section
        elif section in {"rule", "refusal"}:
            assert all(f"| {text} |" in page for text in table.values()), section


def test_a_code_that_is_not_listed_gets_a_general_sentence() -> None:
    table = codes()
    assert table.kind(("ITI-43",), "110106", "R") == "read"
    assert table.kind(("RAD-69",), "110106", "R") == "read"
    assert table.kind(("ITI-32",), "110107", "C") == "add"
    assert table.kind(("X",), "X", "") == "other"
    assert table.is_patient(Code("PAT", "2.999"))
    assert not table.is_patient(Code("PHYSICIAN", "2.999"))
