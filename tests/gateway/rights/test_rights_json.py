"""Patient rights survive storage exactly, and nothing unreadable is taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Defect
from gateway.record.access import AccessLevel, Listing, Mandate, Opposition, PatientRights, Period, Raising
from gateway.rights.rights_json import combined, from_json, listed_twice, to_json

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
TIMES = st.none() | st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))]),
)
PERIODS = st.builds(Period, TIMES, TIMES)
LISTS = st.lists(st.builds(Listing, NAMES, PERIODS, st.frozensets(NAMES, max_size=3)), max_size=3).map(tuple)
RIGHTS = st.builds(
    PatientRights,
    open=st.booleans(),
    oppositions=st.lists(st.builds(Opposition, st.none() | NAMES, PERIODS), max_size=2).map(tuple),
    blacklist=LISTS,
    whitelist=LISTS,
    whitelist_only=st.booleans(),
    mandates=st.lists(
        st.builds(Mandate, NAMES, PERIODS, NAMES, st.frozensets(NAMES, max_size=2), st.booleans()), max_size=2
    ).map(tuple),
    levels=st.lists(st.builds(AccessLevel, NAMES, st.integers(1, 3), PERIODS), max_size=2).map(tuple),
    emergency_allowed=st.booleans(),
    emergency_rank=st.integers(1, 3),
    relations=LISTS,
    default_rank=st.integers(1, 3),
    raisings=st.lists(
        st.builds(Raising, st.frozensets(NAMES, max_size=3), st.integers(1, 3), PERIODS), max_size=2
    ).map(tuple),
)


@given(RIGHTS)
def test_rights_come_back_as_they_went(rights: PatientRights) -> None:
    assert from_json(to_json(rights)) == rights


def test_equal_rights_give_equal_text() -> None:
    one = PatientRights(raisings=(Raising(frozenset({"A", "B", "C"}), 2),))
    two = PatientRights(raisings=(Raising(frozenset({"C", "B", "A"}), 2),))
    assert to_json(one) == to_json(two)


def stored(**changes: Any) -> str:
    listing = {"subject": "dr-1", "documents": [], "start": None, "end": None}
    content = orjson.loads(to_json(PatientRights())) | {"blacklist": [listing]}
    return orjson.dumps(content | changes).decode()


def test_the_base_of_the_next_test_is_good() -> None:
    assert from_json(stored()) == PatientRights(blacklist=(Listing("dr-1"),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"open": true',
        stored(open="yes"),
        stored(open=1),
        stored(version=1),
        stored(extra=1),
        stored(emergency_rank=4),
        stored(emergency_rank=True),
        stored(levels=[{"subject": "x", "rank": 0, "start": None, "end": None}]),
        stored(blacklist={"subject": "x"}),
        stored(blacklist=[{"subject": "x"}]),
        stored(blacklist=[{"subject": " ", "documents": [], "start": None, "end": None}]),
        stored(blacklist=[{"subject": "x", "documents": "d", "start": None, "end": None}]),
        stored(blacklist=[{"subject": "x", "documents": [1], "start": None, "end": None}]),
        stored(blacklist=[{"subject": "x", "documents": [], "start": "2026-01-01T00:00:00", "end": None}]),
        stored(blacklist=[{"subject": "x", "documents": [], "start": "soon", "end": None}]),
        stored(mandates=[{"holder": "x", "given_by": "law", "actions": [], "start": None, "end": None}]),
    ],
)
def test_what_is_not_exactly_rights_is_a_defect(text: str) -> None:
    with pytest.raises(Defect):
        from_json(text)


def test_a_missing_field_is_a_defect() -> None:
    content = orjson.loads(stored())
    for name in content:
        rest = {key: value for key, value in content.items() if key != name}
        with pytest.raises(Defect):
            from_json(orjson.dumps(rest).decode())


def test_a_time_without_zone_is_not_stored() -> None:
    naive = Period(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(Defect):
        to_json(PatientRights(blacklist=(Listing("dr-1", naive),)))


def test_lists_of_different_subjects_may_name_one_document() -> None:
    here, there = frozenset({"d", "e"}), frozenset({"d"})
    apart = PatientRights(
        blacklist=(Listing("a", documents=here),), whitelist=(Listing("b", documents=there),)
    )
    same = PatientRights(
        blacklist=(Listing("a", documents=here),), whitelist=(Listing("a", documents=there),)
    )
    assert listed_twice(apart) == frozenset()
    assert listed_twice(same) == {"d"}


def test_rights_of_records_that_are_one_now_lock_out_whoever_either_did() -> None:
    one = PatientRights(
        oppositions=(Opposition("RESEARCH"),), blacklist=(Listing("dr.bad"),), emergency_rank=3
    )
    mandate = Mandate("mother", Period(), "parent")
    other = PatientRights(
        oppositions=(Opposition(),),
        whitelist_only=True,
        mandates=(mandate,),
        emergency_allowed=False,
        default_rank=2,
    )
    both = combined([one, other])
    assert (both.whitelist_only, both.emergency_allowed) == (True, False)
    assert both.oppositions == (Opposition("RESEARCH"), Opposition())
    assert (both.emergency_rank, both.default_rank) == (2, 2)
    assert both.blacklist == one.blacklist
    assert both.mandates == other.mandates
    assert combined([]) == PatientRights()
    assert combined([other]) is other
