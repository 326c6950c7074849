import copy
import hmac
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import xmlsec
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import c14n, names
from gateway.errors import (
    AlgorithmRefused,
    SecurityHeaderInvalid,
    SignatureBroken,
)

HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
DSIG = names.DS
K = xmlsec.constants


def one(root: etree._Element, name: str) -> etree._Element:
    (element,) = root.iter(name)
    return element


def reparsed(root: etree._Element) -> etree._Element:
    return parse(etree.tostring(root))


def signature_of(root: etree._Element) -> etree._Element:
    return one(root, names.SIGNATURE)


# --- algorithms ----------------------------------------------------------------------------------


def test_sig_12_hmac_with_the_certificate_as_secret(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    one(root, names.SIGNATURE_METHOD).set("Algorithm", HMAC)
    signed_info = c14n(one(root, names.SIGNED_INFO))
    for secret in (identity().der, identity().public_pem):
        one(root, names.SIGNATURE_VALUE).text = b64encode(hmac.digest(secret, signed_info, sha256)).decode()
        with pytest.raises(AlgorithmRefused):
            verify(root)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "rsa3072", "method": K.TransformRsaSha1},
        {"kind": "p256", "method": K.TransformEcdsaSha1},
        {"digest": K.TransformSha1},
        {"digest": K.TransformSha224},
        {"digest": K.TransformRipemd160},
    ],
)
def test_sig_13_weak_algorithms(
    identity: Callable[..., Any],
    message: Callable[..., Any],
    verify: Callable[..., Any],
    options: dict[str, Any],
) -> None:
    # as written by a stack that still offers them; the system's libraries may refuse to sign so
    method, digest = options.get("method"), options.get("digest")
    root = parse(message(options.get("kind", "p256")))
    if method is not None:
        one(root, names.SIGNATURE_METHOD).set("Algorithm", method.href)
    if digest is not None:
        next(root.iter(names.DIGEST_METHOD)).set("Algorithm", digest.href)
    with pytest.raises(AlgorithmRefused):
        verify(root, identity(options.get("kind", "p256")))


@pytest.mark.parametrize(
    "uri",
    [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        "urn:unknown",
        "",
    ],
)
@pytest.mark.parametrize("place", [names.C14N_METHOD, names.TRANSFORM])
def test_sig_14_other_canonicalizations(
    message: Callable[..., Any], verify: Callable[..., Any], uri: str | None, place: Any
) -> None:
    root = parse(message())
    next(root.iter(place)).set("Algorithm", uri)
    with pytest.raises(AlgorithmRefused):
        verify(root)


@pytest.mark.parametrize("c14n_method", [K.TransformInclC14N, K.TransformExclC14NWithComments])
def test_sig_14_valid_signatures_of_other_canonicalizations(
    foreign: Callable[..., Any], verify: Callable[..., Any], c14n_method: Any
) -> None:
    with pytest.raises(AlgorithmRefused):
        verify(reparsed(foreign(c14n=c14n_method)))


@pytest.mark.parametrize(
    "uri",
    [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
        names.ENVELOPED,
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_sig_15_transforms(
    message: Callable[..., Any], verify: Callable[..., Any], uri: str | None, *, alone: bool
) -> None:
    root = parse(message())
    transforms = next(root.iter(names.TRANSFORMS))
    other = etree.Element(names.TRANSFORM, Algorithm=uri)
    etree.SubElement(other, "{http://www.w3.org/1999/XSL/Transform}stylesheet")
    if alone:
        transforms[0].getparent().replace(transforms[0], other)
    else:
        transforms.insert(0, other)
    with pytest.raises(AlgorithmRefused):
        verify(root)


def test_sig_15_enveloped_transform_in_a_message_signature(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    next(root.iter(names.TRANSFORMS)).insert(0, etree.Element(names.TRANSFORM, Algorithm=names.ENVELOPED))
    with pytest.raises(AlgorithmRefused):
        verify(root)


def test_no_transform_at_all(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    transforms = next(root.iter(names.TRANSFORMS))
    transforms.getparent().remove(transforms)
    with pytest.raises(AlgorithmRefused):
        verify(root)


def test_sig_19_two_signatures(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    one(root, names.SECURITY).insert(0, copy.deepcopy(signature_of(root)))
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_a_signature_with_an_object(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    etree.SubElement(signature_of(root), f"{{{DSIG}}}Object")
    with pytest.raises(SignatureBroken):
        verify(root)


@pytest.mark.parametrize(
    "name", [names.SIGNED_INFO, names.SIGNATURE_VALUE, names.C14N_METHOD, names.DIGEST_VALUE]
)
def test_a_signature_with_a_missing_part(
    message: Callable[..., Any], verify: Callable[..., Any], name: str
) -> None:
    root = parse(message())
    part = next(root.iter(name))
    part.getparent().remove(part)
    with pytest.raises(SignatureBroken):
        verify(root)


@pytest.mark.parametrize("name", [names.SIGNATURE_VALUE, names.DIGEST_VALUE])
@pytest.mark.parametrize("text", ["", "*", "AAA", "AAAA=", "A A A\nA ="])
def test_values_that_are_no_base64_or_wrong(
    message: Callable[..., Any], verify: Callable[..., Any], name: str, text: Any
) -> None:
    root = parse(message())
    next(root.iter(name)).text = text
    with pytest.raises(SignatureBroken):
        verify(root)


def test_a_comment_in_a_digest(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    next(root.iter(names.DIGEST_VALUE)).insert(0, etree.Comment("x"))
    with pytest.raises(SignatureBroken):
        verify(root)
