"""A test issuer of XUA assertions for INTEGRATION (ITI TF-2: 3.40.4.1.2): canonical, signed, short-lived."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import sign_assertion
from gateway.crypto.xmldsig.names import DS, SAML
from gateway.identity.saml.attributes import (
    EMERGENCY_REASON,
    HL7,
    OID_URN,
    ON_BEHALF_OF,
    ORGANISATION_ID,
    ORGANISATION_NAME,
    PATIENT,
    PURPOSE,
    ROLE,
    SUBJECT_NAME,
)
from gateway.record.people import Code, PatientId

_METHOD = "urn:oasis:names:tc:SAML:2.0:cm:"
_AUTHENTICATED_BY = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
_NAME_FORMAT = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


def issue_assertion(
    *,
    signer: Signer,
    issuer: str,
    subject: str,
    name: str,
    role: Code,
    organisation: str | None,
    organisation_name: str | None,
    purpose: Code,
    audience: str,
    patient: PatientId | None,
    confirmation: bytes | None,
    now: datetime,
    life: int = 300,
    emergency_reason: str | None = None,
    on_behalf_of: str | None = None,
    one_time: bool = False,
) -> bytes:
    """A signed SAML 2.0 assertion in UTF-8, without XML declaration.

    `confirmation` is the certificate (DER) whose key the presenter must hold; None makes a bearer assertion.
    `life` in seconds. `organisation` is an OID or URI.
    """
    identifier, start, end = f"_{uuid4()}", _instant(now), _instant(now + timedelta(seconds=life))
    attributes = {
        SUBJECT_NAME: escape(name),
        ORGANISATION_NAME: _escaped(organisation_name),
        ORGANISATION_ID: _escaped(_urn(organisation)),
        ROLE: _coded("Role", role),
        PURPOSE: _coded("PurposeOfUse", purpose),
        PATIENT: _escaped(str(patient) if patient else None),
        EMERGENCY_REASON: _escaped(emergency_reason),
        ON_BEHALF_OF: _escaped(on_behalf_of),
    }
    text = (
        f'<saml2:Assertion xmlns:saml2="{SAML}" ID="{identifier}" IssueInstant="{start}" Version="2.0">'
        f"<saml2:Issuer>{escape(issuer)}</saml2:Issuer>"
        f'<saml2:Subject><saml2:NameID Format="{_PERSISTENT}">{escape(subject)}</saml2:NameID>'
        f"{_confirmation(confirmation)}</saml2:Subject>"
        f'<saml2:Conditions NotBefore="{start}" NotOnOrAfter="{end}"><saml2:AudienceRestriction>'
        f"<saml2:Audience>{escape(audience)}</saml2:Audience></saml2:AudienceRestriction>"
        f"{'<saml2:OneTimeUse/>' if one_time else ''}</saml2:Conditions>"
        f'<saml2:AuthnStatement AuthnInstant="{start}"><saml2:AuthnContext><saml2:AuthnContextClassRef>'
        f"{_AUTHENTICATED_BY}</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
        f"<saml2:AttributeStatement>{''.join(_attribute(*item) for item in attributes.items())}"
        f"</saml2:AttributeStatement></saml2:Assertion>"
    )
    return sign_assertion(text.encode(), signer)


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


def _urn(organisation: str | None) -> str | None:
    if organisation is None or ":" in organisation:
        return organisation
    return OID_URN + organisation


def _instant(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
