"""HL7 V3 messages over SOAP: patients, wrappers and answers (ITI TF-2 3.44 to 3.46, Appendix O)."""
