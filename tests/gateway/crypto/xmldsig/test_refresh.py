from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import Attached, refresh
from gateway.errors import Defect, MessageStale

LATER = timedelta(hours=20)


class Octets:
    size = 9

    def chunks(self) -> Iterator[bytes]:
        yield b"some data"


@pytest.mark.parametrize("kind", ["p256", "rsa3072", "ed25519"])
def test_an_old_message_verifies_again(
    identity: Callable[..., Any], message: Any, verify: Any, now: datetime, kind: str
) -> None:
    text = message(kind)
    with pytest.raises(MessageStale):
        verify(parse(text), identity(kind), at=now + LATER)
    fresh = refresh(text, identity(kind).signer, now + LATER)
    parts = verify(parse(fresh), identity(kind), at=now + LATER)
    assert parts.certificate == identity(kind).der
    assert len(parts.headers) == 5
    with pytest.raises(MessageStale):
        verify(parse(fresh), identity(kind), at=now + 2 * LATER)


def test_another_referee_verifies_it_too(identity: Any, message: Any, referee: Any, now: datetime) -> None:
    assert referee(parse(refresh(message(), identity("p256").signer, now + LATER)), identity("p256")) is None


def test_a_new_certificate_takes_the_place_of_the_old(
    identity: Any, message: Any, verify: Any, now: datetime
) -> None:
    renewed = identity("rsa3072", "renewed")
    fresh = refresh(message("p256"), renewed.signer, now + LATER)
    assert verify(parse(fresh), renewed, at=now + LATER).certificate == renewed.der


def test_only_time_and_signature_change(identity: Any, message: Any, now: datetime) -> None:
    text = message()
    fresh = refresh(text, identity("p256").signer, now + LATER)
    assert (
        refresh(fresh, identity("p256").signer, now).split(b"<ds:SignatureValue>")[0]
        == text.split(b"<ds:SignatureValue>")[0]
    )
    assert text[text.index(b"</ds:Signature>") :] == fresh[fresh.index(b"</ds:Signature>") :]


def test_documents_beside_the_envelope_stay_covered(
    identity: Any, message: Any, verify: Any, now: datetime
) -> None:
    """The octets are in the package and not in the envelope; their digest is not made again."""
    body = [b'<x:d xmlns:x="urn:x">', Attached("one@test", Octets()), b"</x:d>"]
    package = b"--edge\r\n\r\n" + message(body=body) + b"\r\n--edge\r\n\r\nsome data\r\n--edge--\r\n"
    fresh = refresh(package, identity("p256").signer, now + LATER)
    text = fresh[len(b"--edge\r\n\r\n") : fresh.index(b"\r\n--edge\r\n\r\nsome")]
    parts = verify(parse(text), parts={"one@test": Octets()}, at=now + LATER)
    assert parts.certificate == identity("p256").der
    assert fresh.endswith(b"some data\r\n--edge--\r\n")


def test_what_looks_like_a_security_header_in_the_body_is_content(
    identity: Any, message: Any, now: datetime
) -> None:
    unsigned = message(None, body=b"<x>" + message().replace(b"e:Body", b"e:Bodi") + b"</x>")
    for text in (unsigned, b"", b"no envelope"):
        with pytest.raises(Defect):
            refresh(text, identity("p256").signer, now)
