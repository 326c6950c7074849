"""registrationEvent: a person as an answer or a notification shows it (MFMI_MT700701UV01, 700711UV01)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pixv3.wire.text import coded, ii, null, patient_ii

NO_NAME = null("name", "NA")
"""For who may learn identifiers, and no names."""


def namespaces(domain: Domain) -> Mapping[str, str]:
    """The assigningAuthorityName of each domain."""
    return {root: each.namespace for root, each in domain.identity_domains.items()}


def identifiers(listed: Sequence[PatientId], names: Mapping[str, str]) -> str:
    """Patient.id of each."""
    return "".join([patient_ii("id", each, names.get(each.root, "")) for each in listed])


def registration(ids: str, person: str, provider: str, custodian: str, *, match: str = "") -> str:
    """A subject with its registrationEvent. `ids` and `person` are written already.

    `provider` is an OID among those of the ids; `custodian` is the content of assignedEntity, or an OID.
    """
    entity = custodian if custodian.startswith("<") else ii("id", custodian)
    return (
        '<subject contextConductionInd="false" typeCode="SUBJ">'
        '<registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"></id>'
        '<statusCode code="active"></statusCode><subject1 typeCode="SBJ"><patient classCode="PAT">'
        f'{ids}<statusCode code="active"></statusCode>'
        f'<patientPerson classCode="PSN" determinerCode="INSTANCE">{person}</patientPerson>'
        f'<providerOrganization classCode="ORG" determinerCode="INSTANCE">{ii("id", provider)}'
        '<contactParty classCode="CON" nullFlavor="UNK"></contactParty></providerOrganization>'
        f"{match}</patient></subject1>"
        f'<custodian typeCode="CST"><assignedEntity classCode="ASSIGNED">{entity}'
        "</assignedEntity></custodian></registrationEvent></subject>"
    )


def match_observation(code: str, score: int) -> str:
    """How well the person fits, 0 to 100."""
    return (
        '<subjectOf1 typeCode="SBJ"><queryMatchObservation classCode="COND" moodCode="EVN">'
        f'{coded("code", code)}<value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" value="{score}" '
        'xsi:type="INT"></value></queryMatchObservation></subjectOf1>'
    )
