"""XML signatures of SOAP messages and SAML assertions (WS-Security 1.1, XML-DSig 1.1)."""

from gateway.crypto.xmldsig.algorithms import DEFAULT_POLICY, SignaturePolicy
from gateway.crypto.xmldsig.attachments import Attachment, content_id, includes_of
from gateway.crypto.xmldsig.c14n import c14n
from gateway.crypto.xmldsig.compose import Attached, BodyContent, HeaderBlock, compose
from gateway.crypto.xmldsig.enveloped import KeyResolver, sign_assertion, verify_enveloped
from gateway.crypto.xmldsig.refresh import refresh
from gateway.crypto.xmldsig.verify import Certified, SignedParts, Trusted, verify_envelope

__all__ = [
    "DEFAULT_POLICY",
    "Attached",
    "Attachment",
    "BodyContent",
    "Certified",
    "HeaderBlock",
    "KeyResolver",
    "SignaturePolicy",
    "SignedParts",
    "Trusted",
    "c14n",
    "compose",
    "content_id",
    "includes_of",
    "refresh",
    "sign_assertion",
    "verify_envelope",
    "verify_enveloped",
]
