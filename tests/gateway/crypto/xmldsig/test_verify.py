from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
import xmlsec
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names
from gateway.errors import AlgorithmRefused, SignatureBroken
from tests.gateway.crypto.xmldsig.trees import one, reparsed, signature_of

K = xmlsec.constants


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
