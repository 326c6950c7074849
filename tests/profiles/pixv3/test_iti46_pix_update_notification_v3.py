"""What the receiver of an update notification answers, and what becomes of the message."""

from __future__ import annotations

import pytest

from gateway.declare.notification import Reception
from gateway.errors import GatewayError
from profiles.pixv3.iti46_pix_update_notification_v3 import judge


def envelope(content: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{content}</s:Body></s:Envelope>'
    ).encode()


def acknowledged(code: str) -> bytes:
    return envelope(
        '<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3"><acknowledgement>'
        f'<typeCode code="{code}"/></acknowledgement></MCCI_IN000002UV01>'
    )


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (200, acknowledged("CA"), Reception.TAKEN),
        (200, acknowledged("AA"), Reception.TAKEN),
        (202, acknowledged("CA"), Reception.TAKEN),
        (200, acknowledged("CE"), Reception.REFUSED),
        (200, acknowledged("AE"), Reception.REFUSED),
        (200, acknowledged("CR"), Reception.AGAIN),
        (200, acknowledged(""), Reception.AGAIN),
        (200, envelope("<other/>"), Reception.AGAIN),
        (500, acknowledged("CA"), Reception.AGAIN),
        (400, envelope("<s:Fault/>"), Reception.AGAIN),
        (404, b"", Reception.AGAIN),
    ],
)
def test_what_an_answer_says(status: int, answer: bytes, expected: Reception) -> None:
    assert judge(status, answer) is expected


@pytest.mark.parametrize("answer", [b"", b"OK", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_no_soap_is_not_read(answer: bytes) -> None:
    with pytest.raises(GatewayError):
        judge(200, answer)
