"""One audit event as it is read again, whatever form it came in: DICOM PS3.15 A.5, or FHIR AuditEvent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.record.people import Code, PatientId

PERSON, SYSTEM, ORGANISATION, OTHER = "1", "2", "3", "4"
"""ParticipantObjectTypeCode."""

PATIENT_ROLE, QUERY_ROLE, PROCESSING_ROLE = "1", "24", "26"
"""ParticipantObjectTypeCodeRole."""

TRANSACTIONS = "IHE Transactions"
FHIR_TRANSACTIONS = "urn:ihe:event-type-code"
_DICOM = frozenset({"DCM", "http://dicom.nema.org/resources/ontology/DCM", "urn:oid:1.2.840.10008.2.16.4"})
_SYSTEM_ROLES = frozenset({"110150", "110151", "110152", "110153", "110154", "110155"})
_OID_URN = "urn:oid:"
_CX_PARTS = 4
_AUTHORITY_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An ActiveParticipant. `address_type` is 1 for a machine name, 2 for an IP address, 3 for a telephone.

    `domain` is the system of `user_id` where the form gives one (FHIR), `policies` what it acted under.
    """

    user_id: str
    alternative_id: str | None = None
    name: str | None = None
    requestor: bool = False
    roles: tuple[Code, ...] = ()
    address: str | None = None
    address_type: str | None = None
    media: Code | None = None
    domain: str | None = None
    policies: tuple[str, ...] = ()

    @property
    def is_person(self) -> bool:
        """Whether it is a human: systems have a place in the network, or a role of their own."""
        systems = any(each.scheme in _DICOM and each.code in _SYSTEM_ROLES for each in self.roles)
        return not systems and self.address is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A ParticipantObjectIdentification. `query` is base64, `details` are type and value in clear.

    `domain` is the system of the identifier where the form gives one (FHIR).
    """

    identifier: str
    id_type: Code | None = None
    type_code: str | None = None
    role: str | None = None
    life_cycle: str | None = None
    sensitivity: str | None = None
    name: str | None = None
    query: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    domain: str | None = None

    @property
    def is_patient(self) -> bool:
        """Whether it stands for a patient."""
        return self.type_code == PERSON and self.role == PATIENT_ROLE

    def detail(self, kind: str) -> str | None:
        """The value of the first detail of a type."""
        return next((value for name, value in self.details if name == kind), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """The facts of one event. `action` is C, R, U, D or E; `outcome` 0, 4, 8 or 12; `at` aware."""

    event: Code
    at: datetime
    outcome: int
    action: str | None = None
    types: tuple[Code, ...] = ()
    purposes: tuple[Code, ...] = ()
    description: str | None = None
    agents: tuple[Agent, ...] = ()
    source_id: str = ""
    source_site: str | None = None
    source_types: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()

    @property
    def transaction(self) -> str | None:
        """The code of the transaction, such as ITI-18."""
        schemes = {TRANSACTIONS, FHIR_TRANSACTIONS}
        return next((each.code for each in self.types if each.scheme in schemes), None)

    @property
    def patients(self) -> tuple[str, ...]:
        """Identifiers of the patients it is about, as the message writes them, in canonical form."""
        return tuple(dict.fromkeys(patient_name(each) for each in self.entities if each.is_patient))

    @property
    def human(self) -> Agent | None:
        """The person who asked."""
        return next((each for each in self.agents if each.requestor and each.is_person), None)

    def terms(self) -> Iterator[str]:
        """What it is found by beside its time: patients, agents and objects, each with its kind in front."""
        seen = {f"agent|{each.user_id}" for each in self.agents if each.user_id}
        for entity in (each for each in self.entities if each.identifier):
            if entity.is_patient:
                name = patient_name(entity)
                seen |= {f"entity|{name}", f"patient|{name}"}
            else:
                seen.add(f"entity|{entity.identifier}")
        yield from sorted(seen)


def patient_of(name: str) -> PatientId | None:
    """The identifier of a patient in canonical form, taken apart; None for one without authority."""
    parts = name.split("^^^&")
    root = parts[-1].removesuffix("&ISO")
    return PatientId(parts[0], root) if len(parts) == 2 and parts[0] and root else None  # noqa: PLR2004


def patient_name(entity: Entity) -> str:
    """The identifier of a patient as CX with the OID of its authority only; as it is where it has none."""
    if entity.domain is not None:
        return str(PatientId(entity.identifier, entity.domain.removeprefix("urn:oid:")))
    parts = entity.identifier.split("^")
    if len(parts) < _CX_PARTS:
        return _of_uri(entity.identifier)
    authority = parts[_CX_PARTS - 1].split("&")
    if len(authority) < _AUTHORITY_PARTS:
        return entity.identifier
    return str(PatientId(parts[0], authority[1]))


def _of_uri(identifier: str) -> str:
    """`urn:oid:…|value`, as FHIR clients ask for patients and some write them in audit messages."""
    system, bar, value = identifier.partition("|")
    oid = system.removeprefix(_OID_URN)
    return str(PatientId(value, oid)) if bar and value and oid != system else identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message of another system as it came. `form` is dicom (syslog), fhir, or plain for no audit message.

    `sender` is the node by its certificate, None over UDP; `header` are the fields of RFC 5424 that came with
    it; `fault` is why it is no valid audit message, `claimed` the name in it that its sender does not have.
    """

    raw: bytes
    form: str
    at: datetime
    sender: str | None = None
    address: str = ""
    header: tuple[tuple[str, str], ...] = ()
    fault: str | None = None
    claimed: str | None = None
