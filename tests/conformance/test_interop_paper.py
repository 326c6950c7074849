"""veraPDF as referee of our PDF/A; the first build on a machine fetches it from Maven Central."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from others import built_by_maven, failures, run

from gateway.crypto.keys import Signer
from gateway.paper.model import Attachment, Grid, Heading, Pairs, Paper, Paragraph
from gateway.paper.pdf import write_pdf
from gateway.paper.signing import sign_pdf

PROJECT = Path(__file__).parents[2] / "conformance/interop/paper"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ATTACHED = Attachment("machine.json", "application/json", "Machine form", b"{}")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_by_maven(PROJECT, tmp_path_factory.mktemp("paper"))


def paper(attachment: Attachment | None) -> Paper:
    rows = tuple((str(each), "Łódź Ἑλλάς Россия 張 \u202e\x07") for each in range(100))
    return Paper(
        title="Дело & <b>",
        language="lb",
        created=NOW,
        author="Gateway",
        blocks=(
            Heading("A"),
            Paragraph("x\ny"),
            Pairs((("k", "v"),)),
            Heading("B", 3),
            Grid(("a", "b"), rows),
        ),
        attachment=attachment,
    )


def signer() -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Signer of tests")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 5)
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(9))
    return Signer.of(key, builder.sign(key, hashes.SHA256()))


def test_verapdf_finds_every_document_what_it_claims(program: Path, tmp_path: Path) -> None:
    plain, attached = write_pdf(paper(None)), write_pdf(paper(ATTACHED))
    documents = {
        "plain": plain,
        "attached": attached,
        "signed": sign_pdf(attached, signer(), NOW),
        "broken": plain.replace(b"/OutputIntents", b"/OutputIntentz"),
    }
    for name, data in documents.items():
        (tmp_path / f"{name}.pdf").write_bytes(data)
    checks = run(["java", "-jar", str(program), *(str(tmp_path / f"{name}.pdf") for name in documents)])
    # The broken one shows that the referee looks.
    assert [each.split(":")[0] for each in failures(checks)] == ["broken.pdf as PDF/A-2u"]
    assert [each["check"].split()[-1] for each in checks[:3]] == ["PDF/A-2u", "PDF/A-3u", "PDF/A-3u"]
