"""What can go wrong, named by meaning. Only the bindings know faults and status codes.

Every text given here may reach the caller: it says what was wrong, where, and what was expected,
and never carries patient data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique


class GatewayError(Exception):
    """Base of every refusal. `detail` is for the caller; `location` names the place in the message."""

    def __init__(self, detail: str, *, location: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.location = location


# --- the node (ITI-19) -------------------------------------------------------------------------


class NodeRefused(GatewayError):
    """The peer certificate belongs to no enrolled, unblocked node of this environment."""


class NodeNotPermitted(GatewayError):
    """The node is known, but not enrolled for this transaction."""


# --- operators ---------------------------------------------------------------------------------


class OperatorRefused(GatewayError):
    """An operator who is not let in, or not for this. `reason` is for the operators' trail only."""

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason


# --- the envelope ------------------------------------------------------------------------------


class TooLarge(GatewayError):
    """A size limit was passed (security limits table); HTTP 413, or a closed connection."""


class TooComplex(GatewayError):
    """A limit of depth, width or count was passed."""


class Malformed(GatewayError):
    """The message is not well-formed: XML, MIME, JSON or HL7 v2 syntax."""


class Incomplete(Malformed):
    """The connection ended before the message did: nobody is left to be answered."""


class MediaTypeUnsupported(GatewayError):
    """Content type, charset or content encoding that this endpoint does not take."""


class EnvelopeVersion(GatewayError):
    """A SOAP 1.1 envelope came to a SOAP 1.2 endpoint (SOAP 1.2 part 1 section 5.4.7)."""


class HeaderNotUnderstood(GatewayError):
    """A mandatory header is unknown; `location` is its name in Clark notation."""


class AddressingInvalid(GatewayError):
    """A WS-Addressing header is missing or has a value that is not accepted here."""


class AnonymousOnly(AddressingInvalid):
    """Another reply address than the connection, for a transaction that has none."""


class ReplyAddressRefused(AddressingInvalid):
    """A reply address that the node is not enrolled with; `address` is for the audit only."""

    def __init__(self, detail: str, *, location: str, address: str) -> None:
        super().__init__(detail, location=location)
        self.address = address


class ReplyUndeliverable(GatewayError):
    """A reply that cannot be kept for a later delivery; nothing was done, ask for it on the connection."""


class ActionMismatch(GatewayError):
    """wsa:Action, the action parameter and the Body do not name the same transaction."""


class TransactionUnknown(GatewayError):
    """Nothing is declared for this wire key (action, path or trigger) at this endpoint."""


class MethodRefused(GatewayError):
    """The path is known, but not with this method; `allowed` are those it takes (RFC 9110 15.5.6)."""

    def __init__(self, detail: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(detail, location="method")
        self.allowed = allowed


# --- message security --------------------------------------------------------------------------


class SecurityHeaderInvalid(GatewayError):
    """The security header is malformed, or a required signature is missing (wsse:InvalidSecurity)."""


class SignatureBroken(GatewayError):
    """A digest, signature or coverage does not hold, or a message was replayed (wsse:FailedCheck)."""


class AlgorithmRefused(GatewayError):
    """An algorithm outside the allow-list (wsse:UnsupportedAlgorithm)."""


class SignerRefused(GatewayError):
    """The signer or issuer is not the one that is trusted here (wsse:FailedAuthentication)."""


class KeyNotHeld(SignerRefused):
    """An assertion names a key that its sender does not hold: it was made for somebody else."""


class OtherPatient(SignerRefused):
    """The assertion was issued for another patient than the one that the request names."""


class MessageStale(GatewayError):
    """The message timestamp is outside its window (wsse:MessageExpired)."""


class TokenInvalid(GatewayError):
    """An assertion or token breaks its conditions or structure (wsse:InvalidSecurityToken)."""


class TokenAbused(TokenInvalid):
    """An assertion that was used before, or is written so that two readers would see different texts."""


class TokenUnsupported(GatewayError):
    """A token of a kind that is not taken here (wsse:UnsupportedSecurityToken)."""


class TokenMissing(GatewayError):
    """No assertion or token where the node must send one (wsse:InvalidSecurity, HTTP 401)."""


class ScopeMissing(GatewayError):
    """The token is good, but was not granted for this transaction; `scopes` would be enough, each alone."""

    def __init__(self, detail: str, *, scopes: tuple[str, ...]) -> None:
        super().__init__(detail, location="scope")
        self.scopes = scopes


# --- the application ---------------------------------------------------------------------------


class SchemaInvalid(GatewayError):
    """The payload does not follow its schema; a protocol error, not a registry error."""


class Denied(GatewayError):
    """The rights engine said no. The reason goes to the audit; the caller gets a neutral text."""

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Busy(GatewayError):
    """A resource that must be written cannot be written now; nothing was kept, try again."""


class NoRoom(Busy):
    """The audit trail has no room left: nothing is done that could not be audited (ITI TF-2 3.20)."""


class Outdated(Busy):
    """What a request has read was changed before it could write; the same request may succeed at once."""


class Defect(GatewayError):
    """A programming or configuration error; never says more than its trace id to the caller."""


class KeyUnreadable(Defect):
    """A key of the record does not open with the keys that we have; nothing is read or written without it."""


@unique
class Meaning(Enum):
    """Why a well-formed request of an authorized caller is refused; profiles give each its code."""

    METADATA_INVALID = "metadata-invalid"
    UNKNOWN_PATIENT = "unknown-patient"
    PATIENT_MISMATCH = "patient-mismatch"
    DUPLICATE_IN_MESSAGE = "duplicate-in-message"
    DUPLICATE_IN_REGISTRY = "duplicate-in-registry"
    DIFFERENT_HASH = "different-hash"
    DIFFERENT_SIZE = "different-size"
    UNRESOLVED_REFERENCE = "unresolved-reference"
    DEPRECATED_TARGET = "deprecated-target"
    MISSING_DOCUMENT = "missing-document"
    MISSING_METADATA = "missing-metadata"
    CONTENT_MISMATCH = "content-mismatch"
    UNKNOWN_REPOSITORY = "unknown-repository"
    UNKNOWN_DOCUMENT = "unknown-document"
    UNKNOWN_QUERY = "unknown-query"
    MISSING_PARAMETER = "missing-parameter"
    PARAMETER_COUNT = "parameter-count"
    SEVERAL_PATIENTS = "several-patients"
    TOO_MANY_RESULTS = "too-many-results"
    TOO_WIDE = "too-wide"
    OBJECT_TYPE = "object-type"
    UNKNOWN_COMMUNITY = "unknown-community"
    EXTRA_NOT_SAVED = "extra-not-saved"
    # what a recipient leaves out of a submission
    PARTIAL_FOLDER = "partial-folder"
    PARTIAL_APPEND = "partial-append"
    PARTIAL_RELATIONSHIP = "partial-relationship"
    PARTIAL_REPLACE = "partial-replace"
    PARTIAL_TRANSFORM = "partial-transform"
    PARTIAL_TRANSFORM_REPLACE = "partial-transform-replace"
    # metadata update, restricted update, removal
    UPDATE = "update"
    UPDATE_OPERATION = "update-operation"
    UPDATE_VERSION = "update-version"
    UPDATE_IDENTIFIER = "update-identifier"
    UPDATE_PATIENT = "update-patient"
    UPDATE_ANNOTATION = "update-annotation"
    INVALID_REQUEST = "invalid-request"
    UNMODIFIABLE = "unmodifiable"
    LOCAL_POLICY = "local-policy"
    REFERENCES_EXIST = "references-exist"
    UNREFERENCED_OBJECT = "unreferenced-object"
    REMOVAL = "removal"
    NOT_PERMITTED = "not-permitted"
    BUSY = "busy"
    OUT_OF_RESOURCES = "out-of-resources"
    UNREADABLE_DOCUMENT = "unreadable-document"
    GENERAL = "general"
    # HL7 v2 (table 0357)
    SEGMENT_SEQUENCE = "segment-sequence"
    REQUIRED_FIELD = "required-field"
    DATA_TYPE = "data-type"
    TABLE_VALUE = "table-value"
    UNSUPPORTED_TYPE = "unsupported-type"
    UNSUPPORTED_TRIGGER = "unsupported-trigger"
    UNSUPPORTED_PROCESSING = "unsupported-processing"
    UNSUPPORTED_VERSION = "unsupported-version"
    UNKNOWN_KEY = "unknown-key"
    DUPLICATE_KEY = "duplicate-key"
    # FHIR search
    NOT_SUPPORTED = "not-supported"
    NOT_FOUND = "not-found"
    GONE = "gone"
    NOT_ACCEPTABLE = "not-acceptable"
    # tokens and assertions (RFC 6749 5.2, RFC 8707, WS-Trust 1.3 section 11)
    CLIENT_REFUSED = "client-refused"
    CLIENT_NOT_PERMITTED = "client-not-permitted"
    GRANT_REFUSED = "grant-refused"
    GRANT_UNSUPPORTED = "grant-unsupported"
    SCOPE_REFUSED = "scope-refused"
    AUDIENCE_REFUSED = "audience-refused"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning. `context` is for a person; `location` names object, field or id."""

    meaning: Meaning
    context: str
    location: str | None = None
    warning: bool = False


class Refused(GatewayError):
    """The request was understood and is refused, in the words of its profile; nothing was stored."""

    def __init__(self, *problems: Problem) -> None:
        first = problems[0]
        super().__init__(first.context, location=first.location)
        self.problems = problems


class StoreFull(Refused):
    """A document did not fit on the disk while it came in; told in the words of the transaction."""

    def __init__(self) -> None:
        text = "the repository cannot store documents now; try again later"
        super().__init__(Problem(Meaning.OUT_OF_RESOURCES, text))


class PrivateKeySent(Refused):
    """A document is a private key or a key store: its owner must count it as known to others."""

    def __init__(self, location: str) -> None:
        text = "the document is a private key or a key store, which is not stored; take the key out of use"
        super().__init__(Problem(Meaning.GENERAL, text, location))


class SettingsInvalid(GatewayError):
    """A configuration file cannot be used; `location` is file and line."""
