"""Stored queries by name, in the words of a request."""

import pytest

from gateway.errors import Problem, Refused
from gateway.record.domain import Domain
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query.parameters import Query, read
from profiles.xds.iti18_registry_stored_query.queries import MULTI_PATIENT_QUERIES, QUERIES
from profiles.xds.iti18_registry_stored_query.table import Definition, Form
from profiles.xds.iti18_registry_stored_query.vocabulary import PARAMETERS
from profiles.xds.wire.requests import StoredQuery

ALL = {**QUERIES, **MULTI_PATIENT_QUERIES}
BY_NAME = {definition.name: definition for definition in ALL.values()}
EVERY = pytest.mark.parametrize("definition", ALL.values(), ids=lambda item: item.name)
STATUS = f"('{codes.STATUS_PREFIX}Approved')"
PATIENT = ("$XDSDocumentEntryPatientId", "'PAT-1^^^&2.999.1.1&ISO'")
BASE = (PATIENT, ("$XDSDocumentEntryStatus", STATUS))
EXAMPLES = {
    Form.TEXT: "'x'",
    Form.UUID: "'urn:uuid:1'",
    Form.CODE: "'c^^s'",
    Form.STATUS: f"'{codes.STATUS_PREFIX}Approved'",
    Form.TIME: "2026",
    Form.TYPE: f"'{codes.STABLE}'",
    Form.RELATION: f"'{codes.ASSOCIATION_TYPES['APND']}'",
    Form.AVAILABILITY: f"'{codes.AVAILABILITY_PREFIX}Online'",
    Form.LEVEL: "2",
}


def asked(
    definition: Definition | str, domain: Domain, *slots: tuple[str, ...], return_type: str = "LeafClass"
) -> Query:
    identifier = definition if isinstance(definition, str) else definition.id
    request = StoredQuery(
        identifier=identifier,
        return_type=return_type,
        home=None,
        slots=[(name, tuple(values)) for name, *values in slots],
        text=b"<q/>",
    )
    return read(request, ALL, domain)


def find(domain: Domain, *slots: tuple[str, ...]) -> Query:
    return asked(BY_NAME["FindDocuments"], domain, *BASE, *slots)


def refusal(domain: Domain, *slots: tuple[str, ...], of: str = "FindDocuments") -> list[Problem]:
    with pytest.raises(Refused) as caught:
        asked(BY_NAME[of], domain, *slots)
    return list(caught.value.problems)


def is_list(definition: Definition, name: str) -> bool:
    return name in definition.listed or (PARAMETERS[name].several and name not in definition.single)


def written(definition: Definition, name: str) -> str:
    example = EXAMPLES[PARAMETERS[name].form]
    return f"({example})" if is_list(definition, name) else example


def least(definition: Definition) -> list[tuple[str, ...]]:
    """The least that a query needs."""
    names = (*definition.required, *definition.one_of[:1], *definition.any_of[:1])
    return [(name, written(definition, name)) for name in names]
