"""Identifiers of MHD, and code systems that FHIR and XDS name differently (MHD 2:3.65.4, FHIR R4)."""

from __future__ import annotations

from types import MappingProxyType

URI_SYSTEM = "urn:ietf:rfc:3986"
OID = "urn:oid:"
UUID = "urn:uuid:"

IDENTIFIER_TYPE = "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType"
HOME_COMMUNITY = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-HomeCommunityId"
DOCUMENT_STATUS = "http://hl7.org/fhir/document-reference-status"

# XDS coding scheme (OID) → FHIR code system.
SYSTEMS = MappingProxyType(
    {
        "2.16.840.1.113883.6.1": "http://loinc.org",
        "2.16.840.1.113883.6.96": "http://snomed.info/sct",
        "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
        "2.16.840.1.113883.6.73": "http://www.whocc.no/atc",
        "2.16.840.1.113883.6.8": "http://unitsofmeasure.org",
        "2.16.840.1.113883.5.25": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        "2.16.840.1.113883.5.4": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
        "2.16.840.1.113883.5.6": "http://terminology.hl7.org/CodeSystem/v3-ActClass",
        "2.16.840.1.113883.5.8": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "2.16.840.1.113883.5.111": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
        "1.2.840.10008.2.16.4": "http://dicom.nema.org/resources/ontology/DCM",
        "1.3.6.1.4.1.19376.1.2.3": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
    }
)
SCHEMES = MappingProxyType({system: scheme for scheme, system in SYSTEMS.items()})

# availabilityStatus ↔ DocumentReference.status (MHD table 2:3.67.4.1.2.1-1).
STATUSES = MappingProxyType({"current": "Approved", "superseded": "Deprecated"})
FHIR_STATUSES = MappingProxyType({status: code for code, status in STATUSES.items()})
DOCUMENT_STATUSES = frozenset({"current", "superseded", "entered-in-error"})

# Relation of an association → DocumentReference.relatesTo.code (MHD ConceptMap AssociationTypeVsRelatesTo).
RELATIONS = MappingProxyType(
    {
        "RPLC": "replaces",
        "XFRM_RPLC": "replaces",
        "APND": "appends",
        "XFRM": "transforms",
        "IsSnapshotOf": "transforms",
        "signs": "signs",
    }
)

# Type of a CXi that names an encounter (ITI TF-3 4.2.3.1.7).
ENCOUNTER_ID = "urn:ihe:iti:xds:2015:encounterId"

# PID-8 (HL7 table 0001) → Patient.gender.
GENDERS = MappingProxyType({"M": "male", "F": "female", "A": "other", "O": "other", "U": "unknown"})
