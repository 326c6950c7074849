"""ITI-40 at the assertion provider (WS-Trust 1.3): by the person's signature, and by a trusted provider."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from gateway.cli.compose import compose
from gateway.client.token import issue_assertion
from gateway.crypto import pki
from gateway.crypto.keys import Signer, load_signer
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Raw
from gateway.record.people import Code, Principal
from tests.asking import HART_KEY, PHYSICIAN, TREATMENT, asked_body, assertion_asked, coded, enter
from tests.issuing import HART, person_signer

House = Any
ROLE, PURPOSE = coded("Role", *PHYSICIAN), coded("PurposeOfUse", *TREATMENT)
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
PROVIDER = "urn:passerelle:issuer:integration"
WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"


@pytest.fixture
def trusting(house: House) -> Iterator[House]:
    """The house with an identity provider."""
    told = replace(house.settings.tokens, identity_providers=frozenset({PROVIDER}))
    settings = replace(house.settings, tokens=told)
    gateway = compose(settings)
    yield replace(house, gateway=gateway, settings=settings)
    asyncio.run(gateway.close())


def ask(house: House, raw: Raw) -> tuple[int, etree._Element]:
    answer = asyncio.run(house.call("trust", raw))
    return answer.status, etree.fromstring(b"".join(answer.pieces))


def issued(house: House, raw: Raw) -> etree._Element:
    status, envelope = ask(house, raw)
    assert status == 200, etree.tostring(envelope)
    (assertion,) = envelope.iter(f"{SAML}Assertion")
    return assertion


def read(house: House, assertion: etree._Element, *, bearer: bool = False) -> Principal:
    """As a business transaction of the tester reads it."""
    peer = house.partner("tester", "physician").identity.signer.certificate
    alone = etree.fromstring(etree.tostring(assertion))
    return house.gateway.engine.assertions.read(
        alone,
        now=datetime.now(UTC),
        tls_certificate=None if bearer else peer,
        signing_certificate=None,
        bearer_allowed=bearer,
    )


def fault(answer: tuple[int, etree._Element]) -> tuple[int, str]:
    """Status and subcode; prefixes of codes must be bound."""
    status, envelope = answer
    (value,) = [
        each
        for each in envelope.iter("{http://www.w3.org/2003/05/soap-envelope}Value")
        if each.text[:3] != "env"
    ]
    assert value.text.partition(":")[0] in value.nsmap
    assert b"Assertion " not in etree.tostring(envelope)
    return status, value.text


def login(house: House, **changes: Any) -> bytes:
    """What an identity provider says of the physician."""
    told = house.settings.assertions
    options: dict[str, Any] = {
        "signer": load_signer(told.test_issuer_key, told.test_issuer_certificate),
        "issuer": PROVIDER,
        "subject": "dr.hart",
        "name": "-",
        "role": Code("PHARMACIST", "2.999.1.1"),
        "organisation": "2.999.66",
        "organisation_name": "Made up",
        "purpose": Code("MARKETING", "2.999"),
        "audience": told.audience[0],
        "patient": None,
        "confirmation": None,
        "now": datetime.now(UTC),
    }
    return issue_assertion(**{**options, **changes})


def node_key(house: House, name: str = "tester") -> Signer:
    signer = house.partner(name, "physician").identity.signer
    assert signer is not None
    return signer


# --- by the person's own signature ---------------------------------------------------------------


def test_a_person_who_signs_gets_an_assertion_that_opens_everything(house: House) -> None:
    who = read(house, issued(house, assertion_asked(house)))
    assert (who.subject, who.name, who.issuer) == ("dr.hart", "Dr Eva Hart", "https://localhost:8443")
    assert (who.role.code, who.purpose.code, who.organisation) == ("PHYSICIAN", "TREAT", "2.999.2.1")
    assert who.confirmation == "holder-of-key"
    ((message, outcome),) = house._query("SELECT message, outcome FROM audit ORDER BY id DESC LIMIT 1")
    assert ("110114" in message, "ITI-40" in message, "dr.hart" in message, outcome) == (True, True, True, 0)


def test_the_answer_is_the_one_of_ws_trust(house: House) -> None:
    more = (
        '<wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy"><wsa:EndpointReference '
        'xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>https://localhost:8443/xds/registry'
        "</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
    )
    status, envelope = ask(house, assertion_asked(house, asked_body(more=more)))
    assert status == 200
    names = {"wst": WST, "s": SAML[1:-1], "a": "http://www.w3.org/2005/08/addressing"}
    action = envelope.findtext(".//a:Action", namespaces=names)
    assert action == f"{WST}/RSTRC/IssueFinal"
    assert envelope.findtext(".//s:Audience", namespaces=names) == "https://localhost:8443"
    (assertion,) = envelope.iter(f"{SAML}Assertion")
    conditions = assertion.find(f"{SAML}Conditions")
    start, end = (datetime.fromisoformat(conditions.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
    assert end - start == timedelta(seconds=300)
    attributes = {each.get("Name") for each in assertion.iter(f"{SAML}Attribute")}
    assert "urn:ihe:iti:xca:2010:homeCommunityId" in attributes


def test_a_patient_is_bound_to_the_assertion(house: House) -> None:
    patient = (
        '<s:Attribute xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion" '
        'Name="urn:oasis:names:tc:xacml:2.0:resource:resource-id"><s:AttributeValue>'
        "P1^^^&amp;2.999.1.1&amp;ISO</s:AttributeValue></s:Attribute>"
    )
    who = read(house, issued(house, assertion_asked(house, asked_body(ROLE, PURPOSE, patient))))
    assert str(who.patient) == "P1^^^&2.999.1.1&ISO"


def test_claim_types_are_read_as_attributes_are(house: House) -> None:
    told = (
        '<x:ClaimType xmlns:x="urn:oasis:names:tc:xspa:1.0:claims" Uri="{}"><x:ClaimValue>{}</x:ClaimValue>'
        "</x:ClaimType>"
    )
    role = told.format(
        "urn:oasis:names:tc:xacml:2.0:subject:role",
        '<h:Role xmlns:h="urn:hl7-org:v3" code="PHYSICIAN" codeSystem="2.999.1.1"/>',
    )
    organisation = told.format("urn:oasis:names:tc:xspa:1.0:subject:organization-id", "^^^^^^^^^2.999.2.1")
    who = read(house, issued(house, assertion_asked(house, asked_body(role, PURPOSE, organisation))))
    assert (who.role.code, who.organisation) == ("PHYSICIAN", "2.999.2.1")


def test_a_bearer_assertion_is_for_nodes_that_may(house: House) -> None:
    bearer = asked_body(more=f"<wst:KeyType>{WST}/Bearer</wst:KeyType>")
    assert read(house, issued(house, assertion_asked(house, bearer)), bearer=True).confirmation == "bearer"
    with enrolled(house, "hospital"):
        answer = ask(house, assertion_asked(house, bearer, partner="hospital"))
        assert fault(answer) == (400, "wst:RequestFailed")
        assert ask(house, assertion_asked(house, partner="hospital"))[0] == 200


class enrolled:  # noqa: N801 - used as a function
    """A partner that may ask for assertions."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.path = house, house.settings.nodes.directory / f"{name}.toml"
        self.before = self.path.read_text()

    def __enter__(self) -> None:
        self.path.write_text(re.sub(r"transactions = \[", 'transactions = ["ITI-40", ', self.before))
        self.house.gateway.nodes._next_check = 0

    def __exit__(self, *_: object) -> None:
        self.path.write_text(self.before)


def test_a_node_must_be_enrolled(house: House) -> None:
    answer = ask(house, assertion_asked(house, partner="pharmacy"))
    assert fault(answer) == (400, "wsse:FailedAuthentication")


def test_a_foreign_signature_is_nobody(house: House) -> None:
    for signer in (
        person_signer("stranger"),
        person_signer("x", pki.create_authority("X", "integration", NOW)),
    ):
        answer = ask(house, assertion_asked(house, signer=signer))
        assert fault(answer) == (400, "wst:FailedAuthentication")


NOW = datetime.now(UTC) - timedelta(hours=2)


def test_the_signature_of_the_node_names_no_person(house: House) -> None:
    answer = ask(house, assertion_asked(house, signer=node_key(house)))
    assert fault(answer) == (400, "wst:FailedAuthentication")


def test_what_was_changed_after_signing_is_refused(house: House) -> None:
    raw = assertion_asked(house)
    raw = replace(raw, body=raw.body.replace(b"PHYSICIAN", b"LABORATORY"))
    assert fault(ask(house, raw)) == (400, "wsse:FailedCheck")


def test_a_message_is_taken_once(house: House) -> None:
    raw = assertion_asked(house)
    assert ask(house, raw)[0] == 200
    assert fault(ask(house, raw)) == (400, "wsse:FailedCheck")


def test_deactivated_or_of_another_environment(house: House) -> None:
    enter(house, replace(HART, active=False), HART_KEY.certificate)
    assert fault(ask(house, assertion_asked(house))) == (400, "wst:FailedAuthentication")
    other = person_signer("dr.hart", pki.create_authority("Test", "prod", NOW))
    enter(house, HART, other.certificate)
    assert fault(ask(house, assertion_asked(house, signer=other))) == (400, "wst:FailedAuthentication")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (asked_body(coded("Role", "NURSE", "2.999.1.1"), PURPOSE), "wst:InvalidScope"),
        (asked_body(ROLE), "wst:InvalidScope"),
        (asked_body(ROLE, coded("PurposeOfUse", "MADE-UP", "2.999")), "wst:InvalidScope"),
        (asked_body(ROLE, ROLE, PURPOSE), "wst:InvalidScope"),
        (asked_body(ROLE, coded("PurposeOfUse", "TREAT", "")), "wst:InvalidScope"),
        (asked_body(more=f"<wst:KeyType>{WST}/SymmetricKey</wst:KeyType>"), "wst:InvalidRequest"),
        (asked_body().replace(b"200512/Issue", b"200512/Validate"), "wst:BadRequest"),
        (asked_body().replace(b"#SAMLV2.0", b"#SAMLV1.1"), "wst:InvalidRequest"),
        (asked_body(more=f"<wst:TokenType>{WST}</wst:TokenType>"), "wst:InvalidRequest"),
        (asked_body(more="<wst:Secret>x</wst:Secret>"), "wst:InvalidRequest"),
        (
            asked_body(
                more='<p:AppliesTo xmlns:p="http://www.w3.org/ns/ws-policy"><a:Address '
                'xmlns:a="http://www.w3.org/2005/08/addressing">https://other.example</a:Address></p:AppliesTo>'
            ),
            "wst:RequestFailed",
        ),
    ],
)
def test_requests_that_fail(house: House, body: bytes, code: str) -> None:
    assert fault(ask(house, assertion_asked(house, body))) == (400, code)


# --- by an identity provider ---------------------------------------------------------------------


def test_a_provider_logs_a_person_in(trusting: House) -> None:
    key = node_key(trusting)
    raw = assertion_asked(trusting, signer=key, assertion=login(trusting))
    who = read(trusting, issued(trusting, raw))
    assert (who.subject, who.role.code, who.organisation) == ("dr.hart", "PHYSICIAN", "2.999.2.1")


def test_a_provider_must_be_named_as_one(house: House) -> None:
    raw = assertion_asked(house, signer=node_key(house), assertion=login(house))
    assert fault(ask(house, raw)) == (400, "wst:FailedAuthentication")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subject": "dr.klein"}, "wst:FailedAuthentication"),
        ({"issuer": "https://localhost:8443"}, "wst:FailedAuthentication"),
        ({"audience": "https://other.example"}, "wst:InvalidSecurityToken"),
        ({"now": NOW}, "wst:InvalidSecurityToken"),
        ({"life": 86_400}, "wst:InvalidSecurityToken"),
        ({"confirmation": HART_KEY.certificate}, "wst:FailedAuthentication"),
        ({"signer": HART_KEY}, "wst:FailedAuthentication"),
    ],
    ids=str,
)
def test_logins_that_do_not_hold(trusting: House, changes: dict[str, Any], code: str) -> None:
    raw = assertion_asked(trusting, signer=node_key(trusting), assertion=login(trusting, **changes))
    assert fault(ask(trusting, raw)) == (400, code)


def test_who_signs_must_be_who_logged_in(trusting: House) -> None:
    other = person_signer("dr.klein")
    enter(trusting, replace(HART, uid="dr.klein"), other.certificate)
    raw = assertion_asked(trusting, signer=other, assertion=login(trusting))
    assert fault(ask(trusting, raw)) == (400, "wst:FailedAuthentication")


def test_a_login_for_one_use_is_used_once(trusting: House) -> None:
    once = login(trusting, one_time=True)
    key = node_key(trusting)
    assert ask(trusting, assertion_asked(trusting, signer=key, assertion=once))[0] == 200
    again = ask(trusting, assertion_asked(trusting, signer=key, assertion=once))
    assert fault(again) == (400, "wst:InvalidSecurityToken")


def test_a_bearer_login_needs_a_node_that_may_have_one(trusting: House) -> None:
    with enrolled(trusting, "hospital"):
        key = node_key(trusting, "hospital")
        told = login(trusting)
        raw = assertion_asked(trusting, signer=key, assertion=told, partner="hospital")
        assert fault(ask(trusting, raw)) == (400, "wst:FailedAuthentication")
        held = login(trusting, confirmation=key.certificate)
        assert (
            ask(trusting, assertion_asked(trusting, signer=key, assertion=held, partner="hospital"))[0] == 200
        )


def test_what_is_issued_here_logs_nobody_in(trusting: House) -> None:
    """Else one login would last for ever."""
    own = etree.tostring(issued(trusting, assertion_asked(trusting)))
    raw = assertion_asked(trusting, signer=node_key(trusting), assertion=own)
    assert fault(ask(trusting, raw)) == (400, "wst:FailedAuthentication")


def test_the_swiss_form_of_a_request(trusting: House) -> None:
    """As the Swiss record is asked: types are named, values have space around them."""
    attribute = (
        '<saml2:Attribute xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" Name="{}" '
        'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"><saml2:AttributeValue '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:type="xs:{}">\n {}\n </saml2:AttributeValue></saml2:Attribute>'
    )
    coded_value = (
        '<{} xmlns="urn:hl7-org:v3" code="{}" codeSystem="{}" codeSystemName="-" displayName="-" '
        'xsi:type="CE"/>'
    )
    told = (
        ("urn:oasis:names:tc:xacml:2.0:subject:role", "anyType", coded_value.format("Role", "HCP", SWISS[0])),
        (
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
            "anyType",
            coded_value.format("PurposeOfUse", "NORM", SWISS[1]),
        ),
        ("urn:oasis:names:tc:xacml:2.0:resource:resource-id", "token", "P1^^^&amp;2.999.1.1&amp;ISO"),
        ("urn:oasis:names:tc:xspa:1.0:subject:organization-id", "anyURI", "urn:oid:2.999.2.1"),
        ("urn:e-health-suisse:principal-id", "token", "2000000090092"),
    )
    text = (
        f'<wst:RequestSecurityToken xmlns:wst="{WST}"><wst:RequestType>{WST}/Issue\n</wst:RequestType>'
        '<wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy"><wsa:EndpointReference '
        'xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>https://localhost:8443/xds/registry'
        "</wsa:Address></wsa:EndpointReference></wsp:AppliesTo><wst:TokenType>http://docs.oasis-open.org/wss/"
        "oasis-wss-saml-token-profile-1.1#SAMLV2.0\n</wst:TokenType>"
        f'<wst:Claims Dialect="http://www.bag.admin.ch/epr/2017/annex/5/amendment/2">'
        f"{''.join(attribute.format(*each) for each in told)}</wst:Claims></wst:RequestSecurityToken>"
    )
    body = c14n(etree.fromstring(text))
    raw = assertion_asked(trusting, body, signer=node_key(trusting), assertion=login(trusting))
    who = read(trusting, issued(trusting, raw))
    assert (who.role.code, who.purpose.code, str(who.patient)) == ("HCP", "NORM", "P1^^^&2.999.1.1&ISO")


SWISS = "2.16.756.5.30.1.127.3.10.6", "2.16.756.5.30.1.127.3.10.5"
