"""What must hold for every question, whatever the patient decided (hypothesis)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.declare.actions import Action
from gateway.policy.engine import decide
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

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PATIENT = PatientId("P-1", "2.999.3.1")
NAMES = ("dr-1", "npi-1", "2.999.5.1", "somebody", "*")
DOCUMENTS = ("d1", "d2", "d3")
CLASSES = ("57833-6", "11502-2", "other")
AUTHORS = ("2.999.5.1", "2.999.5.2", None)

TIMES = st.sampled_from([None, AT - timedelta(days=1), AT, AT + timedelta(days=1)])
PERIODS = st.builds(Period, TIMES, TIMES)
LISTINGS = st.builds(
    Listing, st.sampled_from(NAMES), PERIODS, st.frozensets(st.sampled_from(DOCUMENTS), max_size=2)
)
MANDATES = st.builds(
    Mandate,
    holder=st.sampled_from(NAMES),
    period=PERIODS,
    given_by=st.sampled_from(["patient", "law", str(PATIENT), "neighbour"]),
    actions=st.frozensets(st.sampled_from([action.value for action in Action]), max_size=2),
    derived=st.booleans(),
)
LEVELS = st.builds(AccessLevel, st.sampled_from(NAMES), st.integers(-1, 5), PERIODS)

RAISINGS = st.builds(
    Raising, st.frozensets(st.sampled_from(DOCUMENTS), max_size=2), st.integers(-1, 5), PERIODS
)


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=3).map(tuple)


RIGHTS = st.builds(
    PatientRights,
    open=st.booleans(),
    oppositions=several(st.builds(Opposition, st.sampled_from(["TREAT", "ETREAT", "PATRQT", None]), PERIODS)),
    blacklist=several(LISTINGS),
    whitelist=several(LISTINGS),
    whitelist_only=st.booleans(),
    mandates=several(MANDATES),
    levels=several(LEVELS),
    emergency_allowed=st.booleans(),
    emergency_rank=st.integers(-1, 5),
    relations=several(LISTINGS),
    default_rank=st.integers(1, 3),
    raisings=several(RAISINGS),
)
# Rights under which most questions get past the first rules, so that the later ones are met.
OPEN_RIGHTS = st.builds(
    lambda rights, blacklist: replace(rights, open=True, oppositions=(), blacklist=blacklist),
    RIGHTS,
    st.lists(LISTINGS, max_size=1).map(tuple),
)
ROLES = st.sampled_from(["PHYSICIAN", "PHARMACIST", "PAT", "REPRESENTATIVE", "NODE", "NOBODY"])
PURPOSES = st.sampled_from([None, "TREAT", "ETREAT", "PATRQT", "CURIOSITY"])
PRINCIPALS = st.builds(
    lambda role, purpose, **rest: Principal(
        role=None if role is None else Code(role, "2.999.1.1"),
        purpose=None if purpose is None else Code(purpose, "2.16.840.1.113883.5.8"),
        name="Dr One",
        issuer="https://idp.example",
        confirmation="bearer",
        token_id=None,
        token_digest=None,
        expires=None,
        **rest,
    ),
    role=ROLES,
    purpose=PURPOSES,
    kind=st.sampled_from(SubjectKind),
    subject=st.sampled_from(["dr-1", str(PATIENT), "somebody", ""]),
    organisation=st.sampled_from([None, "2.999.5.1"]),
    provider_ids=st.sampled_from([(), ("npi-1",)]),
    patient=st.sampled_from([None, PATIENT, PatientId("P-2", "2.999.3.1")]),
    on_behalf_of=st.sampled_from([None, str(PATIENT), "P-2"]),
    emergency_reason=st.sampled_from([None, "", "unconscious"]),
)
PROFESSIONALS = st.builds(
    lambda who, role, purpose: replace(
        who,
        kind=SubjectKind.PROFESSIONAL,
        subject="dr-1",
        role=Code(role, "2.999.1.1"),
        purpose=Code(purpose, "2.16.840.1.113883.5.8"),
        patient=None,
    ),
    PRINCIPALS,
    st.sampled_from(["PHYSICIAN", "PHARMACIST"]),
    st.sampled_from(["TREAT", "ETREAT"]),
)
ANYBODY = st.one_of(PRINCIPALS, PROFESSIONALS)
ANY_RIGHTS = st.one_of(RIGHTS, OPEN_RIGHTS)
ACTIONS = st.sampled_from(Action)
MANY = settings(max_examples=150, deadline=None)

Asked = Callable[..., Decision]


@pytest.fixture(scope="module", params=["assumed", "required"])
def asked(request: pytest.FixtureRequest, policy: Policy) -> Asked:
    chosen = replace(policy, relation_assumed=request.param == "assumed")

    def ask(who: Principal, action: Action, rights: PatientRights | None) -> Decision:
        return decide(policy=chosen, principal=who, action=action, rights=rights, patient=PATIENT, at=AT)

    return ask


def seen(decision: Decision) -> set[tuple[str, int, str, str | None]]:
    """Every document of a small world that the decision shows: id, rank, class and author organisation."""
    grant = decision.grant
    if not decision.permitted or grant is None:
        return set()
    return {
        (document, rank, code, author)
        for document in DOCUMENTS
        for rank in (1, 2, 3)
        for code in CLASSES
        for author in AUTHORS
        if visible(grant, rank=rank, document_class=code, unique_id=document, organisation=author)
    }


def narrower(after: Decision, before: Decision) -> bool:
    return (before.permitted or not after.permitted) and seen(after) <= seen(before)


@MANY
@given(
    who=ANYBODY,
    action=ACTIONS,
    rights=ANY_RIGHTS,
    more=LISTINGS,
    purpose=st.sampled_from(["TREAT", "ETREAT"]),
)
def test_adding_a_deny_never_adds_a_permit(
    asked: Asked, who: Principal, action: Action, rights: PatientRights, more: Listing, purpose: str
) -> None:
    before = asked(who, action, rights)
    for stricter in (
        replace(rights, blacklist=(*rights.blacklist, more)),
        replace(rights, oppositions=(Opposition(),)),
        replace(rights, oppositions=(*rights.oppositions, Opposition(purpose))),
        replace(rights, open=False),
        replace(rights, whitelist_only=True),
        replace(rights, emergency_allowed=False),
        replace(rights, emergency_rank=rights.emergency_rank - 1),
        None,
    ):
        assert narrower(asked(who, action, stricter), before)


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS)
def test_removing_a_mandate_or_grant_never_adds_a_permit(
    asked: Asked, who: Principal, action: Action, rights: PatientRights
) -> None:
    before = asked(who, action, rights)
    for name in ("mandates", "whitelist", "levels", "relations"):
        entries = getattr(rights, name)
        for index in range(len(entries)):
            fewer = replace(rights, **{name: entries[:index] + entries[index + 1 :]})
            assert narrower(asked(who, action, fewer), before)


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS)
def test_raising_confidentiality_never_adds_a_reader(
    asked: Asked, who: Principal, action: Action, rights: PatientRights
) -> None:
    world = seen(asked(who, action, rights))
    for document, rank, code, author in world:
        assert all((document, lower, code, author) in world for lower in range(1, rank))


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS, more=RAISINGS)
def test_what_the_patient_raises_never_adds_a_reader(
    asked: Asked, who: Principal, action: Action, rights: PatientRights, more: Raising
) -> None:
    before, after = asked(who, action, rights), replace(rights, raisings=(*rights.raisings, more))
    assert narrower(asked(who, action, after), before)
    higher = replace(after, raisings=(*rights.raisings, replace(more, rank=more.rank + 1)))
    assert narrower(asked(who, action, higher), asked(who, action, after))


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS)
def test_whom_the_directory_does_not_know_is_never_permitted(
    policy: Policy, who: Principal, action: Action, rights: PatientRights
) -> None:
    decision = decide(
        policy=policy,
        principal=who,
        action=action,
        rights=rights,
        patient=PATIENT,
        at=AT,
        standing=Standing(missing="unknown"),
    )
    assert (decision.permitted, decision.rule, decision.grant) == (False, "P1", None)


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS, seed=st.integers(0, 999))
def test_the_order_of_entries_is_irrelevant(
    asked: Asked, who: Principal, action: Action, rights: PatientRights, seed: int
) -> None:
    shuffle = random.Random(seed)  # noqa: S311 - an order, no secret

    def mixed(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(shuffle.sample(entries, len(entries)))

    names = ("blacklist", "whitelist", "mandates", "levels", "relations", "oppositions", "raisings")
    other = replace(rights, **{name: mixed(getattr(rights, name)) for name in names})
    assert asked(who, action, rights) == asked(who, action, other)


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS)
def test_the_same_inputs_give_the_same_verdict(
    asked: Asked, who: Principal, action: Action, rights: PatientRights
) -> None:
    first = asked(who, action, rights)
    assert first == asked(who, action, replace(rights))
    assert first.path[-1].startswith(f"{first.rule} ")
    assert first.permitted is ("deny" not in first.path[-1])


@MANY
@given(who=ANYBODY, action=ACTIONS, rights=ANY_RIGHTS)
def test_the_highest_rank_belongs_to_patient_author_and_named_documents(
    asked: Asked, who: Principal, action: Action, rights: PatientRights
) -> None:
    decision = asked(who, action, rights)
    if who.kind in {SubjectKind.PATIENT, SubjectKind.NODE} or decision.grant is None:
        return
    named = frozenset().union(*(entry.documents for entry in rights.whitelist))
    assert all(
        document in named or author == who.organisation
        for document, rank, _, author in seen(decision)
        if rank == 3
    )


JUNK = st.sampled_from(
    [None, 0, 1.5, b"x", "x", (), (None,), ("x",), object(), [Listing("x")], {"a": 1}, True]
)


@MANY
@given(
    who=PROFESSIONALS,
    junk=JUNK,
    field=st.sampled_from(["open", "blacklist", "whitelist", "mandates", "levels", "oppositions"]),
)
def test_no_malformed_rights_permit_by_exception(
    asked: Asked, who: Principal, junk: object, field: str
) -> None:
    sound = PatientRights(whitelist_only=True)
    broken: PatientRights = replace(sound, **{field: junk})
    plain = asked(who, Action.DOCUMENT_READ, sound)
    try:
        decision = asked(who, Action.DOCUMENT_READ, broken)
    except (TypeError, AttributeError):
        return
    assert narrower(decision, plain)


@MANY
@given(who=PROFESSIONALS, junk=JUNK, field=st.sampled_from(["kind", "subject", "role", "purpose"]))
def test_no_malformed_principal_is_permitted(asked: Asked, who: Principal, junk: Any, field: str) -> None:
    broken = replace(who, on_behalf_of=None, emergency_reason=None, **{field: junk})
    try:
        decision = asked(broken, Action.DOCUMENT_READ, PatientRights())
    except (TypeError, AttributeError):
        return
    assert not decision.permitted or field == "subject"
