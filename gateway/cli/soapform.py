"""Composes the SOAP wire form: limits of its messages, and whose signatures are taken (WS-Security 1.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509

from gateway.bindings.mtom import PackageLimits
from gateway.bindings.soap import SoapForm
from gateway.config import Settings
from gateway.crypto.keys import Signer
from gateway.crypto.safexml import XmlLimits
from gateway.crypto.xmldsig import SignaturePolicy
from gateway.errors import SignerRefused
from gateway.identity.nodes import NodeDirectory
from gateway.identity.revocation import RevocationList
from gateway.record.people import Node
from gateway.stores.blobs import BlobStore
from gateway.stores.spool import Spools

_NODES_SEEN = 256


def soap_form(
    settings: Settings,
    signer: Signer,
    nodes: NodeDirectory,
    revocations: RevocationList,
    blobs: BlobStore,
) -> SoapForm:
    """The form of a worker: messages are signed by the node itself, by a certificate not revoked."""
    limits = settings.limits

    def signer_of(node: Node, der: bytes, now: datetime) -> x509.Certificate:
        nodes.trusted_signer(node, der, now)
        certificate = _certificate(der)
        if revocations.revoked(certificate):
            raise SignerRefused("the signing certificate is revoked")
        return certificate

    return SoapForm(
        signer=signer,
        signer_of=signer_of,
        xml_limits=XmlLimits(
            size=limits.xml_bytes,
            depth=limits.xml_depth,
            attributes=limits.xml_attributes,
            elements=limits.xml_elements,
            namespaces=limits.xml_namespaces,
        ),
        package_limits=PackageLimits(
            parts=limits.mtom_parts,
            header=limits.part_header_bytes,
            root=limits.xml_bytes,
            document=limits.document_bytes,
        ),
        outside=Spools(blobs, limits.spool_bytes).open,
        signature_policy=SignaturePolicy(
            max_age=timedelta(seconds=limits.timestamp_age_seconds),
            skew=timedelta(seconds=limits.clock_skew_seconds),
            minimum_rsa=2048 if settings.tls.legacy_rsa_2048 else 3072,
        ),
    )


@lru_cache(maxsize=_NODES_SEEN)
def _certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)
