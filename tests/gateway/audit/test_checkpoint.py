"""Checkpoints as C2SP writes them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gateway.audit.checkpoint import SIGNATURE_LIMIT, Checkpoint, key_id, make, read, verify
from gateway.crypto.keys import Scheme, Signer, key_bytes
from gateway.errors import GatewayError, Malformed, SignatureBroken, SignerRefused

ORIGIN = "audit.example/2.999.1"
ROOT = sha256(b"root").digest()


def test_a_checkpoint_verifies_with_every_kind_of_key(any_signer: Signer) -> None:
    note = make(ORIGIN, 42, ROOT, any_signer)
    assert verify(note, any_signer.certificate) == read(note) == Checkpoint(ORIGIN, 42, ROOT)


def test_the_form_of_the_note(signer: Signer) -> None:
    text, _, signature = make(ORIGIN, 42, ROOT, signer).partition("\n\n")
    assert text == f"{ORIGIN}\n42\n{b64encode(ROOT).decode()}"
    dash, name, blob = signature.removesuffix("\n").split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    key = x509.load_der_x509_certificate(signer.certificate).public_key()
    assert b64decode(blob)[:4] == sha256(key_bytes(key)).digest()[:4]
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(b64decode(blob)[4:], f"{text}\n".encode(), ec.ECDSA(hashes.SHA256()))


def test_an_ed25519_key_is_named_as_the_specification_says() -> None:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    expected = sha256(ORIGIN.encode() + b"\n\x01" + key.public_bytes_raw()).digest()[:4]
    assert key_id(ORIGIN, key, Scheme.ED25519) == expected


def test_a_note_of_the_specification_is_read() -> None:
    root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    note = f"example.com/log\n20852163\n{root}\n\n\u2014 example.com/log Az3grlgtzPICa5OS8npVmf1M\n"
    assert read(note) == Checkpoint("example.com/log", 20852163, b64decode(root))


def test_signatures_of_others_are_passed_over(signer: Signer, stranger: Signer) -> None:
    ours, theirs = make(ORIGIN, 42, ROOT, signer), make(ORIGIN, 42, ROOT, stranger)
    both = ours + theirs.partition("\n\n")[2]
    assert verify(both, signer.certificate) == verify(both, stranger.certificate)
    with pytest.raises(SignerRefused):
        verify(ours, stranger.certificate)


@pytest.mark.parametrize(
    ("old", "new"),
    [("42", "43"), (b64encode(ROOT).decode(), b64encode(b"x" * 32).decode()), ("\n\n", "\next\n\n")],
)
def test_a_changed_note_is_refused(signer: Signer, old: str, new: str) -> None:
    with pytest.raises(SignatureBroken):
        verify(make(ORIGIN, 42, ROOT, signer).replace(old, new, 1), signer.certificate)


def test_another_log_is_another_key_name(signer: Signer) -> None:
    note = make(ORIGIN, 42, ROOT, signer)
    with pytest.raises(SignerRefused):
        verify(note.replace(f"{ORIGIN}\n42", "other.example/log\n42"), signer.certificate)


def test_a_broken_signature_value(signer: Signer) -> None:
    note = make(ORIGIN, 42, ROOT, signer)
    blob = b64decode(note.rsplit(" ", 1)[1])
    for bad in (blob[:4] + b"\x00", blob[:-1], blob[:5] + b"\xff" + blob[6:]):
        with pytest.raises(SignatureBroken):
            verify(note.replace(b64encode(blob).decode(), b64encode(bad).decode()), signer.certificate)


GOOD = f"{ORIGIN}\n42\n{b64encode(ROOT).decode()}\n\n\u2014 {ORIGIN} AAAAAAAA\n"


@pytest.mark.parametrize(
    "note",
    [
        "",
        GOOD[:-1],
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("42", "042"),
        GOOD.replace("42", "-1"),
        GOOD.replace("42", "4x"),
        GOOD.replace("\n42\n", "\n\n42\n"),
        GOOD.replace(b64encode(ROOT).decode(), "AAAA"),
        GOOD.replace(b64encode(ROOT).decode(), "!"),
        GOOD.replace("\u2014", "-"),
        GOOD.replace("AAAAAAAA", "AAAA"),
        GOOD.replace("AAAAAAAA", "AA=AAAAA"),
        GOOD.replace(ORIGIN, "", 1),
        GOOD + f"\u2014 {ORIGIN} AAAAAAAA\n" * SIGNATURE_LIMIT,
        "x" * 70_000 + GOOD,
    ],
)
def test_what_is_no_checkpoint(note: str) -> None:
    assert read(GOOD).size == 42
    with pytest.raises(Malformed):
        read(note)


@pytest.mark.parametrize("origin", ["", "with space", "plus+", "line\nbreak"])
def test_an_origin_that_cannot_name_a_key(signer: Signer, origin: str) -> None:
    with pytest.raises(GatewayError):
        make(origin, 1, ROOT, signer)
