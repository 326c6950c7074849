"""A record, who asks for it, what its patient decided, and what the engine alone says to that."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from gateway.client import xds
from gateway.declare.actions import Action
from gateway.declare.bindings import Raw
from gateway.policy.engine import decide
from gateway.record.access import (
    AccessLevel,
    Decision,
    Listing,
    Mandate,
    Opposition,
    PatientRights,
    Period,
    Raising,
)
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.rights.rights_json import to_json
from gateway.stores.granted import visible

LOINC = "2.16.840.1.113883.6.1"
ACT_REASON = "2.16.840.1.113883.5.8"
CLASSES = ("18842-5", "57833-6", "11502-2")
RANKS = {"N": 1, "R": 2, "V": 3}
OURS, THEIRS = "2.999.2.1", "2.999.7.7"
UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
NOBODY = "2.999.99.404"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
MORE = '\n"document:query-many" = ["*"]\n"document:remove" = ["*"]\n'


@dataclass(frozen=True)
class Stored:
    """A document of the patient as it was provided."""

    unique_id: str
    document_class: str
    rank: int
    organisation: str


@dataclass(frozen=True)
class Caller:
    """Who comes: to the engine as a principal, to the doors with an assertion that says the same."""

    role: str
    subject: str
    kind: SubjectKind = SubjectKind.PROFESSIONAL
    purpose: str = "TREAT"
    reason: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def registry(self) -> str:
        """Success, PartialSuccess or Failure."""
        found = re.search(rb"ResponseStatusType:(\w+)", self.body)
        return found[1].decode() if found else ""


class World:
    """A record of nineteen documents, under a policy that lets physicians through every door."""

    def __init__(self, forge: Any, words: Any) -> None:
        self.forge, self.words = forge, words
        domain = forge.house.settings.domain
        self.patient = PatientId(words.PATIENT, domain.affinity_oid)
        self.repository = domain.repository_unique_id
        self.documents = tuple(
            Stored(xds.new_oid(), each, rank, organisation)
            for each, rank, organisation in product(CLASSES, RANKS.values(), (OURS, THEIRS))
        )
        forge.accepted(forge.provide(*(self._written(each) for each in self.documents)))
        self.documents += (Stored(words.STORED, CLASSES[0], 1, OURS),)
        rows = forge.house._query("SELECT unique_id, uuid FROM entry")
        self.uuids = {str(unique_id): str(uuid) for unique_id, uuid in rows}
        (self.key,) = forge.house._query(
            f"SELECT key FROM patient WHERE extension = '{words.PATIENT}'"  # noqa: S608
        )[0]

    def _written(self, told: Stored) -> Any:
        code = next(name for name, rank in RANKS.items() if rank == told.rank)
        return self.words.document(
            self.forge.house,
            told.unique_id,
            class_code=Code(told.document_class, LOINC, "class"),
            type_code=Code(told.document_class, LOINC, "type"),
            confidentiality=Code(code, "2.16.840.1.113883.5.25", code),
            institution=f"Somewhere^^^^^^^^^{told.organisation}",
            author=f"a^B^C^^^^^^&{told.organisation}&ISO",
        )

    def decided(self, rights: PatientRights) -> None:
        """What the patient decided, as it is stored."""
        text = to_json(rights).replace("'", "''")
        self.forge.house.change(
            f"INSERT OR REPLACE INTO patient_rights VALUES ({self.key}, '{text}', 0, 1)"  # noqa: S608
        )

    def principal(self, caller: Caller) -> Principal:
        return Principal(
            kind=caller.kind,
            subject=self.subject(caller),
            name="somebody",
            issuer="by hand",
            role=self.forge.house.partner("hospital", caller.role)._role(),
            organisation=OURS,
            purpose=Code(caller.purpose, ACT_REASON),
            emergency_reason=caller.reason,
            confirmation="holder-of-key",
            token_id=None,
            token_digest=None,
            expires=None,
        )

    def subject(self, caller: Caller) -> str:
        return caller.subject or str(self.patient)

    def assertion(self, caller: Caller, partner: str = "hospital") -> bytes:
        found: bytes = self.forge.assertion(
            role=caller.role,
            partner=partner,
            subject=self.subject(caller),
            purpose=Code(caller.purpose, ACT_REASON),
            emergency_reason=caller.reason,
        )
        return found

    def asked(self, caller: Caller, action: Action, rights: PatientRights) -> Decision:
        """What the engine says."""
        return decide(
            policy=self.forge.house.gateway.engine.policies.current(),
            principal=self.principal(caller),
            action=action,
            rights=rights if action.of_record else None,
            patient=self.patient if action.of_record else None,
            at=datetime.now(UTC),
        )

    def shown(self, caller: Caller, action: Action, rights: PatientRights) -> set[str]:
        """The uniqueIds that the engine leaves of the record."""
        decision = self.asked(caller, action, rights)
        if not decision.permitted or decision.grant is None:
            return set()
        return {
            each.unique_id
            for each in self.documents
            if visible(
                decision.grant,
                rank=each.rank,
                document_class=f"{each.document_class}",
                unique_id=each.unique_id,
                organisation=each.organisation,
            )
        }

    # --- doors ---

    def query(
        self, caller: Caller, identifier: str, *slots: tuple[str, str], returned: str = "LeafClass"
    ) -> Answer:
        body = self.forge.asked(identifier, *slots, returned=returned)
        raw = self.forge.query(body=body, partner="hospital", assertion=self.assertion(caller))
        return self._soap(raw)

    def across(self, caller: Caller) -> Answer:
        status = ("$XDSDocumentEntryStatus", f"('{self.words.APPROVED}')")
        body = self.forge.asked(
            self.words.FIND_MANY, status, ("$XDSDocumentEntryPatientId", f"('{self.patient}')")
        )
        assertion = self.assertion(caller, "tester")
        text = self.forge.envelope("ITI-51", [body], partner="tester", assertion=assertion)
        return self._soap(self.forge.simple("ITI-51", text, "tester"))

    def retrieve(self, caller: Caller, *documents: str) -> Answer:
        return self._soap(self.forge.retrieve(*documents, assertion=self.assertion(caller)))

    def _soap(self, raw: Raw) -> Answer:
        return self.call("soap", raw)

    def call(self, form: str, raw: Raw) -> Answer:
        """Through the whole pipeline."""
        answer = asyncio.run(self.forge.house.call(form, raw))
        return Answer(answer.status, b"".join(answer.pieces))

    def rest(self, caller: Caller, path: str, query: str = "") -> Answer:
        token = base64.urlsafe_b64encode(self.assertion(caller)).rstrip(b"=").decode()
        raw = self.words.fhir(self.forge.house, path, query, with_token=False)
        raw = replace(raw, headers={**raw.headers, "authorization": f"Bearer {token}"})
        return self.call("fhir", raw)


PHYSICIAN = Caller("physician", "dr.weber")
CALLERS = {
    "physician": PHYSICIAN,
    "physician in an emergency": replace(PHYSICIAN, purpose="ETREAT", reason="unconscious"),
    "nurse": Caller("nurse", "nurse.klein"),
    "pharmacist": Caller("pharmacist", "ph.muller"),
    "patient": Caller("patient", "", SubjectKind.PATIENT, purpose="PATRQT"),
    "mother": Caller("representative", "CONTRACT-2^^^&2.999.1.1&ISO", SubjectKind.PATIENT, purpose="PATRQT"),
    "auditor": Caller("auditor", "au.ditor"),
}
NAMES = [each.subject for each in CALLERS.values() if each.subject]
Decided = dict[str, Any]


def several(kind: type, *rest: Any) -> tuple[Any, ...]:
    """An entry for each of the callers."""
    return tuple(kind(name, *rest) for name in dict.fromkeys(NAMES))


def cases(world: World) -> dict[str, PatientRights]:
    # one of ours, and one of each rank that others wrote
    some = frozenset(world.documents[at].unique_id for at in (0, 1, 3, 17))
    return {
        "nothing": PatientRights(),
        "closed": PatientRights(open=False),
        "opposed": PatientRights(oppositions=(Opposition(),)),
        "opposed to treatment": PatientRights(oppositions=(Opposition("TREAT"),)),
        "opposed until yesterday": PatientRights(oppositions=(Opposition(None, Period(None, NOW - DAY)),)),
        "persons listed": PatientRights(blacklist=several(Listing)),
        "organisation listed": PatientRights(blacklist=(Listing(OURS),)),
        "listed from tomorrow": PatientRights(blacklist=(Listing(OURS, Period(NOW + DAY)),)),
        "white list only": PatientRights(whitelist_only=True),
        "white list of some": PatientRights(whitelist_only=True, whitelist=several(Listing, Period(), some)),
        "some lifted": PatientRights(whitelist=several(Listing, Period(), some)),
        "some denied": PatientRights(blacklist=(Listing("*", Period(), some),)),
        "some raised": PatientRights(raisings=(Raising(some, 3),)),
        "level two": PatientRights(levels=several(AccessLevel, 2)),
        "level two until now": PatientRights(levels=several(AccessLevel, 2, Period(None, NOW - DAY))),
        "mandated": PatientRights(mandates=several(Mandate, Period(), "parent")),
        "no emergency": PatientRights(emergency_allowed=False),
    }


RIGHTS = (
    "nothing", "closed", "opposed", "opposed to treatment", "opposed until yesterday", "persons listed",
    "organisation listed", "listed from tomorrow", "white list only", "white list of some", "some lifted",
    "some denied", "some raised", "level two", "level two until now", "mandated", "no emergency",
)  # fmt: skip
