"""Whoever fits a query has its token; nobody is named by one."""

from __future__ import annotations

import pytest

from gateway.matching.finding import (
    compact,
    date_token,
    family_token,
    finding_tokens,
    identifier_token,
    names_token,
    postcode_token,
    short_token,
    telecom_key,
    telecom_token,
)
from gateway.matching.normalise import StopList
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.people import PatientId

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
DIALLING = StopList(dialling=("352",))
NUMBER = PatientId("1893120105732", "2.999.5")
TOLD = Demographics(
    names=(
        PersonName(family="Müller-Da Silva", given=("Anne-Marie", "Zoé")),
        PersonName(family="O'Brien", given=("Anne",), use="M"),
    ),
    birth_date="19700101",
    addresses=(Address(postcode="L-1234"), Address(postcode="54321")),
    telecoms=(Telecom(value="+352 621 123 456"), Telecom(value="Anne@Example.org", system="email")),
    identifiers=(NUMBER,),
)


def tokens(told: Demographics = TOLD, key: bytes = KEY) -> frozenset[int]:
    return finding_tokens(told, key, DIALLING)


@pytest.mark.parametrize(
    "family",
    ["Mull", "Mueller", "MULLER", "müller da", "Silva", "Da Silva", "dasil", "OBrien", "o'bri", "Brien"],
)
def test_a_family_name_is_found_from_the_beginning_of_each_word(family: str) -> None:
    assert family_token(family, KEY) in tokens()


@pytest.mark.parametrize("family", ["Mue", "uller", "Mülheim", "Lopes"])
def test_other_names_are_not(family: str) -> None:
    assert family_token(family, KEY) not in tokens()


def test_few_letters_are_no_beginning_unless_they_are_the_whole_name() -> None:
    assert family_token("Xu", KEY) is None
    assert family_token("Xu", KEY, whole=True) in tokens(Demographics(names=(PersonName(family="Xu"),)))
    assert family_token(" - ", KEY, whole=True) is None


@pytest.mark.parametrize("given", ["Anne", "annemarie", "Marie", "Anne-Marie Zoe"])
def test_both_names_are_found_together(given: str) -> None:
    assert names_token("Müller", given, KEY) in tokens()
    assert names_token("O'Brien", given, KEY) in tokens()
    assert short_token("Si", given[:2], KEY) in tokens()


def test_a_short_given_name_has_the_short_token_only() -> None:
    assert names_token("Müller", "Zoé", KEY) is None
    assert short_token("Müller", "Zoé", KEY) in tokens()
    assert short_token("M", "Zoé", KEY) is None


def test_a_birth_date_is_found_as_it_is_known_and_if_it_is_a_placeholder() -> None:
    assert date_token("19700101", KEY) in tokens()
    assert date_token("197001", KEY) not in tokens()
    assert date_token("197001", KEY) in tokens(Demographics(birth_date="197001"))


@pytest.mark.parametrize("number", ["621123456", "00352621123456", "+352-621-123456", "tel:+352621123456"])
def test_a_number_is_found_however_it_is_written(number: str) -> None:
    assert telecom_token(number, KEY, DIALLING) in tokens()


def test_an_address_of_mail_is_not_taken_for_a_number() -> None:
    assert telecom_token("mailto:anne@example.ORG", KEY, DIALLING) in tokens()
    assert telecom_key("12345678@example.org", DIALLING) != telecom_key("12345678", DIALLING)


@pytest.mark.parametrize("postcode", ["1234", "L-1234", "l 1234", "5432", "54321"])
def test_a_postcode_is_found_from_four_characters_on(postcode: str) -> None:
    assert postcode_token(postcode, KEY) in tokens()


def test_a_short_postcode_is_no_beginning() -> None:
    assert postcode_token("543", KEY) is None
    assert postcode_token("101", KEY, whole=True) in tokens(
        Demographics(addresses=(Address(postcode="101"),))
    )


def test_an_identifier_that_a_source_told_is_found() -> None:
    assert identifier_token(NUMBER, KEY) in tokens()


@pytest.mark.parametrize("status", ["FICT", "ANOM", "CACH", "USUR", "INVA", "DESA"])
def test_a_hidden_identity_has_no_token(status: str) -> None:
    assert tokens(Demographics(names=TOLD.names, status=status)) == frozenset()


def test_tokens_depend_on_the_secret() -> None:
    assert tokens().isdisjoint(tokens(key=OTHER_KEY))


def test_a_usual_person_has_few_tokens() -> None:
    usual = Demographics(
        names=(PersonName(family="Schmit", given=("Anna",)),),
        birth_date="19801224",
        addresses=(Address(postcode="4040"),),
        telecoms=(Telecom(value="621123456"),),
    )
    assert len(tokens(usual)) == 6


@pytest.mark.parametrize(
    ("text", "folded"), [("O'Brien", "obrien"), ("van der Straße", "vanderstrasse"), ("!", "")]
)
def test_text_is_run_together(text: str, folded: str) -> None:
    assert compact(text) == folded
