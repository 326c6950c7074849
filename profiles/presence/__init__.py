"""Presence: a patient shows by a code who treats him, over FHIR R4. Transactions of our own, not of IHE."""
