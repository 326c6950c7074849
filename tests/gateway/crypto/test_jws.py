from collections.abc import Callable
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.crypto import jws
from gateway.crypto.keys import Signer
from gateway.errors import AlgorithmRefused, SignatureBroken, TokenInvalid
from gateway.tokens.jws import jwk_of

KINDS = {"p256": "ES256", "p384": "ES384", "p521": "ES512", "rsa3072": "PS256", "ed25519": "Ed25519"}


@pytest.mark.parametrize("kind", KINDS)
def test_another_library_verifies_what_is_signed_by_the_key_set(
    identity: Callable[..., Any], kind: str
) -> None:
    signer: Signer = identity(kind).signer
    token = jws.sign({"sub": "x", "n": 1}, signer, kind="at+jwt")
    keys = KeySet.import_key_set({"keys": [orjson.loads(orjson.dumps(jwk_of(signer.certificate)))]})
    read = jwt.decode(token, keys, algorithms=[KINDS[kind]])
    assert read.claims == {"sub": "x", "n": 1}
    assert read.header["typ"] == "at+jwt"
    assert read.header["kid"] == keys.keys[0].thumbprint()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_signed_is_verified(identity: Callable[..., Any], kind: str) -> None:
    signer: Signer = identity(kind).signer
    read = jws.read(jws.sign({"sub": "x"}, signer, kind="at+jwt"))
    jws.verify(read, signer.key.public_key())
    with pytest.raises((SignatureBroken, AlgorithmRefused)):
        jws.verify(read, identity("p256", "other").key.public_key())


def test_a_signature_over_something_else(identity: Callable[..., Any]) -> None:
    signer: Signer = identity().signer
    head, _, signature = jws.sign({"sub": "x"}, signer, kind="at+jwt").split(".")
    forged = jws.read(f"{head}.{jws.encoded(b'{}')}.{signature}")
    with pytest.raises(SignatureBroken):
        jws.verify(forged, signer.key.public_key())


@pytest.mark.parametrize("name", ["none", "HS256", "RS256", "ES384", "", None, 7, ["ES256"], {}])
def test_the_algorithm_must_be_the_one_of_the_key(identity: Callable[..., Any], name: object) -> None:
    signer: Signer = identity().signer
    text = f"{jws.encoded(orjson.dumps({'alg': name}))}.{jws.encoded(b'{}')}"
    read = jws.read(f"{text}.{jws.encoded(signer.sign(text.encode()))}")
    with pytest.raises(AlgorithmRefused):
        jws.verify(read, signer.key.public_key())


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "e30.e30.e30.e30",
        "e30=.e30.AA",
        "e31.e30.AA",
        "W10.e30.AA",
        "e30.e30.A A",
        "é.e.e",
    ],
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        jws.read(text)


def test_names_that_stand_twice_and_length() -> None:
    twice = jws.encoded(b'{"alg":"ES256","alg":"none"}')
    with pytest.raises(TokenInvalid):
        jws.read(f"{twice}.e30.AAAA")
    with pytest.raises(TokenInvalid):
        jws.read(f"e30.{'e30' * jws.LONGEST}.AAAA")


def test_base64url_has_one_form() -> None:
    assert jws.decoded("_-8") == b"\xff\xef"
    with pytest.raises(ValueError, match="one form"):
        jws.decoded("_-9")
