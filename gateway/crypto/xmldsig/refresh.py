"""Gives an envelope of ours a new Timestamp and Signature, to be sent later (WS-Security 1.1 section 10)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256

from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig.compose import BODY_START, KEY_INFO, timestamp_xml
from gateway.crypto.xmldsig.signature import reference_xml, signature_xml
from gateway.errors import Defect

_SECURED = re.compile(
    rb"(?P<timestamp><wsu:Timestamp .*?</wsu:Timestamp>)"
    rb"(?P<token><wsse:BinarySecurityToken [^>]*>)[^<]*</wsse:BinarySecurityToken>"
    rb"(?P<signature><ds:Signature .*?</ds:Signature>)",
    re.DOTALL,
)
_REFERENCE = re.compile(
    rb'<ds:Reference URI="#([^"]+)">.*?<ds:DigestValue>([^<]+)</ds:DigestValue></ds:Reference>', re.DOTALL
)


def refresh(message: bytes, signer: Signer, now: datetime) -> bytes:
    """The message, envelope or package, with its one signed envelope dated and signed anew.

    Only for octets that `compose` wrote with a signer, and that nobody could change since: what was signed
    then is signed again unseen, by the digests that stand in the message. Defect for any other.
    """
    found = _SECURED.search(message, 0, max(message.find(BODY_START), 0))
    if found is None:
        raise Defect("a message to be sent later is none that was signed here")
    timestamp = timestamp_xml(now)
    digests = {name: b64decode(digest) for name, digest in _REFERENCE.findall(found["signature"])}
    digests[b"timestamp"] = sha256(timestamp).digest()
    references = [reference_xml(name.decode(), digest) for name, digest in digests.items()]
    token = found["token"] + b64encode(signer.certificate) + b"</wsse:BinarySecurityToken>"
    fresh = timestamp + token + signature_xml(references, KEY_INFO, signer)
    return b"".join((message[: found.start()], fresh, memoryview(message)[found.end() :]))
