"""HTTP status, issue type and XDS error code for what the engine names by meaning (ITI TF-3 4.2.4)."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import orjson

from gateway.bindings.fhirfault import Issue, operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.bindings import FhirReply, Octets
from gateway.errors import Meaning, Problem


class _Form(NamedTuple):
    status: int
    issue: str
    code: str | None = None


_FORMS = MappingProxyType(
    {
        Meaning.METADATA_INVALID: _Form(422, "invariant", "XDSRegistryMetadataError"),
        Meaning.UNKNOWN_PATIENT: _Form(422, "not-found", "XDSUnknownPatientId"),
        Meaning.PATIENT_MISMATCH: _Form(422, "invariant", "XDSPatientIdDoesNotMatch"),
        Meaning.DUPLICATE_IN_MESSAGE: _Form(422, "duplicate", "XDSRegistryDuplicateUniqueIdInMessage"),
        Meaning.DUPLICATE_IN_REGISTRY: _Form(422, "duplicate", "XDSDuplicateUniqueIdInRegistry"),
        Meaning.DIFFERENT_HASH: _Form(422, "conflict", "XDSNonIdenticalHash"),
        Meaning.DIFFERENT_SIZE: _Form(422, "conflict", "XDSNonIdenticalSize"),
        Meaning.UNRESOLVED_REFERENCE: _Form(422, "not-found", "UnresolvedReferenceException"),
        Meaning.DEPRECATED_TARGET: _Form(422, "conflict", "XDSRegistryDeprecatedDocumentError"),
        Meaning.MISSING_DOCUMENT: _Form(422, "required", "XDSMissingDocument"),
        Meaning.MISSING_METADATA: _Form(422, "required", "XDSMissingDocumentMetadata"),
        Meaning.CONTENT_MISMATCH: _Form(422, "invariant", "XDSRepositoryMetadataError"),
        Meaning.UNKNOWN_REPOSITORY: _Form(404, "not-found", "XDSUnknownRepositoryId"),
        Meaning.UNKNOWN_DOCUMENT: _Form(404, "not-found", "XDSDocumentUniqueIdError"),
        Meaning.UNKNOWN_COMMUNITY: _Form(422, "not-found", "XDSUnknownCommunity"),
        Meaning.MISSING_PARAMETER: _Form(400, "required", "XDSStoredQueryMissingParam"),
        Meaning.PARAMETER_COUNT: _Form(400, "invalid", "XDSStoredQueryParamNumber"),
        Meaning.TOO_MANY_RESULTS: _Form(400, "too-costly", "XDSTooManyResults"),
        Meaning.EXTRA_NOT_SAVED: _Form(422, "informational", "XDSExtraMetadataNotSaved"),
        Meaning.PARTIAL_RELATIONSHIP: _Form(422, "not-found", "PartialRelationshipContentNotProcessed"),
        Meaning.NOT_PERMITTED: _Form(403, "forbidden"),
        Meaning.BUSY: _Form(503, "transient", "XDSRegistryBusy"),
        Meaning.OUT_OF_RESOURCES: _Form(503, "no-store", "XDSRepositoryOutOfResources"),
        Meaning.UNREADABLE_DOCUMENT: _Form(500, "exception", "XDSRepositoryError"),
        Meaning.DATA_TYPE: _Form(400, "invalid"),
        Meaning.NOT_SUPPORTED: _Form(400, "not-supported"),
        Meaning.NOT_FOUND: _Form(404, "not-found"),
        Meaning.GONE: _Form(410, "deleted"),
        Meaning.NOT_ACCEPTABLE: _Form(406, "not-supported"),
    }
)
_OTHER = _Form(500, "exception", "XDSRegistryError")


def outcome_reply(problems: tuple[Problem, ...]) -> FhirReply:
    """The refusal of a request; the first problem gives the HTTP status."""
    outcome = operation_outcome(issue_of(problem) for problem in problems)
    return FhirReply(_form(problems[0]).status, JSON, Octets(orjson.dumps(outcome)))


def issue_of(problem: Problem) -> Issue:
    """One issue of an OperationOutcome, with the XDS code where there is one."""
    form = _form(problem)
    return Issue(form.issue, problem.context, problem.location, form.code, problem.warning)


def _form(problem: Problem) -> _Form:
    return _FORMS.get(problem.meaning, _OTHER)
