"""Identifiers of XCPD (ITI TF-2 3.55, 3.56)."""

from __future__ import annotations

from typing import Final

XCPD: Final = "urn:ihe:iti:xcpd:2009"
"""Namespace of the service contract and of the Patient Location Query (3.55.5, 3.56.4)."""

SCHEMA: Final = "xcpd"
QUERY, ANSWER = "PRPA_IN201305UV02", "PRPA_IN201306UV02"
TRANSACTION: Final = "CrossGatewayPatientDiscovery"
DEFERRED: Final = f"Deferred:{TRANSACTION}"
MATCH: Final = "IHE_PDQ"
"""Code of queryMatchObservation."""

WANTED: Final = "1.3.6.1.4.1.19376.1.2.27.1"
"""Code system of the attributes that would help (3.55.4.2.2.6)."""

LOCATOR: Final = "1.3.6.1.4.1.19376.1.2.27.2"
"""Code system of whether a community answers ITI-56 (3.55.4.2.2.4)."""

REASON: Final = "1.3.6.1.4.1.19376.1.2.27.3"
"""Code system of why there is no answer (3.55.4.2.2.7)."""

HOME_DETAIL: Final = "ihe:homeCommunityID"
"""Detail of the query in the audit; written so in the standard (3.55.5)."""

LOCATES, LOCATES_NOT = "SupportsHealthDataLocator", "NotHealthDataLocator"
GENDER: Final = "LivingSubjectAdministrativeGenderRequested"
ADDRESS: Final = "PatientAddressRequested"
TELECOM: Final = "PatientTelecomRequested"
BIRTH_PLACE_NAME: Final = "LivingSubjectBirthPlaceNameRequested"
BIRTH_PLACE_ADDRESS: Final = "LivingSubjectBirthPlaceAddressRequested"
MAIDEN_NAME: Final = "MothersMaidenNameRequested"
BUSY, NOT_AVAILABLE, INTERNAL = "ResponderBusy", "AnswerNotAvailable", "InternalError"
