"""Names of PCF and of the code systems it uses, and the one of our own (PCF 2:3.108, 3:6.6)."""

from __future__ import annotations

from types import MappingProxyType

_PROFILES = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
BASIC, INTERMEDIATE, ADVANCED = (f"{_PROFILES}{level}" for level in ("Basic", "Intermediate", "Advanced"))
PROFILES = (BASIC, INTERMEDIATE, ADVANCED)

_POLICIES = "https://profiles.ihe.net/ITI/PCF/Policy-"
POLICY_NORMAL = f"{_POLICIES}all-normal"
DENYING_POLICIES = frozenset({f"{_POLICIES}deny", f"{_POLICIES}break-glass-only"})
"""Overarching policies under which nothing is shared but what the consent permits."""

SCOPES, PRIVACY = "http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"
PARTICIPATION, RECIPIENT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
BREAKING_GLASS = frozenset({"BTG", "ETREAT"})
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RANKS = MappingProxyType({"N": 1, "R": 2, "V": 3})
LABELS = MappingProxyType({rank: code for code, rank in RANKS.items()})
LOINC, CONSENT_DOCUMENT = "http://loinc.org", "59284-0"
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"

URI_SYSTEM, OID, UUID = "urn:ietf:rfc:3986", "urn:oid:", "urn:uuid:"

DIRECTIVE = "urn:passerelle:directive"
"""Code system of the kinds of directives, and URL of the modifier extension that gives a provision one."""
SUBJECT = "urn:passerelle:subject"
"""System of ids that have no assigning authority: the name a person logs in with."""
