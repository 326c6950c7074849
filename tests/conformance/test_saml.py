import datetime as dt
from pathlib import Path

import pytest
import xmlsec
from answer import first, parse, text_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from saml import VARIANTS, Code, Issuer, read_issuer

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def issuer(folder: Path, kind: str) -> Issuer:
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "i.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "i.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    codes = (Code.parse("doctor^^1.2"), Code.parse("TREAT^^3.4"))
    return read_issuer(folder / "i.key", folder / "i.pem", "urn:issuer", "https://us", codes)


def assertion(header: str) -> etree._Element:
    # As in the envelope: the prefix s belongs to it.
    root = parse(
        f"<s:H xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:x='urn:x'>{header}</s:H>".encode()
    )
    assert root is not None
    found = first(root, "Assertion")
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("variant", sorted(VARIANTS - {"unsigned"}))
def test_another_library_accepts_the_signature(tmp_path: Path, kind: str, variant: str) -> None:
    minted = issuer(tmp_path, kind)
    found = assertion(minted.header(variant, "P^^^&1.2&ISO", NOW))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(tmp_path / "i.pem"), xmlsec.KeyFormat.CERT_PEM)
    context.register_id(found, "ID")
    context.verify(xmlsec.tree.find_node(found, xmlsec.Node.SIGNATURE))
    assert found[1].tag.endswith("}Signature")
    subject = first(found, "NameID")
    assert subject is not None
    subject.text = "somebody else"
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(tmp_path / "i.pem"), xmlsec.KeyFormat.CERT_PEM)
    context.register_id(found, "ID")
    with pytest.raises(xmlsec.Error):
        context.verify(xmlsec.tree.find_node(found, xmlsec.Node.SIGNATURE))


def test_variants_differ_in_what_their_name_says(tmp_path: Path) -> None:
    minted = issuer(tmp_path, "ec")
    found = {v: assertion(minted.header(v, "P^^^&1.2&ISO", NOW)) for v in VARIANTS}
    moment = NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    conditions = {v: first(a, "Conditions") for v, a in found.items()}
    ends = {v: c.get("NotOnOrAfter") or "" for v, c in conditions.items() if c is not None}
    starts = {v: c.get("NotBefore") or "" for v, c in conditions.items() if c is not None}
    assert ends["expired"] < moment < ends["valid"]
    assert starts["valid"] <= moment < starts["notyetvalid"]
    assert (
        text_of(found["valid"], "Audience") == "https://us" != text_of(found["unknownaudience"], "Audience")
    )
    assert first(found["unsigned"], "Signature") is None
    assert first(found["invalidauthnstatement"], "AuthnStatement") is None
    roles = {v: first(a, "Role") for v, a in found.items()}
    assert {v for v, r in roles.items() if r is not None and r.get("code") != "doctor"} == {"secondrole"}
    consents = {v for v, a in found.items() if b"bppc:2007:docid" in etree.tostring(a)}
    assert consents == {"withauthzconsent"}


def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        issuer(tmp_path, "ec").header("other", None, NOW)


def test_a_code_needs_its_scheme() -> None:
    with pytest.raises(ValueError, match="code\\^\\^scheme"):
        Code.parse("doctor")
