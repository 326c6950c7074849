"""A partner system's connection to a gateway: mutual TLS, message signature, user assertion."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from gateway.crypto.keys import Signer, load_signer
from gateway.errors import SettingsInvalid

_TIMEOUT = httpx.Timeout(30.0, read=300.0)
"""A large document is verified and stored before it is answered."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a gateway answers, as `passerelle endpoints --json` prints it."""

    registry: str
    repository: str
    fhir: str
    mllp: str
    patient_id_root: str
    repository_unique_id: str
    home_community_id: str
    source_oid: str


def read_endpoints(text: bytes | str) -> Endpoints:
    """Endpoints from JSON; further fields are passed over."""
    told: dict[str, Any] = orjson.loads(text)
    try:
        return Endpoints(**{name: str(told[name]) for name in Endpoints.__slots__})
    except KeyError as error:
        raise SettingsInvalid(f"the endpoints lack {error.args[0]}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Files of a partner: client certificate and key in PEM, and the authority it trusts.

    `signer` is None for a system that does not sign its messages.
    """

    certificate: Path
    key: Path
    trust: Path
    signer: Signer | None

    @classmethod
    def in_folder(cls, folder: Path, name: str, *, signs: bool = True) -> Identity:
        """The partner `name` of a configuration folder made by `passerelle init`."""
        certificate, key = folder / f"pki/clients/{name}.pem", folder / f"pki/clients/{name}.key"
        if not certificate.exists():
            raise SettingsInvalid(
                f"no client certificate of {name!r} in the folder", location=str(certificate)
            )
        signer = load_signer(key, certificate) if signs else None
        return cls(certificate=certificate, key=key, trust=folder / "pki/trust.pem", signer=signer)

    def context(self) -> ssl.SSLContext:
        """The TLS context of the partner."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.trust)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def listening(self) -> ssl.SSLContext:
        """The TLS context of a listener of the partner, for replies that come later."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.trust)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def http(self) -> httpx.AsyncClient:
        """An HTTP client with this identity."""
        return httpx.AsyncClient(verify=self.context(), timeout=_TIMEOUT, trust_env=False)
