"""Identifiers of APPC: XACML 2.0, its functions, attributes and actions (ITI TF-3 5.6)."""

from __future__ import annotations

from types import MappingProxyType

XACML = "urn:oasis:names:tc:xacml:2.0:policy:schema:os"
HL7 = "urn:hl7-org:v3"
LOINC = "2.16.840.1.113883.6.1"
FORMAT_SCHEME = "1.3.6.1.4.1.19376.1.2.3"
PRIVACY_POLICY_ACKNOWLEDGEMENT = "57016-8"

# Data types (XACML 2.0 core B.3; APPC 5.6.2).
_XS = "http://www.w3.org/2001/XMLSchema#"
STRING, URI, DATE, DATE_TIME = f"{_XS}string", f"{_XS}anyURI", f"{_XS}date", f"{_XS}dateTime"
CV, II = f"{HL7}#CV", f"{HL7}#II"

# Functions (XACML 2.0 core A.3; APPC 5.6.2) and the type of both arguments.
_V1 = "urn:oasis:names:tc:xacml:1.0:function:"
STRING_EQUAL, URI_EQUAL = f"{_V1}string-equal", f"{_V1}anyURI-equal"
CV_EQUAL, II_EQUAL = f"{HL7}:function:CV-equal", f"{HL7}:function:II-equal"
FROM_DAY, UNTIL_DAY = f"{_V1}date-less-than-or-equal", f"{_V1}date-greater-than-or-equal"
FROM, UNTIL = f"{_V1}dateTime-less-than-or-equal", f"{_V1}dateTime-greater-than-or-equal"
BEFORE = f"{_V1}dateTime-greater-than"
FUNCTIONS = MappingProxyType(
    {
        STRING_EQUAL: STRING,
        URI_EQUAL: URI,
        CV_EQUAL: CV,
        II_EQUAL: II,
        FROM_DAY: DATE,
        UNTIL_DAY: DATE,
        FROM: DATE_TIME,
        UNTIL: DATE_TIME,
        BEFORE: DATE_TIME,
    }
)

# Attributes (ITI TF-2 3.40.4.1.2, APPC 5.6.2).
SUBJECT_ID = "urn:oasis:names:tc:xacml:1.0:subject:subject-id"
ORGANISATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
NATIONAL_PROVIDER_ID = "urn:oasis:names:tc:xspa:1.0:subject:npi"
PROVIDER_ID = "urn:ihe:iti:xua:2017:subject:provider-identifier"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
PATIENT_ID = "urn:ihe:iti:ser:2016:patient-id"
RESOURCE_ID = "urn:oasis:names:tc:xacml:1.0:resource:resource-id"
FOLDER_ID = "urn:ihe:iti:appc:2016:document-entry:related-folder:id"
ACTION_ID = "urn:oasis:names:tc:xacml:1.0:action:action-id"
CURRENT_DATE = "urn:oasis:names:tc:xacml:1.0:environment:current-date"
CURRENT_TIME = "urn:oasis:names:tc:xacml:1.0:environment:current-dateTime"
ACCESS_SUBJECT = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject"

ALWAYS_THERE = frozenset(
    {SUBJECT_ID, PURPOSE, PATIENT_ID, RESOURCE_ID, ACTION_ID, CURRENT_DATE, CURRENT_TIME}
)
"""Attributes that no request for a document lacks."""

# Actions by which documents are read: the response of each transaction (APPC 5.6.2).
QUERY = "urn:ihe:iti:2007:RegistryStoredQueryResponse"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSetResponse"
QUERY_MANY = "urn:ihe:iti:2009:MultiPatientStoredQueryResponse"
READING = frozenset({QUERY, RETRIEVE})
READING_ANYHOW = READING | {QUERY_MANY}
READING_ELSEWHERE = frozenset(
    {"urn:ihe:iti:2007:CrossGatewayQueryResponse", "urn:ihe:iti:2007:CrossGatewayRetrieveResponse"}
)
WRITING = frozenset(
    {"urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b", "urn:ihe:iti:2007:RegisterDocumentSet-b"}
)

# Combining algorithms (XACML 2.0 core C), by their last part.
DENY_WINS = frozenset({"deny-overrides", "ordered-deny-overrides"})
PERMIT_WINS = frozenset({"permit-overrides", "ordered-permit-overrides"})
FIRST_WINS = "first-applicable"
ALGORITHM_PREFIXES = (
    "urn:oasis:names:tc:xacml:1.0:{}-combining-algorithm:",
    "urn:oasis:names:tc:xacml:1.1:{}-combining-algorithm:",
)
