import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.xmldsig import names
from gateway.errors import (
    SignerRefused,
)
from gateway.identity.saml import AssertionPolicy
from gateway.record.people import Code, PatientId, SubjectKind

S = f"{{{names.SAML}}}"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
PATIENT = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
ORGANISATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
NPI = "urn:oasis:names:tc:xspa:1.0:subject:npi"
PROVIDER = "urn:ihe:iti:xua:2017:subject:provider-identifier"
PAT = Code("PAT", "2.16.840.1.113883.5.111")
DOCTOR, TREATMENT = Code("221", "2.999.1", "Physician"), Code("TREAT", "2.999.2", "")


def test_a_professional(issued: Callable[..., Any], read: Callable[..., Any], now: datetime) -> None:
    principal = read(issued())
    assert principal.kind is SubjectKind.PROFESSIONAL
    assert principal.audit_name == "<dr-1@urn:idp>"
    assert (principal.role, principal.purpose) == (DOCTOR, TREATMENT)
    assert (principal.organisation, principal.organisation_name) == ("2.999.7", "Hospital")
    assert principal.expires == now.replace(microsecond=250_000) + timedelta(seconds=300 + 60)


def test_the_alias(shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    principal = read(issued(shape.setting(f"{S}Subject/{S}NameID", SPProvidedID="one")))
    assert principal.audit_name == "one<dr-1@urn:idp>"


def test_white_space_around_values_does_not_count(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    def spread(root: etree._Element) -> None:
        for element in root.iter(f"{S}NameID", f"{S}Issuer", f"{S}Audience", f"{S}AttributeValue"):
            if len(element) == 0:
                element.text = f"\n   {element.text}\n  "

    principal = read(issued(spread))
    assert (principal.subject, principal.issuer, principal.name) == ("dr-1", "urn:idp", "Dr. One")


def test_the_patient_in_cx_form(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    assert read(issued(patient=PatientId("1", "2.999.9"))).patient == PatientId("1", "2.999.9")


@pytest.mark.parametrize(
    "text", ["1", "1^^^2.999", "^^^&2.999&ISO", "1^^^&&ISO", "1^^^&2.999&L", "1^x^^&2.999&ISO"]
)
def test_a_patient_that_cannot_be_read(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], text: Any
) -> None:
    with pytest.raises(SignerRefused):
        read(issued(shape.adding(PATIENT, text)))


def test_provider_ids(shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    identifier = etree.fromstring('<id xmlns="urn:hl7-org:v3" root="2.999.5" extension="42"/>')
    principal = read(
        issued(lambda root: (shape.adding(NPI, "99")(root), shape.adding(PROVIDER, identifier)(root)))
    )
    assert principal.provider_ids == ("99", "42^^^&2.999.5&ISO")


def test_codes_of_other_forms(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    def plain(root: etree._Element) -> None:
        value = shape.attribute(root, ROLE)[0]
        value.remove(value[0])
        value.text = "doctor"

    assert read(issued(plain)).role == Code("doctor", "")

    def on_the_value(root: etree._Element) -> None:
        value = shape.attribute(root, ROLE)[0]
        value.remove(value[0])
        value.attrib.update({"code": "1", "codeSystem": "2.999", "displayName": "d"})

    assert read(issued(on_the_value)).role == Code("1", "2.999", "d")


def test_attributes_of_several_statements_and_unknown_ones(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    def split(root: etree._Element) -> None:
        statement = etree.SubElement(root, f"{S}AttributeStatement")
        statement.append(shape.attribute(root, PURPOSE))
        shape.adding("urn:unknown", "x", "y")(root)

    assert read(issued(split)).purpose == TREATMENT


@pytest.mark.parametrize("name", [ROLE, PURPOSE])
def test_saml_07_missing(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], name: str
) -> None:
    with pytest.raises(SignerRefused):
        read(issued(shape.dropping(name)))


@pytest.mark.parametrize("name", [ROLE, PURPOSE])
def test_saml_07_empty(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], name: str
) -> None:
    with pytest.raises(SignerRefused):
        read(issued(lambda root: shape.attribute(root, name)[0].remove(shape.attribute(root, name)[0][0])))


def test_saml_07_purpose_without_code_system(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignerRefused):
        read(issued(purpose=Code("TREAT", "")))


def test_saml_07_outside_the_value_set(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    known = shape.restricted(
        policy, roles=frozenset({("221", "2.999.1")}), purposes=frozenset({("TREAT", "2.999.2")})
    )
    assert read(issued(), policy=known).role == DOCTOR
    for wrong in (
        {"role": Code("221", "2.999.8")},
        {"role": Code("222", "2.999.1")},
        {"purpose": Code("X", "2.999.2")},
    ):
        with pytest.raises(SignerRefused):
            read(issued(**wrong), policy=known)


@pytest.mark.parametrize("name", [ROLE, PURPOSE, ORGANISATION_ID])
def test_single_values_come_once(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], name: str
) -> None:
    with pytest.raises(SignerRefused):
        read(
            issued(
                lambda root: shape.attribute(root, name).append(copy.deepcopy(shape.attribute(root, name)[0]))
            )
        )
    with pytest.raises(SignerRefused):
        read(
            issued(
                lambda root: (
                    shape.attribute(root, name).getparent().append(copy.deepcopy(shape.attribute(root, name)))
                )
            )
        )


def test_saml_08_the_patient_is_told_for_comparison(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    assert read(issued(patient=PatientId("other", "2.999.9"))).patient.extension == "other"
