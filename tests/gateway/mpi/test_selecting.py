"""Whoever fits a query has one token of each group, whatever was told and asked."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gateway.config.settings import shipped
from gateway.matching import load_model
from gateway.matching.finding import date_token, family_token, finding_tokens, names_token, postcode_token
from gateway.mpi.fitting import criteria_of, degree
from gateway.mpi.matcher import Matcher
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.mpi.selecting import MOST_TOKENS, token_groups
from gateway.record.demographics import Address, Demographics, PersonName, Telecom

KEY = b"k" * 32
MATCHER = Matcher(load_model(shipped("matching/model.toml")), KEY, frozenset())

words = st.sampled_from(
    ["Müller", "Mull", "Xu", "da", "Silva", "O'Brien", "Anne", "Änn", "Anna", "Marie-Zoé", "M", "-"]
)
texts = st.lists(words, min_size=1, max_size=3).map(" ".join)
begun = st.tuples(texts, st.integers(1, 9)).map(lambda each: each[0][: each[1]])
days = st.dates(date(1980, 1, 1), date(1980, 4, 30)).map(lambda day: day.isoformat().replace("-", ""))
dates = st.tuples(days, st.sampled_from([4, 6, 8])).map(lambda each: each[0][: each[1]])
numbers = st.sampled_from(
    ["+352 621 123 456", "621123456", "00352621123456", "12", "a@b.lu", "A@B.LU", "111111"]
)
postcodes = st.sampled_from(["L-4040", "4040", "4", "40", "54290", "5429", "SW1A 1AA", "SW1A"])

people = st.builds(
    Demographics,
    names=st.lists(
        st.builds(PersonName, family=texts, given=st.lists(texts, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
    birth_date=st.none() | dates,
    addresses=st.lists(st.builds(Address, postcode=postcodes), max_size=2).map(tuple),
    telecoms=st.lists(st.builds(Telecom, value=numbers), max_size=2).map(tuple),
)
wanted_names = st.builds(
    NameWanted,
    family=st.just("") | begun | texts,
    given=st.lists(begun | texts, max_size=2).map(tuple),
    exact=st.booleans(),
)
ranges = st.builds(DateRange, low=st.none() | days, high=st.none() | days, outside=st.booleans())
criteria = st.builds(
    Criterion,
    field=st.just(Field.TELECOM),
    values=st.lists(numbers, max_size=2).map(tuple),
    exact=st.booleans(),
) | st.builds(
    Criterion,
    field=st.just(Field.POSTCODE),
    values=st.lists(postcodes, max_size=2).map(tuple),
    exact=st.booleans(),
)
queries = st.builds(
    DemographicsQuery,
    names=st.lists(st.lists(wanted_names, max_size=2).map(tuple), max_size=2).map(tuple),
    born=st.lists(ranges, max_size=2).map(tuple),
    criteria=st.lists(criteria, max_size=2).map(tuple),
)


@given(people, queries)
def test_who_fits_is_found(told: Demographics, query: DemographicsQuery) -> None:
    if degree(criteria_of(query, MATCHER.dialling), told):
        stored = finding_tokens(told, KEY, MATCHER.dialling)
        for group in token_groups(query, MATCHER):
            assert not stored.isdisjoint(group)


@given(people, st.data())
def test_who_is_asked_for_by_what_was_told_of_him_is_found(told: Demographics, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(told.names or (PersonName(),)))
    letters = data.draw(st.integers(1, 12))
    query = DemographicsQuery(
        names=(
            (NameWanted(family=name.family[:letters], given=tuple(each[:letters] for each in name.given)),),
        ),
        born=(DateRange(low=told.birth_date, high=told.birth_date),)
        if len(told.birth_date or "") == 8
        else (),
    )
    stored = finding_tokens(told, KEY, MATCHER.dialling)
    if degree(criteria_of(query, MATCHER.dialling), told):
        assert all(not stored.isdisjoint(group) for group in token_groups(query, MATCHER))


def groups(**wanted: object) -> list[tuple[int, ...]]:
    return token_groups(DemographicsQuery(**wanted), MATCHER)  # type: ignore[arg-type]


def test_nothing_that_is_looked_up_gives_no_group() -> None:
    assert groups() == []
    assert groups(criteria=(Criterion(field=Field.SEX, values=("F",)),)) == []
    assert groups(names=((NameWanted(given=("Anna",)),),)) == []
    assert groups(names=((NameWanted(family="Xu"),),)) == []


def test_two_names_that_must_both_hold_are_looked_up_as_a_pair() -> None:
    family, given_name = NameWanted(family="Schmit"), NameWanted(given=("Anna",))
    expected = names_token("Schmit", "Anna", KEY)
    assert (expected,) in groups(names=((family,), (given_name,)))
    assert (expected,) in groups(names=((NameWanted(family="Schmit", given=("Anna",)),),))


def test_alternatives_are_one_group_if_all_can_be_looked_up() -> None:
    schmit, weber, short = (NameWanted(family=each) for each in ("Schmit", "Weber", "Xu"))
    both = sorted(token for each in (schmit, weber) if (token := family_token(each.family, KEY)) is not None)
    assert groups(names=((schmit, weber),)) == [tuple(both)]
    assert groups(names=((schmit, short),)) == []


def test_a_month_of_days_is_a_group_and_a_longer_time_is_not() -> None:
    (month,) = groups(born=(DateRange(low="19800101", high="19800131"),))
    assert len(month) == MOST_TOKENS
    assert date_token("198001", KEY) in month
    assert groups(born=(DateRange(low="19800101", high="19800201"),)) == []
    assert groups(born=(DateRange(low="19800101"),)) == []
    assert groups(born=(DateRange(low="19800101", high="19800101", outside=True),)) == []
    assert groups(born=(DateRange(low="19800231", high="19800231"),)) == []


def test_a_month_within_a_range_of_days_is_looked_up_too() -> None:
    (found,) = groups(born=(DateRange(low="19810131", high="19810302"),))
    assert date_token("198102", KEY) in found


def test_a_postcode_is_a_group_of_its_own() -> None:
    assert groups(criteria=(Criterion(field=Field.POSTCODE, values=("4040",)),)) == [
        (postcode_token("4040", KEY),)
    ]
    assert groups(criteria=(Criterion(field=Field.POSTCODE, values=("40",)),)) == []
