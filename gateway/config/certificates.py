"""What the configuration must know of certificates and key files: the environment stamp, file modes."""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

ENVIRONMENT_URI = "urn:passerelle:environment:"
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def environments_of(certificate: x509.Certificate) -> frozenset[str]:
    """Every environment a certificate is stamped with, by URI name or OU; empty for a foreign one."""
    stamps = {
        name.removeprefix(ENVIRONMENT_URI) for name in _uris(certificate) if name.startswith(ENVIRONMENT_URI)
    }
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    known = {"integration", "preprod", "prod"}
    return frozenset(stamps | {str(unit.value) for unit in units if unit.value in known})


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def open_to_others(path: Path) -> bool:
    """Whether group or world may read, write or run the file."""
    return bool(path.stat().st_mode & _OPEN_TO_OTHERS)
