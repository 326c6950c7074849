"""Key sets: what is a key for signatures, and what must never stand in one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.crypto.jwk import MOST_KEYS, read_key_set, thumbprint
from gateway.errors import AlgorithmRefused, Malformed

EC = ec.generate_private_key(ec.SECP256R1())
PUBLIC: dict[str, Any] = ECKey.import_key(EC.public_key()).as_dict(private=False)  # type: ignore[arg-type]


def key_set(*keys: Any) -> bytes:
    return orjson.dumps({"keys": list(keys)})


def test_keys_of_every_kind() -> None:
    large = rsa.generate_private_key(65537, 3072).public_key()
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    told = (
        {**PUBLIC, "kid": "e", "alg": "ES256", "use": "sig"},
        {**RSAKey.import_key(large).as_dict(private=False), "kid": "r"},  # type: ignore[arg-type]
        {**OKPKey.import_key(edwards).as_dict(private=False), "kid": "o"},  # type: ignore[arg-type]
    )
    found = {key.kid: key for key in read_key_set(key_set(*told))}
    assert list(found) == ["e", "r", "o"]
    assert (found["e"].algorithm, found["r"].algorithm) == ("ES256", None)
    assert found["e"].key.public_numbers() == EC.public_key().public_numbers()  # type: ignore[union-attr]


def test_a_key_without_a_name_is_named_by_its_thumbprint() -> None:
    (found,) = read_key_set(key_set(PUBLIC))
    assert found.kid == thumbprint(EC.public_key())


def test_what_is_passed_over() -> None:
    weak = RSAKey.import_key(rsa.generate_private_key(65537, 2048).public_key()).as_dict(private=False)  # type: ignore[arg-type]
    told = (
        {**PUBLIC, "kid": "a", "use": "enc"},
        {**PUBLIC, "kid": "b", "key_ops": ["encrypt"]},
        {"kty": "AKP", "kid": "c"},
        {**weak, "kid": "d"},
    )
    assert read_key_set(key_set(*told)) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"keys":{}}',
        key_set("a"),
        key_set({"kty": "oct", "k": "AAAA", "kid": "s"}),
        key_set({**PUBLIC, "d": "AAAA"}),
        key_set({**PUBLIC, "x": "AAAA"}),
        key_set({**PUBLIC, "kid": 1}),
        key_set({**PUBLIC, "kid": "a" * 300}),
        key_set({**PUBLIC, "kid": "a"}, {**PUBLIC, "kid": "a"}),
        key_set(*({**PUBLIC, "kid": str(number)} for number in range(MOST_KEYS + 1))),
    ],
)
def test_what_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_key_set(content)


def test_no_thumbprint_of_another_kind() -> None:
    with pytest.raises(AlgorithmRefused):
        thumbprint(object())  # type: ignore[arg-type]
