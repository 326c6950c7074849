"""Authors, authenticators and recipients, whose values name persons (ITI TF-3 4.2.3.1.4, 4.2.3.2.14)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.record.documents import Author
from profiles.xds.rules import components
from profiles.xds.rules.telling import Found, invalid, personal


def authors(owner: str, found: Iterable[Author]) -> Found:
    """Each author is somebody, and every part has its form."""
    for author in found:
        if not (author.person or author.institutions or author.telecoms):
            yield invalid("an author needs a person, an institution or a telecommunication", owner)
        yield from personal(owner, "authorPerson", author.person, components.xcn)
        for value in author.institutions:
            yield from personal(owner, "authorInstitution", value, components.xon)
        for value in author.roles:
            yield from personal(owner, "authorRole", value, components.coded)
        for value in author.specialties:
            yield from personal(owner, "authorSpecialty", value, components.coded)
        for value in author.telecoms:
            yield from personal(owner, "authorTelecommunication", value, components.xtn)


def recipients(owner: str, values: Iterable[str]) -> Found:
    """For whom a submission is."""
    for value in values:
        yield from personal(owner, "intendedRecipient", value, components.recipient)
