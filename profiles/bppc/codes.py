"""Identifiers of Basic Patient Privacy Consents (ITI TF-3 5.1)."""

from __future__ import annotations

HL7 = "urn:hl7-org:v3"
LOINC = "2.16.840.1.113883.6.1"
FORMAT_SCHEME = "1.3.6.1.4.1.19376.1.2.3"

# Templates of the document (5.1.2.1, 5.1.3.1) and of its service events (5.1.2.1.1.1.4).
MEDICAL_DOCUMENT = "1.3.6.1.4.1.19376.1.5.3.1.1.1"
ACKNOWLEDGEMENT = "1.3.6.1.4.1.19376.1.5.3.1.1.7"
SCANNED_ACKNOWLEDGEMENT = "1.3.6.1.4.1.19376.1.5.3.1.1.7.1"
CONSENT_EVENT = "1.3.6.1.4.1.19376.1.5.3.1.2.6"

PRIVACY_POLICY_ACKNOWLEDGEMENT = "57016-8"
"""LOINC code of the class (5.1.2.2)."""
FORMER_CLASS = "Consent"
"""Class code of earlier editions of the profile, in any scheme."""
