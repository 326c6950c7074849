"""Registry error codes (ITI TF-3 Table 4.2.4.1-2) for what the engine names by meaning."""

from __future__ import annotations

from types import MappingProxyType

from gateway.errors import Meaning, Problem

_REGISTRY = {
    Meaning.METADATA_INVALID: "XDSRegistryMetadataError",
    Meaning.UNKNOWN_PATIENT: "XDSUnknownPatientId",
    Meaning.PATIENT_MISMATCH: "XDSPatientIdDoesNotMatch",
    Meaning.DUPLICATE_IN_MESSAGE: "XDSRegistryDuplicateUniqueIdInMessage",
    Meaning.DUPLICATE_IN_REGISTRY: "XDSDuplicateUniqueIdInRegistry",
    Meaning.DIFFERENT_HASH: "XDSNonIdenticalHash",
    Meaning.DIFFERENT_SIZE: "XDSNonIdenticalSize",
    Meaning.UNRESOLVED_REFERENCE: "UnresolvedReferenceException",
    Meaning.DEPRECATED_TARGET: "XDSRegistryDeprecatedDocumentError",
    Meaning.MISSING_DOCUMENT: "XDSMissingDocument",
    Meaning.MISSING_METADATA: "XDSMissingDocumentMetadata",
    Meaning.CONTENT_MISMATCH: "XDSRepositoryMetadataError",
    Meaning.UNKNOWN_REPOSITORY: "XDSUnknownRepositoryId",
    Meaning.UNKNOWN_DOCUMENT: "XDSDocumentUniqueIdError",
    Meaning.UNKNOWN_QUERY: "XDSUnknownStoredQuery",
    Meaning.MISSING_PARAMETER: "XDSStoredQueryMissingParam",
    Meaning.PARAMETER_COUNT: "XDSStoredQueryParamNumber",
    Meaning.SEVERAL_PATIENTS: "XDSResultNotSinglePatient",
    Meaning.TOO_MANY_RESULTS: "XDSTooManyResults",
    Meaning.OBJECT_TYPE: "XDSObjectTypeError",
    Meaning.UNKNOWN_COMMUNITY: "XDSUnknownCommunity",
    Meaning.EXTRA_NOT_SAVED: "XDSExtraMetadataNotSaved",
    Meaning.UPDATE: "XDSMetadataUpdateError",
    Meaning.UPDATE_OPERATION: "XDSMetadataUpdateOperationError",
    Meaning.UPDATE_VERSION: "XDSMetadataVersionError",
    Meaning.UPDATE_IDENTIFIER: "XDSMetadataIdentifierError",
    Meaning.UPDATE_PATIENT: "XDSPatientIDReconciliationError",
    Meaning.UPDATE_ANNOTATION: "XDSMetadataAnnotationError",
    Meaning.INVALID_REQUEST: "XDSInvalidRequestException",
    Meaning.UNMODIFIABLE: "UnmodifiableMetadataError",
    Meaning.LOCAL_POLICY: "LocalPolicyRestrictionError",
    Meaning.REFERENCES_EXIST: "ReferencesExistException",
    Meaning.UNREFERENCED_OBJECT: "XDSUnreferencedObjectException",
    Meaning.REMOVAL: "XDSRemoveDocumentsError",
    Meaning.BUSY: "XDSRegistryBusy",
    Meaning.OUT_OF_RESOURCES: "XDSRegistryOutOfResources",
}
REGISTRY_CODES = MappingProxyType(_REGISTRY)
"""Codes a Document Registry gives; XDSRegistryError where there is no finer one."""

REPOSITORY_CODES = MappingProxyType(
    _REGISTRY
    | {
        Meaning.DUPLICATE_IN_MESSAGE: "XDSRepositoryDuplicateUniqueIdInMessage",
        Meaning.BUSY: "XDSRepositoryBusy",
        Meaning.OUT_OF_RESOURCES: "XDSRepositoryOutOfResources",
    }
)
"""Codes a Document Repository gives; XDSRepositoryError where there is no finer one."""


def registry_code(problem: Problem) -> str:
    """The errorCode of a registry for a problem."""
    return REGISTRY_CODES.get(problem.meaning, "XDSRegistryError")


def repository_code(problem: Problem) -> str:
    """The errorCode of a repository for a problem."""
    return REPOSITORY_CODES.get(problem.meaning, "XDSRepositoryError")
