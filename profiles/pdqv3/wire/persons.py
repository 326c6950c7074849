"""Persons as answers show them: PRPA_MT201310UV02 (ITI TF-2 3.47.4.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.record.domain import Domain
from gateway.record.patients import Person
from profiles.pdqv3 import codes
from profiles.pixv3.wire.registration import identifiers, match_observation, namespaces, registration
from profiles.pixv3.wire.text import null, patient_ii
from profiles.pixv3.wire.write_person import other_ids, person_content


def subjects(persons: Iterable[Person], domain: Domain, wanted: Sequence[str] | None) -> str:
    """A registrationEvent for each. A wanted domain in which a person has no identifier is named without."""
    names = namespaces(domain)
    return "".join(
        [
            registration(
                identifiers(each.identifiers, names),
                person_content(each.demographics, _without(each, wanted)),
                each.identifiers[0].root,
                domain.home_community,
                match=match_observation(codes.MATCH, each.score),
            )
            for each in persons
            if each.identifiers
        ]
    )


def _without(person: Person, wanted: Sequence[str] | None) -> str:
    """Identifiers that sources told of domains they do not assign, and wanted domains without any."""
    told = [each for each in person.demographics.identifiers or () if each not in person.identifiers]
    written = [(patient_ii("id", each), each.root) for each in told]
    known = {each.root for each in (*person.identifiers, *told)}
    missing = [root for root in dict.fromkeys(wanted or ()) if root not in known]
    return other_ids((*written, *((null("id", "NA"), root) for root in missing)))
