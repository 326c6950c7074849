"""The affinity domain as the record sees it: identifiers, authorities, accepted codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from functools import cached_property

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


ANY = "*"
"""Every node."""


@unique
class Kind(Enum):
    """What a domain of identifiers is for."""

    AFFINITY = "affinity"
    LOCAL = "local"
    NATIONAL = "national"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDomain:
    """A domain of patient identifiers: one assigning authority (ITI TF-2 Appendix E).

    `uris` are the systems FHIR may name it by beside `urn:oid:`, the preferred one first. `trust` orders
    sources in the golden record, higher first. `readers` are the nodes that may see its identifiers.
    `senders` are those, as MSH-3|MSH-4, whose identifiers without authority are of this domain.
    """

    namespace: str
    root: str
    kind: Kind = Kind.LOCAL
    uris: tuple[str, ...] = ()
    trust: int = 0
    readers: frozenset[str] = frozenset({ANY})
    senders: frozenset[str] = frozenset()

    @property
    def system(self) -> str:
        """The FHIR system that answers name the domain by."""
        return self.uris[0] if self.uris else f"urn:oid:{self.root}"

    def seen_by(self, node: str) -> bool:
        """Whether a node may see identifiers of this domain."""
        return ANY in self.readers or node in self.readers


@dataclass(frozen=True, kw_only=True)
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
    identities: Mapping[str, IdentityDomain] = field(default_factory=dict)
    """Every domain of patient identifiers by OID; where empty, those of the affinity domain."""
    source: str = ""
    """What this system is called where it is the sender."""
    max_persons: int = 500
    """Persons found by a demographics query; more are refused."""
    health_data_locator: bool = False
    """Whether other communities may ask here where a patient has records (ITI-56)."""

    def accepts(self, root: str) -> bool:
        """Whether patient identifiers of this assigning authority belong to the affinity domain."""
        return root == self.affinity_root or root in self.authorities.values()

    @cached_property
    def identity_domains(self) -> Mapping[str, IdentityDomain]:
        """By OID: those configured, and the authorities of the affinity domain."""
        own = {self.affinity_namespace: self.affinity_root, **self.authorities}
        affinity = {
            root: IdentityDomain(namespace=name, root=root, kind=Kind.AFFINITY, trust=100)
            for name, root in own.items()
        }
        return affinity | dict(self.identities)

    @cached_property
    def _by_namespace(self) -> Mapping[str, str]:
        return {each.namespace: each.root for each in self.identity_domains.values()}

    @cached_property
    def _by_sender(self) -> Mapping[str, str]:
        return {sender: each.root for each in self.identity_domains.values() for sender in each.senders}

    @cached_property
    def _by_system(self) -> Mapping[str, str]:
        return {
            system: each.root
            for each in self.identity_domains.values()
            for system in (f"urn:oid:{each.root}", *each.uris)
        }

    @cached_property
    def national_roots(self) -> frozenset[str]:
        """OIDs of the domains of national numbers."""
        return frozenset(each.root for each in self.identity_domains.values() if each.kind is Kind.NATIONAL)

    def root_of_namespace(self, namespace: str) -> str | None:
        """The OID of a domain by its HL7 v2 namespace id."""
        return self._by_namespace.get(namespace)

    def root_of_sender(self, application: str, facility: str) -> str:
        """The OID of the domain whose identifiers a sender need not qualify (ITI TF-2 3.8.4.1.3)."""
        return self._by_sender.get(f"{application}|{facility}", self.affinity_root)

    def root_of_system(self, system: str) -> str | None:
        """The OID of a domain by the FHIR system, `urn:oid:` or one of its URIs."""
        return self._by_system.get(system)

    def authority(self, namespace: str) -> str | None:
        """The OID of an accepted assigning authority, by its namespace."""
        if namespace == self.affinity_namespace:
            return self.affinity_root
        return self.authorities.get(namespace)
