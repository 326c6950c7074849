"""Error and warning codes of a Document Recipient (ITI TF-3 Table 4.2.4.1-2)."""

from __future__ import annotations

from types import MappingProxyType

from gateway.errors import Meaning, Problem
from profiles.xds.errors import REPOSITORY_CODES

RECIPIENT_CODES = MappingProxyType(
    {
        **REPOSITORY_CODES,
        Meaning.METADATA_INVALID: "XDSRepositoryMetadataError",
        Meaning.PARTIAL_FOLDER: "PartialFolderContentNotProcessed",
        Meaning.PARTIAL_APPEND: "PartialAppendContentNotProcessed",
        Meaning.PARTIAL_RELATIONSHIP: "PartialRelationshipContentNotProcessed",
        Meaning.PARTIAL_REPLACE: "PartialReplaceContentNotProcessed",
        Meaning.PARTIAL_TRANSFORM: "PartialTransformNotProcessed",
        Meaning.PARTIAL_TRANSFORM_REPLACE: "PartialTransformReplaceNotProcessed",
    }
)
"""Codes a Document Recipient gives; XDSRepositoryError where there is no finer one."""


def recipient_code(problem: Problem) -> str:
    """The errorCode of a recipient for a problem."""
    return RECIPIENT_CODES.get(problem.meaning, "XDSRepositoryError")
