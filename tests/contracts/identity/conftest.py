"""A running server with a known patient and a document, and issuers that misbehave at will."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.cli.started import prepare, serving
from gateway.crypto.jwk import thumbprint
from gateway.crypto.keys import PrivateKey
from gateway.declare.bindings import Octets
from tests.identitybench import (
    AS,
    OTHER,
    PATIENT,
    PHYSICIAN,
    PLAIN,
    SECOND,
    TREATMENT,
    Authorization,
    Wire,
    b64,
)

# --- issuers -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def authorities() -> SimpleNamespace:
    """One that binds its tokens, with keys of several kinds; another one; one that sends bearer tokens."""

    def key() -> PrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    large = rsa.generate_private_key(65537, 3072)
    return SimpleNamespace(
        first=Authorization(AS, {"a1": key(), "a2": key(), "rsa": large}),
        second=Authorization(SECOND, {"b1": key()}),
        plain=Authorization(PLAIN, {"c1": key()}),
    )


ISSUERS = f"""
[[assertions.issuers]]
entity_id = "{AS}"
jwks = "as.json"
algorithms = ["ES256", "PS256"]
grace_seconds = 2

[[assertions.issuers]]
entity_id = "{SECOND}"
jwks = "second.json"

[[assertions.issuers]]
entity_id = "{PLAIN}"
jwks = "plain.json"
bearer = true
"""


def furnish(wire: Wire) -> None:
    """Two known patients, the first with one document."""
    acting, root = wire.acting(), wire.settings.domain.affinity_oid
    for patient in (PATIENT, OTHER):
        text = (
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{uuid4().hex[:20]}|P|2.3.1\r"
            f"EVN|A01|20260101120000\rPID|1||{patient}^^^&{root}&ISO||TEST^IDENTITY||19700101|F\rPV1|1|O\r"
        )
        assert b"MSA|AA" in asyncio.run(acting.feed(text.encode()))
    sent = acting.send(
        Octets(b"<ClinicalDocument/>"),
        PATIENT,
        "Letter",
        "18842-5^^2.16.840.1.113883.6.1",
        "N",
        ".xml",
        unique_id="2.25.5001",
        set_id="2.25.5002",
        created=datetime.now(UTC),
    )
    asyncio.run(sent)


@contextlib.contextmanager
def running(
    home: Path, issuers: str, files: Mapping[str, bytes], workers: int = 1, **changes: str
) -> Iterator[Wire]:
    """A furnished server with further issuers."""
    config = prepare(home, changes, watched=any(name.startswith("watch.") for name in changes))
    for name, data in files.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(data)
    with config.open("a", encoding="utf-8") as text:
        text.write(issuers)
    log = home / "identity.log"
    with serving(config, workers=workers, log=log):
        wire = Wire(home, log)
        furnish(wire)
        yield wire


@pytest.fixture(scope="session")
def wire(tmp_path_factory: pytest.TempPathFactory, authorities: SimpleNamespace) -> Iterator[Wire]:
    """One server for all tests of this folder that do not change it for good."""
    home = tmp_path_factory.mktemp("identity") / "home"
    files = {
        "as.json": authorities.first.key_set("a1", "rsa"),
        "second.json": authorities.second.key_set(),
        "plain.json": authorities.plain.key_set(),
    }
    with running(home, ISSUERS, files) as found:
        yield found


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """What the tests of this folder share."""
    return SimpleNamespace(
        b64=b64,
        running=running,
        thumbprint=thumbprint,
        Authorization=Authorization,
        AS=AS,
        SECOND=SECOND,
        PLAIN=PLAIN,
        PATIENT=PATIENT,
        OTHER=OTHER,
        PHYSICIAN=PHYSICIAN,
        TREATMENT=TREATMENT,
        login=("110114", "110122", 8),
        message=("110113", "message-security", 8),
        node=("110113", "110126", 8),
        query=lambda outcome: ("110112", "ITI-67", outcome),
    )
