"""What a transaction writes into the audit: codes and object kinds (ITI TF-2 3.20, DICOM PS3.15 A.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum, unique

from gateway.record.people import Code

DCM = "DCM"
IHE_TRANSACTIONS = "IHE Transactions"


@unique
class EventAction(Enum):
    """EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


@unique
class Outcome(IntEnum):
    """EventOutcomeIndicator."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8
    MAJOR_FAILURE = 12


@unique
class ObjectKind(Enum):
    """Which participant objects an event names."""

    PATIENT = "patient"
    SUBMISSION_SET = "submission-set"
    DOCUMENT = "document"
    QUERY = "query"
    REGISTRY_OBJECT = "registry-object"
    RESOURCE = "resource"

    # Members are equal to themselves alone, and are looked for in every exchange: no detour over the name.
    __hash__ = object.__hash__


# --- EventID -------------------------------------------------------------------------------------

APPLICATION_ACTIVITY = Code("110100", DCM, "Application Activity")
AUDIT_LOG_USED = Code("110101", DCM, "Audit Log Used")
EXPORT = Code("110106", DCM, "Export")
IMPORT = Code("110107", DCM, "Import")
PATIENT_RECORD = Code("110110", DCM, "Patient Record")
QUERY = Code("110112", DCM, "Query")
SECURITY_ALERT = Code("110113", DCM, "Security Alert")
USER_AUTHENTICATION = Code("110114", DCM, "User Authentication")
RESTFUL = Code("rest", "http://terminology.hl7.org/CodeSystem/audit-event-type", "RESTful Operation")

# --- EventTypeCode -------------------------------------------------------------------------------

APPLICATION_START = Code("110120", DCM, "Application Start")
APPLICATION_STOP = Code("110121", DCM, "Application Stop")
LOGIN = Code("110122", DCM, "Login")
LOGOUT = Code("110123", DCM, "Logout")
NODE_AUTHENTICATION = Code("110126", DCM, "Node Authentication")
EMERGENCY_STARTED = Code("110127", DCM, "Emergency Override Started")
NETWORK_CONFIGURATION = Code("110128", DCM, "Network Configuration")
SECURITY_CONFIGURATION = Code("110129", DCM, "Security Configuration")
SOFTWARE_CONFIGURATION = Code("110131", DCM, "Software Configuration")
RESTRICTED_FUNCTION = Code("110132", DCM, "Use of Restricted Function")
AUDIT_STOPPED = Code("110133", DCM, "Audit Recording Stopped")
AUDIT_STARTED = Code("110134", DCM, "Audit Recording Started")
OBJECT_SECURITY_CHANGED = Code("110135", DCM, "Object Security Attributes Changed")
ROLES_CHANGED = Code("110136", DCM, "Security Roles Changed")
USER_SECURITY_CHANGED = Code("110137", DCM, "User Security Attributes Changed")
EMERGENCY_STOPPED = Code("110138", DCM, "Emergency Override Stopped")
REMOTE_SERVICE_STARTED = Code("110139", DCM, "Remote Service Operation Started")
REMOTE_SERVICE_STOPPED = Code("110140", DCM, "Remote Service Operation Stopped")
ACCESS_DECISION = Code("110147", DCM, "Access Control Decision")

# What DICOM has no code for; the alerts as the attack cases name them.
MESSAGE_SECURITY = Code("message-security", "2.999.1.2", "Message Security Failure")
PROTOCOL_ABUSE = Code("protocol-abuse", "2.999.1.2", "Resource or Protocol Abuse")
REPLY_DELIVERED = Code("reply-delivered", "2.999.1.2", "Asynchronous Reply Delivered")
REPLY_GIVEN_UP = Code("reply-given-up", "2.999.1.2", "Asynchronous Reply Given Up")
NOTIFICATION_GIVEN_UP = Code("notification-given-up", "2.999.1.2", "Notification Given Up")
DOSSIER_MADE = Code("dossier-made", "2.999.1.2", "Dossier of an Exchange Made")
TRAIL_ERASED = Code("trail-erased", "2.999.1.2", "Trail Erased after Retention")
HOLD_CHANGED = Code("hold-changed", "2.999.1.2", "Legal Hold Changed")
ERASING_ASKED = Code("erasing-asked", "2.999.1.2", "Erasing of the Trail Asked For")
AUDIT_GIVEN_UP = Code("audit-given-up", "2.999.1.2", "Audit Event Not Taken by a Receiver")
AUDIT_FILLING = Code("audit-filling", "2.999.1.2", "Audit Trail Nearly Full")
AUDIT_DELAYED = Code("audit-delayed", "2.999.1.2", "Audit Trail Not Delivered")
CERTIFICATE_EXPIRING = Code("certificate-expiring", "2.999.1.2", "Certificate Nearly Expired")
CONTENT_UNREADABLE = Code("content-unreadable", "2.999.1.2", "Stored Content Not Readable")
PRIVATE_KEY_SENT = Code("private-key-sent", "2.999.1.2", "Private Key Received")
EMERGENCIES_EXCEEDED = Code("emergencies-exceeded", "2.999.1.2", "Too Many Emergency Accesses")
WATCH_ALERT = Code("watch-alert", "2.999.1.2", "Alert of the Watch")
INCIDENT_STEP = Code("incident-step", "2.999.1.2", "Handling of an Incident")

# --- RoleIDCode ----------------------------------------------------------------------------------

APPLICATION = Code("110150", DCM, "Application")
APPLICATION_LAUNCHER = Code("110151", DCM, "Application Launcher")
DESTINATION = Code("110152", DCM, "Destination Role ID")
SOURCE = Code("110153", DCM, "Source Role ID")

# --- MediaType (DICOM CID 405) -------------------------------------------------------------------

FILE_AT_URI = Code("110037", DCM, "URI")
"""A medium that comes or goes as a file, by the URL of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One transaction in the audit of both its sides.

    `received` is what the responder records, `sent` what the initiator does. `from_responder` is true
    where the data flow back (retrieve): then the responder is the source of the event (ITI TF-2 3.43.5).
    `media` is the kind of medium that stands for the other side (ITI TF-2 3.32.5).
    """

    type: Code
    received: Code
    received_action: EventAction
    sent: Code
    sent_action: EventAction
    objects: frozenset[ObjectKind]
    from_responder: bool = False
    media: Code | None = None


def transaction_type(code: str, title: str) -> Code:
    """EV("ITI-nn", "IHE Transactions", title)."""
    return Code(code, IHE_TRANSACTIONS, title)


def query_event(code: str, title: str) -> AuditEvent:
    """Query, E on both sides, as ITI-18, 9, 21, 38, 45, 47 and PHARM-1 record it."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=QUERY,
        received_action=EventAction.EXECUTE,
        sent=QUERY,
        sent_action=EventAction.EXECUTE,
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.QUERY}),
    )


def submission_event(
    code: str,
    title: str,
    *,
    received_action: EventAction = EventAction.CREATE,
    sent_action: EventAction = EventAction.READ,
) -> AuditEvent:
    """Import at the receiver and Export at the sender, as ITI-41, 42, 61 and 65; ITI-57 and 92 give U."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=IMPORT,
        received_action=received_action,
        sent=EXPORT,
        sent_action=sent_action,
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.SUBMISSION_SET}),
    )


def retrieve_event(code: str, title: str) -> AuditEvent:
    """Export R at the server, which is the source; Import C at the client, as ITI-43, 39 and 68."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=EXPORT,
        received_action=EventAction.READ,
        sent=IMPORT,
        sent_action=EventAction.CREATE,
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.DOCUMENT}),
        from_responder=True,
    )


def media_event(code: str, title: str, *, creates: bool) -> AuditEvent:
    """Export R where we write a medium, Import C where we read one, as ITI-32."""
    event = submission_event(code, title)
    if creates:
        event = replace(
            event,
            received=EXPORT,
            received_action=EventAction.READ,
            sent=IMPORT,
            sent_action=EventAction.CREATE,
            from_responder=True,
        )
    return replace(event, media=FILE_AT_URI)


def patient_event(code: str, title: str, action: EventAction) -> AuditEvent:
    """Patient Record C, U or D on both sides, as the identity feeds ITI-8, 30, 44, 93 and 104."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=PATIENT_RECORD,
        received_action=action,
        sent=PATIENT_RECORD,
        sent_action=action,
        objects=frozenset({ObjectKind.PATIENT}),
    )


def notification_event(code: str, title: str, sent_action: EventAction) -> AuditEvent:
    """Patient Record where we tell of changed persons: U at the receiver, as ITI-10, 46 and 64."""
    event = patient_event(code, title, EventAction.UPDATE)
    return replace(event, sent_action=sent_action)


def rest_event(code: str, title: str, action: EventAction) -> AuditEvent:
    """A RESTful operation C, R, U or D on a resource that is no record of a patient, on both sides (BALP)."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=RESTFUL,
        received_action=action,
        sent=RESTFUL,
        sent_action=action,
        objects=frozenset({ObjectKind.QUERY}),
    )


def resource_event(code: str, title: str, action: EventAction) -> AuditEvent:
    """A RESTful operation C, R, U, D, or E for a search, on a resource about a patient (BALP 3:5.7.4)."""
    objects = {ObjectKind.PATIENT, ObjectKind.RESOURCE}
    if action is EventAction.EXECUTE:
        objects = {ObjectKind.PATIENT, ObjectKind.QUERY}
    return replace(rest_event(code, title, action), objects=frozenset(objects))


def authentication_event(code: str, title: str, scheme: str = "IHE Transactions") -> AuditEvent:
    """User Authentication E on both sides: who got a token or an assertion, for which patient."""
    return AuditEvent(
        type=Code(code, scheme, title),
        received=USER_AUTHENTICATION,
        received_action=EventAction.EXECUTE,
        sent=USER_AUTHENTICATION,
        sent_action=EventAction.EXECUTE,
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.QUERY}),
    )


def removal_event(code: str, title: str, removed: ObjectKind) -> AuditEvent:
    """Patient Record D on both sides, naming the objects removed, as ITI-62 and 86."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=PATIENT_RECORD,
        received_action=EventAction.DELETE,
        sent=PATIENT_RECORD,
        sent_action=EventAction.DELETE,
        objects=frozenset({ObjectKind.PATIENT, removed}),
    )


def audit_use_event(code: str, title: str) -> AuditEvent:
    """Audit Log Used R, as ITI-81 and 82 (RESTful ATNA 3.81.5); the patients are those named."""
    return AuditEvent(
        type=transaction_type(code, title),
        received=AUDIT_LOG_USED,
        received_action=EventAction.READ,
        sent=AUDIT_LOG_USED,
        sent_action=EventAction.READ,
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.QUERY}),
    )
