"""The journal of a patient: who looked, when, at what, for whom, by which rule (GDPR Art. 15, EHDS Art. 9)."""
