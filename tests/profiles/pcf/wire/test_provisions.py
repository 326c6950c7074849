"""Provisions of a Consent ⇄ directives: lossless, and refused where they cannot be said exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bindings import fhirtypes
from gateway.errors import Meaning, Refused
from gateway.record.access import Period
from gateway.record.consents import Author, Consent, Directive, Kind, Status
from gateway.rights.fold import check as check_directive
from profiles.pcf import codes
from profiles.pcf.rules.form import check
from profiles.pcf.wire.consent import check_categories, kept, resource_of, written
from profiles.pcf.wire.provisions import read_provisions, write_provisions
from tests.making import PATIENT
from tests.recording import AT, DOMAIN

AUTHOR = Author(subject=str(PATIENT), name="Anna", kind="patient", by="ITI-108")
OIDS = st.lists(st.integers(0, 9999), min_size=1, max_size=4).map(
    lambda parts: ".".join(["2.999", *map(str, parts)])
)
WORDS = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)
SUBJECTS = st.one_of(OIDS, WORDS, st.builds("{}^^^&{}&ISO".format, WORDS, OIDS))
DOCUMENTS = st.frozensets(st.one_of(OIDS, st.builds("{}^{}".format, OIDS, WORDS)), max_size=3)
TIMES = st.none() | st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
PERIODS = st.builds(Period, TIMES, TIMES)
RANKS = st.integers(1, 3)
ACTIONS = st.frozensets(st.sampled_from(["document:query", "document:read", "rights:change"]), max_size=3)


def directive(kind: Kind, **fields: Any) -> st.SearchStrategy[Directive]:
    return st.builds(Directive, kind=st.just(kind), **fields)


DIRECTIVES = st.one_of(
    directive(Kind.OPPOSITION, purpose=st.none() | st.sampled_from(["TREAT", "HOPERAT"]), period=PERIODS),
    directive(Kind.DENIAL, subject=SUBJECTS | st.just("*"), documents=DOCUMENTS, period=PERIODS),
    directive(Kind.ALLOWANCE, subject=SUBJECTS | st.just("*"), documents=DOCUMENTS, period=PERIODS),
    directive(Kind.ALLOWED_ONLY),
    directive(Kind.LEVEL, subject=SUBJECTS, rank=RANKS, period=PERIODS),
    directive(
        Kind.MANDATE,
        subject=SUBJECTS,
        given_by=st.sampled_from(["patient", "parent", "guardian", "law"]),
        actions=ACTIONS,
        period=PERIODS,
    ),
    directive(Kind.RELATION, subject=SUBJECTS, period=PERIODS),
    directive(Kind.EMERGENCY, rank=st.integers(0, 3)),
    directive(Kind.FLOOR, rank=RANKS),
    directive(Kind.RAISING, documents=DOCUMENTS.filter(bool), rank=RANKS, period=PERIODS),
    directive(Kind.CLOSURE),
)


def version(*directives: Directive, **changes: Any) -> Consent:
    plain = Consent(
        id="c-1",
        version=1,
        patient=PATIENT,
        patient_key=1,
        status=Status.ACTIVE,
        directives=directives,
        author=AUTHOR,
        at=AT,
        trace_id="t",
    )
    return replace(plain, **changes)


def consent(provision: dict[str, Any], policy: str = codes.POLICY_NORMAL) -> dict[str, Any]:
    form = written(version(), DOMAIN)
    form.pop("meta")
    return {**form, "status": "active", "provision": provision, "policy": [{"uri": policy}]}


def read(provision: dict[str, Any], policy: str = codes.POLICY_NORMAL) -> tuple[Directive, ...]:
    told = consent(provision, policy)
    fhirtypes.check(told)
    return read_provisions(check(told), DOMAIN)


# --- both ways -----------------------------------------------------------------------------------


@given(st.lists(DIRECTIVES, max_size=5, unique=True))
def test_what_directives_say_comes_back_from_the_resource(said: list[Directive]) -> None:
    resource = resource_of(version(*said), DOMAIN)
    fhirtypes.check(resource)
    check_categories(check(resource))
    assert read_provisions(resource, DOMAIN) == tuple(said)
    for each in said:
        check_directive(each)


@given(st.lists(DIRECTIVES, max_size=5, unique=True))
def test_a_resource_comes_back_as_it_was_brought(said: list[Directive]) -> None:
    brought = resource_of(version(*said), DOMAIN)
    again = version(*read_provisions(brought, DOMAIN), form=kept(brought))
    assert resource_of(again, DOMAIN) == brought
    assert write_provisions(again.directives) == brought["provision"]


# --- elements of PCF -----------------------------------------------------------------------------


def who(value: str = "2.999.2.3", **more: Any) -> dict[str, Any]:
    role = {"coding": [{"system": codes.PARTICIPATION, "code": codes.RECIPIENT}]}
    return {
        "role": role,
        "reference": {"identifier": {"system": codes.URI_SYSTEM, "value": f"urn:oid:{value}"}, **more},
    }


def reason(code: str, system: str = codes.REASONS) -> dict[str, str]:
    return {"system": system, "code": code}


def about(unique_id: str, meaning: str = "instance") -> dict[str, Any]:
    identifier = {"system": codes.URI_SYSTEM, "value": f"urn:oid:{unique_id}"}
    return {"meaning": meaning, "reference": {"identifier": identifier}}


LETTER = frozenset({"2.999.7.1"})


@pytest.mark.parametrize(
    ("provision", "policy", "said"),
    [
        ({"type": "permit"}, "", []),
        ({"type": "permit", "purpose": [reason("TREAT")]}, "", []),
        ({"type": "deny"}, "", [Directive(kind=Kind.OPPOSITION)]),
        (
            {"type": "deny", "purpose": [reason("TREAT"), reason("HOPERAT")]},
            "",
            [Directive(kind=Kind.OPPOSITION, purpose=each) for each in ("TREAT", "HOPERAT")],
        ),
        (
            {"type": "deny", "provision": [{"type": "permit", "actor": [who()]}]},
            "",
            [Directive(kind=Kind.ALLOWED_ONLY), Directive(kind=Kind.ALLOWANCE, subject="2.999.2.3")],
        ),
        (
            {"type": "deny", "provision": [{"type": "permit", "purpose": [reason("BTG")]}]},
            "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only",
            [Directive(kind=Kind.ALLOWED_ONLY)],
        ),
        (
            {"type": "permit", "actor": [who()]},
            "https://profiles.ihe.net/ITI/PCF/Policy-deny",
            [Directive(kind=Kind.ALLOWED_ONLY), Directive(kind=Kind.ALLOWANCE, subject="2.999.2.3")],
        ),
        (
            {"type": "permit", "provision": [{"type": "deny", "actor": [who()]}]},
            "",
            [Directive(kind=Kind.DENIAL, subject="2.999.2.3")],
        ),
        (
            {"type": "permit", "provision": [{"type": "deny", "data": [about("2.999.7.1")]}]},
            "",
            [Directive(kind=Kind.DENIAL, subject="*", documents=LETTER)],
        ),
        (
            {
                "type": "permit",
                "securityLabel": [{"system": codes.CONFIDENTIALITY, "code": "N"}],
                "provision": [
                    {
                        "type": "permit",
                        "actor": [who()],
                        "securityLabel": [{"system": codes.CONFIDENTIALITY, "code": "R"}],
                    }
                ],
            },
            "",
            [Directive(kind=Kind.LEVEL, subject="2.999.2.3", rank=2)],
        ),
    ],
)
def test_elements_of_pcf_are_understood(
    provision: dict[str, Any], policy: str, said: list[Directive]
) -> None:
    assert list(read(provision, policy or codes.POLICY_NORMAL)) == said


def test_the_period_of_all_bounds_that_of_each() -> None:
    denied = {"type": "deny", "actor": [who()], "period": {"start": "2026-02", "end": "2028"}}
    (found,) = read({"type": "permit", "period": {"end": "2026-12-31"}, "provision": [denied]})
    assert found.period == Period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_a_document_named_by_url_waits_for_its_unique_id() -> None:
    name = "3c6a3a1e-2a39-4d1c-8a4b-6f4a1f6f2d11"
    data = [{"meaning": "instance", "reference": {"reference": f"DocumentReference/{name}"}}]
    (found,) = read({"type": "permit", "provision": [{"type": "deny", "data": data}]})
    assert found.documents == {f"urn:uuid:{name}"}


# --- refused -------------------------------------------------------------------------------------

OWN = {"url": codes.DIRECTIVE, "extension": [{"url": "kind", "valueCode": "closure"}]}
DENY = {"type": "deny"}
PERMIT = {"type": "permit"}


@pytest.mark.parametrize(
    ("exception", "place", "meaning"),
    [
        ({**DENY, "dataPeriod": {"start": "2026"}}, ".dataPeriod", Meaning.NOT_SUPPORTED),
        ({**DENY, "data": [about("2.999.7.1", "authoredby")]}, ".data[0].meaning", Meaning.NOT_SUPPORTED),
        ({**DENY, "data": [about("2.999.7.1", "related")]}, ".data[0].meaning", Meaning.NOT_SUPPORTED),
        ({**DENY, "purpose": [reason("TREAT")], "actor": [who()]}, ".purpose", Meaning.NOT_SUPPORTED),
        ({**DENY, "purpose": [reason("X", "urn:x")]}, ".purpose[0]", Meaning.NOT_SUPPORTED),
        (
            {**DENY, "securityLabel": [{"system": codes.CONFIDENTIALITY, "code": "R"}]},
            ".securityLabel",
            Meaning.NOT_SUPPORTED,
        ),
        (
            {**PERMIT, "actor": [who()], "securityLabel": [reason("PSY", "urn:x")]},
            ".securityLabel",
            Meaning.NOT_SUPPORTED,
        ),
        ({**PERMIT, "purpose": [reason("TREAT")]}, ".purpose", Meaning.NOT_SUPPORTED),
        ({"actor": [who()]}, ".type", Meaning.REQUIRED_FIELD),
        (
            {**DENY, "actor": [{**who(), "reference": {"reference": "Practitioner/1"}}]},
            ".actor[0].reference.identifier",
            Meaning.REQUIRED_FIELD,
        ),
        ({**DENY, "actor": [who(reference="Group/1")]}, ".actor[0].reference", Meaning.NOT_SUPPORTED),
        ({**PERMIT, "actor": [who(type="CareTeam")]}, ".actor[0].reference", Meaning.NOT_SUPPORTED),
        ({**DENY, "modifierExtension": [{"url": "urn:x", "valueCode": "y"}]}, ".modifierExtension", None),
        ({**DENY, "modifierExtension": [OWN], "actor": [who()]}, ".actor", Meaning.METADATA_INVALID),
        ({**PERMIT, "modifierExtension": [OWN]}, ".type", Meaning.METADATA_INVALID),
        ({**DENY, "code": [{"text": "x"}]}, ".code", Meaning.METADATA_INVALID),
        ({**DENY, "provision": [DENY]}, ".provision", Meaning.METADATA_INVALID),
        ({**DENY, "period": {"end": "9999-12-31"}}, ".period", Meaning.DATA_TYPE),
    ],
)
def test_what_cannot_be_said_exactly_is_refused_by_its_element(
    exception: dict[str, Any], place: str, meaning: Meaning | None
) -> None:
    with pytest.raises(Refused) as caught:
        read({"type": "permit", "provision": [exception]})
    problem = caught.value.problems[0]
    assert problem.location == f"Consent.provision.provision[0]{place}"
    assert problem.meaning is (meaning or Meaning.NOT_SUPPORTED)


@pytest.mark.parametrize(
    "root",
    [
        {"type": "permit", "data": [about("2.999.7.1")]},
        {"type": "permit", "dataPeriod": {"end": "2026"}},
        {"type": "deny", "purpose": [reason("TREAT")], "provision": [{"type": "permit", "actor": [who()]}]},
        {"type": "deny", "provision": [{"type": "permit", "purpose": [reason("TREAT")]}]},
        {"type": "permit", "purpose": [reason("TREAT")], "actor": [who()]},
    ],
)
def test_a_limit_that_would_not_hold_is_refused(root: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        read(root)
    assert caught.value.problems[0].meaning is Meaning.NOT_SUPPORTED


def test_under_a_policy_that_denies_a_permit_for_purposes_is_refused() -> None:
    with pytest.raises(Refused):
        read(
            {"type": "permit", "purpose": [reason("TREAT")]},
            "https://profiles.ihe.net/ITI/PCF/Policy-deny",
        )


def test_a_category_of_ours_must_be_that_of_a_provision() -> None:
    told = consent({"type": "permit", "provision": [{**DENY, "modifierExtension": [OWN]}]})
    told["category"] = [{"coding": [{"system": codes.DIRECTIVE, "code": "closure"}]}]
    check_categories(told)
    told["category"] = [{"coding": [{"system": codes.DIRECTIVE, "code": "mandate"}]}]
    with pytest.raises(Refused):
        check_categories(told)
