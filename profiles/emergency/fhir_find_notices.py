"""EMG-1 Find Emergency Notices: the patient reads who used emergency access. A transaction of ours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.emergencies import EmergencyNotice
from gateway.record.people import Code, PatientId
from profiles.emergency.codes import READERS, SCHEME, SECTION
from profiles.emergency.wire.communication import write_communication
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import checked_value, refused, token_of
from profiles.vigilance.rules import Page, Pairs, one, page_of, written
from profiles.vigilance.wire.values import searchset

_CODE, _TITLE, _KIND = "EMG-1", "Find Emergency Notices", "Communication"
_PATIENT = "patient.identifier"
_ALSO = "patient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Whose notices."""

    patient: PatientId
    page: Page
    received: Pairs
    base: str


@dataclass(frozen=True, kw_only=True)
class FoundNotices(Answer):
    """The notices of a page, and whether there are more."""

    search: Search
    notices: tuple[EmergencyNotice, ...]
    more: bool

    @property
    def bare(self) -> bool:
        """Nothing was found."""
        return not self.notices


def decode(payload: FhirRequest, domain: Domain) -> Search:
    """`patient.identifier=<system>|<value>`, or the same as `patient`."""
    page = page_of(payload, _PATIENT, _ALSO)
    name = _PATIENT if one(payload.parameters, _PATIENT) is not None else _ALSO
    value = one(payload.parameters, name)
    if value is None:
        raise refused(Meaning.MISSING_PARAMETER, f"{_PATIENT} is required", _PATIENT)
    system, extension = token_of(value, name)
    root = domain.root_of_system(system)
    if root != domain.affinity_root:
        raise refused(Meaning.DATA_TYPE, "expected an identifier of the affinity domain", name)
    return Search(
        patient=PatientId(checked_value(extension, name), domain.affinity_root),
        page=page,
        received=tuple(payload.parameters),
        base=payload.base,
    )


def encode(response: FoundNotices, domain: Domain) -> FhirReply:
    """A Bundle of Communication, the oldest first."""
    search, notices = response.search, response.notices
    after = notices[-1].key if response.more else None
    resources = [write_communication(each, domain) for each in notices]
    bundle = searchset(search.base, _KIND, resources, search.received, search.page, after)
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def target(request: Search) -> Target:
    """The patient, and the search as it came."""
    text = written(request.received).encode()
    return Target(patients=(request.patient,), query=QueryText(_KIND, text))


async def handle(call: Call[Search], services: Services) -> FoundNotices:
    """Who may not read what the patient decided finds none."""
    page = call.request.page
    everything = await services.access.emergencies.notices(call.scope.patients)
    found = [each for each in everything if each.key > page.after]
    shown = tuple(found[: page.most])
    return FoundNotices(search=call.request, notices=shown, more=len(found) > len(shown))


TRANSACTION: Transaction[Search, FoundNotices] = Transaction(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    actors=READERS,
    binding=Fhir(method="GET", path="/Communication", parameters=((_PATIENT, "token"), (_ALSO, "reference"))),
    action=Action.RIGHTS_READ,
    audit=replace(query_event(_CODE, _TITLE), type=Code(_CODE, SCHEME, _TITLE)),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
