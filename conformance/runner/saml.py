"""Mints the SAML 2.0 assertions of ITI-40 that a case asks for, right ones and wrong ones, and signs them."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
HL7 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
URI_NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
ELSEWHERE = "https://elsewhere.example/not-this-system"
UNKNOWN_CODE = ("NO-SUCH-CODE", "2.999.9.9")

WRONG_TIMES = frozenset({"expired", "notyetvalid", "invalidauthnstatement"})
WRONG_WORDS = frozenset({"unknownaudience", "secondrole", "secondpurposeofuse", "secondauthncontext"})
REFUSED = WRONG_TIMES | WRONG_WORDS | {"unsigned"}
VARIANTS = REFUSED | {"valid", "withauthzconsent"}

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded value: code and the OID of its scheme."""

    code: str
    scheme: str

    @classmethod
    def parse(cls, text: str) -> Code:
        """From `code^^scheme`. Raises ValueError."""
        code, separator, scheme = text.partition("^^")
        if not (code and separator and scheme):
            raise ValueError(f"{text}: expected code^^scheme")
        return cls(code=code, scheme=scheme)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A trusted issuer of the target; `holder` is a certificate (DER) for holder-of-key, None for bearer."""

    entity: str
    audience: str
    key: SigningKey
    certificate: bytes
    role: Code
    purpose: Code
    holder: bytes | None = None

    def header(self, variant: str, patient: str | None, now: datetime) -> str:
        """The wsse:Security header block with the assertion of that variant. Raises KeyError if unknown."""
        if variant not in VARIANTS:
            raise KeyError(variant)
        assertion = _assertion(self, variant, patient, now)
        if variant != "unsigned":
            sign(assertion, self.key, self.certificate)
        text = etree.tostring(assertion, encoding="unicode")
        return f'<wsse:Security xmlns:wsse="{WSSE}" s:mustUnderstand="true">{text}</wsse:Security>'


def read_issuer(key: Path, certificate: Path, entity: str, audience: str, codes: tuple[Code, Code]) -> Issuer:
    """Load key and certificate (PEM); `codes` are role and purpose of use. Raises ValueError, OSError."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError("the issuer key must be of kind EC or RSA")
    public = x509.load_pem_x509_certificate(certificate.read_bytes())
    der = public.public_bytes(serialization.Encoding.DER)
    role, purpose = codes
    return Issuer(entity=entity, audience=audience, key=private, certificate=der, role=role, purpose=purpose)


def _assertion(issuer: Issuer, variant: str, patient: str | None, now: datetime) -> etree._Element:
    shifts = {"expired": timedelta(hours=-2), "notyetvalid": timedelta(hours=1)}
    start = now + shifts.get(variant, timedelta())
    end = start + timedelta(minutes=5)
    root = etree.Element(
        f"{{{SAML}}}Assertion",
        {"ID": f"_{uuid.uuid4()}", "IssueInstant": stamp(start), "Version": "2.0"},
        nsmap={"saml2": SAML},
    )
    add = _adder(root)
    add("Issuer").text = issuer.entity
    subject_of(add("Subject"), issuer, end)
    conditions = add("Conditions", NotBefore=stamp(start), NotOnOrAfter=stamp(end))
    audience = _adder(_adder(conditions)("AudienceRestriction"))("Audience")
    audience.text = ELSEWHERE if variant == "unknownaudience" else issuer.audience
    _authentication(add, variant, start)
    _attributes(add("AttributeStatement"), issuer, variant, patient)
    return root


def _adder(parent: etree._Element) -> Callable[..., etree._Element]:
    def add(name: str, **attributes: str) -> etree._Element:
        return etree.SubElement(parent, f"{{{SAML}}}{name}", attributes)

    return add


def subject_of(subject: etree._Element, issuer: Issuer, end: datetime) -> None:
    """Put a name into a Subject, and the confirmation that the issuer gives."""
    add = _adder(subject)
    add("NameID").text = "conformance-user"
    method = "bearer" if issuer.holder is None else "holder-of-key"
    confirmation = add("SubjectConfirmation", Method=f"urn:oasis:names:tc:SAML:2.0:cm:{method}")
    data = _adder(confirmation)("SubjectConfirmationData", NotOnOrAfter=stamp(end))
    if issuer.holder is not None:
        data.set(f"{{{XSI}}}type", "saml2:KeyInfoConfirmationDataType")
        _key_info(data, issuer.holder)


def _authentication(add: Callable[..., etree._Element], variant: str, start: datetime) -> None:
    if variant == "invalidauthnstatement":
        return
    statement = add("AuthnStatement", AuthnInstant=stamp(start))
    context = _adder(_adder(statement)("AuthnContext"))("AuthnContextClassRef")
    known = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
    context.text = "urn:example:no-such-context" if variant == "secondauthncontext" else known


def _attributes(statement: etree._Element, issuer: Issuer, variant: str, patient: str | None) -> None:
    xspa = "urn:oasis:names:tc:xspa:1.0:subject:"
    role = Code(code=UNKNOWN_CODE[0], scheme=UNKNOWN_CODE[1]) if variant == "secondrole" else issuer.role
    unknown_purpose = variant == "secondpurposeofuse"
    purpose = Code(code=UNKNOWN_CODE[0], scheme=UNKNOWN_CODE[1]) if unknown_purpose else issuer.purpose
    _text(statement, f"{xspa}subject-id", "Conformance User")
    _text(statement, f"{xspa}organization", "Conformance Organisation")
    _text(statement, f"{xspa}organization-id", "urn:oid:2.999.9.1")
    _coded(statement, "urn:oasis:names:tc:xacml:2.0:subject:role", "Role", role)
    _coded(statement, f"{xspa}purposeofuse", "PurposeOfUse", purpose)
    if patient is not None:
        _text(statement, "urn:oasis:names:tc:xacml:2.0:resource:resource-id", patient)
    if variant == "withauthzconsent":
        _text(statement, "urn:ihe:iti:bppc:2007:docid", "urn:oid:2.999.9.2", URI_NAMES)
        _text(statement, "urn:ihe:iti:xua:2012:acp", "urn:oid:2.999.9.3", URI_NAMES)


def _attribute(statement: etree._Element, name: str, name_format: str) -> etree._Element:
    attribute = _adder(statement)("Attribute", Name=name, NameFormat=name_format)
    return _adder(attribute)("AttributeValue")


def _text(statement: etree._Element, name: str, value: str, name_format: str = URI_NAMES) -> None:
    _attribute(statement, name, name_format).text = value


def _coded(statement: etree._Element, name: str, element: str, value: Code) -> None:
    code = etree.SubElement(
        _attribute(statement, name, URI_NAMES), f"{{{HL7}}}{element}", nsmap={"v3": HL7, "xsi": XSI}
    )
    code.set(f"{{{XSI}}}type", "v3:CE")
    code.set("code", value.code)
    code.set("codeSystem", value.scheme)
    code.set("displayName", value.code)


def sign(assertion: etree._Element, key: SigningKey, certificate: bytes) -> None:
    """Put an enveloped signature behind the Issuer (SAML core 5.4; exclusive C14N, SHA-256)."""
    digest = base64.b64encode(hashlib.sha256(_canonical(assertion)).digest()).decode()
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=C14N)
    algorithm = ECDSA_SHA256 if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_SHA256
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=algorithm)
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{assertion.get('ID')}")
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    for name in (ENVELOPED, C14N):
        etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=name)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = digest
    value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    _key_info(signature, certificate)
    assertion.insert(1, signature)
    value.text = base64.b64encode(_signature(key, _canonical(info))).decode()


def _key_info(parent: etree._Element, certificate: bytes) -> None:
    data = etree.SubElement(etree.SubElement(parent, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    etree.SubElement(data, f"{{{DS}}}X509Certificate").text = base64.b64encode(certificate).decode()


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _signature(key: SigningKey, content: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    size = (key.curve.key_size + 7) // 8
    r, s = utils.decode_dss_signature(key.sign(content, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def stamp(moment: datetime) -> str:
    """A moment as SAML writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
