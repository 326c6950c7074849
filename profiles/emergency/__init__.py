"""Emergency access: notices to patients and the review, over FHIR R4. Transactions of our own, not of IHE."""
