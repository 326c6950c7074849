import copy
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import xmlsec
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import HeaderBlock, c14n, compose, names
from gateway.errors import (
    AddressingInvalid,
    AlgorithmRefused,
    Malformed,
    MessageStale,
    SecurityHeaderInvalid,
    SignatureBroken,
    SignerRefused,
    TokenInvalid,
    TokenUnsupported,
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
    foreign: Callable[..., Any],
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
    message: Callable[..., Any], verify: Callable[..., Any], uri: str | None, alone: bool
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
        f'<ds:KeyInfo xmlns:ds="{DSIG}"><w:SecurityTokenReference xmlns:w="{names.WSSE}"><w:KeyIdentifier/>'
        f"</w:SecurityTokenReference></ds:KeyInfo>",
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


# --- structure -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "text",
    [
        b"<a/>",
        f'<e:Envelope xmlns:e="{names.SOAP}"/>'.encode(),
        f'<e:Envelope xmlns:e="{names.SOAP}"><e:Body/><e:Body/></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{names.SOAP}"><e:Body/><e:Header/></e:Envelope>'.encode(),
        f'<e:Envelope xmlns:e="{names.SOAP}"><e:Header/><e:Body/><x/></e:Envelope>'.encode(),
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>',
    ],
)
def test_other_structures_are_malformed(verify: Callable[..., Any], text: Any) -> None:
    with pytest.raises(Malformed):
        verify(parse(text))


def test_an_envelope_without_header(verify: Callable[..., Any]) -> None:
    root = parse(f'<e:Envelope xmlns:e="{names.SOAP}"><e:Body><x/></e:Body></e:Envelope>'.encode())
    assert verify(root).body[0].tag == "x"


def test_a_wsa_header_twice(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message(None))
    root[0].append(copy.deepcopy(root[0][0]))
    with pytest.raises(AddressingInvalid):
        verify(root)


def test_relative_namespace_names_have_no_canonical_form(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    with pytest.raises(SignatureBroken):
        verify(
            parse(
                message().replace(
                    b"<q:AdhocQueryRequest", b'<q:AdhocQueryRequest xmlns:rel="relative" rel:a=""'
                )
            )
        )


# --- freshness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [-60, 0, 299])
def test_wsa_05_messages_in_their_window(
    message: Callable[..., Any], verify: Callable[..., Any], now: datetime, age: int
) -> None:
    assert verify(parse(message(at=now - timedelta(seconds=age)))).timestamp is not None


@pytest.mark.parametrize("age", [300, 301, 360, 100_000])
def test_wsa_05_too_old(
    message: Callable[..., Any], verify: Callable[..., Any], now: datetime, age: int
) -> None:
    with pytest.raises(MessageStale):
        verify(parse(message(at=now - timedelta(seconds=age))))


@pytest.mark.parametrize("ahead", [61, 120])
def test_wsa_05_from_the_future(
    message: Callable[..., Any], verify: Callable[..., Any], now: datetime, ahead: int
) -> None:
    with pytest.raises(SecurityHeaderInvalid):
        verify(parse(message(at=now + timedelta(seconds=ahead))))


@pytest.mark.parametrize(
    ("created", "expires", "refusal"),
    [
        ("2026-11-22T09:30:00Z", "2026-11-22T09:29:59Z", SecurityHeaderInvalid),
        ("2026-11-22T09:30:00Z", "2026-11-22T09:30:00Z", SecurityHeaderInvalid),
        ("2026-11-22T09:29:00Z", "2026-11-22T09:30:00Z", MessageStale),
        ("2026-11-22T09:24:59Z", "2026-11-22T10:30:00Z", MessageStale),
        ("2026-11-22T09:30:00", "2026-11-22T09:31:00Z", SecurityHeaderInvalid),
        ("today", "2026-11-22T09:31:00Z", SecurityHeaderInvalid),
        ("", "2026-11-22T09:31:00Z", SecurityHeaderInvalid),
    ],
)
@pytest.mark.parametrize("signer", ["p256", None])
def test_wsa_05_times_of_the_timestamp(
    message: Callable[..., Any],
    verify: Callable[..., Any],
    created: str,
    expires: str,
    refusal: Any,
    signer: str | None,
) -> None:
    root = parse(message())
    if signer is None:
        signature_of(root).getparent().remove(signature_of(root))
    stamp = one(root, names.TIMESTAMP)
    stamp[0].text, stamp[1].text = created, expires
    with pytest.raises(refusal):
        verify(root)


def test_a_signed_message_needs_a_timestamp(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    stamp = one(root, names.TIMESTAMP)
    stamp.getparent().remove(stamp)
    with pytest.raises(SecurityHeaderInvalid, match="Timestamp"):
        verify(root)


@pytest.mark.parametrize("name", [names.CREATED, names.EXPIRES])
def test_both_times_are_needed(message: Callable[..., Any], verify: Callable[..., Any], name: str) -> None:
    root = parse(message())
    part = one(root, name)
    part.getparent().remove(part)
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


def test_two_timestamps(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    root = parse(message())
    stamp = one(root, names.TIMESTAMP)
    stamp.addnext(copy.deepcopy(stamp))
    with pytest.raises(SecurityHeaderInvalid):
        verify(root)


# --- tokens in the security header ---------------------------------------------------------------


def with_token(root: etree._Element, text: Any, place: Any = 0) -> etree._Element:
    one(root, names.SECURITY).insert(place, etree.fromstring(text))
    return root


ASSERTION = (
    f'<s:Assertion xmlns:s="{names.SAML}" ID="{{}}" Version="2.0"><s:Issuer>i</s:Issuer></s:Assertion>'
)


def test_an_assertion_need_not_be_covered_by_default(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = with_token(parse(message()), ASSERTION.format("_1"))
    parts = verify(root)
    assert parts.assertion is not None
    assert not parts.assertion_covered


def test_an_assertion_must_be_covered_if_the_policy_says_so(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    with pytest.raises(SignatureBroken, match="not covered"):
        verify(with_token(parse(message()), ASSERTION.format("_1")), assertion_covered=True)


@pytest.mark.parametrize("place", [0, 3])
def test_sig_07_and_08_a_second_assertion(
    message: Callable[..., Any], verify: Callable[..., Any], place: Any
) -> None:
    root = with_token(parse(message()), ASSERTION.format("_1"))
    with pytest.raises(SignatureBroken):
        verify(with_token(root, ASSERTION.format("_2"), place))


def test_sig_11_a_second_assertion_with_the_same_id_elsewhere(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = with_token(parse(message()), ASSERTION.format("_1"))
    etree.SubElement(root[0], "{urn:x}Extensions").append(etree.fromstring(ASSERTION.format("_1")))
    with pytest.raises(SignatureBroken):
        verify(root)


def test_saml_13_an_encrypted_assertion_in_an_unsigned_message(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    root = parse(message())
    signature_of(root).getparent().remove(signature_of(root))
    with pytest.raises(SignatureBroken):
        verify(with_token(root, f'<s:EncryptedAssertion xmlns:s="{names.SAML}"/>'))


@pytest.mark.parametrize(
    "token",
    [
        f'<s:EncryptedAssertion xmlns:s="{names.SAML}"/>',
        f'<s:Assertion xmlns:s="{names.SAML_1}" AssertionID="_1"/>',
    ],
)
def test_saml_14_tokens_that_are_not_supported(
    message: Callable[..., Any], verify: Callable[..., Any], token: str
) -> None:
    with pytest.raises(TokenUnsupported):
        verify(with_token(parse(message()), token))


def test_errors_never_show_the_message(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    with pytest.raises(SignatureBroken) as caught:
        verify(parse(message().replace(b"<r:Value>1<", b"<r:Value>secret<")))
    assert "secret" not in f"{caught.value.detail}{caught.value.location}"
    assert not isinstance(caught.value, TokenInvalid)
