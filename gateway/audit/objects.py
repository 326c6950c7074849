"""Participant objects of an audit message: what was read, written or asked (DICOM PS3.15 A.5.1)."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha256
from typing import NamedTuple

from gateway.declare.events import ACCESS_DECISION, DCM, SECURITY_CONFIGURATION
from gateway.declare.transaction import Deed
from gateway.record.people import Code, PatientId

QUERY_LIMIT = 64 * 1024
"""Bytes of a query that are recorded as they are; a longer one leaves its hash and size (AUD-08)."""

Details = tuple[tuple[str, str], ...]
"""ParticipantObjectDetail: type and value in clear; the message carries the value as base64 of UTF-8."""

RFC3881 = "RFC-3881"
PATIENT_NUMBER = Code("2", RFC3881, "Patient Number")
REPORT_NUMBER = Code("9", RFC3881, "Report Number")
SEARCH_CRITERIA = Code("10", RFC3881, "Search Criteria")
URI = Code("12", RFC3881, "URI")
NODE_ID = Code("110182", DCM, "Node ID")
SUBMISSION_SET_NODE = Code(
    "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
    "IHE XDS Metadata",
    "submission set classificationNode",
)
UNKNOWN_OBJECT = Code("entryUUID", "IHE XDS Metadata", "registry object")
DELETED, ERASED = "14", "15"
"""ParticipantObjectDataLifeCycle: logical deletion, permanent erasure (RFC 3881 5.5.3)."""
TRACE_ID = Code(
    "XrequestId", "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "X-Request-Id"
)

RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
"""The coding scheme of what a resource is (BALP)."""

IDENTIFIER_TYPE_DETAIL = "urn:ihe:iti:xpid:2017:patientIdentifierType"
REPOSITORY_DETAIL = "Repository Unique ID"
HOME_DETAIL = "ihe:homeCommunityID"
QUERY_HOME_DETAIL = "urn:ihe:iti:xca:2010:homeCommunityId"
ENCODING_DETAIL = "QueryEncoding"
PATIENT_ID_KIND = "urn:ihe:iti:xpid:2017:patientIdentifierType"
"""Detail of ITI-64: whose the identifier is, and whether it is the new one or the one before."""

_PERSON, _SYSTEM = "1", "2"
_PATIENT, _REPORT, _LIST, _SECURITY_RESOURCE, _JOB, _QUERY = "1", "3", "7", "13", "20", "24"


class AuditObject(NamedTuple):
    """One ParticipantObjectIdentification. `query` is base64; at most one of `name` and `query`."""

    identifier: str
    id_type: Code
    type_code: str
    role: str
    name: str | None = None
    query: str | None = None
    details: Details = ()
    life_cycle: str | None = None


def patient_object(
    patient: PatientId | str, details: Details = (), *, life_cycle: str | None = None
) -> AuditObject:
    """The patient, as CX `id^^^&oid&ISO`; feeds add the message id as Detail MSH-10 or II."""
    return AuditObject(
        str(patient), PATIENT_NUMBER, _PERSON, _PATIENT, details=details, life_cycle=life_cycle
    )


def submission_set_object(
    unique_id: str, home: str | None = None, *, id_type: Code = SUBMISSION_SET_NODE
) -> AuditObject:
    """A submission set by its uniqueId; `home` is the homeCommunityId in cross-community transactions.

    On a medium the transaction is its `id_type` (ITI TF-2 3.32.5).
    """
    details = ((QUERY_HOME_DETAIL, home),) if home else ()
    return AuditObject(unique_id, id_type, _SYSTEM, _JOB, details=details)


def document_object(
    unique_id: str, repository: str | None, home: str | None = None, *, life_cycle: str | None = None
) -> AuditObject:
    """A document by uniqueId and repositoryUniqueId; `life_cycle` "14" or "15" when it was removed."""
    details: Details = ((REPOSITORY_DETAIL, repository),) if repository else ()
    if home:
        details += ((HOME_DETAIL, home),)
    return AuditObject(unique_id, REPORT_NUMBER, _SYSTEM, _REPORT, details=details, life_cycle=life_cycle)


def registry_object(uuid: str, kind: Code) -> AuditObject:
    """A removed registry object by its entryUUID, with what it was (RMD 3.62.5.1)."""
    return AuditObject(uuid, kind, _SYSTEM, _REPORT, life_cycle=DELETED)


def resource_object(logical_id: str, kind: Code) -> AuditObject:
    """A FHIR resource by its logical id, with its type (BALP 3:5.7.4)."""
    return AuditObject(logical_id, kind, _SYSTEM, _REPORT)


def query_object(
    identifier: str,
    transaction: Code,
    text: bytes,
    *,
    encoding: str = "UTF-8",
    home: str | None = None,
    details: Details = (),
) -> AuditObject:
    """A query as it was received, with the transaction as its type (EV("ITI-18", …)).

    Above QUERY_LIMIT the text is replaced by Details with its SHA-256 (hex) and size (bytes).
    """
    details = ((ENCODING_DETAIL, encoding), *details)
    if home:
        details += ((QUERY_HOME_DETAIL, home),)
    if len(text) > QUERY_LIMIT:
        details += (("QuerySHA256", sha256(text).hexdigest()), ("QuerySize", str(len(text))))
        return AuditObject(identifier, transaction, _SYSTEM, _QUERY, details=details)
    query = b2a_base64(text, newline=False).decode("ascii")
    return AuditObject(identifier, transaction, _SYSTEM, _QUERY, query=query, details=details)


def decision_object(reason: str, rule: str, policy_version: str) -> AuditObject:
    """The rights decision (110147) inside the event of its transaction, with the reason code."""
    details = (("reason", reason), ("rule", rule))
    return AuditObject(policy_version, ACCESS_DECISION, _SYSTEM, _SECURITY_RESOURCE, details=details)


def deed_object(deed: Deed) -> AuditObject:
    """What one of several operations was done to."""
    return AuditObject(
        deed.identifier,
        deed.id_type,
        deed.type_code,
        deed.role,
        details=deed.details,
        life_cycle=deed.life_cycle,
    )


def alert_subject_object(identifier: str, description: str) -> AuditObject:
    """What a security alert is about, such as an address or a node (DICOM PS3.15 A.5.3.11)."""
    details = (("Alert Description", description),)
    return AuditObject(identifier, NODE_ID, _SYSTEM, _SECURITY_RESOURCE, details=details)


def policy_object(version: str, details: Details = ()) -> AuditObject:
    """A version of the rights policy, with who proposed and who approved it."""
    return AuditObject(version, SECURITY_CONFIGURATION, _SYSTEM, _SECURITY_RESOURCE, details=details)


def audit_log_object(uri: str, details: Details = (), *, life_cycle: str | None = None) -> AuditObject:
    """The audit trail itself, by its address or the name of its log (DICOM PS3.15 A.5.3.2)."""
    return AuditObject(
        uri, URI, _SYSTEM, _SECURITY_RESOURCE, "Security Audit Log", details=details, life_cycle=life_cycle
    )


def left_out_object(objects: tuple[AuditObject, ...]) -> AuditObject:
    """Stands for objects above the limit of a message: their number and a hash over their ids (AUD-08)."""
    digest = sha256()
    for each in objects:
        digest.update(each.identifier.encode("utf-8", "replace") + b"\n")
    details = (("LeftOutSHA256", digest.hexdigest()), ("LeftOutCount", str(len(objects))))
    return AuditObject("left-out", SEARCH_CRITERIA, _SYSTEM, _LIST, details=details)
