"""What an APPC policy comes to, rule by rule, and the places at which it is Indeterminate."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Malformed, Meaning, Refused
from gateway.policy.matrix import load_policy
from gateway.record.access import Period
from gateway.record.consents import Directive, Kind
from gateway.record.documents import DocumentEntry
from gateway.record.people import Code, PatientId
from gateway.rights.documents import Known
from profiles.appc.rules import read
from tests.consentdocs import (
    APPC,
    BPPC,
    CLASS,
    FLOOR,
    MANY,
    OPT_OUT,
    QUERY,
    RETRIEVE,
    Rule,
    appc,
    match,
    organisation,
    person,
    purpose,
    since,
    until,
)

PATIENT = PatientId("A-1", "2.999.1.1")
POLICY_ID = "urn:uuid:00000000-0000-4000-8000-000000000001"
AT = datetime(2026, 3, 4, tzinfo=UTC)
SHIPPED = load_policy(Path(__file__).parents[3] / "config/policy", environment="prod")
KNOWN = Known(policies=SHIPPED.consents, purposes={key: each.name for key, each in SHIPPED.purposes.items()})
READS = (QUERY, RETRIEVE, MANY)
FOLDER = "urn:ihe:iti:appc:2016:document-entry:related-folder:id"
CURRENT_TIME = "urn:oasis:names:tc:xacml:1.0:environment:current-dateTime"
DENY_ALL = Rule(effect="Deny", actions=READS)


def entry(**changes: Any) -> DocumentEntry:
    made = DocumentEntry(
        id="Document01",
        unique_id=POLICY_ID,
        patient=PATIENT,
        mime_type="text/xml",
        type_code=CLASS,
        format_code=APPC,
    )
    return replace(made, **changes)


def directives(*rules: Rule, **how: Any) -> tuple[Directive, ...]:
    item = entry(events=tuple(Code(each, "2.999.10") for each in how.get("references", ())))
    return read(item, appc(POLICY_ID, PATIENT, *rules, **how), KNOWN, AT).directives


def indeterminate(octets: bytes, item: DocumentEntry | None = None) -> str:
    with pytest.raises(Refused) as refused:
        read(item or entry(), octets, KNOWN, AT)
    (problem,) = refused.value.problems
    assert (problem.meaning, problem.location) == (Meaning.NOT_SUPPORTED, "Document01")
    assert problem.context.startswith("Indeterminate: ")
    return problem.context


def test_denials_and_allowances_of_persons_organisations_and_documents() -> None:
    assert directives(Rule(effect="Deny", subjects=(person("dr.a"), organisation("2.999.9")))) == (
        Directive(kind=Kind.DENIAL, subject="dr.a"),
        Directive(kind=Kind.DENIAL, subject="2.999.9"),
    )
    named = Rule(effect="Permit", subjects=(person("dr.a"),), documents=("2.999.7.1", "urn:oid:2.999.7.2"))
    assert directives(named) == (
        Directive(kind=Kind.ALLOWANCE, subject="dr.a", documents=frozenset({"2.999.7.1", "2.999.7.2"})),
    )
    hidden = Directive(kind=Kind.DENIAL, subject="*", documents=frozenset({"2.999.7.1"}))
    assert directives(Rule(effect="Deny", documents=("2.999.7.1",))) == (hidden,)


def test_everybody_is_opposed_for_all_purposes_or_one() -> None:
    assert directives(Rule(effect="Deny")) == (Directive(kind=Kind.OPPOSITION),)
    found = directives(Rule(effect="Deny", subjects=(purpose("NORM", "2.16.756.5.30.1.127.3.10.5"),)))
    assert found == (Directive(kind=Kind.OPPOSITION, purpose="TREAT"),)


def test_a_permit_for_everybody_leaves_things_as_they_are() -> None:
    assert directives(Rule(effect="Permit")) == ()


def test_only_those_named() -> None:
    rules = (Rule(effect="Permit", subjects=(person("dr.a"),)), DENY_ALL)
    expected = (
        Directive(kind=Kind.ALLOWED_ONLY),
        Directive(kind=Kind.EMERGENCY, rank=0),
        Directive(kind=Kind.ALLOWANCE, subject="dr.a"),
    )
    assert directives(*rules, algorithm="first-applicable") == expected
    assert directives(*rules, algorithm="permit-overrides") == expected
    assert Directive(kind=Kind.OPPOSITION) in directives(*rules, algorithm="deny-overrides")


def test_periods_are_read_as_days_and_instants() -> None:
    days = replace(Rule(effect="Deny"), environment=since("2026-01-01") + until("2026-12-31"))
    (found,) = directives(days)
    assert found.period == Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    told = ("dateTime-greater-than-or-equal", "dateTime")
    instant = match("Environment", CURRENT_TIME, "2026-12-31T10:00:00+01:00", *told)
    (found,) = directives(replace(Rule(effect="Deny"), environment=instant))
    end = datetime(2026, 12, 31, 9, tzinfo=UTC)
    assert found.period.end == end + timedelta(microseconds=1)


def test_policies_of_the_domain_are_referred_to() -> None:
    assert directives(references=(OPT_OUT, f"urn:oid:{FLOOR}")[:1]) == (Directive(kind=Kind.OPPOSITION),)
    found = directives(Rule(effect="Deny", subjects=(person("dr.a"),)), references=(FLOOR,))
    assert found == (Directive(kind=Kind.DENIAL, subject="dr.a"), Directive(kind=Kind.FLOOR, rank=2))


def test_a_policy_that_the_domain_does_not_know_is_indeterminate() -> None:
    octets = appc(POLICY_ID, PATIENT, references=("2.999.77",))
    item = entry(events=(Code("2.999.77", "2.999.10"),))
    assert "PolicySet/PolicySetIdReference[1]: is not a policy that this domain" in indeterminate(
        octets, item
    )


ROLE = (
    '<SubjectMatch MatchId="urn:hl7-org:v3:function:CV-equal"><AttributeValue DataType="urn:hl7-org:v3#CV">'
    '<CodedValue xmlns="urn:hl7-org:v3" code="PHYSICIAN" codeSystem="2.999.1.1"/></AttributeValue>'
    '<SubjectAttributeDesignator AttributeId="urn:oasis:names:tc:xacml:2.0:subject:role" '
    'DataType="urn:hl7-org:v3#CV"/></SubjectMatch>'
)


@pytest.mark.parametrize(
    ("rules", "algorithm", "said"),
    [
        ((Rule(effect="Deny", subjects=(ROLE,)),), "", "subject attribute"),
        ((Rule(effect="Deny", subjects=(person("a") + organisation("2.999.9"),)),), "", "several conditions"),
        ((Rule(effect="Deny", subjects=(person("a") + purpose("TREAT"),)),), "", "a Deny for one purpose"),
        ((Rule(effect="Permit", subjects=(purpose("TREAT"),)),), "", "a Permit for one purpose"),
        ((Rule(effect="Deny", subjects=(purpose("RESEARCH"),)),), "", "names a purpose of use that"),
        (
            (Rule(effect="Permit", subjects=(person("a"),), actions=(QUERY,)),),
            "",
            "a Permit is for any action",
        ),
        ((Rule(effect="Permit", subjects=(person("*"),)),), "", "names nobody"),
        ((Rule(effect="Deny", subjects=(organisation(""),)),), "", "names nobody"),
        ((Rule(effect="Deny", documents=("urn:oid:",)),), "", "names nobody, or nothing"),
        ((Rule(effect="Deny", environment=until("9999-12-31")),), "", "is no date"),
        ((Rule(effect="Deny", actions=(RETRIEVE,)),), "", "a Deny is for any action"),
        ((Rule(effect="Deny", actions=("urn:x",)),), "", "action 'urn:x' is not known"),
        ((Rule(effect="Deny", documents=(POLICY_ID,)),), "", "not by its entryUUID"),
        ((Rule(effect="Permit", subjects=(person("a"),)), DENY_ALL), "only-one-applicable", "algorithm"),
        (
            (Rule(effect="Permit", subjects=(person("a"),)), Rule(effect="Deny")),
            "first-applicable",
            "combined",
        ),
        ((Rule(effect="Deny", environment=match("Environment", CURRENT_TIME, "x")),), "", "current-date"),
        ((Rule(effect="Deny", environment=until("tomorrow")),), "", "is no date"),
    ],
)
def test_what_our_rules_cannot_say_is_indeterminate(
    rules: tuple[Rule, ...], algorithm: str, said: str
) -> None:
    assert said in indeterminate(appc(POLICY_ID, PATIENT, *rules, algorithm=algorithm or "deny-overrides"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("</PolicySet>", "<Obligations/></PolicySet>", "PolicySet/Obligations: is not applied here"),
        (
            "</Policy>",
            '<Obligations><Obligation ObligationId="o" FulfillOn="Deny"/></Obligations></Policy>',
            "Obl",
        ),
        (
            "</Rule>",
            '<Condition><Apply FunctionId="f"/></Condition></Rule>',
            "Rule[1]/Condition: is not applied",
        ),
        ("function:string-equal", "function:string-regexp-match", "is not known here"),
        ("1.0:subject:subject-id", "1.0:subject:other-id", "subject attribute"),
        ("<Description>What I decided</Description>", "", "exactly one Description"),
        ('AttributeId="urn:oasis', 'Issuer="i" AttributeId="urn:oasis', "other attributes than expected"),
        ("</SubjectMatch>", "</SubjectMatch>text", "holds text"),
        ("<Rule ", '<x xmlns="urn:x"/><Rule ', "is no element of XACML"),
        ("<Policy ", "<CombinerParameters/><Policy ", "is not applied here"),
        ('extension="A-1"', "", "expected an InstanceIdentifier with root and extension"),
        ("ser:2016:patient-id", "ser:2016:home", "resource attribute"),
        ('Effect="Deny"', 'Effect="Maybe"', "expected Permit or Deny"),
    ],
)
def test_what_is_not_known_is_indeterminate(old: str, new: str, said: str) -> None:
    text = appc(POLICY_ID, PATIENT, Rule(effect="Deny", subjects=(person("dr.a"),))).decode()
    assert old in text
    assert said in indeterminate(text.replace(old, new).encode())


def test_attributes_that_may_be_missing_cannot_be_demanded() -> None:
    text = appc(POLICY_ID, PATIENT, Rule(effect="Deny", subjects=(organisation("2.999.9"), person("a"))))
    always = text.replace(b'subject-id" ', b'subject-id" MustBePresent="true" ')
    assert read(entry(), always, KNOWN, AT).directives == read(entry(), text, KNOWN, AT).directives
    seldom = text.replace(b'organization-id" ', b'organization-id" MustBePresent="true" ')
    assert "MustBePresent" in indeterminate(seldom)


def test_a_folder_is_closed_for_reading() -> None:
    rule = Rule(effect="Deny", documents=("2.999.8.1",), actions=READS).written("r")
    text = appc(POLICY_ID, PATIENT, Rule(effect="Deny")).decode()
    folder = rule.replace("urn:oasis:names:tc:xacml:1.0:resource:resource-id", FOLDER)
    start, end = text.index("<Rule"), text.index("</Policy>")
    found = read(entry(), f"{text[:start]}{folder}{text[end:]}".encode(), KNOWN, AT).directives
    assert found == (Directive(kind=Kind.DENIAL, subject="*", documents=frozenset({"2.999.8.1"})),)
    anything = folder[: folder.index("<Actions>")] + folder[folder.index("</Actions>") + len("</Actions>") :]
    assert "reading alone" in indeterminate(f"{text[:start]}{anything}{text[end:]}".encode())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"unique_id": "2.999.7.1"}, "PolicySetId"),
        ({"type_code": BPPC}, "typeCode of a consent"),
        ({"format_code": Code(APPC.code, "2.999")}, "is of the scheme"),
        ({"events": (Code(OPT_OUT, "2.999.10"),)}, "eventCodeList"),
    ],
)
def test_metadata_that_say_something_else_are_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(Refused) as refused:
        read(entry(**changes), appc(POLICY_ID, PATIENT, Rule(effect="Deny")), KNOWN, AT)
    (problem,) = refused.value.problems
    assert problem.meaning is Meaning.CONTENT_MISMATCH
    assert fault in problem.context


def test_another_patient_is_refused() -> None:
    octets = appc(POLICY_ID, PatientId("A-2", "2.999.1.1"), Rule(effect="Deny"))
    with pytest.raises(Refused) as refused:
        read(entry(), octets, KNOWN, AT)
    assert refused.value.problems[0].meaning is Meaning.PATIENT_MISMATCH


def test_the_alternatives_of_a_policy_are_bounded() -> None:
    many = tuple(person(f"dr.{number}") for number in range(1100))
    assert "more than 1000 alternatives" in indeterminate(
        appc(POLICY_ID, PATIENT, Rule(effect="Deny", subjects=many))
    )


def test_all_that_a_policy_says_is_bounded() -> None:
    rules = [Rule(effect="Deny", subjects=(person("dr.a"),)) for _ in range(1001)]
    assert "more than 1000 things" in indeterminate(appc(POLICY_ID, PATIENT, *rules))


def test_what_is_no_safe_xml_is_not_read() -> None:
    with pytest.raises(Malformed):
        read(entry(), b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', KNOWN, AT)
