"""One-time codes by time (RFC 6238): made by an authenticator, good for one step of time, and once only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp

from gateway.stores.operators import Factor

STEP_SECONDS = 30
AROUND = (0, -1, 1)
"""The step of now, and those beside it, for clocks that differ."""
_OCTETS = {"sha1": 20, "sha256": 32}
"""As long as the digest (RFC 4226 section 4, R6; RFC 6238 section 5.1)."""


def new_factor(digest: str) -> Factor:
    """A fresh secret."""
    return Factor(secrets.token_bytes(_OCTETS[digest]), digest, 0)


def invitation(factor: Factor, login: str, environment: str) -> str:
    """The otpauth address an authenticator takes the secret from; the environment stands in its label."""
    return _codes(factor).provisioning_uri(name=f"{login}@{environment}", issuer_name="Passerelle")


def step_of(factor: Factor, code: str, at: datetime) -> int | None:
    """The step of time a code belongs to, if it is one that counts now; each of them is compared."""
    codes, now = _codes(factor), int(at.timestamp()) // STEP_SECONDS
    found = None
    for step in (now + each for each in AROUND):
        if hmac.compare_digest(codes.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def _codes(factor: Factor) -> pyotp.TOTP:
    secret = base64.b32encode(factor.secret).decode().rstrip("=")
    return pyotp.TOTP(secret, digest=getattr(hashlib, factor.digest), interval=STEP_SECONDS)
