"""A test issuer of XUA assertions for INTEGRATION (ITI TF-2: 3.40.4.1.2)."""

from __future__ import annotations

from datetime import datetime

from gateway.crypto.keys import Signer
from gateway.record.people import Code, PatientId
from gateway.tokens.assertion import Contents, new_id, write_assertion


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
    told = Contents(
        issuer=issuer,
        subject=subject,
        name=name,
        role=role,
        organisation=organisation,
        organisation_name=organisation_name,
        purpose=purpose,
        audience=audience,
        patient=patient,
        confirmation=confirmation,
        now=now,
        life=life,
        emergency_reason=emergency_reason,
        on_behalf_of=on_behalf_of,
        one_time=one_time,
    )
    return write_assertion(told, signer, new_id())
