"""Names of SAML attributes of a user assertion (ITI TF-2 3.40.4.1.2, XSPA), written and read here."""

from __future__ import annotations

from typing import Final

SUBJECT_NAME: Final = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ORGANISATION_NAME: Final = "urn:oasis:names:tc:xspa:1.0:subject:organization"
ORGANISATION_ID: Final = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
NATIONAL_PROVIDER_ID: Final = "urn:oasis:names:tc:xspa:1.0:subject:npi"
PROVIDER_ID: Final = "urn:ihe:iti:xua:2017:subject:provider-identifier"
ROLE: Final = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE: Final = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
PATIENT: Final = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
HOME_COMMUNITY: Final = "urn:ihe:iti:xca:2010:homeCommunityId"
EMERGENCY_REASON: Final = "urn:passerelle:emergency-reason"
ON_BEHALF_OF: Final = "urn:passerelle:on-behalf-of"

OID_URN: Final = "urn:oid:"
HL7: Final = "urn:hl7-org:v3"
