"""The affinity domain as the record sees it: identifiers, authorities, accepted codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    mime_types: frozenset[str] = frozenset()
    codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    confidentiality: Mapping[str, int] = field(default_factory=dict)
    default_rank: int = 1
    max_objects: int = 1_000
    max_references: int = 10_000
    max_values: int = 500

    def accepts(self, root: str) -> bool:
        """Whether patient identifiers of this assigning authority belong to the affinity domain."""
        return root == self.affinity_root or root in self.authorities.values()

    def authority(self, namespace: str) -> str | None:
        """The OID of an accepted assigning authority, by its namespace."""
        if namespace == self.affinity_namespace:
            return self.affinity_root
        return self.authorities.get(namespace)
