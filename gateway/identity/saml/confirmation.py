"""Subject confirmation: who may present an assertion (SAML core section 2.4.1, profiles section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from gateway.crypto.keys import key_bytes
from gateway.crypto.xmldsig.names import DS, KEY_INFO, X509_CERTIFICATE, X509_DATA
from gateway.crypto.xmldsig.structure import base64_of
from gateway.errors import KeyNotHeld, SignatureBroken, SignerRefused, TokenInvalid
from gateway.identity.saml.policy import AssertionPolicy, check_window, saml

HOLDER_OF_KEY, BEARER = "holder-of-key", "bearer"
_METHOD = "urn:oasis:names:tc:SAML:2.0:cm:"
_CONFIRMATION, _DATA = saml("SubjectConfirmation"), saml("SubjectConfirmationData")
_DS11 = "http://www.w3.org/2009/xmldsig11#"
_KEY_VALUE, _RSA_VALUE = f"{{{DS}}}KeyValue", f"{{{DS}}}RSAKeyValue"
_MODULUS, _EXPONENT = f"{{{DS}}}Modulus", f"{{{DS}}}Exponent"
_EC_VALUE, _DER_VALUE = f"{{{_DS11}}}ECKeyValue", f"{{{_DS11}}}DEREncodedKeyValue"
_CURVE, _POINT = f"{{{_DS11}}}NamedCurve", f"{{{_DS11}}}PublicKey"


def confirmed_by(
    subject: etree._Element,
    policy: AssertionPolicy,
    now: datetime,
    *,
    certificates: Iterable[bytes | None],
    bearer: bool,
) -> str:
    """`holder-of-key` or `bearer`: the method by which the sender confirms the subject.

    `certificates` are the DER certificates whose keys the sender has proved; `bearer` says whether to hold
    the assertion is enough. SignerRefused when no confirmation holds, TokenInvalid when it holds no longer.
    """
    proved = [certificate for certificate in certificates if certificate is not None]
    by_method = _by_method(subject)
    for data in by_method.get(HOLDER_OF_KEY, ()):
        if data is not None and _names_key(data, proved):
            return _in_force(HOLDER_OF_KEY, data, policy, now)
    if bearer and BEARER in by_method:
        return _in_force(BEARER, by_method[BEARER][0], policy, now)
    if HOLDER_OF_KEY in by_method:
        raise KeyNotHeld("the sender does not hold the key of the subject", location="SubjectConfirmation")
    raise SignerRefused("this subject must be confirmed by its key", location="SubjectConfirmation")


def _by_method(subject: etree._Element) -> dict[str, list[etree._Element | None]]:
    found: dict[str, list[etree._Element | None]] = {}
    for confirmation in subject.iterchildren(_CONFIRMATION):
        method = confirmation.get("Method", "").removeprefix(_METHOD)
        found.setdefault(method, []).append(confirmation.find(_DATA))
    return found


def _in_force(method: str, data: etree._Element | None, policy: AssertionPolicy, now: datetime) -> str:
    if data is None:
        return method
    check_window(data, now, policy.skew)
    recipient = data.get("Recipient")
    if recipient is not None and recipient not in policy.recipients | policy.audiences:
        raise SignerRefused("the assertion was made for another recipient", location="Recipient")
    return method


# --- the key of the subject ----------------------------------------------------------------------


def _names_key(data: etree._Element, proved: list[bytes]) -> bool:
    try:
        return any(_is_proved(key, proved) for info in data.iterchildren(KEY_INFO) for key in info)
    except (SignatureBroken, ValueError) as error:
        raise TokenInvalid("the key of the subject cannot be read", location="KeyInfo") from error


def _is_proved(key: etree._Element, proved: list[bytes]) -> bool:
    if key.tag == X509_DATA:
        named = [base64_of(item) for item in key.iterchildren(X509_CERTIFICATE)]
        # of a chain, only the first certificate is the subject's
        return bool(named) and named[0] in proved
    if key.tag == _KEY_VALUE and len(key) == 1:
        return any(_is_key_of(key[0], certificate) for certificate in _keys(proved))
    return key.tag == _DER_VALUE and base64_of(key) in [key_bytes(item) for item in _keys(proved)]


def _keys(certificates: list[bytes]) -> Iterator[object]:
    for der in certificates:
        yield x509.load_der_x509_certificate(der).public_key()


def _is_key_of(value: etree._Element, key: object) -> bool:
    if value.tag == _RSA_VALUE and isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return _integer(value, _MODULUS) == numbers.n and _integer(value, _EXPONENT) == numbers.e
    if value.tag == _EC_VALUE and isinstance(key, ec.EllipticCurvePublicKey):
        curve, point = value.find(_CURVE), value.find(_POINT)
        if curve is None or point is None:
            return False
        plain = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        return curve.get("URI") == _curve_uri(key) and base64_of(point) == key.public_bytes(*plain)
    return False


def _curve_uri(key: ec.EllipticCurvePublicKey) -> str | None:
    known = {
        "secp256r1": ec.EllipticCurveOID.SECP256R1,
        "secp384r1": ec.EllipticCurveOID.SECP384R1,
        "secp521r1": ec.EllipticCurveOID.SECP521R1,
        "brainpoolP256r1": ec.EllipticCurveOID.BRAINPOOLP256R1,
        "brainpoolP384r1": ec.EllipticCurveOID.BRAINPOOLP384R1,
        "brainpoolP512r1": ec.EllipticCurveOID.BRAINPOOLP512R1,
    }
    oid = known.get(key.curve.name)
    return None if oid is None else f"urn:oid:{oid.dotted_string}"


def _integer(value: etree._Element, name: str) -> int | None:
    child = value.find(name)
    return None if child is None else int.from_bytes(base64_of(child), "big")
