"""What an assertion must keep to be believed here (ITI TF-2: 3.40.4.1.3), and readers the checks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from gateway.crypto.keys import PublicKey
from gateway.crypto.safexml import instant_of, text_of
from gateway.crypto.xmldsig import DEFAULT_POLICY, SignaturePolicy
from gateway.crypto.xmldsig.names import SAML
from gateway.errors import Malformed, TokenInvalid

CodeKey = tuple[str, str]
"""Code and coding scheme: what makes two codes equal."""

PATIENT_ROLE: CodeKey = ("PAT", "2.16.840.1.113883.5.111")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionPolicy:
    """Whom this gateway believes. `issuers` pins the keys of each entity id; None in a value set allows any.

    `audiences` are the names of this gateway; `recipients` further addresses that a subject confirmation may
    name. Assertions of a subject with one of `patient_roles` speak for patients; those with one of
    `key_bound_roles` must always be held by key. `decryption_key` opens encrypted ones.
    """

    audiences: frozenset[str]
    issuers: Mapping[str, tuple[PublicKey | x509.Certificate, ...]]
    recipients: frozenset[str] = frozenset()
    skew: timedelta = timedelta(seconds=60)
    max_life: timedelta = timedelta(seconds=600)
    roles: frozenset[CodeKey] | None = None
    purposes: frozenset[CodeKey] | None = None
    authn_classes: frozenset[str] | None = None
    patient_roles: frozenset[CodeKey] = frozenset({PATIENT_ROLE})
    signature: SignaturePolicy = DEFAULT_POLICY
    key_bound_roles: frozenset[CodeKey] = frozenset()
    decryption_key: RSAPrivateKey | None = field(default=None, repr=False)


def saml(name: str) -> str:
    """The Clark name of a SAML 2.0 element."""
    return f"{{{SAML}}}{name}"


def plain_text(element: etree._Element) -> str:
    """The trimmed text of an element; TokenInvalid when a comment or element cuts it."""
    try:
        return text_of(element).strip()
    except Malformed as error:
        raise TokenInvalid(error.detail, location=error.location) from error


def only_child(parent: etree._Element, name: str) -> etree._Element:
    """The one child of that SAML name, else TokenInvalid."""
    found = list(parent.iterchildren(saml(name)))
    if len(found) != 1:
        raise TokenInvalid(f"expected one {name}, found {len(found)}", location=name)
    return found[0]


def time_of(element: etree._Element, name: str) -> datetime | None:
    """An optional time attribute; TokenInvalid when it is there and no UTC time."""
    value = element.get(name)
    if value is None:
        return None
    time = instant_of(value)
    if time is None:
        raise TokenInvalid("not a time with a time zone", location=name)
    return time


def check_window(element: etree._Element, now: datetime, skew: timedelta) -> None:
    """NotBefore <= now < NotOnOrAfter, each if present, with `skew` at both ends; else TokenInvalid."""
    start, end = time_of(element, "NotBefore"), time_of(element, "NotOnOrAfter")
    if start is not None and now < start - skew:
        raise TokenInvalid("the assertion is not valid yet", location="NotBefore")
    if end is not None and now >= end + skew:
        raise TokenInvalid("the assertion has expired", location="NotOnOrAfter")
