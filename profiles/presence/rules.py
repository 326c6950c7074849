"""What a request about presence codes must hold (FHIR R4 Parameters)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdqm.rules import checked_value, refused

_PLACE = "Parameters.parameter"
_LONGEST = 64


def given(payload: FhirRequest, *names: str) -> dict[str, Mapping[str, Any]]:
    """The parameters of a Parameters resource by name: each once, and none but these."""
    resource = payload.resource
    if resource is None or resource.get("resourceType") != "Parameters":
        raise refused(Meaning.DATA_TYPE, "expected a Parameters resource", "Parameters")
    found: dict[str, Mapping[str, Any]] = {}
    for at, each in enumerate(resource.get("parameter", ())):
        place, name = f"{_PLACE}[{at}].name", each["name"]
        if name not in names:
            raise refused(Meaning.NOT_SUPPORTED, f"expected only {', '.join(names)}", place)
        if name in found:
            raise refused(Meaning.PARAMETER_COUNT, f"{name}: expected one", place)
        found[name] = each
    return found


def patient_of(told: Mapping[str, Mapping[str, Any]], domain: Domain) -> PatientId:
    """`patient`, an Identifier of the affinity domain."""
    identifier = told.get("patient", {}).get("valueIdentifier")
    if identifier is None:
        raise refused(Meaning.MISSING_PARAMETER, "patient is required, as valueIdentifier", "Parameters")
    system, value = identifier.get("system"), identifier.get("value")
    if domain.root_of_system(system or "") != domain.affinity_root or not value:
        text = "patient: expected an identifier of the affinity domain, with system and value"
        raise refused(Meaning.DATA_TYPE, text, _PLACE)
    return PatientId(checked_value(value, _PLACE), domain.affinity_root)


def text_of(told: Mapping[str, Mapping[str, Any]], name: str, usual: str | None = None) -> str:
    """A short text; `usual` where it is not given."""
    each = told.get(name, {})
    value = each.get("valueString", each.get("valueCode", usual))
    if value is None:
        raise refused(Meaning.MISSING_PARAMETER, f"{name} is required, as valueString", "Parameters")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise refused(Meaning.DATA_TYPE, f"{name}: expected up to {_LONGEST} characters", _PLACE)
    return value
