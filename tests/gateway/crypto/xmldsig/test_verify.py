import copy
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import xmlsec
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import HeaderBlock, compose, names
from gateway.errors import (
    AlgorithmRefused,
    SecurityHeaderInvalid,
    SignatureBroken,
    SignerRefused,
    TokenUnsupported,
)

DSIG = names.DS
K = xmlsec.constants


def one(root: etree._Element, name: str) -> etree._Element:
    (element,) = root.iter(name)
    return element


def reparsed(root: etree._Element) -> etree._Element:
    return parse(etree.tostring(root))


def signature_of(root: etree._Element) -> etree._Element:
    return one(root, names.SIGNATURE)


# --- messages of another stack -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("p256", K.TransformEcdsaSha256),
        ("p384", K.TransformEcdsaSha384),
        ("p256", K.TransformEcdsaSha512),
        ("rsa3072", K.TransformRsaSha256),
        ("rsa3072", K.TransformRsaSha512),
    ],
)
@pytest.mark.parametrize("digest", [K.TransformSha256, K.TransformSha512])
def test_we_verify_what_xmlsec_signs(
    identity: Callable[..., Any],
    foreign: Callable[..., Any],
    verify: Callable[..., Any],
    kind: str,
    method: Any,
    digest: Any,
) -> None:
    root = foreign(kind=kind, method=method, digest=digest)
    parts = verify(reparsed(root), identity(kind))
    assert parts.certificate == identity(kind).der
    assert set(parts.headers) == {f"{{{names.WSA}}}Action", f"{{{names.WSA}}}To"}


@pytest.mark.parametrize("prefixes", ["unused", "soap wsa ds", "unused nowhere", "#default"])
def test_a_prefix_list_is_obeyed(
    foreign: Callable[..., Any], verify: Callable[..., Any], prefixes: Any
) -> None:
    assert verify(reparsed(foreign(prefixes=prefixes))).signature


def test_a_default_prefix_in_scope_is_refused(
    foreign: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = foreign(prefixes="#default", declared='xmlns="urn:default"')
    with pytest.raises(AlgorithmRefused, match="#default"):
        verify(reparsed(root))


def test_a_certificate_in_x509_data(
    identity: Callable[..., Any], foreign: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    assert verify(reparsed(foreign(x509_data=True))).certificate == identity().der


def test_the_token_itself_may_be_covered(foreign: Callable[..., Any], verify: Callable[..., Any]) -> None:
    assert verify(reparsed(foreign(covered=("body", "ts", "action", "to", "token")))).signature


def test_pkcs1_is_a_matter_of_policy(
    identity: Callable[..., Any],
    foreign: Callable[..., Any],
    message: Callable[..., Any],
    verify: Callable[..., Any],
) -> None:
    root = reparsed(foreign(kind="rsa3072", method=K.TransformRsaSha256))
    with pytest.raises(AlgorithmRefused):
        verify(root, identity("rsa3072"), rsa_pkcs1=False)
    assert verify(parse(message("rsa3072")), identity("rsa3072"), rsa_pkcs1=False).signature


def test_short_rsa_keys_are_a_matter_of_policy(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message("rsa2048"))
    with pytest.raises(AlgorithmRefused, match="2048"):
        verify(root, identity("rsa2048"))
    assert verify(root, identity("rsa2048"), minimum_rsa=2048).signature


# --- the signed content --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<r:Value>1<", b"<r:Value>2<"),
        (b'name="$Patient"', b'name="$Potient"'),
        (b"RegistryStoredQuery", b"RegistryStoredQuerx"),
        (b"anonymous", b"anonymouz"),
        (b"09:30:00.250Z", b"09:30:00.251Z"),
        (b"<r:Value>1</r:Value>", b"<r:Value>1</r:Value><r:Value>2</r:Value>"),
    ],
)
def test_sig_01_altered_after_signing(
    message: Callable[..., Any], verify: Callable[..., Any], old: bytes, new: bytes
) -> None:
    text = message()
    assert text.count(old) == 1
    with pytest.raises(SignatureBroken):
        verify(parse(text.replace(old, new)))


def test_sig_01_altered_signature_value(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    value = one(root, names.SIGNATURE_VALUE)
    value.text = b64encode(bytes([b64decode(value.text)[0] ^ 1]) + b64decode(value.text)[1:]).decode()
    with pytest.raises(SignatureBroken):
        verify(root)


def test_sig_01_altered_digest(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    digests = list(root.iter(names.DIGEST_VALUE))
    digests[0].text, digests[1].text = digests[1].text, digests[0].text
    with pytest.raises(SignatureBroken):
        verify(root)


def test_comments_may_come_between_but_do_not_change_the_signed_text(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    text = message().replace(b"<r:Value>1<", b"<r:Value>1<!-- 2 --><")
    assert verify(parse(text)).signature


def test_sig_02_no_signature_gives_unsigned_parts(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    signature = signature_of(root)
    signature.getparent().remove(signature)
    parts = verify(root)
    assert parts.signature is None
    assert parts.certificate is None


@pytest.mark.parametrize(
    "covered",
    [("ts",), ("body", "ts", "to"), ("body", "action", "to"), ("ts", "action", "to"), ("body", "ts")],
)
def test_sig_03_a_part_is_not_covered(
    foreign: Callable[..., Any], verify: Callable[..., Any], covered: tuple[str, ...]
) -> None:
    with pytest.raises(SignatureBroken, match="not covered"):
        verify(reparsed(foreign(covered=covered)))


def test_sig_03_a_header_without_id_is_not_covered(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    extra = etree.SubElement(root[0], f"{{{names.WSA}}}From")
    extra.text = "urn:someone"
    with pytest.raises(SignatureBroken, match="not covered"):
        verify(root)


def test_an_uncovered_header_of_another_namespace_is_no_signed_header(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    etree.SubElement(root[0], "{urn:x}Late")
    assert "{urn:x}Late" not in verify(root).headers


# --- wrapping ------------------------------------------------------------------------------------


def wrapped(root: etree._Element, *, role: str | None = None, same_id: bool = False) -> etree._Element:
    body = root[1]
    wrapper = etree.SubElement(root[0], "{urn:evil}Wrapper")
    if role:
        wrapper.set(names.ROLE, role)
        wrapper.set(f"{{{names.SOAP}}}mustUnderstand", "0")
    forged = etree.Element(names.BODY)
    if same_id:
        forged.set(names.WSU_ID, body.get(names.WSU_ID))
    forged.append(etree.fromstring("<evil/>"))
    wrapper.append(body)
    root.append(forged)
    return reparsed(root)


def test_sig_04_soap_wrap_under_an_unknown_header(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    with pytest.raises(SignatureBroken):
        verify(wrapped(parse(message())))


def test_sig_05_soap_wrap_under_a_header_of_another_role(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = wrapped(parse(message()), role="urn:other", same_id=True)
    with pytest.raises(SignatureBroken):
        verify(root)


def test_sig_05_soap_wrap_with_the_body_itself_as_header(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    body = copy.deepcopy(root[1])
    root[1][0].tag = "evil"
    root[0].append(body)
    with pytest.raises(SignatureBroken):
        verify(reparsed(root))


def test_timestamp_wrapped(message: Callable[..., Any], verify: Callable[..., Any], now: datetime) -> None:
    root = parse(message(at=now - timedelta(hours=1)))
    security = one(root, names.SECURITY)
    old = one(root, names.TIMESTAMP)
    fresh = copy.deepcopy(old)
    fresh[0].text, fresh[1].text = "2026-11-22T09:30:00Z", "2026-11-22T09:35:00Z"
    etree.SubElement(root[0], "{urn:evil}Wrapper").append(old)
    security.insert(0, fresh)
    with pytest.raises(SignatureBroken):
        verify(reparsed(root))


def test_the_security_header_of_another_role_is_not_ours(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    one(root, names.SECURITY).set(names.ROLE, "urn:intermediary")
    assert verify(root).signature is None


@pytest.mark.parametrize("role", ["ultimateReceiver", "next"])
def test_roles_that_are_ours(
    message: Callable[..., Any], verify: Callable[..., Any], role: str | None
) -> None:
    root = parse(message())
    one(root, names.SECURITY).set(names.ROLE, f"{names.SOAP}/role/{role}")
    assert verify(root).signature


def test_two_security_headers(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    root[0].append(etree.Element(names.SECURITY))
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


# --- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:9/x", "file:///etc/passwd", "", "#", "#none", "body", "#xpointer(/)", "cid:x", None],
)
def test_sig_16_references_elsewhere(
    message: Callable[..., Any], verify: Callable[..., Any], uri: str | None
) -> None:
    root = parse(message())
    reference = next(root.iter(names.REFERENCE))
    if uri is None:
        del reference.attrib["URI"]
    else:
        reference.set("URI", uri)
    with pytest.raises(SignatureBroken):
        verify(root)


def test_references_just_below_and_just_above_the_limit(
    identity: Callable[..., Any], now: datetime, verify: Callable[..., Any]
) -> None:
    def with_references(count: Any) -> etree._Element:
        blocks = [HeaderBlock.of_text(f"{{urn:x}}B{n}", "x") for n in range(count - 2)]
        return parse(compose(blocks, b"<x></x>", identity().signer, now=now))

    assert verify(with_references(32)).signature
    with pytest.raises(SignatureBroken, match="32 references"):
        verify(with_references(33))


def test_a_part_may_be_named_once_only(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    info = one(root, names.SIGNED_INFO)
    info.append(copy.deepcopy(info[2]))
    with pytest.raises(SignatureBroken):
        verify(root)


def test_no_reference_at_all(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    info = one(root, names.SIGNED_INFO)
    for reference in list(info)[2:]:
        info.remove(reference)
    with pytest.raises(SignatureBroken):
        verify(root)


@pytest.mark.parametrize("attribute", [names.WSU_ID, "ID", "{http://www.w3.org/XML/1998/namespace}id"])
def test_xml_13_an_id_twice_in_a_signed_message(
    message: Callable[..., Any], verify: Callable[..., Any], attribute: str
) -> None:
    root = parse(message())
    for _ in range(2):
        etree.SubElement(root[0], "{urn:x}Block").set(attribute, "twice")
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_xml_13_a_signed_id_again(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    etree.SubElement(root[0], "{urn:x}Block").set(names.WSU_ID, "body")
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_xml_13_an_id_twice_in_an_unsigned_message(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message(None))
    for element in root[1].iter():
        element.set(names.WSU_ID, "twice")
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_ids_that_differ_by_attribute_only_are_duplicates(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    etree.SubElement(root[0], "{urn:x}A").set("ID", "twice")
    etree.SubElement(root[0], "{urn:x}B").set(names.WSU_ID, "twice")
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


# --- the signer ----------------------------------------------------------------------------------


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
