"""Namespaces and names of XML-DSig 1.1, WS-Security 1.1, WS-Addressing, SOAP 1.2, XOP and SAML 2.0."""

from __future__ import annotations

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
XOP = "http://www.w3.org/2004/08/xop/include"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAML_1 = "urn:oasis:names:tc:SAML:1.0:assertion"
_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"

ENVELOPE, HEADER, BODY = f"{{{SOAP}}}Envelope", f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"
ROLE = f"{{{SOAP}}}role"
ROLES_OF_OURS = frozenset({None, "", f"{SOAP}/role/ultimateReceiver", f"{SOAP}/role/next"})
INCLUDE = f"{{{XOP}}}Include"

SECURITY = f"{{{WSSE}}}Security"
TOKEN = f"{{{WSSE}}}BinarySecurityToken"
TOKEN_REFERENCE, REFERENCE_TO = f"{{{WSSE}}}SecurityTokenReference", f"{{{WSSE}}}Reference"
X509_V3 = f"{_OASIS}x509-token-profile-1.0#X509v3"
BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"
TIMESTAMP, CREATED, EXPIRES = f"{{{WSU}}}Timestamp", f"{{{WSU}}}Created", f"{{{WSU}}}Expires"
WSU_ID = f"{{{WSU}}}Id"

ASSERTION, ENCRYPTED_ASSERTION = f"{{{SAML}}}Assertion", f"{{{SAML}}}EncryptedAssertion"
ASSERTION_1 = f"{{{SAML_1}}}Assertion"

SIGNATURE = f"{{{DS}}}Signature"
SIGNED_INFO, SIGNATURE_VALUE = f"{{{DS}}}SignedInfo", f"{{{DS}}}SignatureValue"
C14N_METHOD, SIGNATURE_METHOD = f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod"
REFERENCE, TRANSFORMS, TRANSFORM = f"{{{DS}}}Reference", f"{{{DS}}}Transforms", f"{{{DS}}}Transform"
DIGEST_METHOD, DIGEST_VALUE = f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"
KEY_INFO, X509_DATA, X509_CERTIFICATE = f"{{{DS}}}KeyInfo", f"{{{DS}}}X509Data", f"{{{DS}}}X509Certificate"
INCLUSIVE_NAMESPACES = f"{{{EXC_C14N}}}InclusiveNamespaces"

ISSUER = f"{{{SAML}}}Issuer"
ENVELOPED = f"{DS}enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
