"""Writes XUA assertions (ITI TF-2 3.40.4.1.2): SAML 2.0, canonical, signed, short-lived."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import sign_assertion
from gateway.crypto.xmldsig.names import DS, SAML
from gateway.record.people import Code, PatientId
from gateway.tokens.names import (
    EMERGENCY_REASON,
    HL7,
    HOME_COMMUNITY,
    NATIONAL_PROVIDER_ID,
    OID_URN,
    ON_BEHALF_OF,
    ORGANISATION_ID,
    ORGANISATION_NAME,
    PATIENT,
    PURPOSE,
    ROLE,
    SUBJECT_NAME,
)

X509_AUTHENTICATED = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
UNSPECIFIED = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
_METHOD = "urn:oasis:names:tc:SAML:2.0:cm:"
_NAME_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an assertion says. `organisation` is an OID or URI, `home_community` an OID, `life` in seconds.

    `confirmation` is the certificate (DER) whose key the presenter must hold; None makes a bearer assertion.
    `authenticated` is when and how (AuthnContextClassRef) the person was authenticated.
    """

    issuer: str
    subject: str
    name: str
    role: Code
    purpose: Code
    audience: str
    now: datetime
    life: float
    confirmation: bytes | None
    organisation: str | None = None
    organisation_name: str | None = None
    patient: PatientId | None = None
    national_id: str | None = None
    home_community: str | None = None
    emergency_reason: str | None = None
    on_behalf_of: str | None = None
    one_time: bool = False
    authenticated: tuple[datetime, str] | None = None


def new_id() -> str:
    """An ID that no other assertion has (xs:ID)."""
    return f"_{uuid4()}"


def write_assertion(told: Contents, signer: Signer, identifier: str) -> bytes:
    """A signed SAML 2.0 assertion in UTF-8, without XML declaration."""
    start, end = instant(told.now), instant(told.now + timedelta(seconds=told.life))
    at, context = told.authenticated or (told.now, X509_AUTHENTICATED)
    text = (
        f'<saml2:Assertion xmlns:saml2="{SAML}" ID="{identifier}" IssueInstant="{start}" Version="2.0">'
        f"<saml2:Issuer>{escape(told.issuer)}</saml2:Issuer>"
        f'<saml2:Subject><saml2:NameID Format="{_PERSISTENT}">{escape(told.subject)}</saml2:NameID>'
        f"{_confirmation(told.confirmation)}</saml2:Subject>"
        f'<saml2:Conditions NotBefore="{start}" NotOnOrAfter="{end}"><saml2:AudienceRestriction>'
        f"<saml2:Audience>{escape(told.audience)}</saml2:Audience></saml2:AudienceRestriction>"
        f"{'<saml2:OneTimeUse/>' if told.one_time else ''}</saml2:Conditions>"
        f'<saml2:AuthnStatement AuthnInstant="{instant(at)}"><saml2:AuthnContext>'
        f"<saml2:AuthnContextClassRef>{escape(context)}</saml2:AuthnContextClassRef></saml2:AuthnContext>"
        f"</saml2:AuthnStatement><saml2:AttributeStatement>{_attributes(told)}</saml2:AttributeStatement>"
        f"</saml2:Assertion>"
    )
    return sign_assertion(text.encode(), signer)


def _attributes(told: Contents) -> str:
    attributes = {
        SUBJECT_NAME: escape(told.name),
        ORGANISATION_NAME: _escaped(told.organisation_name),
        ORGANISATION_ID: _escaped(urn(told.organisation)),
        HOME_COMMUNITY: _escaped(urn(told.home_community)),
        NATIONAL_PROVIDER_ID: _escaped(told.national_id),
        ROLE: _coded("Role", told.role),
        PURPOSE: _coded("PurposeOfUse", told.purpose),
        PATIENT: _escaped(str(told.patient) if told.patient else None),
        EMERGENCY_REASON: _escaped(told.emergency_reason),
        ON_BEHALF_OF: _escaped(told.on_behalf_of),
    }
    return "".join(_attribute(*item) for item in attributes.items())


def _attribute(name: str, content: str | None) -> str:
    if content is None:
        return ""
    return (
        f'<saml2:Attribute Name="{name}" NameFormat="{_NAME_FORMAT}"><saml2:AttributeValue>{content}'
        f"</saml2:AttributeValue></saml2:Attribute>"
    )


def _coded(element: str, code: Code) -> str:
    display = f" displayName={quoteattr(code.display)}" if code.display else ""
    return (
        f'<hl7:{element} xmlns:hl7="{HL7}" xmlns:xsi="{_XSI}" xsi:type="hl7:CE" '
        f"code={quoteattr(code.code)} codeSystem={quoteattr(code.scheme)}{display}/>"
    )


def _confirmation(certificate: bytes | None) -> str:
    if certificate is None:
        return f'<saml2:SubjectConfirmation Method="{_METHOD}bearer"/>'
    return (
        f'<saml2:SubjectConfirmation Method="{_METHOD}holder-of-key"><saml2:SubjectConfirmationData>'
        f'<ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{b64encode(certificate).decode()}'
        f"</ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData>"
        f"</saml2:SubjectConfirmation>"
    )


def _escaped(text: str | None) -> str | None:
    return None if text is None else escape(text)


def urn(identifier: str | None) -> str | None:
    """An OID as a URN; what is a URI already stays one."""
    if identifier is None or ":" in identifier:
        return identifier
    return OID_URN + identifier


def instant(time: datetime) -> str:
    """xs:dateTime in UTC with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
