"""The affinity domain as the record sees it: identifiers, authorities, accepted codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique

LANGUAGE, MIME_TYPE = "languageCode", "mimeType"
"""Attributes whose lists hold plain values; those of all others hold codes."""


@unique
class Limit(Enum):
    """What becomes of a value that its list does not hold (ITI TF-2 3.42.4.1.3.3.3)."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class CodeList:
    """The values of one attribute: codes as `code^^scheme`, language tags or media types as they are."""

    limit: Limit
    allowed: frozenset[str]

    def holds(self, value: str) -> bool:
        """Whether a code or media type is listed."""
        return value in self.allowed

    def holds_language(self, tag: str) -> bool:
        """Whether a language tag is listed, or narrows one that is: fr-LU where fr is (RFC 4647 3.3.1)."""
        asked = tag.lower()
        return any(asked == each or asked.startswith(f"{each}-") for each in map(str.lower, self.allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """OIDs without prefix; `confidentiality` gives the rank (1..3) of a code, `default_rank` of others."""

    environment: str
    affinity_root: str
    affinity_namespace: str
    home_community: str
    repository: str
    base_url: str
    authorities: Mapping[str, str] = field(default_factory=dict)
    """Accepted assigning authorities beside the affinity domain: namespace → OID."""
    codes: Mapping[str, CodeList] = field(default_factory=dict)
    """Code lists by attribute; what is not here is not limited."""
    confidentiality: Mapping[str, int] = field(default_factory=dict)
    default_rank: int = 1
    max_objects: int = 1_000
    max_references: int = 10_000
    max_values: int = 500
    max_patients: int = 500
    """Owners found by a query that names no patient."""
    owner_seconds: float = 2.0
    """How long they may be looked for."""
    max_document_bytes: int = 100 * 1024 * 1024
    max_media_bytes: int = 256 * 1024 * 1024
    max_media_members: int = 5_000

    def accepts(self, root: str) -> bool:
        """Whether patient identifiers of this assigning authority belong to the affinity domain."""
        return root == self.affinity_root or root in self.authorities.values()

    def authority(self, namespace: str) -> str | None:
        """The OID of an accepted assigning authority, by its namespace."""
        if namespace == self.affinity_namespace:
            return self.affinity_root
        return self.authorities.get(namespace)
