"""Codes of presence; all are ours."""

from __future__ import annotations

from gateway.declare.transaction import Actors

SCHEME = "2.999.1.2"
"""The scheme of codes that no standard has, as in the audit."""

ACTORS = Actors("Consent Recorder", "Consent Registry")
SECTION = "Presence"
PERSON, ORGANISATION = "person", "organisation"
"""Who gets the relation: who shows the code, or all of his organisation."""
