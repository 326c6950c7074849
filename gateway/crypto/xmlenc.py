"""Encrypted XML elements opened with our key: AES-GCM under RSA-OAEP, nothing else (XML Encryption 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig.names import DIGEST_METHOD
from gateway.crypto.xmldsig.structure import base64_of
from gateway.errors import AlgorithmRefused, GatewayError, SecurityHeaderInvalid, SignatureBroken

XENC, XENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
ENCRYPTED_DATA, ENCRYPTED_KEY = f"{{{XENC}}}EncryptedData", f"{{{XENC}}}EncryptedKey"
_METHOD, _DATA, _VALUE = f"{{{XENC}}}EncryptionMethod", f"{{{XENC}}}CipherData", f"{{{XENC}}}CipherValue"
_MGF = f"{{{XENC11}}}MGF"
_OAEP_MGF1P, _OAEP = f"{XENC}rsa-oaep-mgf1p", f"{XENC11}rsa-oaep"
_KEY_BYTES: Mapping[str, int] = MappingProxyType({f"{XENC11}aes128-gcm": 16, f"{XENC11}aes256-gcm": 32})
_NONCE, _TAG = 12, 16
_Hash = hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_DIGESTS: Mapping[str, _Hash] = MappingProxyType(
    {
        # in OAEP the hash needs no resistance to collisions (RFC 8017 7.1), and many know no other
        "http://www.w3.org/2000/09/xmldsig#sha1": hashes.SHA1(),  # noqa: S303
        f"{XENC}sha256": hashes.SHA256(),
        "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
        f"{XENC}sha512": hashes.SHA512(),
    }
)
_MASKS: Mapping[str, _Hash] = MappingProxyType(
    {
        f"{XENC11}mgf1sha1": hashes.SHA1(),  # noqa: S303
        f"{XENC11}mgf1sha256": hashes.SHA256(),
        f"{XENC11}mgf1sha384": hashes.SHA384(),
        f"{XENC11}mgf1sha512": hashes.SHA512(),
    }
)
_SHA1_DIGEST, _SHA1_MASK = "http://www.w3.org/2000/09/xmldsig#sha1", f"{XENC11}mgf1sha1"


def decrypted(element: etree._Element, key: rsa.RSAPrivateKey) -> etree._Element:
    """The element inside `element`, which holds an EncryptedData and, in it or beside it, an EncryptedKey.

    SecurityHeaderInvalid for another structure, AlgorithmRefused for another algorithm, SignatureBroken for
    everything that cannot be decrypted, without saying why.
    """
    data, wrapped = _only(element, ENCRYPTED_DATA), _only(element, ENCRYPTED_KEY)
    size = _KEY_BYTES.get(_algorithm(data))
    if size is None:
        raise AlgorithmRefused("the content is encrypted by an algorithm that is not allowed")
    scheme = _padding(wrapped)
    try:
        secret = key.decrypt(_cipher(wrapped), scheme)
        sealed = _cipher(data)
        if len(secret) != size or len(sealed) < _NONCE + _TAG:
            raise _closed()
        return parse(AESGCM(secret).decrypt(sealed[:_NONCE], sealed[_NONCE:], None))
    except (ValueError, InvalidTag, GatewayError) as error:
        raise _closed() from error


def _closed() -> SignatureBroken:
    return SignatureBroken("an encrypted element cannot be decrypted", location="EncryptedData")


def _only(element: etree._Element, name: str) -> etree._Element:
    found = list(element.iter(name))
    if len(found) != 1:
        raise SecurityHeaderInvalid(f"expected one {etree.QName(name).localname}", location="EncryptedData")
    return found[0]


def _algorithm(element: etree._Element) -> str:
    method = element.find(_METHOD)
    return "" if method is None else method.get("Algorithm", "")


def _padding(wrapped: etree._Element) -> padding.OAEP:
    method = wrapped.find(_METHOD)
    told = _algorithm(wrapped)
    digest = mask = None
    if method is not None and told in {_OAEP, _OAEP_MGF1P}:
        digest = _DIGESTS.get(_named(method, DIGEST_METHOD, _SHA1_DIGEST))
        mask = _MASKS.get(_SHA1_MASK if told == _OAEP_MGF1P else _named(method, _MGF, _SHA1_MASK))
    if digest is None or mask is None:
        raise AlgorithmRefused("the key is encrypted by an algorithm that is not allowed; expected RSA-OAEP")
    return padding.OAEP(padding.MGF1(mask), digest, None)


def _named(method: etree._Element, name: str, usual: str) -> str:
    found = method.find(name)
    return usual if found is None else found.get("Algorithm", "")


def _cipher(element: etree._Element) -> bytes:
    value = element.find(f"{_DATA}/{_VALUE}")
    if value is None:
        raise _closed()
    return base64_of(value)
