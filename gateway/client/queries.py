"""The Bodies of the queries and retrieves of a document consumer (ITI-18, ITI-43)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

_RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
_XDSB = "urn:ihe:iti:xds-b:2007"
_FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
_GET_SET_AND_CONTENTS = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"


def find_body(patient: str) -> bytes:
    """The Body of an ITI-18 FindDocuments: everything Approved of a patient (CX)."""
    status = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    slots = _slot("$XDSDocumentEntryPatientId", f"'{patient}'") + _slot(
        "$XDSDocumentEntryStatus", f"('{status}')"
    )
    return (
        '<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
        '<query:ResponseOption returnComposedObjects="true" returnType="LeafClass"></query:ResponseOption>'
        f'<rim:AdhocQuery xmlns:rim="{_RIM}" id="{_FIND_DOCUMENTS}">{slots}</rim:AdhocQuery>'
        "</query:AdhocQueryRequest>"
    ).encode()


def status_body(set_id: str) -> bytes:
    """The Body of an ITI-18 GetSubmissionSetAndContents by uniqueId, for references only."""
    return (
        '<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">'
        '<query:ResponseOption returnComposedObjects="true" returnType="LeafClass"></query:ResponseOption>'
        f'<rim:AdhocQuery xmlns:rim="{_RIM}" id="{_GET_SET_AND_CONTENTS}">'
        f"{_slot('$XDSSubmissionSetUniqueId', _quoted(set_id))}</rim:AdhocQuery></query:AdhocQueryRequest>"
    ).encode()


def retrieve_body(documents: Sequence[tuple[str, str]]) -> bytes:
    """The Body of an ITI-43 for (repositoryUniqueId, uniqueId) pairs."""
    asked = "".join(
        f"<xds:DocumentRequest><xds:RepositoryUniqueId>{escape(repository)}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{escape(unique_id)}</xds:DocumentUniqueId></xds:DocumentRequest>"
        for repository, unique_id in documents
    )
    body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{_XDSB}">{asked}</xds:RetrieveDocumentSetRequest>'
    return body.encode()


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def _slot(name: str, value: str) -> str:
    listed = f"<rim:ValueList><rim:Value>{escape(value)}</rim:Value></rim:ValueList>"
    return f'<rim:Slot name="{name}">{listed}</rim:Slot>'
