"""Each rule alone, and every pair of reasons to refuse or to permit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.errors import Defect
from gateway.policy.engine import EMERGENCY_OBLIGATIONS
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
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.stores.granted import visible

Ask = Callable[..., Decision]
Person = Callable[..., Principal]

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PATIENT = PatientId("P-1", "2.999.3.1")
OTHER = PatientId("P-2", "2.999.3.1")
DAY = timedelta(days=1)
ORGANISATION = "2.999.5.1"

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


# --- systems, and what concerns no record --------------------------------------------------------


def feed(person: Person, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.NODE, "subject": "hospital", "role": "NODE", "purpose": None}
    return person(**{**given, **changes})


def test_a_feed_is_decided_by_directory_and_matrix(ask: Ask, person: Person) -> None:
    for action in (Action.PATIENT_FEED, Action.DOCUMENT_PUBLISH):
        decision = ask(principal=feed(person), action=action, rights=None, patient=None)
        assert decision.permitted
        assert decision.path == ("P1 ok", "P6 ok")
        assert decision.grant is None


def test_a_feed_reads_nothing(ask: Ask, person: Person) -> None:
    for action in (Action.DOCUMENT_QUERY, Action.DOCUMENT_READ, Action.RIGHTS_READ):
        assert ask(principal=feed(person), action=action).reason == "PROFILE"


def test_a_system_role_is_no_role_for_a_person(ask: Ask, person: Person) -> None:
    assert ask(principal=person(role="NODE")).reason == "SUBJECT_UNKNOWN"


def test_the_tester_sees_everything(ask: Ask, person: Person) -> None:
    rights = PatientRights(oppositions=(Opposition(),), blacklist=(Listing("*"),))
    decision = ask(principal=feed(person, role="TESTER"), rights=rights)
    assert decision.permitted
    assert decision.grant is not None
    assert (decision.grant.rank, decision.grant.classes, decision.grant.hidden) == (3, None, frozenset())


def test_identity_queries_need_no_record(ask: Ask, person: Person) -> None:
    decision = ask(action=Action.PATIENT_QUERY, rights=None, patient=None)
    assert (decision.permitted, decision.path) == (True, ("P1 ok", "P6 ok"))
    assert ask(principal=person(purpose=None), action=Action.PATIENT_QUERY).reason == "PURPOSE"


def test_an_identity_query_opens_no_document(ask: Ask) -> None:
    grant = ask(action=Action.PATIENT_QUERY, rights=PatientRights(levels=(AccessLevel("dr-1", 2),))).grant
    assert grant is not None
    assert (grant.rank, grant.classes, grant.organisation) == (0, frozenset(), None)


def test_what_this_server_can_do_is_read_without_purpose(ask: Ask, person: Person) -> None:
    decision = ask(principal=person(purpose=None), action=Action.METADATA_READ, rights=None, patient=None)
    assert decision.permitted


# --- patients and representatives ----------------------------------------------------------------


def self_of(person: Person, identity: PatientId, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.PATIENT, "role": "PAT", "purpose": "PATRQT", "organisation": None}
    return person(**{**given, "subject": str(identity), **changes})


def proxy_of(person: Person, **changes: Any) -> Principal:
    given = {"kind": SubjectKind.PATIENT, "role": "REPRESENTATIVE", "purpose": "PATRQT", "organisation": None}
    return person(**{**given, "subject": "mother", "on_behalf_of": str(PATIENT), **changes})


def test_the_patient_an_assertion_was_issued_for_is_no_identity(
    ask: Ask, person: Person, patient: PatientId
) -> None:
    decision = ask(principal=self_of(person, patient, subject="somebody", patient=patient))
    assert not decision.permitted


def test_patients_see_all_of_their_own_record(ask: Ask, person: Person, patient: PatientId) -> None:
    rights = PatientRights(
        blacklist=(Listing("*"), Listing("*", documents=frozenset({"a"}))), whitelist_only=True
    )
    decision = ask(principal=self_of(person, patient), rights=rights)
    assert decision.permitted
    assert decision.grant is not None
    assert (decision.grant.rank, decision.grant.classes, decision.grant.hidden) == (3, None, frozenset())


def test_patients_see_no_other_record(ask: Ask, person: Person) -> None:
    assert ask(principal=self_of(person, OTHER)).reason == "MANDATE"
    assert ask(principal=self_of(person, OTHER, patient=OTHER)).reason == "PATIENT_MISMATCH"


def test_patients_read_the_trail_of_their_own_record_only(
    ask: Ask, person: Person, patient: PatientId
) -> None:
    assert ask(principal=self_of(person, patient), action=Action.AUDIT_READ).permitted
    whole = ask(principal=self_of(person, patient), action=Action.AUDIT_READ, patient=None, rights=None)
    assert whole.reason == "DSP_UNAVAILABLE"


def test_a_person_without_patient_role_is_not_the_patient(
    ask: Ask, person: Person, patient: PatientId
) -> None:
    who = self_of(person, patient, role="REPRESENTATIVE", patient=patient)
    assert ask(principal=who).reason == "MANDATE"


def test_a_patient_role_acts_for_nobody_else(ask: Ask, person: Person, patient: PatientId) -> None:
    rights = PatientRights(
        mandates=(Mandate("mother", Period(), "patient"), Mandate("login-7", Period(), "law"))
    )
    for who in (
        self_of(person, patient, subject="mother", on_behalf_of=str(patient)),
        self_of(person, patient, subject="login-7", patient=patient, on_behalf_of=str(patient)),
    ):
        assert ask(principal=who, rights=rights).reason == "MANDATE"


def test_a_mandate_opens_the_record_to_its_holder(ask: Ask, person: Person) -> None:
    rights = PatientRights(mandates=(Mandate("mother", Period(), "law"),))
    decision = ask(principal=proxy_of(person), rights=rights)
    assert decision.permitted
    assert decision.grant is not None
    assert decision.grant.rank == 2
    assert ask(principal=proxy_of(person, subject="aunt"), rights=rights).reason == "MANDATE"


@pytest.mark.parametrize(
    "mandate",
    [
        Mandate("mother", Period(), "patient", derived=True),
        Mandate("mother", Period(), "neighbour"),
        Mandate("mother", Period(), "patient", actions=frozenset({"document:query"})),
        Mandate("2.999.5.1", Period(), "patient"),
    ],
    ids=["derived", "given by a stranger", "for another action", "held by an organisation"],
)
def test_mandates_that_do_not_count(ask: Ask, person: Person, mandate: Mandate) -> None:
    who = proxy_of(person, organisation=ORGANISATION)
    assert ask(principal=who, rights=PatientRights(mandates=(mandate,))).reason == "MANDATE"


@pytest.mark.parametrize(
    ("named", "permitted"), [(str(PATIENT), True), ("P-1", True), (None, True), ("P-2", False)]
)
def test_the_one_acted_for_is_the_patient_of_the_record(
    ask: Ask, person: Person, named: str | None, *, permitted: bool
) -> None:
    rights = PatientRights(mandates=(Mandate("mother", Period(), str(PATIENT)),))
    assert ask(principal=proxy_of(person, on_behalf_of=named), rights=rights).permitted is permitted


# --- emergency -----------------------------------------------------------------------------------


def test_an_emergency_lifts_relation_and_level(ask: Ask, person: Person, strict: Policy) -> None:
    decision = ask(policy=strict, principal=person(emergency_reason="unconscious", purpose="ETREAT"))
    assert (decision.permitted, decision.reason, decision.rule) == (True, "EMERGENCY", "P10")
    assert decision.obligations == EMERGENCY_OBLIGATIONS
    assert decision.path[-4:] == ("P7 left to P10", "P8 level 0", "P9 up to 2", "P10 permit EMERGENCY")
    assert decision.grant is not None
    assert decision.grant.rank == 2


@pytest.mark.parametrize(("ceiling", "rank"), [(1, 1), (2, 2), (3, 2)])
def test_an_emergency_ends_at_the_ceiling_of_the_patient(
    ask: Ask, person: Person, ceiling: int, rank: int
) -> None:
    grant = ask(
        principal=person(emergency_reason="unconscious"), rights=PatientRights(emergency_rank=ceiling)
    ).grant
    assert grant is not None
    assert grant.rank == rank


@pytest.mark.parametrize("reason", [None, "", "  \t"])
def test_an_emergency_purpose_needs_a_reason(ask: Ask, person: Person, reason: str | None) -> None:
    decision = ask(principal=person(purpose="ETREAT", emergency_reason=reason))
    assert (decision.permitted, decision.reason, decision.rule) == (False, "EMERGENCY", "P10")


def test_an_emergency_takes_nothing_away(ask: Ask, person: Person) -> None:
    rights = PatientRights(levels=(AccessLevel("dr-1", 2),), emergency_rank=1)
    grant = ask(principal=person(emergency_reason="unconscious"), rights=rights).grant
    assert grant is not None
    assert grant.rank == 2


def test_the_black_list_beats_an_emergency_unless_switched(ask: Ask, person: Person, policy: Policy) -> None:
    rights = PatientRights(blacklist=(Listing("dr-1"), Listing("dr-1", documents=frozenset({"a"}))))
    who = person(emergency_reason="unconscious")
    assert ask(principal=who, rights=rights).reason == "BLACKLIST"
    lenient = replace(policy, blacklist_beats_emergency=False)
    lifted = ask(policy=lenient, principal=who, rights=rights)
    assert lifted.permitted
    assert "P4 left to P10" in lifted.path
    assert lifted.grant is not None
    assert lifted.grant.hidden == frozenset()
    off = ask(policy=lenient, principal=who, rights=replace(rights, emergency_allowed=False))
    assert (off.permitted, off.reason) == (False, "EMERGENCY")


# --- robustness ----------------------------------------------------------------------------------


def test_a_time_without_zone_is_a_defect(ask: Ask) -> None:
    with pytest.raises(Defect):
        ask(at=datetime(2026, 11, 22, 10, 0))  # noqa: DTZ001 - the mistake under test


def test_the_same_question_gives_the_same_answer(ask: Ask) -> None:
    assert ask() == ask()
