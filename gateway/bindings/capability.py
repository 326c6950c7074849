"""The CapabilityStatement of this server, derived from what is declared (FHIR R4 CapabilityStatement)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from gateway.bindings.fhirrequest import JSON
from gateway.declare.bindings import Fhir
from gateway.declare.transaction import AnyTransaction

_RESOURCE = re.compile(r"/(?P<type>[A-Z][A-Za-z]*)(?P<instance>/\{id\})?")
_OPERATION = re.compile(r"/\$(?P<name>[a-z-]+)")
_SECURITY_TYPES = "http://profiles.ihe.net/fhir/ihe.securityTypes/CodeSystem/securityTypes"
_SECURITY = (
    "Mutual TLS between enrolled systems (IHE ITI-19) and a SAML assertion as Bearer token "
    "(IUA, SAML Token option). Replies are signed (RFC 9421)."
)

# method and whether the path names one resource → code of FHIR's restful-interaction
_TYPE_INTERACTIONS = MappingProxyType({"GET": "search-type", "POST": "create"})
_INSTANCE_INTERACTIONS = MappingProxyType(
    {"GET": "read", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
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
        "format": [JSON],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "service": [{"coding": [{"system": _SECURITY_TYPES, "code": "IUA"}]}],
                    "description": _SECURITY,
                },
                "resource": _resources(transactions),
                **_operations(transactions, base),
            }
        ],
    }


def _operations(transactions: Iterable[AnyTransaction], base: str) -> dict[str, Any]:
    """Operations on the whole system; their definitions have names, but are not served."""
    found = [
        {
            "name": match["name"],
            "definition": f"{base}/OperationDefinition/{match['name']}",
            "documentation": f"{each.code} {each.title} ({each.section}), {each.binding.method}",
        }
        for each in transactions
        if isinstance(each.binding, Fhir) and (match := _OPERATION.fullmatch(each.binding.path))
    ]
    return {"operation": found} if found else {}


def _resources(transactions: Iterable[AnyTransaction]) -> list[dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {}
    for kind, code, transaction, binding in _interactions(transactions):
        resource = resources.setdefault(kind, {"type": kind, "interaction": []})
        resource["interaction"].append(
            {"code": code, "documentation": f"{transaction.code} {transaction.title} ({transaction.section})"}
        )
        if binding.parameters:
            resource["searchParam"] = [{"name": name, "type": form} for name, form in binding.parameters]
    return [resources[kind] for kind in sorted(resources)]


def _interactions(
    transactions: Iterable[AnyTransaction],
) -> Iterator[tuple[str, str, AnyTransaction, Fhir]]:
    """Resource type, interaction code, and what declares it; what concerns no resource type is left out."""
    for transaction in transactions:
        binding = transaction.binding
        match = _RESOURCE.fullmatch(binding.path) if isinstance(binding, Fhir) else None
        if match is None or not isinstance(binding, Fhir):
            continue
        codes = _INSTANCE_INTERACTIONS if match["instance"] else _TYPE_INTERACTIONS
        if binding.method in codes:
            yield match["type"], codes[binding.method], transaction, binding
