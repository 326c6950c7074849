import copy
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from lxml import etree

from gateway.client.token import issue_assertion
from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names, sign_assertion
from gateway.errors import (
    AlgorithmRefused,
    SignatureBroken,
    SignerRefused,
    TokenInvalid,
    TokenUnsupported,
)
from gateway.identity.saml import AssertionPolicy, AssertionReader, read_assertion
from gateway.record.people import Code, PatientId, SubjectKind

S = f"{{{names.SAML}}}"
CM = "urn:oasis:names:tc:SAML:2.0:cm:"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
PATIENT = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
ORGANISATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
NPI = "urn:oasis:names:tc:xspa:1.0:subject:npi"
PROVIDER = "urn:ihe:iti:xua:2017:subject:provider-identifier"
PAT = Code("PAT", "2.16.840.1.113883.5.111")
DOCTOR, TREATMENT = Code("221", "2.999.1", "Physician"), Code("TREAT", "2.999.2", "")


@pytest.fixture
def issued(identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    """issued(change, **options): an assertion; `change` alters the tree before it is signed."""

    def make(change: Callable[..., Any] | None = None, *, signer: str | None = None, **options: Any) -> Any:
        defaults = {
            "issuer": "urn:idp",
            "subject": "dr-1",
            "name": "Dr. One",
            "role": DOCTOR,
            "organisation": "2.999.7",
            "organisation_name": "Hospital",
            "purpose": TREATMENT,
            "audience": "urn:gateway",
            "patient": None,
            "confirmation": identity().der,
            "now": now,
        }
        issuer = signer or identity("p256", "issuer").signer
        root = parse(issue_assertion(signer=issuer, **{**defaults, **options}))
        if change is None:
            return root
        root.remove(root.find(names.SIGNATURE))
        change(root)
        return parse(sign_assertion(parse(etree.tostring(root)), issuer))

    return make


@pytest.fixture
def policy(identity: Callable[..., Any]) -> AssertionPolicy:
    return AssertionPolicy(
        audiences=frozenset({"urn:gateway"}),
        issuers={
            "urn:idp": (identity("p256", "issuer").certificate,),
            "urn:other-idp": (identity("p256", "other issuer").key.public_key(),),
        },
    )


@pytest.fixture
def read(identity: Callable[..., Any], now: datetime, policy: AssertionPolicy) -> Callable[..., Any]:
    def run(root: etree._Element, **changes: Any) -> Any:
        options = {
            "policy": policy,
            "now": now,
            "tls_certificate": identity().der,
            "signing_certificate": None,
            "bearer_allowed": False,
        }
        return read_assertion(root, **{**options, **changes})

    return run


def restricted(policy: AssertionPolicy, **changes: Any) -> AssertionPolicy:
    fields = ("audiences", "issuers", "roles", "purposes", "authn_classes", "recipients")
    return AssertionPolicy(**{**{name: getattr(policy, name) for name in fields}, **changes})


def setting(path: Any, **attributes: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        root.find(path).attrib.update(attributes)

    return change


def without(path: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        element.getparent().remove(element)

    return change


def attribute(root: etree._Element, name: str) -> etree._Element:
    (found,) = [a for a in root.iter(f"{S}Attribute") if a.get("Name") == name]
    return found


def dropping(name: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        found = attribute(root, name)
        found.getparent().remove(found)

    return change


def adding(name: str, *values: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        found = etree.SubElement(root.find(f"{S}AttributeStatement"), f"{S}Attribute", Name=name)
        for value in values:
            child = etree.SubElement(found, f"{S}AttributeValue")
            if isinstance(value, str):
                child.text = value
            else:
                child.append(value)

    return change


# --- what is read --------------------------------------------------------------------------------


def test_a_professional(issued: Callable[..., Any], read: Callable[..., Any], now: datetime) -> None:
    principal = read(issued())
    assert principal.kind is SubjectKind.PROFESSIONAL
    assert principal.audit_name == "<dr-1@urn:idp>"
    assert (principal.role, principal.purpose) == (DOCTOR, TREATMENT)
    assert (principal.organisation, principal.organisation_name) == ("2.999.7", "Hospital")
    assert principal.expires == now.replace(microsecond=250_000) + timedelta(seconds=300)


def test_the_alias(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    principal = read(issued(setting(f"{S}Subject/{S}NameID", SPProvidedID="one")))
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
    issued: Callable[..., Any], read: Callable[..., Any], text: Any
) -> None:
    with pytest.raises(SignerRefused):
        read(issued(adding(PATIENT, text)))


def test_provider_ids(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    identifier = etree.fromstring('<id xmlns="urn:hl7-org:v3" root="2.999.5" extension="42"/>')
    principal = read(issued(lambda root: (adding(NPI, "99")(root), adding(PROVIDER, identifier)(root))))
    assert principal.provider_ids == ("99", "42^^^&2.999.5&ISO")


def test_codes_of_other_forms(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    def plain(root: etree._Element) -> None:
        value = attribute(root, ROLE)[0]
        value.remove(value[0])
        value.text = "doctor"

    assert read(issued(plain)).role == Code("doctor", "")

    def on_the_value(root: etree._Element) -> None:
        value = attribute(root, ROLE)[0]
        value.remove(value[0])
        value.attrib.update({"code": "1", "codeSystem": "2.999", "displayName": "d"})

    assert read(issued(on_the_value)).role == Code("1", "2.999", "d")


def test_attributes_of_several_statements_and_unknown_ones(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    def split(root: etree._Element) -> None:
        statement = etree.SubElement(root, f"{S}AttributeStatement")
        statement.append(attribute(root, PURPOSE))
        adding("urn:unknown", "x", "y")(root)

    assert read(issued(split)).purpose == TREATMENT


@pytest.mark.parametrize("kind", ["rsa3072", "p384", "ed25519"])
def test_issuers_with_other_keys(
    identity: Callable[..., Any],
    issued: Callable[..., Any],
    read: Callable[..., Any],
    policy: AssertionPolicy,
    kind: str,
) -> None:
    issuer = identity(kind, "issuer")
    root = issued(signer=issuer.signer)
    assert read(root, policy=restricted(policy, issuers={"urn:idp": (issuer.certificate,)})).subject == "dr-1"


# --- SAML-01 to SAML-04 --------------------------------------------------------------------------


@pytest.mark.parametrize(("late", "accepted"), [(59, True), (60, False), (61, False)])
def test_saml_01_after_its_end(
    issued: Callable[..., Any], read: Callable[..., Any], now: datetime, late: int, accepted: bool
) -> None:
    root, at = issued(life=300), now + timedelta(seconds=300 + late)
    if accepted:
        assert read(root, now=at).subject == "dr-1"
    else:
        with pytest.raises(TokenInvalid):
            read(root, now=at)


@pytest.mark.parametrize(("early", "accepted"), [(59, True), (60, True), (61, False)])
def test_saml_02_before_its_start(
    issued: Callable[..., Any], read: Callable[..., Any], now: datetime, early: int, accepted: bool
) -> None:
    root, at = issued(), now - timedelta(seconds=early)
    if accepted:
        assert read(root, now=at).subject == "dr-1"
    else:
        with pytest.raises(TokenInvalid):
            read(root, now=at)


@pytest.mark.parametrize(("life", "accepted"), [(600, True), (601, False), (0, False), (-1, False)])
def test_saml_03_life(
    issued: Callable[..., Any], read: Callable[..., Any], life: int, accepted: bool
) -> None:
    if accepted:
        assert read(issued(life=life)).subject == "dr-1"
    else:
        with pytest.raises(TokenInvalid):
            read(issued(life=life))


def test_saml_03_no_conditions(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(without(f"{S}Conditions")))


@pytest.mark.parametrize("name", ["NotBefore", "NotOnOrAfter"])
@pytest.mark.parametrize("value", [None, "", "tomorrow", "2026-11-22T09:31:00"])
def test_saml_03_conditions_without_times(
    issued: Callable[..., Any], read: Callable[..., Any], name: str, value: Any
) -> None:
    def change(root: etree._Element) -> None:
        conditions = root.find(f"{S}Conditions")
        del conditions.attrib[name]
        if value is not None:
            conditions.set(name, value)

    with pytest.raises(TokenInvalid):
        read(issued(change))


def test_saml_03_two_conditions_and_unknown_ones(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(lambda root: root.append(copy.deepcopy(root.find(f"{S}Conditions")))))
    with pytest.raises(TokenInvalid):
        read(issued(lambda root: etree.SubElement(root.find(f"{S}Conditions"), f"{S}Condition")))


def test_saml_04_another_audience(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(audience="urn:other-gateway"))


def test_saml_04_no_audience(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(without(f"{S}Conditions/{S}AudienceRestriction")))


def second_restriction(*audiences: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        restriction = etree.SubElement(root.find(f"{S}Conditions"), f"{S}AudienceRestriction")
        for audience in audiences:
            etree.SubElement(restriction, f"{S}Audience").text = audience

    return change


def test_saml_04_two_restrictions_must_both_hold(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    assert read(issued(second_restriction("urn:x", "urn:gateway"))).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        read(issued(second_restriction("urn:x")))


def test_saml_05_one_time_use_is_told(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    assert read(issued(one_time=True)).one_time
    assert not read(issued()).one_time


# --- SAML-06 to SAML-10 --------------------------------------------------------------------------


def test_saml_06_unknown_issuer(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignerRefused):
        read(issued(issuer="urn:nobody"))


@pytest.mark.parametrize("hint", [True, False])
def test_saml_06_signed_by_another_trusted_issuer(
    identity: Callable[..., Any], issued: Callable[..., Any], read: Callable[..., Any], hint: bool
) -> None:
    root = issued(signer=identity("p256", "other issuer").signer)
    if not hint:
        info = next(root.find(names.SIGNATURE).iter(names.KEY_INFO))
        info.getparent().remove(info)
    with pytest.raises(SignerRefused):
        read(root)


@pytest.mark.parametrize("name", [ROLE, PURPOSE])
def test_saml_07_missing(issued: Callable[..., Any], read: Callable[..., Any], name: str) -> None:
    with pytest.raises(SignerRefused):
        read(issued(dropping(name)))


@pytest.mark.parametrize("name", [ROLE, PURPOSE])
def test_saml_07_empty(issued: Callable[..., Any], read: Callable[..., Any], name: str) -> None:
    with pytest.raises(SignerRefused):
        read(issued(lambda root: attribute(root, name)[0].remove(attribute(root, name)[0][0])))


def test_saml_07_purpose_without_code_system(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignerRefused):
        read(issued(purpose=Code("TREAT", "")))


def test_saml_07_outside_the_value_set(
    issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    known = restricted(
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
def test_single_values_come_once(issued: Callable[..., Any], read: Callable[..., Any], name: str) -> None:
    with pytest.raises(SignerRefused):
        read(issued(lambda root: attribute(root, name).append(copy.deepcopy(attribute(root, name)[0]))))
    with pytest.raises(SignerRefused):
        read(
            issued(
                lambda root: attribute(root, name).getparent().append(copy.deepcopy(attribute(root, name)))
            )
        )


def test_saml_08_the_patient_is_told_for_comparison(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    assert read(issued(patient=PatientId("other", "2.999.9"))).patient.extension == "other"


def test_saml_09_another_certificate(
    identity: Callable[..., Any], issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    other = identity("p256", "attacker").der
    with pytest.raises(SignerRefused):
        read(issued(), tls_certificate=other)
    with pytest.raises(SignerRefused):
        read(issued(), tls_certificate=None)
    with pytest.raises(SignerRefused):
        read(issued(), tls_certificate=other, signing_certificate=other, bearer_allowed=True)


def test_saml_09_tls_or_signing_certificate(
    identity: Callable[..., Any], issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    assert read(issued()).confirmation == "holder-of-key"
    other = identity("p256", "tls").der
    assert (
        read(issued(), tls_certificate=other, signing_certificate=identity().der).confirmation
        == "holder-of-key"
    )


def key_value(one: Any) -> etree._Element:
    key, dsig11 = one.key.public_key(), "http://www.w3.org/2009/xmldsig11#"
    info = etree.Element(names.KEY_INFO)
    value = etree.SubElement(info, f"{{{names.DS}}}KeyValue")
    if hasattr(key.public_numbers(), "n"):
        rsa = etree.SubElement(value, f"{{{names.DS}}}RSAKeyValue")
        for name, number in (("Modulus", key.public_numbers().n), ("Exponent", key.public_numbers().e)):
            octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
            etree.SubElement(rsa, f"{{{names.DS}}}{name}").text = b64encode(octets).decode()
    else:
        ec = etree.SubElement(value, f"{{{dsig11}}}ECKeyValue")
        etree.SubElement(ec, f"{{{dsig11}}}NamedCurve", URI="urn:oid:1.2.840.10045.3.1.7")
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        etree.SubElement(ec, f"{{{dsig11}}}PublicKey").text = b64encode(point).decode()
    return info


@pytest.mark.parametrize("kind", ["p256", "rsa3072"])
def test_holder_of_a_key_value(
    identity: Callable[..., Any], issued: Callable[..., Any], read: Callable[..., Any], kind: str
) -> None:
    holder = identity(kind)

    def change(root: etree._Element) -> None:
        data = next(root.iter(f"{S}SubjectConfirmationData"))
        data.replace(data[0], key_value(holder))

    root = issued(change)
    assert read(root, tls_certificate=holder.der).confirmation == "holder-of-key"
    for other in (identity(kind, "attacker"), identity("ed25519", "attacker")):
        with pytest.raises(SignerRefused):
            read(root, tls_certificate=other.der)


@pytest.mark.parametrize("text", ["***", ""])
def test_a_holder_whose_key_cannot_be_read(
    issued: Callable[..., Any], read: Callable[..., Any], text: Any
) -> None:
    def change(root: etree._Element) -> None:
        next(next(root.iter(f"{S}SubjectConfirmationData")).iter(names.X509_CERTIFICATE)).text = text

    with pytest.raises((TokenInvalid, SignerRefused)):
        read(issued(change))


def test_saml_10_bearer(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    root = issued(confirmation=None)
    with pytest.raises(SignerRefused):
        read(root)
    assert read(root, bearer_allowed=True).confirmation == "bearer"


def test_saml_10_patients_may_be_bearers(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    principal = read(issued(confirmation=None, role=PAT), tls_certificate=None)
    assert (principal.kind, principal.confirmation) == (SubjectKind.PATIENT, "bearer")


def test_patients_are_told_by_code_and_scheme(
    issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    assert read(issued(role=Code("PAT", "2.999"))).kind is SubjectKind.PROFESSIONAL
    swiss = Code("PAT", "2.16.756.5.30.1.127.3.10.6")
    fields = {"audiences": policy.audiences, "issuers": policy.issuers}
    known = AssertionPolicy(**fields, patient_roles=frozenset({(swiss.code, swiss.scheme)}))
    assert read(issued(role=swiss), policy=known).kind is SubjectKind.PATIENT


def test_saml_10_sender_vouches(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    change = setting(f"{S}Subject/{S}SubjectConfirmation", Method=f"{CM}sender-vouches")
    with pytest.raises(SignerRefused):
        read(issued(change), bearer_allowed=True)


def test_saml_10_no_confirmation(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignerRefused):
        read(issued(without(f"{S}Subject/{S}SubjectConfirmation")), bearer_allowed=True)


@pytest.mark.parametrize(
    ("attributes", "refusal"),
    [
        ({"Recipient": "urn:gateway"}, None),
        ({"Recipient": "https://gateway.example/xds"}, None),
        ({"Recipient": "https://other.example/"}, SignerRefused),
        ({"NotOnOrAfter": "2026-11-22T09:29:30Z"}, None),
        ({"NotOnOrAfter": "2026-11-22T09:29:00Z"}, TokenInvalid),
        ({"NotBefore": "2026-11-22T09:32:00Z"}, TokenInvalid),
        ({"NotOnOrAfter": "soon"}, TokenInvalid),
    ],
)
@pytest.mark.parametrize("bearer", [True, False])
def test_the_data_of_a_confirmation(
    identity: Callable[..., Any],
    issued: Callable[..., Any],
    read: Callable[..., Any],
    policy: AssertionPolicy,
    attributes: dict[str, str],
    refusal: Any,
    *,
    bearer: bool,
) -> None:
    def change(root: etree._Element) -> None:
        confirmation = root.find(f"{S}Subject/{S}SubjectConfirmation")
        data = confirmation.find(f"{S}SubjectConfirmationData")
        if data is None:
            data = etree.SubElement(confirmation, f"{S}SubjectConfirmationData")
        data.attrib.update(attributes)

    root = issued(change, confirmation=None if bearer else identity().der)
    known = restricted(policy, recipients=frozenset({"https://gateway.example/xds"}))
    if refusal is None:
        assert read(root, policy=known, bearer_allowed=True).subject == "dr-1"
    else:
        with pytest.raises(refusal):
            read(root, policy=known, bearer_allowed=True)


# --- SAML-11 to SAML-14 --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("bob@evil", b"bob<!-- -->@evil"),
        ("bob@evil", b"bob<![CDATA[@evil]]>"),
        ("bob@evil", b"<![CDATA[bob]]>@evil"),
        ("bob", b"<![CDATA[bob]]>"),
    ],
)
def test_saml_11_name_id_with_comment_or_cdata(
    issued: Callable[..., Any], read: Callable[..., Any], name: str, wire: bytes
) -> None:
    text = etree.tostring(issued(subject=name))
    assert read(parse(text)).subject == name
    with pytest.raises(TokenInvalid):
        read(parse(text.replace(f">{name}<".encode(), b">" + wire + b"<")))


def test_saml_11_name_id_without_text(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(subject=" "))
    with pytest.raises(TokenInvalid):
        read(issued(lambda root: etree.SubElement(root.find(f"{S}Subject/{S}NameID"), "x")))
    with pytest.raises(TokenInvalid):
        read(issued(without(f"{S}Subject/{S}NameID")))


def test_saml_11_a_comment_added_to_what_is_remembered(
    issued: Callable[..., Any], now: datetime, policy: AssertionPolicy, identity: Callable[..., Any]
) -> None:
    reader = AssertionReader(policy)
    options = {
        "now": now,
        "tls_certificate": identity().der,
        "signing_certificate": None,
        "bearer_allowed": False,
    }
    text = etree.tostring(issued())
    assert reader.read(parse(text), **options).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        reader.read(parse(text.replace(b">dr-1<", b">dr<!-- -->-1<")), **options)


def test_saml_12_unsigned(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    root = issued()
    root.remove(root.find(names.SIGNATURE))
    with pytest.raises(SignatureBroken):
        read(root)


def test_sig_01_an_altered_assertion(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignatureBroken):
        read(parse(etree.tostring(issued()).replace(b">dr-1<", b">dr-2<")))


def test_sig_13_a_weak_signature(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    root = issued()
    next(root.iter(names.SIGNATURE_METHOD)).set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")
    with pytest.raises(AlgorithmRefused):
        read(root)


@pytest.mark.parametrize("version", ["2.1", "1.1", "", None])
def test_saml_14_another_version(
    issued: Callable[..., Any], read: Callable[..., Any], version: str | None
) -> None:
    root = issued()
    if version is None:
        del root.attrib["Version"]
    else:
        root.set("Version", version)
    with pytest.raises(TokenUnsupported):
        read(root)


@pytest.mark.parametrize("name", [f"{S}EncryptedAssertion", f"{{{names.SAML_1}}}Assertion", "x"])
def test_saml_14_another_token(read: Callable[..., Any], name: str) -> None:
    with pytest.raises(TokenUnsupported):
        read(etree.Element(name, Version="2.0"))


# --- authentication ------------------------------------------------------------------------------


def test_no_authn_statement(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(without(f"{S}AuthnStatement")))


def test_the_class_of_authentication(
    issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    x509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
    assert read(issued(), policy=restricted(policy, authn_classes=frozenset({x509}))).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        read(issued(), policy=restricted(policy, authn_classes=frozenset({"urn:other"})))
    with pytest.raises(TokenInvalid):
        read(issued(without(f"{S}AuthnStatement/{S}AuthnContext/{S}AuthnContextClassRef")))


def test_every_statement_counts(
    issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    def weaker(root: etree._Element) -> None:
        statement = root.find(f"{S}AuthnStatement")
        second = copy.deepcopy(statement)
        next(second.iter(f"{S}AuthnContextClassRef")).text = "urn:password"
        statement.addnext(second)

    x509 = frozenset({"urn:oasis:names:tc:SAML:2.0:ac:classes:X509"})
    with pytest.raises(TokenInvalid):
        read(issued(weaker), policy=restricted(policy, authn_classes=x509))


def test_an_ended_session(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    path = f"{S}AuthnStatement"
    assert read(issued(setting(path, SessionNotOnOrAfter="2026-11-22T09:29:30Z"))).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        read(issued(setting(path, SessionNotOnOrAfter="2026-11-22T09:29:00Z")))


@pytest.mark.parametrize("value", [None, "2026-11-22T09:32:00Z", "x"])
def test_the_issue_instant(issued: Callable[..., Any], read: Callable[..., Any], value: Any) -> None:
    def change(root: etree._Element) -> None:
        del root.attrib["IssueInstant"]
        if value:
            root.set("IssueInstant", value)

    with pytest.raises(TokenInvalid):
        read(issued(change))


# --- memory --------------------------------------------------------------------------------------


@pytest.fixture
def reader(policy: AssertionPolicy) -> AssertionReader:
    return AssertionReader(policy, remembered=3)


@pytest.fixture
def ask(reader: AssertionReader, identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    def run(root: etree._Element, **changes: Any) -> Any:
        options = {
            "now": now,
            "tls_certificate": identity().der,
            "signing_certificate": None,
            "bearer_allowed": False,
        }
        return reader.read(root, **{**options, **changes})

    return run


def test_remembered_assertions_are_checked_again(
    identity: Callable[..., Any], issued: Callable[..., Any], ask: Callable[..., Any], now: datetime
) -> None:
    root = issued()
    first = ask(root)
    assert ask(root) == first
    with pytest.raises(TokenInvalid):
        ask(root, now=now + timedelta(seconds=361))
    with pytest.raises(TokenInvalid):
        ask(root, now=now - timedelta(seconds=61))
    with pytest.raises(SignerRefused):
        ask(root, tls_certificate=identity("p256", "attacker").der)
    assert ask(root) == first


def test_a_broken_signature_is_not_remembered(issued: Callable[..., Any], ask: Callable[..., Any]) -> None:
    root = parse(etree.tostring(issued()).replace(b">dr-1<", b">dr-2<"))
    for _ in range(2):
        with pytest.raises(SignatureBroken):
            ask(root)


def test_an_altered_copy_of_a_remembered_one(issued: Callable[..., Any], ask: Callable[..., Any]) -> None:
    root = issued()
    ask(root)
    with pytest.raises(SignatureBroken):
        ask(parse(etree.tostring(root).replace(b">dr-1<", b">dr-2<")))


def test_memory_is_bounded(
    issued: Callable[..., Any], reader: AssertionReader, ask: Callable[..., Any]
) -> None:
    for _ in range(5):
        ask(issued())
    assert len(reader._statements) == 3


def test_a_pinned_key_must_be_strong(identity: Callable[..., Any], policy: AssertionPolicy) -> None:
    with pytest.raises(AlgorithmRefused):
        AssertionReader(restricted(policy, issuers={"urn:idp": (identity("rsa2048").certificate,)}))
