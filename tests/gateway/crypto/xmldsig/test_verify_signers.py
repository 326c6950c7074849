"""Whose key it is: certificates and tokens of the signer, SIG-17 and SIG-18."""

import copy
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names
from gateway.errors import (
    AlgorithmRefused,
    SecurityHeaderInvalid,
    SignatureBroken,
    SignerRefused,
    TokenUnsupported,
)
from tests.gateway.crypto.xmldsig.trees import one, reparsed

DSIG = names.DS


def test_sig_17_an_unknown_certificate(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    with pytest.raises(SignerRefused):
        verify(parse(message(identity("p256", "attacker").signer)))


def test_sig_17_a_trusted_certificate_over_another_key(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message(identity("p256", "attacker").signer))
    one(root, names.TOKEN).text = b64encode(identity().der).decode()
    with pytest.raises(SignatureBroken):
        verify(root)


@pytest.mark.parametrize(
    "content",
    [
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><ds:KeyValue/></ds:KeyInfo>',
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><ds:KeyName>node</ds:KeyName></ds:KeyInfo>',
        f'<ds:KeyInfo xmlns:ds="{DSIG}"/>',
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><ds:X509Data/></ds:KeyInfo>',
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><w:SecurityTokenReference xmlns:w="{names.WSSE}"/></ds:KeyInfo>',
        None,
    ],
)
def test_sig_17_no_certificate_in_key_info(
    message: Callable[..., Any], verify: Callable[..., Any], content: Any
) -> None:
    root = parse(message())
    info = one(root, names.KEY_INFO)
    if content is None:
        info.getparent().remove(info)
    else:
        info.getparent().replace(info, etree.fromstring(content))
    with pytest.raises(SignerRefused):
        verify(root)


def test_sig_17_two_certificates_in_x509_data(
    foreign: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = reparsed(foreign(x509_data=True))
    certificate = one(root, names.X509_CERTIFICATE)
    certificate.getparent().append(copy.deepcopy(certificate))
    with pytest.raises(SignerRefused):
        verify(root)


def test_sig_18_the_lookup_decides_on_validity(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    with pytest.raises(SignerRefused):
        verify(parse(message()), identity("p256", "another"))


def test_a_reference_to_a_token_that_is_missing(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    token = one(root, names.TOKEN)
    token.getparent().remove(token)
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_a_token_outside_the_security_header(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    root[0].append(one(root, names.TOKEN))
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("ValueType", names.X509_V3.replace("X509v3", "X509PKIPathv1")), ("EncodingType", "urn:x")],
)
def test_a_token_of_another_kind(
    message: Callable[..., Any], verify: Callable[..., Any], attribute: str, value: Any
) -> None:
    root = parse(message())
    one(root, names.TOKEN).set(attribute, value)
    with pytest.raises(TokenUnsupported):
        verify(root)


def test_a_token_that_is_not_base64(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    one(root, names.TOKEN).text = "***"
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_a_key_of_another_kind_than_the_algorithm(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    one(root, names.TOKEN).text = b64encode(identity("rsa3072").der).decode()
    with pytest.raises(AlgorithmRefused):
        verify(root, identity("rsa3072"))
