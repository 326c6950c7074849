from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import xmlsec
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import Attached, HeaderBlock, c14n, compose, names, sign_assertion
from gateway.errors import Defect, Malformed

KINDS = ["p256", "p384", "p521", "rsa3072"]
ASSERTION = (
    b'<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0">'
    b"<a:Issuer>urn:idp</a:Issuer><a:Subject/></a:Assertion>"
)


class Octets:
    def __init__(self, data: bytes, step: int = 1000) -> None:
        self.data, self.step = data, step

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        return iter([self.data[n : n + self.step] for n in range(0, len(self.data), self.step)])


@pytest.mark.parametrize("kind", KINDS)
def test_xmlsec_verifies_what_we_sign(
    identity: Callable[..., Any], message: Callable[..., Any], referee: Callable[..., Any], kind: str
) -> None:
    assert referee(parse(message(kind)), identity(kind)) is None


def test_xmlsec_verifies_pkcs1(
    identity: Callable[..., Any], message: Callable[..., Any], referee: Callable[..., Any]
) -> None:
    one = identity("rsa3072", pkcs1=True)
    text = message(one.signer)
    assert b"xmldsig-more#rsa-sha256" in text
    assert referee(parse(text), one) is None


def test_xmlsec_refuses_an_altered_message(
    identity: Callable[..., Any], message: Callable[..., Any], referee: Callable[..., Any]
) -> None:
    with pytest.raises(xmlsec.Error):
        referee(parse(message().replace(b"<r:Value>1<", b"<r:Value>2<")), identity())


@pytest.mark.parametrize("kind", [*KINDS, "ed25519"])
def test_we_verify_what_we_sign(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any], kind: str
) -> None:
    parts = verify(parse(message(kind)), identity(kind))
    assert parts.certificate == identity(kind).der
    assert parts.body[0].tag == "{urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0}AdhocQueryRequest"
    assert {etree.QName(name).localname for name in parts.headers} == {
        "Action",
        "MessageID",
        "To",
        "ReplyTo",
        "Hint",
    }


def test_header_texts_survive(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    parts = verify(parse(message()))
    assert parts.headers["{urn:example:other}Hint"].text == "é < \r\n ]]>"
    assert parts.headers[f"{{{names.WSA}}}To"].text.endswith("?a&b")


def test_every_signed_part_is_written_in_its_canonical_form(message: Callable[..., Any]) -> None:
    text = message()
    root = parse(text)
    (signature,) = root.iter(names.SIGNATURE)
    parts = [e for e in root.iter(etree.Element) if e.get(names.WSU_ID) and e.tag != names.TOKEN]
    for element in [*parts, signature[0]]:
        assert c14n(element) in text


def test_must_understand_is_written(message: Callable[..., Any]) -> None:
    root = parse(message())
    mandatory = {
        etree.QName(e).localname for e in root[0] if e.get(f"{{{names.SOAP}}}mustUnderstand") == "true"
    }
    assert mandatory == {"Action", "Security"}


def test_the_same_message_unsigned(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    text = message(None)
    assert b"Signature" not in text
    assert b"Security" not in text
    parts = verify(parse(text))
    assert parts.signature is None
    assert parts.certificate is None
    assert len(parts.headers) == 4


def test_timestamp_lasts_five_minutes(message: Callable[..., Any], now: datetime) -> None:
    (timestamp,) = parse(message()).iter(names.TIMESTAMP)
    assert timestamp[0].text == "2026-11-22T09:30:00.250Z"
    assert timestamp[1].text == (now + timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%S.250Z")


def test_an_assertion_is_carried_and_covered(
    identity: Callable[..., Any],
    message: Callable[..., Any],
    verify: Callable[..., Any],
    referee: Callable[..., Any],
) -> None:
    text = message(assertion=ASSERTION)
    parts = verify(parse(text), assertion_covered=True)
    assert parts.assertion_covered
    assert parts.assertion.get("ID") == "_1"
    assert referee(parse(text), identity()) is None


def test_an_assertion_need_not_be_canonical(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    other = b'<?xml version="1.0" encoding="UTF-8"?>\n' + ASSERTION.replace(
        b"<a:Subject/>", b"<a:Subject\n  ></a:Subject>"
    )
    assert verify(parse(message(assertion=other)), assertion_covered=True).assertion_covered


def test_an_assertion_is_carried_unsigned_too(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    parts = verify(parse(message(None, assertion=ASSERTION)))
    assert parts.signature is None
    assert parts.assertion.get("ID") == "_1"
    assert not parts.assertion_covered


def test_a_signed_assertion_keeps_its_own_signature(
    identity: Callable[..., Any], message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    signed = sign_assertion(ASSERTION, identity("rsa3072").signer)
    parts = verify(parse(message(assertion=signed)))
    assert parts.assertion.find(names.SIGNATURE) is not None


def test_something_else_than_an_assertion_is_refused(message: Callable[..., Any]) -> None:
    with pytest.raises(Malformed):
        message(assertion=b"<a/>")


def test_the_prefix_of_the_envelope_is_reserved(message: Callable[..., Any]) -> None:
    make = partial(message, body=b'<e:Fault xmlns:e="http://www.w3.org/2003/05/soap-envelope"></e:Fault>')
    with pytest.raises(Defect):
        make()
    assert make(body=b'<f:Fault xmlns:f="http://www.w3.org/2003/05/soap-envelope"> xmlns:e= </f:Fault>')


def test_a_fault_under_another_prefix_verifies(
    identity: Callable[..., Any],
    message: Callable[..., Any],
    verify: Callable[..., Any],
    referee: Callable[..., Any],
) -> None:
    body = b'<f:Fault xmlns:f="http://www.w3.org/2003/05/soap-envelope"><f:Code></f:Code></f:Fault>'
    text = message(body=body)
    assert verify(parse(text)).body[0].tag == f"{{{names.SOAP}}}Fault"
    assert referee(parse(text), identity()) is None


def test_attachments_are_signed_at_their_place(
    identity: Callable[..., Any], now: datetime, verify: Callable[..., Any], referee: Callable[..., Any]
) -> None:
    one, two = bytes(range(256)) * 5, b"second"
    document = [b'<d xmlns="urn:d">', Attached("a b@x", Octets(one, 7)), b"</d>"]
    tail = [b'<d xmlns="urn:d">', Attached("two@x", Octets(two)), b"</d>"]
    body = [b"<p:ds xmlns:p='urn:p'>".replace(b"'", b'"'), *document, *tail, b"</p:ds>"]
    text = compose([], body, identity().signer, now=now)
    root = parse(text)
    assert [i.get("href") for i in root.iter(names.INCLUDE)] == ["cid:a%20b@x", "cid:two@x"]
    parts = verify(root, parts={"a b@x": Octets(one, 10), "two@x": Octets(two, 1)})
    assert parts.signature
    inline = [etree.tostring(piece) for piece in root.iter(names.INCLUDE)]
    assert len(inline) == 2
    # the referee knows no XOP: it sees the message with the base64 in place
    for include, data in zip(list(root.iter(names.INCLUDE)), (one, two), strict=True):
        parent = include.getparent()
        parent.remove(include)
        parent.text = b64encode(data).decode()
    assert referee(parse(etree.tostring(root)), identity()) is None


def test_a_block_of_another_namespace_uses_its_prefix(
    identity: Callable[..., Any], now: datetime, referee: Callable[..., Any]
) -> None:
    block = HeaderBlock("{urn:x}Outer", b"<h:Inner>1</h:Inner>", must_understand=True)
    text = compose([block], b"<x></x>", identity().signer, now=now)
    root = parse(text)
    assert root[0][0][0].tag == "{urn:x}Inner"
    assert referee(root, identity()) is None
