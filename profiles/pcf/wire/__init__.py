"""Consent resources ⇄ directives (PCF 3:6.6)."""
