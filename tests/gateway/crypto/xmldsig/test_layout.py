import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names
from gateway.errors import (
    AddressingInvalid,
    Malformed,
    MessageStale,
    SecurityHeaderInvalid,
    SignatureBroken,
    TokenInvalid,
    TokenUnsupported,
)


def one(root: etree._Element, name: str) -> etree._Element:
    (element,) = root.iter(name)
    return element


def signature_of(root: etree._Element) -> etree._Element:
    return one(root, names.SIGNATURE)


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


def test_an_encrypted_assertion_in_a_signed_message_is_handed_on(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    token = f'<s:EncryptedAssertion xmlns:s="{names.SAML}"/>'
    assert verify(with_token(parse(message()), token)).assertion.tag == names.ENCRYPTED_ASSERTION
    with pytest.raises(SignatureBroken):
        verify(with_token(with_token(parse(message()), token), ASSERTION.format("_1")))


def test_saml_14_tokens_that_are_not_supported(
    message: Callable[..., Any], verify: Callable[..., Any]
) -> None:
    with pytest.raises(TokenUnsupported):
        verify(with_token(parse(message()), f'<s:Assertion xmlns:s="{names.SAML_1}" AssertionID="_1"/>'))


def test_errors_never_show_the_message(message: Callable[..., Any], verify: Callable[..., Any]) -> None:
    with pytest.raises(SignatureBroken) as caught:
        verify(parse(message().replace(b"<r:Value>1<", b"<r:Value>secret<")))
    assert "secret" not in f"{caught.value.detail}{caught.value.location}"
    assert not isinstance(caught.value, TokenInvalid)
