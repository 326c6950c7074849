"""Signs a PDF so that everybody can check who issued it (PAdES baseline B-B or B-T, ETSI EN 319 142-1)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from types import MappingProxyType

from asn1crypto import algos, cms, x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko_certvalidator.registry import SimpleCertificateStore

from gateway.crypto.keys import Scheme, Signer
from gateway.errors import Malformed, TooLarge
from gateway.paper.hand import LONGEST_STAMP, Hand

FIELD = "Signature"
_HASHES = MappingProxyType(
    {
        Scheme.ECDSA_SHA256: "sha256",
        Scheme.ECDSA_SHA384: "sha384",
        Scheme.ECDSA_SHA512: "sha512",
        Scheme.RSA_PSS_SHA256: "sha256",
        Scheme.RSA_PSS_SHA384: "sha384",
        Scheme.RSA_PSS_SHA512: "sha512",
        Scheme.RSA_PKCS1_SHA256: "sha256",
        Scheme.RSA_PKCS1_SHA384: "sha384",
        Scheme.RSA_PKCS1_SHA512: "sha512",
        Scheme.ED25519: "sha512",
    }
)
_ECDSA = frozenset({Scheme.ECDSA_SHA256, Scheme.ECDSA_SHA384, Scheme.ECDSA_SHA512})
_PSS = frozenset({Scheme.RSA_PSS_SHA256, Scheme.RSA_PSS_SHA384, Scheme.RSA_PSS_SHA512})
_LONGEST = 1024
_SIGNATURE = 8 * 1024
_RANGE = re.compile(rb"/ByteRange ?\[ ?0 (\d{1,12}) (\d{1,12}) \d{1,12} *\]")


async def issued_pdf(data: bytes, hand: Hand, now: datetime, *, reason: str = "") -> bytes:
    """The PDF as it is given out: signed, and with a stamp over the signature where one is to be had."""
    room = hand.stamp is not None
    signed = await asyncio.to_thread(sign_pdf, data, hand.signer, now, reason=reason, room=room)
    if hand.stamp is None:
        return signed
    token = await hand.stamp(signature_of(signed))
    return signed if token is None else with_stamp(signed, token)


def sign_pdf(
    data: bytes,
    signer: Signer,
    now: datetime,
    *,
    reason: str = "",
    chain: Sequence[bytes] = (),
    room: bool = False,
) -> bytes:
    """The PDF with a signature over all of it, by the key and certificate of `signer`.

    `chain` are certificates (DER) that lead from the signer's to its authority; `room` is left for a stamp.
    Not to be called inside an event loop; Malformed for what is no PDF.
    """
    about = signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm=_HASHES[signer.scheme],
        subfilter=SigSeedSubFilter.PADES,
        reason=reason or None,
    )
    pen = _Pen(now, about, _Hand(signer, chain))
    output, space = BytesIO(), 2 * (_SIGNATURE + LONGEST_STAMP) if room else None
    try:
        writer = _Addition(BytesIO(data))
        asyncio.run(pen.async_sign_pdf(writer, output=output, bytes_reserved=space))
    except (PdfError, SigningError) as error:
        raise Malformed("the document cannot be signed; expected a PDF without a signature") from error
    return output.getvalue()


def signature_of(data: bytes) -> bytes:
    """The value of the signature of a PDF that was signed here: what a stamp is asked for."""
    _, signature = _container(data)
    value: bytes = _signer_info(signature)["signature"].native
    return value


def with_stamp(data: bytes, token: bytes) -> bytes:
    """The PDF with a stamp (RFC 3161 token, DER) over its signature, in the room that was left for it.

    The stamp is an unsigned attribute (id-aa-signatureTimeStampToken, RFC 3161 appendix A).
    """
    place, signature = _container(data)
    stamp = {"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]}
    _signer_info(signature)["unsigned_attrs"] = cms.CMSAttributes([cms.CMSAttribute(stamp)])
    # Not by force: that encodes every level again for each level above it, which takes seconds.
    whole: bytes = signature.dump()
    told, size = whole.hex().encode(), place.stop - place.start
    if len(told) > size:
        raise TooLarge(f"the stamp is too long: {len(told) // 2} octets where there are {size // 2}")
    return data[: place.start] + told.ljust(size, b"0") + data[place.stop :]


def _container(data: bytes) -> tuple[slice, cms.ContentInfo]:
    """Where the signature stands, in hexadecimal digits, and what it is (ISO 32000-2 section 12.8.1)."""
    found = list(_RANGE.finditer(data))
    if not found:
        raise Malformed("the PDF has no signature")
    place = slice(int(found[-1][1]) + 1, int(found[-1][2]) - 1)
    return place, cms.ContentInfo.load(bytes.fromhex(data[place].decode("ascii")), strict=False)


def _signer_info(signature: cms.ContentInfo) -> cms.SignerInfo:
    (info,) = signature["content"]["signer_infos"]
    return info


class _Hand(signers.Signer):
    """Our signer as pyhanko wants one: it hands over bytes and never sees the key."""

    def __init__(self, signer: Signer, chain: Sequence[bytes]) -> None:
        known = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        for each in (signer.certificate, *chain):
            known.register(x509.Certificate.load(each))
        super().__init__(
            signature_mechanism=_pss(_HASHES[signer.scheme]) if signer.scheme in _PSS else None,
            signing_cert=x509.Certificate.load(signer.certificate),
            cert_registry=known,
        )
        self._signer = signer

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,  # noqa: ARG002 - the scheme names it
        dry_run: bool = False,  # noqa: FBT001, FBT002 - as declared by pyhanko
    ) -> bytes:
        """The signature in the form of CMS (ECDSA: RFC 3279 section 2.2.3)."""
        if dry_run:
            return bytes(_LONGEST)
        value = self._signer.sign(data)
        if self._signer.scheme not in _ECDSA:
            return value
        half = len(value) // 2
        return encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))


def _pss(digest: str) -> algos.SignedDigestAlgorithm:
    """RSASSA-PSS as our signer does it: a salt as long as the digest (RFC 8017 section 9.1)."""
    algorithm = {"algorithm": digest}
    parameters = {
        "hash_algorithm": algorithm,
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": algorithm},
        "salt_length": hashlib.new(digest).digest_size,
    }
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})


class _Addition(IncrementalPdfFileWriter):
    """What is added to a file; its metadata stay as they were written, as PDF/A wants them."""

    def _update_meta(self) -> None:
        """Nothing of the metadata changes."""


class _Pen(signers.PdfSigner):
    """Signs at a given time."""

    def __init__(self, now: datetime, about: signers.PdfSignatureMetadata, hand: _Hand) -> None:
        super().__init__(about, signer=hand, new_field_spec=SigFieldSpec(FIELD))
        self._now = now

    def init_signing_session(
        self,
        pdf_out: BasePdfFileWriter,
        existing_fields_only: bool = False,  # noqa: FBT001, FBT002 - as declared by pyhanko
    ) -> PdfSigningSession:
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._now
        return session
