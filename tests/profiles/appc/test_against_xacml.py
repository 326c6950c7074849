"""Whatever policy comes, changed in whatever way: nothing is seen that XACML would not permit (TF-3 5.6)."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from gateway.declare.actions import Action
from gateway.errors import GatewayError
from gateway.policy.engine import decide
from gateway.policy.matrix import load_policy
from gateway.policy.model import Policy
from gateway.record.access import PatientRights
from gateway.record.consents import Author, Consent, Status
from gateway.record.documents import DocumentEntry
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.rights.documents import Known
from gateway.rights.fold import fold
from gateway.stores.granted import visible
from profiles.appc.rules import read
from tests import xacml
from tests.consentdocs import (
    APPC,
    CLASS,
    MANY,
    ORGANISATION,
    PURPOSE,
    QUERY,
    RESOURCE,
    RETRIEVE,
    SUBJECT,
    Rule,
    appc,
    organisation,
    person,
    purpose,
    since,
    until,
)

PATIENT = PatientId("A-1", "2.999.1.1")
POLICY_ID = "urn:uuid:00000000-0000-4000-8000-000000000001"
AT = datetime(2026, 3, 4, tzinfo=UTC)
ACT_REASON = "2.16.840.1.113883.5.8"
PUBLISH = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
ACTIONS = {
    QUERY: Action.DOCUMENT_QUERY,
    RETRIEVE: Action.DOCUMENT_READ,
    MANY: Action.DOCUMENT_QUERY_MANY,
    PUBLISH: Action.DOCUMENT_PUBLISH,
}
PEOPLE = {"dr.a": "2.999.9.1", "dr.b": "2.999.9.2"}
DOCUMENTS = ("2.999.7.1", "2.999.7.2")
FRESH = "2.999.7.9"
"""What is published is not there yet."""
PURPOSES = ("TREAT", "HOPERAT", "ETREAT")
TIMES = (datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2028, 6, 1, 12, tzinfo=UTC))
ALGORITHMS = ("deny-overrides", "ordered-deny-overrides", "permit-overrides", "first-applicable")


def policies() -> list[Policy]:
    """Relations assumed and required; physicians may do whatever a policy can be about."""
    shipped = load_policy(Path(__file__).parents[3] / "config/policy", environment="integration")
    roles = {
        key: replace(role, may={**role.may, Action.DOCUMENT_QUERY_MANY: None}, purposes=None)
        if role.name == "physician"
        else role
        for key, role in shipped.roles.items()
    }
    return [replace(shipped, roles=roles, relation_assumed=assumed) for assumed in (True, False)]


POLICIES = policies()
KNOWN = Known(
    policies=POLICIES[0].consents, purposes={key: each.name for key, each in POLICIES[0].purposes.items()}
)
NO_POLICY = Known(purposes=KNOWN.purposes)


@dataclass(frozen=True)
class Request:
    person: str
    document: str
    action: str
    purpose: str
    at: datetime

    def told(self) -> xacml.Request:
        """As XACML looks at it."""
        return {
            SUBJECT: [self.person],
            ORGANISATION: [f"urn:oid:{PEOPLE[self.person]}"],
            PURPOSE: [(self.purpose, ACT_REASON)],
            RESOURCE: [FRESH if self.action == PUBLISH else self.document],
            "urn:ihe:iti:ser:2016:patient-id": [(PATIENT.root, PATIENT.extension)],
            "urn:oasis:names:tc:xacml:1.0:action:action-id": [self.action],
            "urn:oasis:names:tc:xacml:1.0:environment:current-date": [self.at.date()],
            "urn:oasis:names:tc:xacml:1.0:environment:current-dateTime": [self.at],
        }

    def permitted(self, policy: Policy, rights: PatientRights) -> bool:
        """As this server answers it."""
        principal = Principal(
            kind=SubjectKind.PROFESSIONAL,
            subject=self.person,
            name="Doctor",
            issuer="issuer",
            role=Code("PHYSICIAN", "2.999.1.1"),
            organisation=PEOPLE[self.person],
            purpose=Code(self.purpose, ACT_REASON),
            emergency_reason="unconscious" if self.purpose == "ETREAT" else None,
            confirmation="holder-of-key",
            token_id=None,
            token_digest=None,
            expires=None,
        )
        action = ACTIONS[self.action]
        decision = decide(
            policy=policy, principal=principal, action=action, rights=rights, patient=PATIENT, at=self.at
        )
        if not decision.permitted or action.writes:
            return decision.permitted
        assert decision.grant is not None
        return visible(
            decision.grant, rank=1, document_class="18842-5", unique_id=self.document, organisation=None
        )


REQUESTS = [Request(*each) for each in itertools.product(PEOPLE, DOCUMENTS, ACTIONS, PURPOSES, TIMES)]


def entry(octets: bytes) -> DocumentEntry:
    return DocumentEntry(
        id="Document01",
        unique_id=POLICY_ID,
        patient=PATIENT,
        mime_type="text/xml",
        class_code=CLASS,
        type_code=CLASS,
        format_code=APPC,
        size=len(octets),
    )


def rights_of(octets: bytes) -> PatientRights | None:
    """What a policy comes to; None when it is refused."""
    try:
        stated = read(entry(octets), octets, NO_POLICY, AT)
        author = Author(subject="p", name="p", kind="patient", by="APPC")
        consent = Consent(
            id="1",
            version=1,
            patient=PATIENT,
            patient_key=1,
            status=Status.ACTIVE,
            directives=stated.directives,
            author=author,
            at=AT,
            trace_id="0",
        )
        return fold([consent])
    except GatewayError:
        return None


def check(octets: bytes) -> bool:
    """No request sees more than XACML permits; whether the policy was taken at all."""
    rights = rights_of(octets)
    if rights is None:
        return False
    root = etree.fromstring(octets)
    for policy, request in itertools.product(POLICIES, REQUESTS):
        now = request.permitted(policy, rights)
        decision = xacml.decide(root, request.told())
        if now:
            assert decision in {xacml.PERMIT, xacml.NOTHING}, (request, decision)
        if now and not request.permitted(policy, PatientRights()):
            assert decision == xacml.PERMIT, (request, decision)
    return True


# --- policies ------------------------------------------------------------------------------------

SUBJECTS = [
    *map(person, PEOPLE), *map(organisation, PEOPLE.values()), purpose("TREAT"), purpose("HOPERAT"),
]  # fmt: skip
READS = (QUERY, RETRIEVE, MANY)
TIMED = (until("2027-01-01"), since("2026-01-01"), since("2027-01-01") + until("2029-01-01"))
rules = st.builds(
    Rule,
    effect=st.sampled_from(["Permit", "Deny"]),
    subjects=st.lists(st.sampled_from(SUBJECTS), max_size=2, unique=True).map(tuple),
    documents=st.lists(st.sampled_from(DOCUMENTS), max_size=2, unique=True).map(tuple),
    actions=st.sampled_from([(), (), READS, (QUERY, RETRIEVE), (PUBLISH,), (*READS, PUBLISH)]),
    environment=st.sampled_from(["", "", "", *TIMED]),
)
written = st.builds(
    lambda found, algorithm: appc(POLICY_ID, PATIENT, *found, algorithm=algorithm),
    st.lists(rules, min_size=1, max_size=4),
    st.sampled_from(ALGORITHMS),
)
VALUES = (
    *(f"urn:oasis:names:tc:xacml:1.0:rule-combining-algorithm:{each}" for each in ALGORITHMS),
    *(f"urn:oasis:names:tc:xacml:1.0:policy-combining-algorithm:{each}" for each in ALGORITHMS),
    "Permit", "Deny", SUBJECT, ORGANISATION, RESOURCE, PURPOSE, QUERY, PUBLISH, "dr.a", "dr.b", *DOCUMENTS,
    "urn:oasis:names:tc:xacml:1.0:function:string-equal",
    "urn:oasis:names:tc:xacml:1.0:function:anyURI-equal",
    "urn:oasis:names:tc:xacml:1.0:function:string-regexp-match", "urn:hl7-org:v3:function:II-equal",
    "urn:oasis:names:tc:xacml:1.0:function:date-greater-than", "true", "", "2027-01-01", "TREAT", "A-2",
    "*", "urn:oid:", "9999-12-31",
)  # fmt: skip


def changed(octets: bytes, data: st.DataObject) -> bytes:
    """One change anywhere: an element gone, doubled or moved, an attribute or a text that is another."""
    root = etree.fromstring(octets)
    element = data.draw(st.sampled_from(list(root.iter())))
    parent = element.getparent()
    what = data.draw(st.sampled_from(["drop", "double", "move", "attribute", "text"]))
    if what == "attribute" and element.attrib:
        name = data.draw(st.sampled_from(sorted(map(str, element.attrib))))
        element.set(name, data.draw(st.sampled_from(VALUES)))
    elif what == "text":
        element.text = data.draw(st.sampled_from(VALUES))
    elif parent is not None and what == "drop":
        parent.remove(element)
    elif parent is not None and what == "double":
        parent.append(copy.deepcopy(element))
    elif parent is not None and what == "move":
        parent.insert(0, element)
    return etree.tostring(root)


LOOKING = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@LOOKING
@given(written)
def test_nothing_is_seen_that_the_policy_does_not_permit(octets: bytes) -> None:
    check(octets)


@LOOKING
@given(written, st.data())
def test_no_change_of_a_policy_adds_a_permit_that_it_does_not_give(octets: bytes, data: Any) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        octets = changed(octets, data)
    check(octets)


@pytest.mark.parametrize(
    "found",
    [
        (Rule(effect="Deny", subjects=(person("dr.a"),)),),
        (Rule(effect="Deny", subjects=(organisation("2.999.9.1"), person("dr.b"))),),
        (Rule(effect="Deny"),),
        (Rule(effect="Deny", subjects=(purpose("HOPERAT"),)),),
        (Rule(effect="Deny", documents=DOCUMENTS),),
        (Rule(effect="Deny", subjects=(person("dr.a"),), documents=DOCUMENTS[:1]),),
        (Rule(effect="Permit", subjects=(person("dr.a"),), environment=until("2027-01-01")),),
        (Rule(effect="Permit", subjects=(person("dr.a"),), documents=DOCUMENTS[:1]), Rule(effect="Deny")),
    ],
)
def test_what_can_be_said_here_is_taken_and_said_exactly(found: tuple[Rule, ...]) -> None:
    octets = appc(POLICY_ID, PATIENT, *found)
    assert check(octets)
    rights = rights_of(octets)
    assert rights is not None
    root = etree.fromstring(octets)
    for request in REQUESTS:
        if request.action != PUBLISH and request.purpose != "ETREAT":
            expected = xacml.decide(root, request.told())
            if expected != xacml.NOTHING:
                assert request.permitted(POLICIES[0], rights) is (expected == xacml.PERMIT), request


def test_only_those_who_are_named_read() -> None:
    found = (Rule(effect="Permit", subjects=(person("dr.a"),)), Rule(effect="Deny", actions=READS))
    octets = appc(POLICY_ID, PATIENT, *found, algorithm="first-applicable")
    assert check(octets)
    rights = rights_of(octets)
    assert rights is not None
    reading = [each for each in REQUESTS if each.action != PUBLISH and each.purpose == "TREAT"]
    for policy, request in itertools.product(POLICIES, reading):
        assert request.permitted(policy, rights) is (request.person == "dr.a")


def test_enough_of_the_policies_are_taken() -> None:
    """So that the tests above judge more than refusals."""
    taken = 0

    @settings(LOOKING, max_examples=60)
    @given(written)
    def count(octets: bytes) -> None:
        nonlocal taken
        taken += rights_of(octets) is not None

    count()
    assert taken >= 12
