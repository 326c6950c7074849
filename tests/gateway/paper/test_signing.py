import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from asn1crypto import x509 as names
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from gateway.crypto.keys import PrivateKey, Signer
from gateway.crypto.stamp import accept, ask
from gateway.errors import Malformed, TooLarge
from gateway.paper.hand import Hand
from gateway.paper.model import Paper
from gateway.paper.pdf import write_pdf
from gateway.paper.signing import FIELD, issued_pdf, sign_pdf, signature_of, with_stamp
from tests.tsa import Tsa


def certificate_of(
    key: PrivateKey, now: datetime, *more: x509.ExtensionType, called: str = "Signer of tests"
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    usage = x509.KeyUsage(True, True, *[False] * 7)
    builder = builder.add_extension(usage, critical=True)
    for each in more:
        builder = builder.add_extension(each, critical=True)
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def signer_of(key: PrivateKey, now: datetime, *, pkcs1: bool = False) -> Signer:
    return Signer.of(key, certificate_of(key, now), pkcs1=pkcs1)


@pytest.fixture(scope="module", params=["P-256", "P-384", "RSA-PSS", "RSA-PKCS1", "Ed25519"])
def signer(request: pytest.FixtureRequest, paper: Paper) -> Signer:
    now = paper.created
    if request.param.startswith("RSA"):
        return signer_of(rsa.generate_private_key(65537, 3072), now, pkcs1=request.param.endswith("1"))
    if request.param == "Ed25519":
        return signer_of(ed25519.Ed25519PrivateKey.generate(), now)
    curve = ec.SECP256R1() if request.param == "P-256" else ec.SECP384R1()
    return signer_of(ec.generate_private_key(curve), now)


def checked(data: bytes, moment: datetime, *roots: bytes) -> PdfSignatureStatus:
    found = PdfFileReader(BytesIO(data)).embedded_signatures
    assert [each.field_name for each in found] == [FIELD]
    context = ValidationContext(trust_roots=[names.Certificate.load(each) for each in roots], moment=moment)
    return validate_pdf_signature(found[0], context, context)


def test_the_signature_holds_over_the_whole_file(signer: Signer, paper: Paper) -> None:
    data = sign_pdf(write_pdf(paper), signer, paper.created, reason="Dossier")
    status = checked(data, paper.created, signer.certificate)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert status.signer_reported_dt == paper.created
    assert b"/ETSI.CAdES.detached" in data


def test_a_changed_byte_breaks_it(signer: Signer, paper: Paper) -> None:
    data = bytearray(sign_pdf(write_pdf(paper), signer, paper.created))
    place = data.index(b"/Lang (fr-LU)")
    data[place + 7 : place + 9] = b"de"
    status = checked(bytes(data), paper.created, signer.certificate)
    assert not status.intact
    assert not status.bottom_line


def test_a_stranger_is_not_believed(signer: Signer, paper: Paper) -> None:
    stranger = certificate_of(ec.generate_private_key(ec.SECP256R1()), paper.created, called="Stranger")
    data = sign_pdf(write_pdf(paper), signer, paper.created)
    status = checked(data, paper.created, stranger.public_bytes(serialization.Encoding.DER))
    assert status.intact
    assert not status.trusted


def test_it_is_stamped_where_an_authority_answers(tsa: Tsa, paper: Paper) -> None:
    """PAdES B-T, by the reader of somebody else; what the authority stamps is the signature."""
    now = datetime.now(UTC)
    signer = signer_of(ec.generate_private_key(ec.SECP256R1()), now)

    async def stamp(data: bytes) -> bytes:
        asked = ask(data)
        return accept(tsa.reply(asked.request), asked, tsa.authorities, now, timedelta(minutes=1))[0]

    data = asyncio.run(issued_pdf(write_pdf(paper), Hand(signer, stamp), now))
    authority = tsa.authorities[0].public_bytes(serialization.Encoding.DER)
    status = checked(data, datetime.now(UTC), signer.certificate, authority)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    assert abs(status.timestamp_validity.timestamp - now) < timedelta(minutes=1)
    assert status.timestamp_validity.trusted
    with pytest.raises(TooLarge, match="too long"):
        with_stamp(sign_pdf(write_pdf(paper), signer, now), stamp_in(data))


def stamp_in(data: bytes) -> bytes:
    (found,) = PdfFileReader(BytesIO(data)).embedded_signatures
    (attribute,) = found.signer_info["unsigned_attrs"]
    token: bytes = attribute["values"][0].dump()
    return token


def test_without_an_answer_it_is_signed_all_the_same(paper: Paper) -> None:
    signer = signer_of(ec.generate_private_key(ec.SECP256R1()), paper.created)

    async def nothing(_: bytes) -> None:
        return None

    for hand in (Hand(signer, nothing), Hand(signer)):
        data = asyncio.run(issued_pdf(write_pdf(paper), hand, paper.created))
        status = checked(data, paper.created, signer.certificate)
        assert (status.bottom_line, status.timestamp_validity) == (True, None)


def test_what_is_not_signed_has_no_signature(paper: Paper) -> None:
    with pytest.raises(Malformed, match="no signature"):
        signature_of(write_pdf(paper))


@pytest.mark.parametrize("data", [b"", b"no PDF", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf_is_not_signed(data: bytes, paper: Paper) -> None:
    signer = signer_of(ec.generate_private_key(ec.SECP256R1()), paper.created)
    with pytest.raises(Malformed, match="expected a PDF"):
        sign_pdf(data, signer, paper.created)
