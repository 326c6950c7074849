"""Measures of settings.toml: what is shipped, defaults, mistakes."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.declare.actions import Action
from gateway.errors import SettingsInvalid
from gateway.policy.matrix import FILES, compile_policy
from gateway.policy.model import Policy
from gateway.policy.words import DOES, changes_between
from gateway.record.measures import EmergencyRules, PresenceRules, VisitRules

HOUR = timedelta(hours=1)
FOLDER = Path(__file__).parents[3] / "config" / "policy"
SHIPPED = {name: (FOLDER / name).read_bytes() for name in FILES}


def changed(old: str, new: str) -> Policy:
    text = SHIPPED["settings.toml"].decode()
    assert old in text
    files = {**SHIPPED, "settings.toml": text.replace(old, new, 1).encode()}
    return compile_policy(files, environment="integration")


def test_what_is_shipped_are_the_defaults(policy: Policy) -> None:
    assert policy.emergency == EmergencyRules()
    assert policy.presence == PresenceRules()
    assert not policy.visits.counted, "nobody looks at relations that are assumed"


def test_without_the_tables_the_defaults_hold() -> None:
    text = SHIPPED["settings.toml"].decode()
    head, _, rest = text.partition("[presence]")
    files = {**SHIPPED, "settings.toml": (head + rest[rest.index("[purposes.TREAT]") :]).encode()}
    policy = compile_policy(files, environment="integration")
    assert (policy.emergency, policy.presence) == (EmergencyRules(), PresenceRules())


def test_visits_count_where_relations_are_required() -> None:
    required = changed('relation = "assumed"', 'relation = "required"')
    assert required.visits == VisitRules(counted=True, after=timedelta(days=30), untold=timedelta(days=90))


def test_measures_are_read() -> None:
    assert changed("most_patients = 5", "most_patients = 2").emergency.most == 2
    assert changed("review_days = 7", "review_days = 1").emergency.review == timedelta(days=1)
    assert changed("open_codes = 3", "open_codes = 1").presence.most == 1
    assert changed("within_minutes = 60", "within_minutes = 5").presence.within == timedelta(minutes=5)


def test_every_action_and_every_changed_measure_has_words(policy: Policy) -> None:
    assert set(DOES) == set(Action)
    rules = (policy.emergency, policy.presence, policy.visits)
    known = sum(len(fields(each)) for each in rules)
    other = replace(
        policy,
        emergency=EmergencyRules(length=HOUR, review=HOUR, most=9, within=HOUR),
        presence=PresenceRules(
            length=HOUR / 2, most=9, wrong_of_person=9, wrong_for_patient=9, within=2 * HOUR
        ),
        visits=VisitRules(counted=True, after=HOUR, untold=HOUR),
    )
    told = changes_between(policy, other)
    assert len(told) == known
    assert "emergency: most is now 9, before 5" in told
    assert "visits: counted is now True, before False" in told
    assert changes_between(policy, policy) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("most_patients = 5", "most_patients = 0", "'most_patients' must be a whole number from 1 to 100"),
        ("most_patients = 5", "most = 5", "unknown key 'most'"),
        ("open_codes = 3", 'open_codes = "3"', "'open_codes' must be a whole number"),
        ("wrong_by_person = 5", "wrong = 5", "unknown key 'wrong'"),
        ("visit_days = 30", "visit_days = -1", "'visit_days' must be a whole number"),
        ("relations_from_visits = true", "relations_from_visits = 1", "must be true or false"),
    ],
)
def test_mistakes_are_refused_with_their_line(old: str, new: str, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said) as caught:
        changed(old, new)
    assert str(caught.value.location).startswith("settings.toml:")
