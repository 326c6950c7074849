"""Where the parts of a secured SOAP message stand: by position, never by id (WS-Security 1.1 section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from lxml import etree

from gateway.crypto.safexml import instant_of, text_of
from gateway.crypto.xmldsig import names
from gateway.crypto.xmldsig.algorithms import SignaturePolicy
from gateway.errors import (
    AddressingInvalid,
    Malformed,
    MessageStale,
    SecurityHeaderInvalid,
    SignatureBroken,
    TokenUnsupported,
)

_WSA_NAME = f"{{{names.WSA}}}"
_ID_NAMESPACES = {"wsu": names.WSU}
_IDS = etree.XPath(
    "descendant-or-self::*/@wsu:Id | descendant-or-self::*/@ID | descendant-or-self::*/@xml:id",
    namespaces=_ID_NAMESPACES,
    smart_strings=False,
)
_ASSERTION_IDS = etree.XPath(
    "descendant-or-self::saml:Assertion/@ID", namespaces={"saml": names.SAML}, smart_strings=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The parts of an envelope. `addressing` holds every wsa header by its Clark name; `duplicates` ids."""

    body: etree._Element
    header: etree._Element | None
    security: etree._Element | None
    addressing: Mapping[str, etree._Element]
    signature: etree._Element | None
    timestamp: etree._Element | None
    assertion: etree._Element | None
    duplicates: frozenset[str]

    def addressable(self) -> dict[str, etree._Element]:
        """Elements a signature may name, by id: Body, header blocks, children of the security header."""
        found: dict[str, etree._Element] = {}
        for element in self._legal_places():
            identifier = element.get(names.WSU_ID)
            if identifier is not None:
                found.setdefault(identifier, element)
        if self.assertion is not None:
            found.setdefault(self.assertion.get("ID", ""), self.assertion)
        return found

    def _legal_places(self) -> Iterator[etree._Element]:
        yield self.body
        if self.header is not None:
            yield from self.header
        if self.security is not None:
            yield from self.security


def locate(envelope: etree._Element) -> Layout:
    """The layout of a SOAP 1.2 envelope.

    Raises Malformed for another structure, AddressingInvalid for a repeated wsa header, SecurityHeaderInvalid
    for an ambiguous security header, SignatureBroken for two assertions, TokenUnsupported for a token that
    is not SAML 2.0.
    """
    header, body = _halves(envelope)
    blocks = list(header) if header is not None else []
    security = _security(blocks)
    tokens = list(security) if security is not None else []
    signature = _single(tokens, names.SIGNATURE)
    return Layout(
        body=body,
        header=header,
        security=security,
        addressing=_addressing(blocks),
        signature=signature,
        timestamp=_single(tokens, names.TIMESTAMP),
        assertion=_assertion(tokens, signed=signature is not None),
        duplicates=_duplicates(envelope),
    )


def _halves(envelope: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    children = list(envelope)
    tags = [child.tag for child in children]
    if envelope.tag == names.ENVELOPE and tags == [names.HEADER, names.BODY]:
        return children[0], children[1]
    if envelope.tag == names.ENVELOPE and tags == [names.BODY]:
        return None, children[0]
    raise Malformed("not a SOAP 1.2 envelope of Header and Body", location="Envelope")


def _security(blocks: list[etree._Element]) -> etree._Element | None:
    ours = [b for b in blocks if b.tag == names.SECURITY and b.get(names.ROLE) in names.ROLES_OF_OURS]
    if len(ours) > 1:
        raise SecurityHeaderInvalid("two security headers for the same receiver; expected one")
    return ours[0] if ours else None


def _addressing(blocks: list[etree._Element]) -> Mapping[str, etree._Element]:
    found: dict[str, etree._Element] = {}
    for block in blocks:
        name = block.tag
        if isinstance(name, str) and name.startswith(_WSA_NAME):
            if name in found:
                raise AddressingInvalid("a wsa header occurs twice", location=name)
            found[name] = block
    return found


def _single(tokens: list[etree._Element], name: str) -> etree._Element | None:
    found = [token for token in tokens if token.tag == name]
    if len(found) > 1:
        local = etree.QName(name).localname
        raise SecurityHeaderInvalid(f"{local} occurs twice in the security header", location=local)
    return found[0] if found else None


def _assertion(tokens: list[etree._Element], *, signed: bool) -> etree._Element | None:
    found = [token for token in tokens if token.tag in {names.ASSERTION, names.ENCRYPTED_ASSERTION}]
    if len(found) > 1:
        raise SignatureBroken("two assertions in the security header; expected one", location="Assertion")
    if any(token.tag == names.ASSERTION_1 for token in tokens):
        raise TokenUnsupported("token not supported; expected a SAML 2.0 assertion", location="Assertion")
    if found and found[0].tag == names.ENCRYPTED_ASSERTION and not signed:
        raise SignatureBroken("an encrypted assertion in a message that nobody signed", location="Assertion")
    return found[0] if found else None


def _duplicates(envelope: etree._Element) -> frozenset[str]:
    values = _strings(_IDS(envelope))
    if len(set(values)) == len(values):
        return frozenset()
    repeated = frozenset(value for value, times in Counter(values).items() if times > 1)
    of_assertions = _strings(_ASSERTION_IDS(envelope))
    if len(set(of_assertions)) < len(of_assertions):
        raise SignatureBroken("two assertions carry the same ID", location="Assertion")
    return repeated


def _strings(found: object) -> list[str]:
    return cast("list[str]", found)


# --- freshness -----------------------------------------------------------------------------------


def check_timestamp(timestamp: etree._Element, now: datetime, policy: SignaturePolicy) -> None:
    """WS-Security 1.1 section 10: Created and Expires once each, in order, and now within them.

    Raises SecurityHeaderInvalid when malformed, from the future or backwards; MessageStale when too old.
    """
    parts = list(timestamp)
    if [part.tag for part in parts] != [names.CREATED, names.EXPIRES]:
        raise SecurityHeaderInvalid("Timestamp must hold Created and Expires", location="Timestamp")
    created, expires = instant_of(text_of(parts[0])), instant_of(text_of(parts[1]))
    if created is None or expires is None:
        raise SecurityHeaderInvalid("Timestamp holds no UTC times", location="Timestamp")
    if created > now + policy.skew:
        raise SecurityHeaderInvalid("Timestamp was created in the future", location="Created")
    if expires <= created:
        raise SecurityHeaderInvalid("Timestamp expires before it was created", location="Expires")
    if now - created > policy.max_age or now >= expires:
        raise MessageStale("the message is too old", location="Timestamp")
