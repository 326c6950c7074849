from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha512
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from gateway.crypto.httpsig import (
    Request,
    content_digest,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from gateway.crypto.keys import Scheme, fingerprint, verify_with
from gateway.errors import (
    AlgorithmRefused,
    MessageStale,
    SecurityHeaderInvalid,
    SignatureBroken,
    SignerRefused,
)

BODY = b'{"resourceType":"Bundle"}'
GET = Request("GET", "https://gateway.example:8443/fhir/DocumentReference?patient=1", {"Accept": "x"})
POST = Request("POST", "https://gateway.example:8443/fhir", {"Content-Type": "application/fhir+json"})
TYPED = {"Content-Type": "application/fhir+json"}
KINDS = [
    ("p256", "ecdsa-p256-sha256"),
    ("p384", "ecdsa-p384-sha384"),
    ("rsa3072", "rsa-pss-sha512"),
    ("ed25519", "ed25519"),
]


@pytest.fixture
def lookup(identity: Callable[..., Any]) -> Callable[..., Any]:
    known = {}
    for kind, _ in KINDS:
        known[fingerprint(identity(kind).der)] = identity(kind).certificate

    def find(keyid: Any) -> Any:
        if keyid not in known:
            raise SignerRefused("unknown")
        return known[keyid]

    return find


def signed(request: Any, body: bytes, identity: Callable[..., Any], now: datetime, kind: str = "p256") -> Any:
    added = sign_request(request, body, identity(kind).signer, now)
    return Request(request.method, request.target, {**request.headers, **added})


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_signed_request_verifies(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime, kind: str, name: str
) -> None:
    request = signed(POST, BODY, identity, now, kind)
    assert f'alg="{name}"' in request.headers["Signature-Input"]
    assert verify_request(request, BODY, lookup, now) in request.headers["Signature-Input"]


def test_the_signature_base_is_that_of_the_standard(identity: Callable[..., Any], now: datetime) -> None:
    request = signed(POST, BODY, identity, now)
    parameters = request.headers["Signature-Input"].removeprefix("passerelle=")
    base = (
        f'"@method": POST\n"@target-uri": {POST.target}\n'
        f'"content-digest": {content_digest(BODY)}\n"@signature-params": {parameters}'
    )
    value = request.headers["Signature"].removeprefix("passerelle=:").removesuffix(":")

    verify_with(identity().key.public_key(), Scheme.ECDSA_SHA256, b64decode(value), base.encode())
    assert parameters.startswith('("@method" "@target-uri" "content-digest");created=1795339800;keyid="')


def test_a_get_has_no_digest(identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime) -> None:
    request = signed(GET, b"", identity, now)
    assert "Content-Digest" not in request.headers
    assert verify_request(request, b"", lookup, now)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("PUT", POST.target, BODY),
        ("POST", POST.target + "/x", BODY),
        ("POST", POST.target, BODY + b" "),
        ("POST", POST.target, b""),
    ],
)
def test_an_altered_request(
    identity: Callable[..., Any],
    lookup: Callable[..., Any],
    now: datetime,
    method: Any,
    target: str,
    body: bytes,
) -> None:
    headers = signed(POST, BODY, identity, now).headers
    with pytest.raises(SignatureBroken):
        verify_request(Request(method, target, headers), body, lookup, now)


def test_a_body_added_to_a_signed_get(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    request = signed(GET, b"", identity, now)
    with pytest.raises(SignatureBroken):
        verify_request(request, b"x", lookup, now)
    request.headers["Content-Digest"] = content_digest(b"x")
    with pytest.raises(SignatureBroken):
        verify_request(request, b"x", lookup, now)


def changed(request: Any, name: str, old: bytes, new: bytes) -> Request:
    assert old in request.headers[name]
    return Request(
        request.method, request.target, {**request.headers, name: request.headers[name].replace(old, new)}
    )


def test_an_altered_digest_header(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    request = signed(POST, BODY, identity, now)
    request.headers["Content-Digest"] = content_digest(b"x")
    with pytest.raises(SignatureBroken):
        verify_request(request, b"x", lookup, now)


@pytest.mark.parametrize("age", [-60, 0, 300])
def test_in_its_window(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime, age: int
) -> None:
    assert verify_request(
        signed(POST, BODY, identity, now), BODY, lookup, now.replace(microsecond=0) + timedelta(seconds=age)
    )


def test_too_old_or_from_the_future(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    request = signed(POST, BODY, identity, now)
    with pytest.raises(MessageStale):
        verify_request(request, BODY, lookup, now + timedelta(seconds=301))
    with pytest.raises(SecurityHeaderInvalid):
        verify_request(request, BODY, lookup, now - timedelta(seconds=62))


def test_expires_is_obeyed(identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime) -> None:
    request = signed(POST, BODY, identity, now)
    at = int(now.timestamp())
    with pytest.raises(MessageStale):
        verify_request(
            changed(request, "Signature-Input", ";keyid", f";expires={at};keyid"), BODY, lookup, now
        )


def test_sig_17_an_unknown_signer(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    added = sign_request(POST, BODY, identity("p256", "attacker").signer, now)
    with pytest.raises(SignerRefused):
        verify_request(Request(POST.method, POST.target, added), BODY, lookup, now)


@pytest.mark.parametrize("name", ["hmac-sha256", "rsa-v1_5-sha256", "ed25519", "none", ""])
def test_sig_12_another_algorithm_than_the_key_has(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime, name: str
) -> None:
    request = changed(signed(POST, BODY, identity, now), "Signature-Input", "ecdsa-p256-sha256", name)
    with pytest.raises(AlgorithmRefused):
        verify_request(request, BODY, lookup, now)


def test_parts_that_must_be_covered(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    for part in ('"@method" ', '"@target-uri" ', ' "content-digest"'):
        request = changed(signed(POST, BODY, identity, now), "Signature-Input", part, "")
        with pytest.raises(SignatureBroken):
            verify_request(request, BODY, lookup, now)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Signature", None),
        ("Signature-Input", None),
        ("Signature", "passerelle=:***:"),
        ("Signature", "passerelle=:AAA:"),
        ("Signature", "other=:AAAA:"),
        ("Signature", "passerelle=:AAAA:, b=:AAAA:"),
        ("Signature-Input", "passerelle=()"),
        ("Signature-Input", "passerelle"),
        ("Signature-Input", 'passerelle=("@method" "@method");created=1'),
        ("Signature-Input", 'passerelle=("@method");created=x'),
    ],
)
def test_malformed_fields(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime, name: str, value: Any
) -> None:
    request = signed(POST, BODY, identity, now)
    headers = {k: v for k, v in request.headers.items() if k != name} | ({name: value} if value else {})
    with pytest.raises(SecurityHeaderInvalid):
        verify_request(Request("POST", POST.target, headers), BODY, lookup, now)


def test_names_of_headers_have_no_case(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    request = signed(POST, BODY, identity, now)
    lower = {name.lower(): value for name, value in request.headers.items()}
    assert verify_request(Request("POST", POST.target, lower), BODY, lookup, now)


def test_sig_13_a_digest_of_another_algorithm(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    digest = f"md5=:{b64encode(b'x' * 16).decode()}:"
    headers = {"Content-Digest": digest}
    values = sign_with_digest(identity, now, digest)
    with pytest.raises(AlgorithmRefused):
        verify_request(Request("POST", POST.target, headers | values), BODY, lookup, now)


@pytest.mark.parametrize("good", [True, False])
def test_a_second_digest_must_hold_too(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime, *, good: bool
) -> None:
    second = b64encode(sha512(BODY if good else b"x").digest()).decode()
    digest = f"{content_digest(BODY)}, sha-512=:{second}:"
    request = Request(
        "POST", POST.target, {"Content-Digest": digest} | sign_with_digest(identity, now, digest)
    )
    if good:
        assert verify_request(request, BODY, lookup, now)
    else:
        with pytest.raises(SignatureBroken):
            verify_request(request, BODY, lookup, now)


def sign_with_digest(identity: Callable[..., Any], now: datetime, digest: Any) -> dict[str, str]:
    """A signature over a Content-Digest of any form, by the rules of RFC 9421 section 2.5."""

    parameters = (
        f'("@method" "@target-uri" "content-digest");created={int(now.timestamp())}'
        f';keyid="{fingerprint(identity().der)}"'
    )
    base = (
        f'"@method": POST\n"@target-uri": {POST.target}\n"content-digest": {digest}\n'
        f'"@signature-params": {parameters}'
    )
    value = b64encode(identity().signer.sign(base.encode())).decode()
    return {"Signature-Input": f"s={parameters}", "Signature": f"s=:{value}:"}


# --- replies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_signed_reply_verifies(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime, kind: str, name: str
) -> None:
    added = sign_response(200, TYPED, BODY, GET, identity(kind).signer, now)
    assert name in added["Signature-Input"]
    assert (
        '("@status" "content-digest" "content-type" "@method";req "@target-uri";req)'
        in added["Signature-Input"]
    )
    assert verify_response(200, TYPED | added, BODY, GET, lookup, now)


@pytest.mark.parametrize(
    ("status", "headers", "body", "request_"),
    [
        (404, {}, BODY, GET),
        (200, {"Content-Type": "text/html"}, BODY, GET),
        (200, {}, BODY + b" ", GET),
        (200, {}, BODY, Request("POST", GET.target, {})),
        (200, {}, BODY, Request("GET", GET.target + "&x=1", {})),
    ],
)
def test_an_altered_reply_or_one_to_another_request(
    identity: Callable[..., Any],
    lookup: Callable[..., Any],
    now: datetime,
    status: int,
    headers: dict[str, str],
    body: bytes,
    request_: Request,
) -> None:
    added = sign_response(200, TYPED, BODY, GET, identity().signer, now)
    with pytest.raises(SignatureBroken):
        verify_response(status, TYPED | added | headers, body, request_, lookup, now)


def test_a_reply_binds_the_signature_of_its_request(
    identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime
) -> None:
    first = signed(POST, BODY, identity, now)
    second = signed(POST, BODY, identity, now + timedelta(seconds=1))
    added = sign_response(200, TYPED, b"{}", first, identity().signer, now)
    assert '"signature";req;key="passerelle"' in added["Signature-Input"]
    assert verify_response(200, TYPED | added, b"{}", first, lookup, now)
    with pytest.raises(SignatureBroken):
        verify_response(200, TYPED | added, b"{}", second, lookup, now)


def test_an_empty_reply(identity: Callable[..., Any], lookup: Callable[..., Any], now: datetime) -> None:
    added = sign_response(204, {}, b"", GET, identity().signer, now)
    assert "content-type" not in added["Signature-Input"]
    assert verify_response(204, added, b"", GET, lookup, now)
    with pytest.raises(SignatureBroken):
        verify_response(204, added, b"x", GET, lookup, now)


def test_a_key_without_registered_algorithm(identity: Callable[..., Any], now: datetime) -> None:
    with pytest.raises(AlgorithmRefused):
        sign_request(POST, BODY, identity("p521").signer, now)


def test_a_reply_verifies_over_a_base_written_by_hand(identity: Callable[..., Any], now: datetime) -> None:
    """The value verifies with plain cryptography, over a base written by hand."""

    added = sign_response(201, TYPED, BODY, GET, identity("rsa3072").signer, now)
    parameters = added["Signature-Input"].partition("=")[2]
    base = (
        f'"@status": 201\n"content-digest": {added["Content-Digest"]}\n'
        '"content-type": application/fhir+json\n'
        f'"@method";req: GET\n"@target-uri";req: {GET.target}\n"@signature-params": {parameters}'
    )
    key = serialization.load_pem_public_key(identity("rsa3072").public_pem)
    value = b64decode(added["Signature"].removeprefix("passerelle=:").removesuffix(":"))
    scheme = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    assert key.verify(value, base.encode(), scheme, hashes.SHA512()) is None
