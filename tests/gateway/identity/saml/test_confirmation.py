from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.xmldsig import names
from gateway.errors import (
    SignerRefused,
    TokenInvalid,
)
from gateway.identity.saml import AssertionPolicy
from gateway.record.people import Code, SubjectKind

S = f"{{{names.SAML}}}"
CM = "urn:oasis:names:tc:SAML:2.0:cm:"
PATIENT = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
PAT = Code("PAT", "2.16.840.1.113883.5.111")


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


@pytest.mark.parametrize("kind", ["p256", "rsa3072"])
def test_holder_of_a_key_value(
    shape: SimpleNamespace,
    identity: Callable[..., Any],
    issued: Callable[..., Any],
    read: Callable[..., Any],
    kind: str,
) -> None:
    holder = identity(kind)

    def change(root: etree._Element) -> None:
        data = next(root.iter(f"{S}SubjectConfirmationData"))
        data.replace(data[0], shape.key_value(holder))

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


def test_saml_10_sender_vouches(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    change = shape.setting(f"{S}Subject/{S}SubjectConfirmation", Method=f"{CM}sender-vouches")
    with pytest.raises(SignerRefused):
        read(issued(change), bearer_allowed=True)


def test_saml_10_no_confirmation(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(SignerRefused):
        read(issued(shape.without(f"{S}Subject/{S}SubjectConfirmation")), bearer_allowed=True)


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
    shape: SimpleNamespace,
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
    known = shape.restricted(policy, recipients=frozenset({"https://gateway.example/xds"}))
    if refusal is None:
        assert read(root, policy=known, bearer_allowed=True).subject == "dr-1"
    else:
        with pytest.raises(refusal):
            read(root, policy=known, bearer_allowed=True)
