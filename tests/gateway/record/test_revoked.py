"""Who is shut out by which name, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import NodeRefused, TokenInvalid
from gateway.record.people import Node, Principal, SubjectKind
from gateway.record.revoked import Revoked, RevokedKind

NOW = datetime(2026, 3, 4, tzinfo=UTC)
WHO = Principal(
    kind=SubjectKind.PROFESSIONAL,
    subject="dr-1",
    name="Dr. One",
    issuer="urn:idp",
    role=None,
    organisation="2.999.7",
    purpose=None,
    provider_ids=("NPI-1",),
    on_behalf_of="dr-2",
    confirmation="bearer",
    token_id="_t1",
    token_digest=None,
    expires=None,
)
NODE = Node(
    name="ward",
    fingerprints=frozenset(),
    environment="integration",
    organisation="2.999.7",
    organisation_name="Hospital",
    transactions=frozenset(),
)


def revoked(kind: str, name: str, until: datetime | None = None) -> Revoked:
    return Revoked({(RevokedKind(kind), name): until})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("person", "dr-1"),
        ("person", "dr-1@urn:idp"),
        ("person", "NPI-1"),
        ("person", "dr-2"),
        ("organisation", "2.999.7"),
        ("issuer", "urn:idp"),
        ("token", "_t1"),
        ("token", "_t1@urn:idp"),
    ],
)
def test_a_person_by_every_name(kind: str, name: str) -> None:
    with pytest.raises(TokenInvalid, match="revoked"):
        revoked(kind, name).check_principal(WHO, NOW)
    with pytest.raises(TokenInvalid):
        revoked(kind, name).check_principal(replace(WHO, organisation="urn:oid:2.999.7"), NOW)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("person", "dr-1@urn:other"), ("node", "dr-1"), ("token", "dr-1"), ("patient", "dr-1"), ("person", "")],
)
def test_others_are_let_in(kind: str, name: str) -> None:
    revoked(kind, name).check_principal(WHO, NOW)
    revoked(kind, name).check_node(NODE, NOW)
    assert not Revoked().holds(RevokedKind.PERSON, "dr-1", NOW)


def test_a_patient_s_own_access() -> None:
    patient = replace(WHO, kind=SubjectKind.PATIENT, subject="p^^^&2.999&ISO")
    with pytest.raises(TokenInvalid):
        revoked("patient", "p^^^&2.999&ISO").check_principal(patient, NOW)


@pytest.mark.parametrize(("kind", "name"), [("node", "ward"), ("organisation", "2.999.7")])
def test_a_node(kind: str, name: str) -> None:
    with pytest.raises(NodeRefused):
        revoked(kind, name).check_node(NODE, NOW)


def test_it_ends() -> None:
    found = revoked("node", "ward", NOW + timedelta(seconds=1))
    assert found.shuts_out(NODE, NOW)
    assert not found.shuts_out(NODE, NOW + timedelta(seconds=1))
