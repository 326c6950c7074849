"""The CapabilityStatement of this server, derived from what is declared (FHIR R4 CapabilityStatement)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from gateway.bindings import fhirbatch
from gateway.bindings.fhirrequest import JSON, XML
from gateway.declare.bindings import Fhir
from gateway.declare.transaction import AnyTransaction

_RESOURCE = re.compile(
    r"/(?P<type>[A-Z][A-Za-z]*)(?P<instance>/\{id\})?(?P<history>/_history(?:/\{version\})?)?"
)
_OPERATION = re.compile(r"(?:/(?P<type>[A-Z][A-Za-z]*)(?:/\{id\})?)?/\$(?P<name>[a-z-]+)")
_SECURITY_TYPES = "http://profiles.ihe.net/fhir/ihe.securityTypes/CodeSystem/securityTypes"
_SECURITY = (
    "Mutual TLS between enrolled systems (IHE ITI-19) and a SAML assertion or a JWT as Bearer token "
    "(IUA, SAML Token and JWT Token options). Replies are signed (RFC 9421)."
)

# method and whether the path names one resource → code of FHIR's restful-interaction
_TYPE_INTERACTIONS = MappingProxyType({"GET": "search-type", "POST": "create"})
_INSTANCE_INTERACTIONS = MappingProxyType(
    {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
)
_VERSIONS = MappingProxyType({"/_history": "history-instance", "/_history/{version}": "vread"})
# What a resource whose interaction names it by a search can do beside (FHIR R4 CapabilityStatement).
_CONDITIONAL: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "create": {"conditionalCreate": True},
        "update": {"conditionalUpdate": True},
        "delete": {"conditionalDelete": "single"},
    }
)
_ORDER = (
    "type",
    "supportedProfile",
    "interaction",
    "conditionalCreate",
    "conditionalUpdate",
    "conditionalDelete",
    "searchParam",
    "operation",
)


def capability_statement(transactions: Iterable[AnyTransaction], base: str, at: datetime) -> dict[str, Any]:
    """The statement for the FHIR interactions among some transactions; `base` is the service's URL."""
    transactions = tuple(transactions)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": at.astimezone(UTC).isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "Passerelle"},
        "implementation": {"description": "IHE gateway of a shared health record", "url": base},
        "fhirVersion": "4.0.1",
        "format": [JSON, XML],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "service": [{"coding": [{"system": _SECURITY_TYPES, "code": "IUA"}]}],
                    "description": _SECURITY,
                },
                "resource": _resources(transactions, base),
                **_of_system(transactions),
                **_operations(transactions, base),
            }
        ],
    }


def _of_system(transactions: Iterable[AnyTransaction]) -> dict[str, Any]:
    """What the base itself takes: batches."""
    found = [
        {"code": "batch", "documentation": f"{each.code} {each.title} ({each.section})"}
        for each in transactions
        if isinstance(each.binding, Fhir) and each.binding.path == fhirbatch.BASE
    ]
    return {"interaction": found} if found else {}


def _operations(transactions: Iterable[AnyTransaction], base: str) -> dict[str, Any]:
    """Operations on the whole system."""
    found = _operations_of("", transactions, base)
    return {"operation": found} if found else {}


def _operations_of(kind: str, transactions: Iterable[AnyTransaction], base: str) -> list[dict[str, Any]]:
    """Operations on a resource type or on one, each once; those IHE does not define have a name of ours."""
    found: dict[str, dict[str, Any]] = {}
    for each in transactions:
        binding = each.binding
        match = _OPERATION.fullmatch(binding.path) if isinstance(binding, Fhir) else None
        if match is None or not isinstance(binding, Fhir) or (match["type"] or "") != kind:
            continue
        told = found.setdefault(
            match["name"],
            {
                "name": match["name"],
                "definition": binding.definition or f"{base}/OperationDefinition/{match['name']}",
                "documentation": f"{each.code} {each.title} ({each.section})",
            },
        )
        told["documentation"] += f", {binding.method}"
    return list(found.values())


def _resources(transactions: Iterable[AnyTransaction], base: str) -> list[dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {}
    for kind, code, transaction, binding in _interactions(transactions):
        resource = resources.setdefault(kind, {"type": kind, "supportedProfile": [], "interaction": []})
        resource["supportedProfile"] += [
            each for each in binding.profiles if each not in resource["supportedProfile"]
        ]
        resource["interaction"].append(
            {"code": code, "documentation": f"{transaction.code} {transaction.title} ({transaction.section})"}
        )
        resource |= _CONDITIONAL.get(code, {}) if binding.conditional else {}
        if binding.parameters:
            resource["searchParam"] = [{"name": name, "type": form} for name, form in binding.parameters]
    for kind, resource in resources.items():
        resource["operation"] = _operations_of(kind, transactions, base)
    return [
        {name: resources[kind][name] for name in _ORDER if resources[kind].get(name)}
        for kind in sorted(resources)
    ]


def _interactions(
    transactions: Iterable[AnyTransaction],
) -> Iterator[tuple[str, str, AnyTransaction, Fhir]]:
    """Resource type, interaction code, and what declares it; what concerns no resource type is left out."""
    for transaction in transactions:
        binding = transaction.binding
        match = _RESOURCE.fullmatch(binding.path) if isinstance(binding, Fhir) else None
        if match is None or not isinstance(binding, Fhir):
            continue
        of_instance = match["instance"] or (binding.conditional and binding.method != "POST")
        codes = _INSTANCE_INTERACTIONS if of_instance else _TYPE_INTERACTIONS
        if match["history"]:
            yield match["type"], _VERSIONS[match["history"]], transaction, binding
        elif binding.method in codes:
            yield match["type"], codes[binding.method], transaction, binding
