"""The signature of a token, by the algorithms and the key of its issuer (RFC 7515, RFC 8725)."""

from __future__ import annotations

from gateway.crypto import jws
from gateway.crypto.jwk import NamedKey
from gateway.crypto.jws import Jws
from gateway.errors import AlgorithmRefused, SignatureBroken, TokenInvalid
from gateway.identity.jwt.policy import TokenIssuer


def check_signature(token: Jws, issuer: TokenIssuer, key: NamedKey) -> None:
    """Raise TokenInvalid unless the key made the signature, by an algorithm open to its issuer."""
    if key.algorithm is not None and key.algorithm != token.header.get("alg"):
        raise TokenInvalid("the key is for another algorithm", location="alg")
    try:
        # Whether the key is strong enough was looked at when it was taken from the issuer.
        jws.verify(token, key.key, allowed=issuer.algorithms, minimum_rsa=0)
    except AlgorithmRefused as error:
        raise TokenInvalid(error.detail, location="alg") from error
    except SignatureBroken as error:
        raise TokenInvalid("the signature of the token is wrong", location="signature") from error
