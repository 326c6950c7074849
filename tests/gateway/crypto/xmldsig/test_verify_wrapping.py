"""Parts that are moved, named twice or named elsewhere: SIG-04 to SIG-16, XML-13."""

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import HeaderBlock, compose, names
from gateway.errors import SecurityHeaderInvalid, SignatureBroken
from tests.gateway.crypto.xmldsig.trees import one, reparsed

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
