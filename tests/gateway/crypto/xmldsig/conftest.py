"""A signed message and the independent referee, xmlsec."""

import textwrap
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives import serialization
from lxml import etree

from gateway.crypto.xmldsig import HeaderBlock, SignaturePolicy, SignedParts, compose, names, verify_envelope
from gateway.errors import SignerRefused

WSA = f"{{{names.WSA}}}"
BODY = (
    b'<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
    b'<r:Slot xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" name="$Patient">'
    b"<r:Value>1</r:Value></r:Slot></q:AdhocQueryRequest>"
)
HEADERS = (
    HeaderBlock.of_text(f"{WSA}Action", "urn:ihe:iti:2007:RegistryStoredQuery", must_understand=True),
    HeaderBlock.of_text(f"{WSA}MessageID", "urn:uuid:7e7bd0f4-5c3c-4d9c-b1fc-3c0f8d1f3a10"),
    HeaderBlock.of_text(f"{WSA}To", "https://gateway.example:8443/xds/registry?a&b"),
    HeaderBlock(
        f"{WSA}ReplyTo", b"<wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address>"
    ),
    HeaderBlock.of_text("{urn:example:other}Hint", "é < \r\n ]]>"),
)


@pytest.fixture
def message(identity: Callable[..., Any], now: datetime) -> Callable[..., bytes]:
    """message(signer, body=..., assertion=...): a composed envelope, signed unless signer is None."""

    def make(
        signer: Any = "p256",
        body: Any = BODY,
        headers: Any = HEADERS,
        assertion: bytes | None = None,
        at: datetime = now,
    ) -> bytes:
        one = identity(signer).signer if isinstance(signer, str) else signer
        return compose(headers, body, one, now=at, assertion=assertion)

    return make


@pytest.fixture
def verify(identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    """verify(root): by our verifier, trusting the given identities (default: the node's P-256 key)."""

    def run(
        root: etree._Element,
        *trusted: Any,
        parts: Mapping[str, Any] = MappingProxyType({}),
        at: datetime = now,
        **policy: Any,
    ) -> SignedParts:
        known = {one.der: one.certificate for one in trusted or (identity("p256"),)}

        def lookup(der: bytes) -> Any:
            if der not in known:
                raise SignerRefused("unknown")
            return known[der]

        return verify_envelope(root, parts=parts, trusted=lookup, now=at, policy=SignaturePolicy(**policy))

    return run


@pytest.fixture
def referee() -> Callable[..., Any]:
    """referee(root, identity): raises xmlsec.Error unless xmlsec verifies the first Signature."""

    def run(root: etree._Element, one: Any) -> None:
        context = xmlsec.SignatureContext()
        for element in root.iter(etree.Element):
            if element.get(names.WSU_ID):
                context.register_id(element, "Id", names.WSU)
            elif element.get("ID"):
                context.register_id(element, "ID")
        context.key = xmlsec.Key.from_memory(one.public_pem, xmlsec.KeyFormat.PEM, None)
        context.verify(next(root.iter(names.SIGNATURE)))

    return run


@pytest.fixture
def foreign(identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    """foreign(): a pretty-printed message of another stack, signed by xmlsec in the way of the arguments."""

    def run(
        *,
        kind: str = "p256",
        method: Any = xmlsec.constants.TransformEcdsaSha256,
        digest: Any = xmlsec.constants.TransformSha256,
        c14n: Any = xmlsec.constants.TransformExclC14N,
        covered: tuple[str, ...] = ("body", "ts", "action", "to"),
        prefixes: str | None = None,
        body: str = '<x:q xmlns:x="urn:x" a="1"> text <!-- c --><y/></x:q>',
        x509_data: bool = False,
        declared: str = "",
    ) -> etree._Element:
        one = identity(kind)
        token = etree.fromstring(TOKEN.format(names.WSSE, names.WSU, names.X509_V3))
        token.text = "\n" + "\n".join(textwrap.wrap(b64encode(one.der).decode(), 64)) + "\n"
        root = etree.fromstring(
            FOREIGN.format(
                s=names.SOAP, wsa=names.WSA, wsse=names.WSSE, wsu=names.WSU, body=body, declared=declared
            )
        )
        security = root.find(f".//{names.SECURITY}")
        created, expires = (f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (now, now + timedelta(seconds=60)))
        security[0][0].text, security[0][1].text = created, expires
        security.append(token)
        signature = xmlsec.template.create(root, xmlsec.constants.TransformExclC14N, method, ns="ds")
        for name in covered:
            reference = xmlsec.template.add_reference(signature, digest, uri=f"#{name}")
            transform = xmlsec.template.add_transform(reference, c14n)
            if prefixes is not None:
                xmlsec.template.transform_add_c14n_inclusive_namespaces(transform, prefixes.split())
        info = xmlsec.template.ensure_key_info(signature)
        if x509_data:
            data = etree.SubElement(etree.SubElement(info, names.X509_DATA), names.X509_CERTIFICATE)
            data.text = token.text
        else:
            pointer = etree.SubElement(info, names.TOKEN_REFERENCE)
            etree.SubElement(pointer, names.REFERENCE_TO, URI="#token", ValueType=names.X509_V3)
        security.append(signature)
        context = xmlsec.SignatureContext()
        for element in root.iter(etree.Element):
            if element.get(names.WSU_ID):
                context.register_id(element, "Id", names.WSU)
        pem = one.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM, None)
        context.sign(signature)
        return root

    return run


TOKEN = '<wsse:BinarySecurityToken xmlns:wsse="{}" xmlns:wsu="{}" ValueType="{}" wsu:Id="token"/>'
FOREIGN = """<soap:Envelope xmlns:soap="{s}" xmlns:wsa="{wsa}" xmlns:unused="urn:unused"
    xmlns:wsu="{wsu}" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" {declared}>
  <soap:Header>
    <wsa:Action soap:mustUnderstand="1" wsu:Id="action">urn:a</wsa:Action>
    <wsa:To wsu:Id="to">https://x</wsa:To>
    <wsse:Security xmlns:wsse="{wsse}" soap:mustUnderstand="1">
      <wsu:Timestamp wsu:Id="ts"><wsu:Created/><wsu:Expires/></wsu:Timestamp>
    </wsse:Security>
  </soap:Header>
  <soap:Body wsu:Id="body">{body}</soap:Body>
</soap:Envelope>"""
