"""Cases with literal identifiers: the patients they need, and when foreign data excuse a failure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.sax.saxutils import unescape

from answer import Answer, first, parse
from cases import Case
from memory import Memory
from mllp_client import field_of, with_segment_ends
from target import REST, Capabilities, is_mllp

PATIENT_SCHEMES = (
    "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
    "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
    "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a",
)
IDENTIFIER = re.compile(r"<(?:\w+:)?ExternalIdentifier\b[^>]*>")
QUERY_PATIENT = re.compile(r"\$(?:XDS\w+PatientId|patientId)\"[^>]*>\s*<[^>]*>\s*<[^>]*>\s*'?([^'<]+)'?")
CX = re.compile(r"^[^&^]+\^\^\^[^&^]*&[\d.]+&ISO$")
UNKNOWN_IDS = frozenset(
    {"XDSDocumentUniqueIdError", "XDSUnknownRepositoryId", "UnresolvedReferenceException", "204"}
)
REFUSALS = frozenset({"AE", "AR", "CE", "CR"})
SOURCE_IDENTIFIER = re.compile(r"sourceIdentifier\W(?:[^|]*\W)?urn:oid:(?P<root>[\d.]+)\|(?P<value>[\w.-]+)")
POSITIVE = frozenset({"Success", "AA", "CA", "HTTP 200"})
UNKNOWN_ISSUES = frozenset({"not-found", "code-invalid"})


def fixed_patients(case: Case, text: str) -> list[str]:
    """Patient identifiers (CX) that stand literally in a request of a case without variables."""
    if case.variables:
        return []
    if case.transaction == "ITI-45":
        return _asked_for(text) if set(case.statuses) == {"AA"} else []
    if case.transaction == "ITI-83":
        asked = SOURCE_IDENTIFIER.search(text) if "HTTP 200" in case.statuses else None
        return [f"{asked['value']}^^^&{asked['root']}&ISO"] if asked else []
    found = [_attribute(tag, "value") for tag in IDENTIFIER.findall(text) if _scheme(tag) in PATIENT_SCHEMES]
    found += QUERY_PATIENT.findall(text)
    patients = dict.fromkeys(unescape(value).strip() for value in found)
    return [patient for patient in patients if CX.match(patient)]


def _asked_for(text: str) -> list[str]:
    """The patient of a PIXV3 query that is to find somebody."""
    root = parse(text.encode())
    parameter = first(root, "patientIdentifier") if root is not None else None
    value = first(parameter, "value") if parameter is not None else None
    if value is None or not value.get("root") or not value.get("extension"):
        return []
    return [f"{value.get('extension')}^^^&{value.get('root')}&ISO"]


def excuse(
    case: Case, answer: Answer, request: str, capabilities: Capabilities, memory: Memory
) -> str | None:
    """Why a case that should succeed could not, through identifiers that this target cannot know; or None.

    Only for cases whose identifiers are fixed; never where the target knows the domain of the patient.
    """
    if case.variables or not POSITIVE & set(case.statuses):
        return None
    if is_mllp(case):
        return _foreign_domain(case, request, capabilities) if answer.status in REFUSALS else None
    if case.transaction in REST:
        return _foreign_identifier(answer)
    if answer.status == "Fault":
        return _expired_assertion(request)
    codes = {problem.code for problem in answer.problems if problem.is_error}
    refused = [patient for patient in fixed_patients(case, request) if patient in memory.refused]
    if "XDSUnknownPatientId" in codes and refused:
        return f"its patient {refused[0]} is of a domain that the target does not know"
    if codes and codes <= UNKNOWN_IDS:
        return f"its identifiers belong to another installation: {', '.join(sorted(codes))}"
    return None


def _foreign_domain(case: Case, request: str, capabilities: Capabilities) -> str | None:
    wanted = [str(entry.get("oid")) for entry in case.config if isinstance(entry, dict) and "oid" in entry]
    lacking = [oid for oid in wanted if oid not in capabilities.domains]
    if lacking:
        return f"needs the patient identifier domain {', '.join(lacking)} configured"
    domains = _domains(with_segment_ends(request))
    if domains and not domains & capabilities.domains:
        return f"its patient is of a domain that the target does not know: {', '.join(sorted(domains))}"
    return None


def _domains(message: str) -> set[str]:
    """OIDs and namespaces of the assigning authorities in PID-3, MRG-1, and QPD-3 of a PIX query."""
    found: set[str] = set()
    for path in ("PID-3", "MRG-1", "QPD-3"):
        segment = field_of(message, path.partition("-")[0]) or ""
        fields = segment.split("|")
        number = int(path.partition("-")[2])
        for repetition in (fields[number] if number < len(fields) else "").split("~"):
            components = repetition.split("^")
            found |= set((components[3] if len(components) > 3 else "").split("&")[:2])  # noqa: PLR2004
    return found - {""}


def _foreign_identifier(answer: Answer) -> str | None:
    """An identifier in the request that nobody assigned here, or of a domain that is not known."""
    issues = [each for each in answer.resource.get("issue") or () if each.get("code") in UNKNOWN_ISSUES]
    if not issues or answer.resource.get("resourceType") != "OperationOutcome":
        return None
    return f"its identifiers belong to another installation: {issues[0].get('diagnostics') or ''}"


def _expired_assertion(request: str) -> str | None:
    found = re.search(r"<(?:\w+:)?Conditions\b[^>]*NotOnOrAfter=\"([^\"]+)", request)
    if found and found[1] < datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"):
        return f"its assertion is a sample that was valid until {found[1]}"
    return None


def _scheme(tag: str) -> str:
    return _attribute(tag, "identificationScheme")


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"\b{name}\s*=\s*(\"[^\"]*\"|'[^']*')", tag)
    return found[1][1:-1] if found else ""
