"""The system under test: where its endpoints are, who it is, and what it offers (capabilities.toml)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cases import Case

SAMPLE = "SAML"
"""Assertions of others: no transaction, but shown to the target with one."""
MLLP_PREFIXES = ("HL7v2-", "PCD-")
MLLP = frozenset({"ITI-8", "ITI-9", "ITI-10", "ITI-21", "ITI-22", "ITI-30", "ITI-31", "ITI-64"})
REST = frozenset({"ITI-20", "ITI-65", "ITI-66", "ITI-67", "ITI-68", "ITI-78", "ITI-81", "ITI-82", "ITI-83",
                  "ITI-93", "ITI-104", "ITI-105", "ITI-108", "ITI-119", "IDV-1", "IDV-3",
                  "JRN-1"})  # fmt: skip
JUDGED = frozenset({"ITI-20", "ITI-108"})
"""Transactions whose samples are sent, to see whether the target takes what is valid."""
MTOM = frozenset({"ITI-41", "ITI-43", "ITI-39", "ITI-80", "ITI-63"})
ACTIONS = {
    "ITI-18": "urn:ihe:iti:2007:RegistryStoredQuery",
    "ITI-38": "urn:ihe:iti:2007:CrossGatewayQuery",
    "ITI-39": "urn:ihe:iti:2007:CrossGatewayRetrieve",
    "ITI-41": "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b",
    "ITI-42": "urn:ihe:iti:2007:RegisterDocumentSet-b",
    "ITI-43": "urn:ihe:iti:2007:RetrieveDocumentSet",
    "ITI-51": "urn:ihe:iti:2009:MultiPatientStoredQuery",
    "ITI-55": "urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery",
    "ITI-56": "urn:ihe:iti:2009:PatientLocationQuery",
    "ITI-57": "urn:ihe:iti:2010:UpdateDocumentSet",
    "ITI-58": "urn:ihe:iti:2010:ProviderInformationQuery",
    "ITI-59": "urn:ihe:iti:2010:ProviderInformationFeed",
    "ITI-61": "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
    "ITI-62": "urn:ihe:iti:2010:DeleteDocumentSet",
    "ITI-86": "urn:ihe:iti:2017:RemoveDocuments",
    "ITI-92": "urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
}
HL7_V3 = {"ITI-44": "pix", "ITI-45": "pix", "ITI-47": "pdq"}
ENDPOINTS = {
    "registry": ("SAML", "ITI-18", "ITI-42", "ITI-51", "ITI-57", "ITI-61", "ITI-62", "ITI-92"),
    "repository": ("ITI-41", "ITI-43", "ITI-86"),
    "directory": ("ITI-58", "ITI-59"),
    "responding_gateway": ("ITI-38", "ITI-39", "ITI-55", "ITI-56"),
}
TARGETS = {
    "document-recipient": "recipient",
    "responding-gateway": "responding_gateway",
    "initiating-gateway": "initiating_gateway",
}


class BadTargetError(Exception):
    """The endpoints or capabilities of the system under test cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`endpoints` by name (registry, repository, recipient, pix, …); identifiers without `urn:oid:`."""

    endpoints: Mapping[str, str]
    patient_root: str
    home_community_id: str
    repository_unique_id: str
    source_id: str

    def endpoint(self, case: Case) -> str | None:
        """URL of a SOAP case, base URL of a REST case, host:port of an HL7 v2 case; None if unknown."""
        if is_mllp(case):
            return self.endpoints.get("mllp")
        if case.transaction in REST:
            return self.endpoints.get("fhir")
        if case.target in TARGETS:
            return self.endpoints.get(TARGETS[case.target])
        if case.transaction in HL7_V3:
            return self.endpoints.get(HL7_V3[case.transaction])
        name = next((n for n, transactions in ENDPOINTS.items() if case.transaction in transactions), "")
        return self.endpoints.get(name)

    def setting(self, name: str, case: Case) -> str | None:
        """A `config` value by its name; `endpoint` is the URL the case itself goes to."""
        values = {
            "homeCommunityId": f"urn:oid:{self.home_community_id}" if self.home_community_id else "",
            "repositoryUniqueId": self.repository_unique_id,
            "sourceId": self.source_id,
            "patientIdRoot": self.patient_root,
            "endpoint": self.endpoint(case) or "",
        }
        return values.get(name) or None


def is_mllp(case: Case) -> bool:
    """True for the transactions that travel as HL7 v2 over MLLP."""
    return case.transaction in MLLP or case.transaction.startswith(MLLP_PREFIXES)


def is_soap(case: Case) -> bool:
    """True for the transactions this runner can send as SOAP."""
    return case.transaction in ACTIONS or case.transaction in HL7_V3


def read_target(url: str | None, file: Path | None) -> Target:
    """Join what `--target` (a base URL, usual paths) and `--endpoints` (JSON) say; the file wins."""
    found: dict[str, str] = {}
    if url:
        base = url.rstrip("/")
        host = urlsplit(url).hostname or ""
        found = {name: f"{base}/{path}" for name, path in _PATHS.items()} | {"mllp": f"{host}:2575"}
    if file is not None:
        try:
            given = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadTargetError(f"cannot read the endpoints in {file}: {error}") from error
        found |= {name: str(value) for name, value in given.items() if isinstance(value, str | int)}
    if not found.get("patient_id_root"):
        raise BadTargetError("the endpoints need patient_id_root, the OID of the patient identifier domain")
    return Target(
        endpoints={name: value for name, value in found.items() if "/" in value or ":" in value},
        patient_root=_bare(found["patient_id_root"]),
        home_community_id=_bare(found.get("home_community_id", "")),
        repository_unique_id=_bare(found.get("repository_unique_id", "")),
        source_id=_bare(found.get("source_oid", "")),
    )


_PATHS = {
    "registry": "xds/registry",
    "repository": "xds/repository",
    "fhir": "fhir",
    "pix": "pix",
    "pdq": "pdq",
    "directory": "hpd/directory",
    "responding_gateway": "xcpd/responder",
}


def _bare(oid: str) -> str:
    return oid.removeprefix("urn:oid:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Cases (patterns of ids) that make sense only where an option is offered."""

    option: str
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a target offers; `domains` are OIDs and namespaces of patient identifiers it accepts."""

    transactions: frozenset[str]
    targets: frozenset[str]
    options: frozenset[str]
    domains: frozenset[str]
    needs: tuple[Need, ...]

    def with_domain(self, oid: str) -> Capabilities:
        """The same with one more known patient identifier domain."""
        return replace(self, domains=self.domains | {oid})

    def refusal(self, case: Case) -> str | None:
        """Why the case cannot be run against this target, or None."""
        if case.direction.startswith("response"):
            return "an answer for the consuming side; nothing is sent"
        if case.transaction == SAMPLE:
            return None if SAMPLE in self.transactions else f"{SAMPLE} is not offered"
        if case.transaction not in JUDGED and case.statuses and set(case.statuses) <= {"valid", "invalid"}:
            return "a fixture for parsers, without an outcome at a server"
        return (None if case.is_check else self._role(case)) or self._option(case)

    def _role(self, case: Case) -> str | None:
        if case.transaction not in self.transactions:
            return f"{case.transaction} is not offered"
        if case.target and case.target not in self.targets:
            return f"the role {case.target} is not offered"
        if not (is_mllp(case) or is_soap(case) or case.transaction in REST):
            return f"this runner does not send {case.transaction}"
        return None

    def _option(self, case: Case) -> str | None:
        for need in self.needs:
            if need.option not in self.options and any(fnmatchcase(case.id, p) for p in need.cases):
                return f"the option {need.option} is not offered"
        return None


def read_capabilities(file: Path) -> Capabilities:
    """Read capabilities.toml. Raises BadTargetError."""
    try:
        found: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadTargetError(f"cannot read the capabilities in {file}: {error}") from error
    return Capabilities(
        transactions=frozenset(found.get("transactions", ())),
        targets=frozenset(found.get("targets", ())),
        options=frozenset(found.get("options", ())),
        domains=frozenset(found.get("domains", ())),
        needs=tuple(Need(option=n["option"], cases=tuple(n["cases"])) for n in found.get("needs", ())),
    )
