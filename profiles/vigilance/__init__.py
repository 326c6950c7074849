"""Identity vigilance: people decide who is whom, over FHIR R4. Transactions of our own, not of IHE."""
