"""The keys of one issuer, and a ring that keeps replaced ones for their grace (key roll-over)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from gateway.crypto.jwk import NamedKey, thumbprint
from gateway.crypto.keys import load_certificates, usable_key


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The keys of an issuer as its source told them; `until` is when they end (aware UTC), None for never."""

    keys: tuple[NamedKey, ...] = ()
    until: datetime | None = None


def from_certificates(pem: bytes, *, minimum_rsa: int) -> IssuerKeys:
    """The keys of every certificate of a PEM text, by thumbprint; SettingsInvalid when there is none."""
    return IssuerKeys(named(load_certificates(pem), minimum_rsa=minimum_rsa))


def named(certificates: Iterable[x509.Certificate], *, minimum_rsa: int) -> tuple[NamedKey, ...]:
    """The keys of certificates, each once, by thumbprint; AlgorithmRefused for a weak one."""
    found: dict[str, NamedKey] = {}
    for certificate in certificates:
        key = usable_key(certificate.public_key(), minimum_rsa=minimum_rsa)
        kid = thumbprint(key)
        found[kid] = NamedKey(kid, key)
    return tuple(found.values())


class KeyRing:
    """Keys in use: those told last, and removed ones until their grace is over."""

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._told = IssuerKeys()
        self._retired: dict[str, tuple[NamedKey, datetime]] = {}

    def replace(self, told: IssuerKeys, now: datetime) -> None:
        """Takes what the source tells now; what it tells no more is kept for the grace."""
        kept = {key.kid for key in told.keys}
        gone = {key.kid: (key, now + self._grace) for key in self._told.keys if key.kid not in kept}
        self._retired = {
            kid: each for kid, each in {**self._retired, **gone}.items() if kid not in kept and now < each[1]
        }
        self._told = told

    def active(self, now: datetime) -> tuple[NamedKey, ...]:
        """The keys that may be used now."""
        told, until = self._told.keys, self._told.until
        current = told if until is None or now < until else ()
        return (*current, *(key for key, end in self._retired.values() if now < end))

    def next_end(self, now: datetime) -> datetime | None:
        """When a key ends next."""
        ends = [end for _, end in self._retired.values()]
        ends += [self._told.until] if self._told.until is not None else []
        return min((end for end in ends if end > now), default=None)
