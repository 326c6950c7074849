import copy
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names, sign_assertion, verify_enveloped
from gateway.errors import AlgorithmRefused, Malformed, SignatureBroken, SignerRefused

ASSERTION = f"""<s:Assertion xmlns:s="{names.SAML}" xmlns:xs="urn:xs" ID="_1" Version="2.0">
  <s:Issuer>urn:idp</s:Issuer>
  <s:Subject a="1"><s:NameID>bob</s:NameID></s:Subject>
</s:Assertion>""".encode()
KINDS = ["p256", "p384", "rsa3072"]


@pytest.fixture
def check(identity: Callable[..., Any]) -> Callable[..., Any]:
    """check(root, identities...): verifies with the pinned keys of the identities."""

    def run(root: etree._Element, *pinned: Any) -> Any:
        keys = [one.key.public_key() for one in pinned or (identity(),)]

        def resolve(certificate: x509.Certificate) -> Any:
            if (
                certificate is not None
                and x509.load_der_x509_certificate(certificate).public_key() not in keys
            ):
                raise SignerRefused("unknown")
            return keys

        return verify_enveloped(root, resolve)

    return run


@pytest.fixture
def signed(identity: Callable[..., Any]) -> etree._Element:
    return parse(sign_assertion(ASSERTION, identity().signer))


def signature_of(root: etree._Element) -> etree._Element:
    return root.find(names.SIGNATURE)


@pytest.mark.parametrize("kind", [*KINDS, "ed25519"])
def test_we_verify_what_we_sign(identity: Callable[..., Any], check: Callable[..., Any], kind: str) -> None:
    text = sign_assertion(ASSERTION, identity(kind).signer)
    root = parse(text)
    assert check(root, identity(kind)) is None
    assert etree.tostring(root, method="c14n") == etree.tostring(parse(text), method="c14n")


@pytest.mark.parametrize("kind", KINDS)
def test_xmlsec_verifies_what_we_sign(
    identity: Callable[..., Any], referee: Callable[..., Any], kind: str
) -> None:
    root = parse(sign_assertion(ASSERTION, identity(kind).signer))
    assert referee(root, identity(kind)) is None
    root[2].set("a", "2")
    with pytest.raises(xmlsec.Error):
        referee(root, identity(kind))


@pytest.mark.parametrize("place", [1, 0, 2])
@pytest.mark.parametrize("prefixes", [[], ["xs", "s"]])
def test_we_verify_what_xmlsec_signs(
    identity: Callable[..., Any], check: Callable[..., Any], place: Any, prefixes: Any
) -> None:
    root = etree.fromstring(ASSERTION)
    k = xmlsec.constants
    signature = xmlsec.template.create(root, k.TransformExclC14N, k.TransformEcdsaSha256, ns="ds")
    reference = xmlsec.template.add_reference(signature, k.TransformSha256, uri="#_1")
    xmlsec.template.add_transform(reference, k.TransformEnveloped)
    transform = xmlsec.template.add_transform(reference, k.TransformExclC14N)
    if prefixes:
        xmlsec.template.transform_add_c14n_inclusive_namespaces(transform, prefixes)
    signature.tail = "\n  tail\n"
    root.insert(place, signature)
    context = xmlsec.SignatureContext()
    context.register_id(root, "ID")
    pem = identity().key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM, None)
    context.sign(signature)
    received = parse(etree.tostring(root))
    before = etree.tostring(received)
    assert check(received) is None
    assert etree.tostring(received) == before


def test_the_signature_stands_behind_the_issuer(signed: etree._Element) -> None:
    assert [etree.QName(child).localname for child in signed] == ["Issuer", "Signature", "Subject"]


def test_the_assertion_verifies_inside_another_document(
    check: Callable[..., Any], signed: etree._Element
) -> None:
    envelope = parse(b'<e xmlns="urn:e" xmlns:s="urn:other"><h>' + etree.tostring(signed) + b"</h></e>")
    assert check(envelope[0][0]) is None


def test_saml_12_no_signature(check: Callable[..., Any]) -> None:
    with pytest.raises(SignatureBroken):
        check(parse(ASSERTION))


def test_two_signatures(check: Callable[..., Any], signed: etree._Element) -> None:
    signed.append(copy.deepcopy(signature_of(signed)))
    with pytest.raises(SignatureBroken):
        check(signed)


def test_altered_content(check: Callable[..., Any], signed: etree._Element) -> None:
    signed[2][0].text = "eve"
    with pytest.raises(SignatureBroken):
        check(signed)


def test_altered_tail_of_the_signature(check: Callable[..., Any], signed: etree._Element) -> None:
    signature_of(signed).tail = "more"
    with pytest.raises(SignatureBroken):
        check(signed)


def test_altered_signature_value(check: Callable[..., Any], signed: etree._Element) -> None:
    next(signed.iter(names.SIGNATURE_VALUE)).text = b64encode(bytes(64)).decode()
    with pytest.raises(SignatureBroken):
        check(signed)


def test_another_key_in_key_info_is_refused(
    identity: Callable[..., Any], check: Callable[..., Any], signed: etree._Element
) -> None:
    with pytest.raises(SignerRefused):
        check(signed, identity("p256", "other"))


def test_another_key_without_key_info_is_refused(
    identity: Callable[..., Any], check: Callable[..., Any], signed: etree._Element
) -> None:
    info = next(signed.iter(names.KEY_INFO))
    info.getparent().remove(info)
    assert check(signed) is None
    with pytest.raises(SignerRefused):
        check(signed, identity("p256", "other"))


def test_the_second_of_two_pinned_keys(
    identity: Callable[..., Any], check: Callable[..., Any], signed: etree._Element
) -> None:
    assert check(signed, identity("p256", "old"), identity()) is None


def test_short_keys_are_refused(identity: Callable[..., Any], check: Callable[..., Any]) -> None:
    root = parse(sign_assertion(ASSERTION, identity("rsa2048").signer))
    with pytest.raises(AlgorithmRefused):
        check(root, identity("rsa2048"))


# --- wrapping ------------------------------------------------------------------------------------


def forged(signed: etree._Element, identifier: str = "_evil") -> etree._Element:
    evil = copy.deepcopy(signed)
    evil.set("ID", identifier)
    evil.remove(signature_of(evil))
    evil[1][0].text = "eve"
    return evil


def test_sig_06_xsw1_the_original_inside_the_signature_of_the_forged(
    check: Callable[..., Any], signed: etree._Element
) -> None:
    evil = forged(signed)
    signature = signature_of(signed)
    signed.remove(signature)
    evil.insert(1, signature)
    signature.append(signed)
    with pytest.raises(SignatureBroken):
        check(evil)


def test_sig_07_xsw2_the_original_beside_the_signature(
    check: Callable[..., Any], signed: etree._Element
) -> None:
    evil = forged(signed)
    signature = signature_of(signed)
    signed.remove(signature)
    evil.insert(1, signed)
    evil.insert(2, signature)
    with pytest.raises(SignatureBroken):
        check(evil)


def test_sig_08_xsw3_the_forged_without_signature(check: Callable[..., Any], signed: etree._Element) -> None:
    with pytest.raises(SignatureBroken):
        check(forged(signed))


@pytest.mark.parametrize("identifier", ["_evil", "_1"])
def test_sig_09_xsw5_the_forged_holds_the_signature(
    check: Callable[..., Any], signed: etree._Element, identifier: str
) -> None:
    evil = forged(signed, identifier)
    evil.insert(1, signature_of(signed))
    with pytest.raises(SignatureBroken):
        check(evil)


@pytest.mark.parametrize("identifier", ["_evil", "_1"])
def test_sig_10_xsw6_the_original_in_an_object_of_the_signature(
    check: Callable[..., Any], signed: etree._Element, identifier: str
) -> None:
    evil = forged(signed, identifier)
    signature = signature_of(signed)
    signed.remove(signature)
    etree.SubElement(signature, f"{{{names.DS}}}Object").append(signed)
    evil.insert(1, signature)
    with pytest.raises(SignatureBroken):
        check(evil)


def test_sig_11_xsw7_the_forged_around_the_original(
    check: Callable[..., Any], signed: etree._Element
) -> None:
    evil = forged(signed, "_1")
    evil.append(signed)
    with pytest.raises(SignatureBroken):
        check(evil)


# --- the form of the signature -------------------------------------------------------------------


def test_the_enveloped_transform_is_needed(check: Callable[..., Any], signed: etree._Element) -> None:
    transforms = next(signed.iter(names.TRANSFORMS))
    transforms.remove(transforms[0])
    with pytest.raises(SignatureBroken):
        check(signed)


@pytest.mark.parametrize("uri", ["", "#_2", "#"])
def test_the_reference_is_to_the_assertion_itself(
    check: Callable[..., Any], signed: etree._Element, uri: str | None
) -> None:
    next(signed.iter(names.REFERENCE)).set("URI", uri)
    with pytest.raises(SignatureBroken):
        check(signed)


def test_two_references(check: Callable[..., Any], signed: etree._Element) -> None:
    info = next(signed.iter(names.SIGNED_INFO))
    info.append(copy.deepcopy(info[2]))
    with pytest.raises(SignatureBroken):
        check(signed)


@pytest.mark.parametrize(
    "algorithm",
    ["http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1", ""],
)
def test_sig_13_weak_algorithms(check: Callable[..., Any], signed: etree._Element, algorithm: str) -> None:
    next(signed.iter(names.SIGNATURE_METHOD)).set("Algorithm", algorithm)
    with pytest.raises(AlgorithmRefused):
        check(signed)


@pytest.mark.parametrize(
    "text", [b"<a/>", ASSERTION.replace(b' ID="_1"', b""), ASSERTION.replace(b"Issuer", b"Other")]
)
def test_only_assertions_are_signed(identity: Callable[..., Any], text: Any) -> None:
    with pytest.raises(Malformed):
        sign_assertion(text, identity().signer)


def test_a_chain_in_key_info_is_no_hint(
    identity: Callable[..., Any], check: Callable[..., Any], signed: etree._Element
) -> None:
    certificate = next(signed.iter(names.X509_CERTIFICATE))
    certificate.addnext(copy.deepcopy(certificate))
    assert check(signed) is None
    with pytest.raises(SignerRefused):
        check(signed, identity("p256", "other"))
