"""Assertions of others: issued anew in their shape by an issuer that is trusted, or sent as they are."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from answer import parse
from lxml import etree
from saml import DS, SAML, WSSE, Issuer, sign, stamp, subject_of

PATIENT = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
LIFE = timedelta(minutes=5)


def first_assertion(text: str) -> etree._Element:
    """The first SAML assertion of a file, as a careless reader would find it. Raises ValueError."""
    root = parse(text.encode())
    found = next(root.iter(f"{{{SAML}}}Assertion"), None) if root is not None else None
    if found is None:
        raise ValueError("there is no assertion in the file")
    return found


def header_of(assertion: etree._Element) -> str:
    """The wsse:Security header with an assertion."""
    text = etree.tostring(assertion, encoding="unicode", with_tail=False)
    return f'<wsse:Security xmlns:wsse="{WSSE}" s:mustUnderstand="true">{text}</wsse:Security>'


def patient_of(assertion: etree._Element) -> str | None:
    """The patient that an assertion was issued for."""
    for attribute in assertion.iter(f"{{{SAML}}}Attribute"):
        if attribute.get("Name") == PATIENT:
            values = (
                " ".join(map(str, value.itertext())).strip()
                for value in attribute.iter(f"{{{SAML}}}AttributeValue")
            )
            return next((value for value in values if value), None)
    return None


def find_documents(patient: str) -> str:
    """The Body of an ITI-18 of a patient, in CX."""
    rim = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
    approved = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    slots = "".join(
        f'<r:Slot name="{name}"><r:ValueList><r:Value>{escape(value)}</r:Value></r:ValueList></r:Slot>'
        for name, value in (
            ("$XDSDocumentEntryPatientId", f"'{patient}'"),
            ("$XDSDocumentEntryStatus", f"('{approved}')"),
        )
    )
    return (
        '<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
        '<q:ResponseOption returnComposedObjects="true" returnType="LeafClass"/>'
        f'<r:AdhocQuery xmlns:r="{rim}" id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">{slots}'
        "</r:AdhocQuery></q:AdhocQueryRequest>"
    )


def reissued(assertion: etree._Element, issuer: Issuer, now: datetime) -> etree._Element:
    """The same statements by our issuer: now, for the target, and confirmed as it demands."""
    fresh = etree.fromstring(etree.tostring(assertion, with_tail=False))
    for old in fresh.findall(f"{{{DS}}}Signature"):
        fresh.remove(old)
    start, end = stamp(now), stamp(now + LIFE)
    fresh.set("ID", f"_{uuid.uuid4()}")
    fresh.set("IssueInstant", start)
    told = fresh.find(f"{{{SAML}}}Issuer")
    if told is not None:
        told.attrib.clear()
        told.text = issuer.entity
    _subject(fresh, issuer, now + LIFE)
    _conditions(fresh, issuer.audience, start, end)
    for statement in fresh.findall(f"{{{SAML}}}AuthnStatement"):
        statement.set("AuthnInstant", start)
        statement.attrib.pop("SessionNotOnOrAfter", "")
    sign(fresh, issuer.key, issuer.certificate)
    return fresh


def _subject(assertion: etree._Element, issuer: Issuer, end: datetime) -> None:
    subject = assertion.find(f"{{{SAML}}}Subject")
    if subject is None:
        return
    for old in subject.findall(f"{{{SAML}}}SubjectConfirmation"):
        subject.remove(old)
    ours = etree.Element(f"{{{SAML}}}Subject")
    subject_of(ours, issuer, end)
    subject.extend(ours.findall(f"{{{SAML}}}SubjectConfirmation"))


def _conditions(assertion: etree._Element, audience: str, start: str, end: str) -> None:
    """New times and audience; what else stands there is kept."""
    conditions = assertion.find(f"{{{SAML}}}Conditions")
    if conditions is None:
        return
    conditions.set("NotBefore", start)
    conditions.set("NotOnOrAfter", end)
    for old in conditions.findall(f"{{{SAML}}}AudienceRestriction"):
        conditions.remove(old)
    restriction = etree.SubElement(conditions, f"{{{SAML}}}AudienceRestriction")
    etree.SubElement(restriction, f"{{{SAML}}}Audience").text = audience
