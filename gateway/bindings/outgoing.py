"""A message that we send of our own accord, in its envelope, as it leaves (ITI TF-2 Appendix V, RFC 9421)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateway.bindings.addressing import ANONYMOUS, WSA
from gateway.crypto.httpsig import Request, sign_request
from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import HeaderBlock, compose
from gateway.declare.bindings import Binding, Fhir, Soap


def leaving(
    binding: Binding,
    payload: bytes,
    message_id: str,
    headers: Mapping[str, str],
    address: str,
    signer: Signer,
    now: datetime,
) -> tuple[Mapping[str, str], bytes]:
    """Header fields and octets. SOAP and FHIR are signed by us, for this address and at this time.

    The message id is the same at every attempt, so that the receiver knows a message that comes again.
    """
    match binding:
        case Soap(action=action):
            blocks = [
                HeaderBlock.of_text(f"{{{WSA}}}Action", action, must_understand=True),
                HeaderBlock.of_text(f"{{{WSA}}}MessageID", f"urn:uuid:{message_id}"),
                HeaderBlock(f"{{{WSA}}}ReplyTo", f"<wsa:Address>{ANONYMOUS}</wsa:Address>".encode()),
                HeaderBlock.of_text(f"{{{WSA}}}To", address),
            ]
            return headers, compose(blocks, [payload], signer, now=now)
        case Fhir(method=method):
            signed = sign_request(Request(method, address, headers), payload, signer, now)
            return {**headers, **signed}, payload
        case _:
            return headers, payload
