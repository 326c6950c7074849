"""Typed settings: one frozen class for each section of passerelle.toml; default limits of the operation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.config.issuers import Assertions
from gateway.config.operators import Operators
from gateway.config.trail import Audit, Clock, Repository, Retention, Stamps, Watch
from gateway.config.values import (
    CLOSED,
    Count,
    DatabaseUrl,
    Environment,
    FilePath,
    Flag,
    Name,
    Oid,
    Percent,
    Port,
    Seconds,
    Text,
)


def shipped(name: str) -> Path:
    """A file or folder of `config/` as shipped: in the checkout, or inside the wheel."""
    package = Path(__file__).parent.parent
    checkout = package.parent / "config" / name
    return checkout if checkout.exists() else package / "_config" / name


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Server:
    """Addresses of the listeners; port 0 takes any free port. `public_url` is what partners are told."""

    host: Text = "127.0.0.1"
    port: Port = 8443
    admin_host: Text = "127.0.0.1"
    admin_port: Port = 8444
    mllp_port: Port = 2575
    workers: Annotated[int, Field(ge=1, le=64, strict=True)] = 1
    public_url: Annotated[str, Field(pattern=r"^https://[^/?#]+$")] = "https://localhost:8443"
    drain_seconds: Seconds = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Tls:
    """Our TLS certificate, whom we trust, and what is revoked (ITI-19). All files are PEM."""

    certificate: FilePath = Path("pki/server.pem")
    key: FilePath = Path("pki/server.key")
    trust: FilePath = Path("pki/trust.pem")
    crl: FilePath | None = None
    legacy_rsa_2048: Flag = False
    interoperability_aes_128: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Signing:
    """The key that signs our messages, tokens, evidence and audit checkpoints. PEM files.

    `previous` holds certificates whose tokens are still taken while keys roll over.
    """

    certificate: FilePath = Path("pki/signing.pem")
    key: FilePath = Path("pki/signing.key")
    previous: FilePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Database:
    """Where the rows live: sqlite:///file or postgresql://user@host/name."""

    url: DatabaseUrl = "sqlite:///data/passerelle.db"


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Content:
    """Where document contents live, and the master key (32 bytes in base64) that wraps their keys."""

    directory: FilePath = Path("data/content")
    master_key: FilePath = Path("pki/master.key")


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Domain:
    """Identifiers of the affinity domain. `patient_roots`: accepted assigning authorities, name to OID.

    `affinity` is the folder of code lists; the one that is shipped, unless named.
    """

    affinity_oid: Oid = "2.999.1.1"
    affinity_namespace: Name = "PASSERELLE"
    home_community_id: Oid = "2.999.1.2"
    repository_unique_id: Oid = "2.999.1.3"
    source_oid: Oid = "2.999.1.4"
    affinity: FilePath = shipped("affinity")
    patient_roots: dict[Name, Oid] = Field(default_factory=dict)
    health_data_locator: Flag = False

    @property
    def assigning_authorities(self) -> dict[str, str]:
        """Every accepted authority, the affinity domain first: name to OID."""
        return {self.affinity_namespace: self.affinity_oid, **self.patient_roots}


Uri = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*:[!-~]+$", max_length=512)]


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class IdentityDomain:
    """A domain of patient identifiers beside the affinity domain: who assigns them, how FHIR names it.

    `trust` orders sources in the golden record, higher first. `readers` are the nodes that may see it.
    `senders` are those, as MSH-3|MSH-4, whose identifiers without assigning authority are of this domain.
    """

    oid: Oid
    kind: Literal["local", "national", "affinity"] = "local"
    uris: tuple[Uri, ...] = ()
    trust: Annotated[int, Field(ge=0, le=1_000, strict=True)] = 0
    readers: frozenset[Name | Literal["*"]] = frozenset({"*"})
    senders: frozenset[Text] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Identity:
    """The index of patients. `domains` by namespace; `model` holds the weights of matching.

    `issue_identifiers`: a person without an identifier of the affinity domain is given one. `compare_most` is
    how many persons a new one is compared with; `continue_seconds` how long parts can be fetched.
    """

    domains: dict[Name, IdentityDomain] = Field(default_factory=dict)
    model: FilePath = shipped("matching/model.toml")
    issue_identifiers: Flag = False
    compare_most: Count = 500
    query_persons: Count = 500
    continue_seconds: Seconds = 600.0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Directories:
    """Whether subjects must stand in a directory (habilitation rule P1); "assumed" in integration only.

    `authorities`: issuer of assertions to the authority that assigns the numbers it calls people by.
    `test_entries`: what an empty directory is filled with at the start, in integration only.
    """

    professionals: Literal["required", "assumed"] = "required"
    patients: Literal["required", "assumed"] = "required"
    authorities: dict[Text, Text] = Field(default_factory=dict)
    test_entries: FilePath | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Tokens:
    """What is issued here: access tokens (IUA) and assertions (WS-Trust), to whom the directory knows.

    `audiences` are services beside this gateway that a token may be for. `identity_providers` are the entity
    ids, among the issuers of assertions, whose assertions log a person in.
    """

    audiences: frozenset[Text] = frozenset()
    identity_providers: frozenset[Text] = frozenset()
    access_seconds: Annotated[int, Field(gt=0, le=3_600, strict=True)] = 300
    assertion_seconds: Annotated[int, Field(gt=0, le=3_600, strict=True)] = 300
    code_seconds: Annotated[int, Field(gt=0, le=60, strict=True)] = 60


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Policy:
    """The folder of rights tables; the one that is shipped, unless named."""

    directory: FilePath = shipped("policy")


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Nodes:
    """The folder with one file for each enrolled partner system."""

    directory: FilePath = Path("nodes")


MIB = 1024 * 1024
KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Limits:
    """Every bound on what a peer may send. Bytes, counts, seconds, or bytes per second as named."""

    # Connections and HTTP
    handshake_seconds: Seconds = 10.0
    request_head_seconds: Seconds = 10.0
    request_seconds: Seconds = 120.0
    body_rate_minimum: Count = 1_000
    body_rate_grace_seconds: Seconds = 10.0
    long_body_rate_minimum: Count = 1_000_000
    keep_alive_seconds: Seconds = 60.0
    request_line_bytes: Count = 8 * KIB
    header_block_bytes: Count = 32 * KIB
    header_count: Count = 100
    https_connections: Count = 2_000
    decompression_ratio: Count = 100
    # SOAP and XML
    xml_bytes: Count = 16 * MIB
    xml_depth: Count = 128
    xml_attributes: Count = 256
    xml_elements: Count = 500_000
    xml_namespaces: Count = 1_000
    # MTOM
    mtom_bytes: Count = 1_536 * MIB
    document_bytes: Count = 1_024 * MIB
    spool_bytes: Count = 4_096 * MIB
    mtom_parts: Count = 500
    part_header_bytes: Count = 8 * KIB
    # FHIR
    fhir_bytes: Count = 16 * MIB
    fhir_depth: Count = 64
    bundle_entries: Count = 500
    search_parameters: Count = 50
    search_or_values: Count = 100
    search_count: Count = 200
    search_included: Count = 1_000
    search_chain_depth: Count = 1
    url_bytes: Count = 8 * KIB
    # Media
    media_bytes: Count = 256 * MIB
    media_members: Count = 5_000
    # Stored queries
    query_values: Count = 500
    query_objects: Count = 1_000
    query_references: Count = 10_000
    query_patients: Count = 500
    query_owner_seconds: Seconds = 2.0
    # HL7 v2
    mllp_frame_bytes: Count = 4 * MIB
    mllp_segments: Count = 2_000
    mllp_repetitions: Count = 200
    mllp_components: Count = 100
    mllp_idle_seconds: Seconds = 60.0
    mllp_frame_seconds: Seconds = 30.0
    mllp_connections_per_node: Count = 50
    mllp_connections: Count = 1_000
    # Syslog
    syslog_frame_bytes: Annotated[int, Field(gt=0, le=MIB, strict=True)] = 64 * KIB
    # Time
    timestamp_age_seconds: Seconds = 300.0
    clock_skew_seconds: Seconds = 60.0
    token_life_seconds: Seconds = 600.0
    # Audit journal and outbox
    journal_alert_percent: Percent = 90
    journal_refuse_percent: Percent = 98
    outbox_alert_seconds: Seconds = 900.0

    @property
    def longest_request_seconds(self) -> float:
        """How long the largest body may take to come in."""
        return self.request_seconds + self.mtom_bytes / self.long_body_rate_minimum


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Outbox:
    """Replies that leave later, to an address of the sender's (ITI TF-2 Appendix V.5), and notifications.

    `waiting` is how many replies may wait for one node, `keep_seconds` how long one is tried before it is
    given up, `notice_keep_seconds` how long a notification.
    """

    reply_bytes: Count = 64 * MIB
    waiting: Count = 1_000
    keep_seconds: Seconds = 86_400.0
    notice_keep_seconds: Seconds = 604_800.0
    attempt_seconds: Seconds = 30.0
    retry_seconds: Seconds = 5.0
    retry_most_seconds: Seconds = 900.0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Settings:
    """Everything passerelle.toml may say; paths are absolute or below the folder of that file."""

    environment: Environment
    folder: FilePath = Path()
    server: Server = Field(default_factory=Server)
    tls: Tls = Field(default_factory=Tls)
    signing: Signing = Field(default_factory=Signing)
    database: Database = Field(default_factory=Database)
    content: Content = Field(default_factory=Content)
    domain: Domain = Field(default_factory=Domain)
    identity: Identity = Field(default_factory=Identity)
    assertions: Assertions = Field(default_factory=Assertions)
    directories: Directories = Field(default_factory=Directories)
    tokens: Tokens = Field(default_factory=Tokens)
    policy: Policy = Field(default_factory=Policy)
    nodes: Nodes = Field(default_factory=Nodes)
    outbox: Outbox = Field(default_factory=Outbox)
    audit: Audit = Field(default_factory=Audit)
    repository: Repository = Field(default_factory=Repository)
    stamps: Stamps = Field(default_factory=Stamps)
    clock: Clock = Field(default_factory=Clock)
    retention: Retention = Field(default_factory=Retention)
    watch: Watch = Field(default_factory=Watch)
    operators: Operators = Field(default_factory=Operators)
    limits: Limits = Field(default_factory=Limits)
