"""IUA - Internet User Authorization: access tokens for people and systems (ITI TF-1 34)."""
