from dataclasses import replace

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.people import Code, Node
from gateway.tokens.asked import Asked
from gateway.tokens.people import Professional
from gateway.tokens.subject import person_of
from tests.issuing import CLIENT, CLINIC, GENERALIST, HART, HOSPITAL, KNOWN, NURSE, PHYSICIAN, TREATMENT

ASKED = Asked(purpose=TREATMENT)


def refused(meaning: Meaning, who: Professional = HART, asked: Asked = ASKED, node: Node = CLIENT) -> None:
    with pytest.raises(Refused) as told:
        person_of(who, asked, node, KNOWN)
    assert told.value.problems[0].meaning is meaning


def test_the_only_role_and_organisation_need_no_name() -> None:
    who = person_of(HART, ASKED, CLIENT, KNOWN)
    assert (who.uid, who.role, who.purpose, who.membership) == ("dr.hart", PHYSICIAN, TREATMENT, HOSPITAL)


def test_a_role_is_one_that_is_held() -> None:
    refused(Meaning.SCOPE_REFUSED, asked=replace(ASKED, role=NURSE))
    refused(Meaning.SCOPE_REFUSED, asked=replace(ASKED, role=Code("MADE-UP", "2.999")))
    both = replace(HART, roles=(PHYSICIAN, NURSE))
    refused(Meaning.SCOPE_REFUSED, both)
    assert person_of(both, replace(ASKED, role=NURSE), CLIENT, KNOWN).role == NURSE


def test_codes_of_one_rule_are_one_role() -> None:
    both = replace(HART, roles=(PHYSICIAN, GENERALIST))
    assert person_of(both, ASKED, CLIENT, KNOWN).role == PHYSICIAN
    other = person_of(replace(HART, roles=(GENERALIST,)), replace(ASKED, role=PHYSICIAN), CLIENT, KNOWN)
    assert other.role == PHYSICIAN


def test_a_role_that_nobody_knows_is_none() -> None:
    refused(Meaning.SCOPE_REFUSED, replace(HART, roles=(Code("MADE-UP", "2.999"),)))
    refused(Meaning.SCOPE_REFUSED, replace(HART, roles=()))


def test_organisations() -> None:
    both = replace(HART, memberships=(CLINIC, HOSPITAL))
    assert person_of(both, ASKED, CLIENT, KNOWN).membership == HOSPITAL
    assert person_of(both, replace(ASKED, organisation="2.999.2.8"), CLIENT, KNOWN).membership == CLINIC
    refused(Meaning.SCOPE_REFUSED, both, node=replace(CLIENT, organisation="2.999.2.7"))
    refused(Meaning.SCOPE_REFUSED, asked=replace(ASKED, organisation="2.999.2.8"))
    refused(Meaning.SCOPE_REFUSED, replace(HART, memberships=()))


def test_purpose_and_standing() -> None:
    refused(Meaning.SCOPE_REFUSED, asked=Asked())
    refused(Meaning.SCOPE_REFUSED, asked=Asked(purpose=Code("X", "2.999")))
    refused(Meaning.GRANT_REFUSED, replace(HART, active=False))
