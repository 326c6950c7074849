"""Each rule alone, and every pair of reasons to refuse or to permit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations, product
from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.errors import Defect
from gateway.policy.model import Policy
from gateway.record.access import (
    AccessLevel,
    Decision,
    Listing,
    Mandate,
    Opposition,
    PatientRights,
    Period,
    Raising,
    Standing,
)
from gateway.record.people import Code, SubjectKind
from gateway.stores.granted import visible
from tests.gateway.policy.questions import AT, DAY, ORGANISATION, OTHER, PATIENT, Ask, Person

# Reasons to refuse: rule number, reason, what is changed of the principal and of the rights.
DENIALS: dict[str, tuple[int, str, dict[str, Any], dict[str, Any]]] = {
    "token over": (1, "SUBJECT_UNKNOWN", {"expires": AT}, {}),
    "no subject": (1, "SUBJECT_UNKNOWN", {"subject": ""}, {}),
    "other directory": (1, "SUBJECT_UNKNOWN", {"kind": SubjectKind.OPERATOR, "role": "PHYSICIAN"}, {}),
    "other patient": (1, "PATIENT_MISMATCH", {"patient": OTHER}, {}),
    "closed": (2, "DSP_UNAVAILABLE", {}, {"open": False}),
    "opposed": (3, "CONSENT", {}, {"oppositions": (Opposition(),)}),
    "opposed until later": (3, "CONSENT", {}, {"oppositions": (Opposition(None, Period(None, AT + DAY)),)}),
    "opposed to purpose": (3, "CONSENT", {"purpose": "TREAT"}, {"oppositions": (Opposition("TREAT"),)}),
    "person listed": (4, "BLACKLIST", {}, {"blacklist": (Listing("dr-1"),)}),
    "organisation listed": (4, "BLACKLIST", {}, {"blacklist": (Listing(ORGANISATION),)}),
    "everybody listed": (4, "BLACKLIST", {}, {"blacklist": (Listing("*"),)}),
    "no mandate": (5, "MANDATE", {"on_behalf_of": str(PATIENT)}, {}),
    "unknown role": (6, "PROFILE", {"role": "JANITOR"}, {}),
    "no role": (6, "PROFILE", {"role": None}, {}),
    "unknown purpose": (6, "PURPOSE", {"purpose": "CURIOSITY"}, {}),
    "no purpose": (6, "PURPOSE", {"purpose": None}, {}),
    "no relation": (7, "RELATION", {}, {"whitelist_only": True}),
}
# Reasons to permit, none of which lifts another rule than its own.
GRANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "white list": ({}, {"whitelist": (Listing("dr-1"),)}),
    "level": ({}, {"levels": (AccessLevel("dr-1", 2),)}),
    "relation": ({}, {"relations": (Listing(ORGANISATION),)}),
    "mandate": ({}, {"mandates": (Mandate("dr-1", Period(), "patient"),)}),
    "emergency": ({"emergency_reason": "unconscious"}, {}),
}


def apart(first: str, second: str) -> bool:
    """Whether two reasons change different inputs, so that both can be asked at once."""
    return all(
        not one.keys() & two.keys() for one, two in zip(DENIALS[first][2:], DENIALS[second][2:], strict=True)
    )


PAIRS = [pair for pair in combinations(DENIALS, 2) if apart(*pair)]
LIFTS = {
    "white list": {"no relation"},
    "mandate": {"no mandate"},
    "emergency": {"no relation"},
}


def asked(ask: Ask, person: Person, who: dict[str, Any], rights: dict[str, Any], **more: Any) -> Decision:
    return ask(principal=person(**who), rights=PatientRights(**rights), **more)


def test_the_plain_question_is_permitted_step_by_step(ask: Ask, policy: Policy) -> None:
    decision = ask()
    assert decision.permitted
    assert (decision.reason, decision.rule) == ("PERMIT", "P9")
    assert [entry.split()[0] for entry in decision.path] == [f"P{n}" for n in range(1, 10)]
    assert decision.policy_version == policy.version
    assert decision.obligations == ()
    assert decision.grant is not None
    assert (decision.grant.rank, decision.grant.classes, decision.grant.organisation) == (
        1,
        None,
        ORGANISATION,
    )


@pytest.mark.parametrize("name", DENIALS)
def test_each_reason_refuses_alone(ask: Ask, person: Person, name: str) -> None:
    number, reason, who, rights = DENIALS[name]
    decision = asked(ask, person, who, rights)
    assert (decision.permitted, decision.reason, decision.rule) == (False, reason, f"P{number}")
    assert decision.path[-1] == f"P{number} deny {reason}"
    assert len(decision.path) == number
    assert decision.grant is None


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_reasons_the_earlier_rule_speaks(ask: Ask, person: Person, first: str, second: str) -> None:
    (n1, r1, who1, rights1), (n2, r2, who2, rights2) = DENIALS[first], DENIALS[second]
    decision = asked(ask, person, {**who1, **who2}, {**rights1, **rights2})
    number = min(n1, n2)
    assert not decision.permitted
    assert decision.rule == f"P{number}"
    assert decision.reason in {reason for n, reason in ((n1, r1), (n2, r2)) if n == number}


@pytest.mark.parametrize("name", GRANTS)
def test_each_grant_permits_alone_where_a_relation_is_required(
    ask: Ask, person: Person, strict: Policy, name: str
) -> None:
    who, rights = GRANTS[name]
    decision = asked(ask, person, who, rights, policy=strict)
    assert decision.permitted is (name != "mandate")
    if name == "mandate":
        assert decision.reason == "RELATION"


@pytest.mark.parametrize(("denial", "grant"), list(product(DENIALS, GRANTS)))
def test_no_grant_lifts_another_rule(ask: Ask, person: Person, denial: str, grant: str) -> None:
    number, reason, who, rights = DENIALS[denial]
    more_who, more_rights = GRANTS[grant]
    decision = asked(ask, person, {**who, **more_who}, {**rights, **more_rights})
    if denial in LIFTS.get(grant, set()):
        assert decision.permitted
    else:
        assert (decision.permitted, decision.reason, decision.rule) == (False, reason, f"P{number}")


@pytest.mark.parametrize(("first", "second"), list(combinations(GRANTS, 2)))
def test_two_grants_never_take_from_each_other(ask: Ask, person: Person, first: str, second: str) -> None:
    alone = [asked(ask, person, *GRANTS[name]).grant for name in (first, second)]
    (who1, rights1), (who2, rights2) = GRANTS[first], GRANTS[second]
    both = asked(ask, person, {**who1, **who2}, {**rights1, **rights2}).grant
    assert both is not None
    assert both.rank == max(grant.rank for grant in alone if grant is not None)


def test_unknown_patient_and_closed_record_are_one_reason(ask: Ask) -> None:
    unknown = ask(rights=None)
    closed = ask(rights=PatientRights(open=False))
    nobody = ask(patient=None)
    assert unknown == closed == nobody
    assert unknown.reason == "DSP_UNAVAILABLE"


@pytest.mark.parametrize(
    ("period", "barred"),
    [
        (Period(AT - DAY, AT), False),
        (Period(AT - DAY, AT + timedelta(microseconds=1)), True),
        (Period(AT, None), True),
        (Period(AT + timedelta(microseconds=1), None), False),
    ],
)
def test_a_list_entry_is_active_from_its_start_to_before_its_end(
    ask: Ask, period: Period, *, barred: bool
) -> None:
    decision = ask(rights=PatientRights(blacklist=(Listing("dr-1", period),)))
    assert decision.permitted is not barred


def test_provider_ids_are_names_of_the_subject(ask: Ask, person: Person) -> None:
    decision = ask(
        principal=person(provider_ids=("npi-7",)), rights=PatientRights(blacklist=(Listing("npi-7"),))
    )
    assert decision.reason == "BLACKLIST"


# --- profile, classes and purposes ---------------------------------------------------------------


def test_a_class_outside_the_role_is_refused(ask: Ask, person: Person) -> None:
    pharmacist = person(role="PHARMACIST")
    assert ask(principal=pharmacist, document_class=frozenset({"57833-6"})).permitted
    refused = ask(principal=pharmacist, document_class=frozenset({"57833-6", "11502-2"}))
    assert (refused.reason, refused.rule) == ("PROFILE", "P6")


def test_without_a_named_class_the_grant_narrows(ask: Ask, person: Person) -> None:
    grant = ask(principal=person(role="PHARMACIST")).grant
    assert grant is not None
    assert grant.classes == {"57833-6", "60593-1", "56445-0", "61357-0", "77603-9"}


def test_codes_of_the_same_meaning_are_the_same_role(ask: Ask, person: Person) -> None:
    for code, scheme in (("2262", "2.16.840.1.113883.2.9.6.2.7"), ("PHARMACIST", "urn:oid:2.999.1.1")):
        decision = ask(principal=replace(person(), role=Code(code, scheme)))
        assert decision.permitted
        assert decision.grant is not None
        assert decision.grant.classes is not None


def test_an_opposed_purpose_binds_every_code_of_its_meaning(ask: Ask, person: Person) -> None:
    rights = PatientRights(oppositions=(Opposition("TREAT"),))
    who = replace(person(), purpose=Code("TREATMENT", "2.16.840.1.113883.3.18.7.1"))
    assert ask(principal=who, rights=rights).reason == "CONSENT"


def test_a_purpose_that_is_not_open_to_the_role(ask: Ask, person: Person) -> None:
    assert ask(principal=person(purpose="HOPERAT")).reason == "PURPOSE"


# --- relation, level, confidentiality ------------------------------------------------------------


def test_a_relation_is_assumed_for_professionals_of_an_organisation_only(ask: Ask, person: Person) -> None:
    assert ask().permitted
    assert ask(principal=person(organisation=None)).reason == "RELATION"


def test_an_ended_relation_is_none(ask: Ask, strict: Policy, now: datetime) -> None:
    ended = PatientRights(relations=(Listing("dr-1", Period(now - DAY, now)),))
    assert ask(policy=strict, rights=ended).reason == "RELATION"


@pytest.mark.parametrize(("level", "rank"), [(0, 1), (1, 1), (2, 2), (3, 2), (99, 2), (-5, 1)])
def test_the_highest_rank_is_never_given_away(ask: Ask, level: int, rank: int) -> None:
    grant = ask(rights=PatientRights(levels=(AccessLevel("dr-1", level),))).grant
    assert grant is not None
    assert grant.rank == rank


def test_an_ended_level_no_longer_counts(ask: Ask, now: datetime) -> None:
    grant = ask(rights=PatientRights(levels=(AccessLevel("dr-1", 2, Period(None, now)),))).grant
    assert grant is not None
    assert grant.rank == 1


def test_a_white_list_entry_for_documents_reaches_only_these(ask: Ask) -> None:
    rights = PatientRights(
        whitelist=(Listing("dr-1", documents=frozenset({"2.999.9.1"})),), whitelist_only=True
    )
    grant = ask(rights=rights).grant
    assert grant is not None
    assert (grant.rank, grant.lifted, grant.organisation) == (0, {"2.999.9.1"}, None)


def test_the_white_list_alone_counts_even_for_a_role_that_needs_no_relation(ask: Ask, policy: Policy) -> None:
    free = replace(policy.roles["2.999.1.1", "PHYSICIAN"], needs_relation=False)
    lenient = replace(policy, roles={("2.999.1.1", "PHYSICIAN"): free}, relation_assumed=False)
    assert ask(policy=lenient).permitted
    assert ask(policy=lenient, rights=PatientRights(whitelist_only=True)).reason == "RELATION"


@pytest.mark.parametrize(
    ("rank", "period", "veiled"),
    [
        (1, Period(), False),
        (2, Period(), True),
        (3, Period(), True),
        (2, Period(AT - DAY, AT), False),
        (2, Period(AT, None), True),
        (2, Period(AT + DAY, None), False),
    ],
)
def test_a_document_raised_above_the_level_is_veiled_while_it_is(
    ask: Ask, rank: int, period: Period, *, veiled: bool
) -> None:
    grant = ask(rights=PatientRights(raisings=(Raising(frozenset({"d1"}), rank, period),))).grant
    assert grant is not None
    assert grant.veiled == (frozenset({"d1"}) if veiled else frozenset())
    for author, seen in ((ORGANISATION, True), ("2.999.5.9", not veiled)):
        assert visible(grant, rank=1, document_class="x", unique_id="d1", organisation=author) is seen


def test_a_raised_document_is_lifted_by_name_and_by_level(ask: Ask) -> None:
    raised = PatientRights(raisings=(Raising(frozenset({"d1"}), 2),))
    by_level = ask(rights=replace(raised, levels=(AccessLevel("dr-1", 2),))).grant
    by_name = ask(rights=replace(raised, whitelist=(Listing("dr-1", documents=frozenset({"d1"})),))).grant
    assert by_level is not None
    assert by_name is not None
    assert (by_level.veiled, by_name.veiled) == (frozenset(), frozenset())


def test_the_directory_adds_names_by_which_lists_may_call_the_subject(ask: Ask) -> None:
    rights = PatientRights(blacklist=(Listing("hpd:42"),))
    assert ask(rights=rights).permitted
    decision = ask(rights=rights, standing=Standing(names=frozenset({"hpd:42"})))
    assert (decision.permitted, decision.reason) == (False, "BLACKLIST")


@pytest.mark.parametrize("action", list(Action))
def test_whom_the_directory_does_not_know_is_refused_first(ask: Ask, action: Action) -> None:
    decision = ask(action=action, rights=None, standing=Standing(missing="inactive"))
    assert (decision.permitted, decision.reason) == (False, "SUBJECT_UNKNOWN")
    assert decision.path == ("P1 deny SUBJECT_UNKNOWN inactive",)


def test_denied_documents_are_hidden_and_not_lifted(ask: Ask) -> None:
    rights = PatientRights(
        blacklist=(Listing("dr-1", documents=frozenset({"a", "b"})),),
        whitelist=(Listing(ORGANISATION, documents=frozenset({"b", "c"})),),
    )
    grant = ask(rights=rights).grant
    assert grant is not None
    assert (grant.hidden, grant.lifted) == ({"a", "b"}, {"c"})


# --- writing -------------------------------------------------------------------------------------


def test_a_writer_needs_no_relation(ask: Ask, strict: Policy) -> None:
    decision = ask(policy=strict, action=Action.DOCUMENT_PUBLISH)
    assert (decision.permitted, decision.rule) == (True, "P6")
    assert decision.grant is not None
    assert (decision.grant.rank, decision.grant.organisation) == (0, ORGANISATION)


def test_a_writer_meets_the_default_confidentiality(ask: Ask) -> None:
    grant = ask(action=Action.DOCUMENT_PUBLISH, rights=PatientRights(default_rank=2)).grant
    assert grant is not None
    assert grant.floor == 2


@pytest.mark.parametrize("name", [name for name, (number, *_) in DENIALS.items() if number < 7])
def test_writing_passes_the_first_six_rules(ask: Ask, person: Person, name: str) -> None:
    _, reason, who, rights = DENIALS[name]
    assert asked(ask, person, who, rights, action=Action.DOCUMENT_PUBLISH).reason == reason


# --- robustness ----------------------------------------------------------------------------------


def test_a_time_without_zone_is_a_defect(ask: Ask) -> None:
    with pytest.raises(Defect):
        ask(at=datetime(2026, 11, 22, 10, 0))  # noqa: DTZ001 - the mistake under test


def test_the_same_question_gives_the_same_answer(ask: Ask) -> None:
    assert ask() == ask()
