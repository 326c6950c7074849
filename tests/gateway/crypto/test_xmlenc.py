"""Encrypted elements: two ciphers, one kind of key transport, one answer for every failure."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from gateway.crypto.xmlenc import XENC, XENC11, decrypted
from gateway.errors import AlgorithmRefused, SecurityHeaderInvalid, SignatureBroken

KEY = rsa.generate_private_key(65537, 2048)
DS = "http://www.w3.org/2000/09/xmldsig#"
SHA1, SHA256 = (f"{DS}sha1", hashes.SHA1()), (f"{XENC}sha256", hashes.SHA256())  # noqa: S303 - as others send it
CONTENT = b"<a>secret</a>"


def oaep(digest: Any = SHA256, mask: Any = hashes.SHA256) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(mask()), digest[1], None)


def make(
    content: bytes = CONTENT,
    *,
    cipher: str = f"{XENC11}aes256-gcm",
    size: int = 32,
    transport: str = f"{XENC11}rsa-oaep",
    scheme: Any = None,
    details: str = f'<d:DigestMethod xmlns:d="{DS}" Algorithm="{XENC}sha256"/>'
    f'<y:MGF xmlns:y="{XENC11}" Algorithm="{XENC11}mgf1sha256"/>',
    beside: bool = False,
) -> etree._Element:
    secret, nonce = os.urandom(size), os.urandom(12)
    sealed = b64encode(nonce + AESGCM(secret).encrypt(nonce, content, None)).decode()
    wrapped = b64encode(KEY.public_key().encrypt(secret, scheme or oaep())).decode()
    key = (
        f'<x:EncryptedKey><x:EncryptionMethod Algorithm="{transport}">{details}</x:EncryptionMethod>'
        f"<x:CipherData><x:CipherValue>{wrapped}</x:CipherValue></x:CipherData></x:EncryptedKey>"
    )
    inside, outside = ("", key) if beside else (f'<d:KeyInfo xmlns:d="{DS}">{key}</d:KeyInfo>', "")
    return etree.fromstring(
        f'<e xmlns:x="{XENC}"><x:EncryptedData><x:EncryptionMethod Algorithm="{cipher}"/>{inside}'
        f"<x:CipherData><x:CipherValue>{sealed}</x:CipherValue></x:CipherData></x:EncryptedData>{outside}</e>"
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beside": True},
        {"cipher": f"{XENC11}aes128-gcm", "size": 16},
        {"transport": f"{XENC}rsa-oaep-mgf1p", "scheme": oaep(SHA1, hashes.SHA1), "details": ""},
        {"scheme": oaep(SHA1, hashes.SHA1), "details": ""},
    ],
    ids=["256", "beside", "128", "mgf1p", "defaults"],
)
def test_what_is_opened(options: dict[str, Any]) -> None:
    assert decrypted(make(**options), KEY).text == "secret"


@pytest.mark.parametrize(
    "options",
    [
        {"cipher": f"{XENC}aes256-cbc"},
        {"cipher": f"{XENC}tripledes-cbc"},
        {"transport": f"{XENC}rsa-1_5"},
        {"details": f'<d:DigestMethod xmlns:d="{DS}" Algorithm="urn:md5"/>'},
    ],
    ids=["cbc", "3des", "pkcs1", "md5"],
)
def test_algorithms_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(AlgorithmRefused):
        decrypted(make(**options), KEY)


def test_every_failure_looks_the_same() -> None:
    short = make()
    next(short.iter(f"{{{XENC}}}CipherValue")).text = "AAAA"
    altered = make()
    last = list(altered.iter(f"{{{XENC}}}CipherValue"))[-1]
    last.text = f"AAAA{(last.text or '')[4:]}"
    empty = make()
    next(empty.iter(f"{{{XENC}}}CipherData")).clear()
    broken = [
        short,
        altered,
        empty,
        make(b"<a"),
        make(b"<!DOCTYPE a><a/>"),
        make(size=16),
        make(scheme=oaep(SHA1)),
    ]
    told = set()
    for each in broken:
        with pytest.raises(SignatureBroken) as caught:
            decrypted(each, KEY)
        told.add((caught.value.detail, caught.value.location))
    assert len(told) == 1


def test_one_content_and_one_key() -> None:
    for element in (etree.fromstring("<e/>"), make()):
        element.extend([etree.fromstring(f'<x:EncryptedKey xmlns:x="{XENC}"/>')])
        with pytest.raises(SecurityHeaderInvalid):
            decrypted(element, KEY)
