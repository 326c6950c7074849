"""Public keys as JSON Web Keys: one key set read strictly, and the name of a key (RFC 7517, RFC 7638)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.crypto import safejson
from gateway.crypto.keys import MINIMUM_RSA, PublicKey, usable_key
from gateway.errors import AlgorithmRefused, Malformed

MOST_KEYS = 64
_LONGEST_NAME = 256
_KINDS: Mapping[str, type[ECKey | RSAKey | OKPKey]] = MappingProxyType(
    {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
)


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key by its key id; with `algorithm` alone, if it names one."""

    kid: str
    key: PublicKey
    algorithm: str | None = None


def thumbprint(key: PublicKey) -> str:
    """The SHA-256 thumbprint of a key in base64url (RFC 7638)."""
    return str(_imported(key).thumbprint())


def public_jwk(key: PublicKey) -> dict[str, str]:
    """The required members of a public key and no others."""
    told = _imported(key).as_dict(private=False)
    return {name: str(told[name]) for name in ("kty", "crv", "x", "y", "n", "e") if name in told}


def _imported(key: PublicKey) -> ECKey | RSAKey | OKPKey:
    for kind in _KINDS.values():
        try:
            found = kind.import_key(key)  # type: ignore[arg-type]
            found.thumbprint()
        except (ValueError, TypeError, AttributeError, JoseError):
            continue
        return found
    raise AlgorithmRefused("kind of key not allowed; expected ECDSA, RSA or Ed25519")


def read_key_set(data: bytes, *, minimum_rsa: int = MINIMUM_RSA) -> tuple[NamedKey, ...]:
    """The keys for signatures of a JWK set; keys for other uses and of other kinds are passed over.

    So are weak ones. Malformed for anything that is no JWK set, for private or secret keys in it, and for two
    keys of one name.
    """
    listed = _listed(safejson.parse(data, 8))
    found = [key for each in listed if (key := _key(each, minimum_rsa)) is not None]
    if len({key.kid for key in found}) < len(found):
        raise Malformed("two keys of the set have the same kid", location="kid")
    return tuple(found)


def _listed(content: Any) -> list[Any]:
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list):
        raise Malformed("expected a JWK set: an object with a list of keys", location="keys")
    if len(keys) > MOST_KEYS:
        raise Malformed(f"a key set of more than {MOST_KEYS} keys", location="keys")
    return keys


def _key(told: Any, minimum_rsa: int) -> NamedKey | None:
    if not isinstance(told, dict):
        raise Malformed("a key that is no object", location="keys")
    if told.get("kty") == "oct" or not {"d", "k", "p", "q"}.isdisjoint(told):
        raise Malformed("a private or secret key stands in a set of public keys", location="keys")
    if not _for_signatures(told) or str(told.get("kty")) not in _KINDS:
        return None
    try:
        made = _KINDS[told["kty"]].import_key(told)
        key = usable_key(made.public_key, minimum_rsa=minimum_rsa)
    except AlgorithmRefused:
        return None
    except (JoseError, ValueError, TypeError) as error:
        raise Malformed("a key that cannot be read", location="keys") from error
    kid, algorithm = told.get("kid", ""), told.get("alg")
    if not isinstance(kid, str) or len(kid) > _LONGEST_NAME or not isinstance(algorithm, str | None):
        raise Malformed("kid and alg of a key must be texts", location="kid")
    return NamedKey(kid or thumbprint(key), key, algorithm)


def _for_signatures(told: Mapping[str, Any]) -> bool:
    operations = told.get("key_ops", ["verify"])
    return told.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
