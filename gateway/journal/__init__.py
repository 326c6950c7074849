"""The journal of a patient: who looked, when, at what, for whom, by which rule (GDPR 15, EHDS 9)."""
