"""PRPA_IN201305UV02 of another community → whom it means; persons → its answer (ITI TF-2 3.55.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from gateway.record.demographics import Demographics
from gateway.record.domain import Domain
from gateway.record.patients import Person
from gateway.record.people import PatientId
from profiles.pdqv3.wire.query import PARAMETERS, check_query, read_degree, values
from profiles.pixv3.rules import expect_none, invalid, place, under
from profiles.pixv3.wire.answers import QUERY, detected_issue, mitigated_by
from profiles.pixv3.wire.read_person import (
    moment,
    read_address,
    read_name,
    read_patient_id,
    read_sex,
    read_telecom,
    words,
)
from profiles.pixv3.wire.registration import identifiers, match_observation, namespaces, registration
from profiles.pixv3.wire.text import coded, ii, patient_ii
from profiles.pixv3.wire.write_person import other_ids, person_content
from profiles.xcpd import codes

_OMITTED = ("otherIDsScopingOrganization", "patientStatusCode", "livingSubjectDeceasedTime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Whom a community means: what it tells of the person, and identifiers that may be known here."""

    told: Demographics
    identifiers: tuple[PatientId, ...]
    least: int

    @property
    def described(self) -> bool:
        """Whether there is a name or a birth date; without, identifiers alone count."""
        return bool(self.told.names or self.told.birth_date)


def check_discovery(message: etree._Element) -> None:
    """The rules of ITI-55 (3.55.4.1.2)."""
    check_query(message, frozenset({"I", "D"}), _OMITTED)
    expect_none(message, f"{QUERY}/initialQuantity", f"{QUERY}/initialQuantityCode")
    for name in ("livingSubjectName", "mothersMaidenName"):
        for value in values(message, name):
            if "SRCH" in value.get("use", "").split():
                raise invalid(f"{name} may not be inexact", place(message, f"{PARAMETERS}/{name}/value"))
    for parameter in message.findall(under(f"{PARAMETERS}/livingSubjectName")):
        if len(parameter.findall(under("value"))) > 1:
            where = place(message, f"{PARAMETERS}/livingSubjectName/value")
            raise invalid("a livingSubjectName has several values, expected one", where)
    if len(message.findall(under(f"{PARAMETERS}/patientAddress"))) > 1:
        raise invalid("patientAddress stands more than once", place(message, f"{PARAMETERS}/patientAddress"))


def read_sought(message: etree._Element, domain: Domain) -> Sought:
    """Refused unless name and birth time are there, or an identifier."""
    sought = Sought(
        told=_read_told(message), identifiers=_read_ids(message, domain), least=read_degree(message)
    )
    if not sought.identifiers and not (sought.told.names and sought.told.birth_date):
        raise invalid(
            "without livingSubjectId, livingSubjectName and livingSubjectBirthTime are required",
            place(message, PARAMETERS),
        )
    return sought


def _read_told(message: etree._Element) -> Demographics:
    born_at = place(message, f"{PARAMETERS}/livingSubjectBirthTime/value")
    sex_at = place(message, f"{PARAMETERS}/livingSubjectAdministrativeGender/value")
    born = [each.get("value") for each in values(message, "livingSubjectBirthTime")]
    sexes = values(message, "livingSubjectAdministrativeGender")
    mothers = filter(None, map(read_name, values(message, "mothersMaidenName")))
    return Demographics(
        names=tuple(filter(None, map(read_name, values(message, "livingSubjectName")))) or None,
        birth_date=moment(born[0], born_at) if born and born[0] else None,
        sex=read_sex(sexes[0], sex_at) if sexes else None,
        addresses=tuple(filter(None, map(read_address, values(message, "patientAddress")))) or None,
        telecoms=tuple(filter(None, map(read_telecom, values(message, "patientTelecom")))) or None,
        mothers_maiden_name=next((each.family for each in mothers), None),
        birth_place=next(filter(None, map(words, values(message, "livingSubjectBirthPlaceName"))), None),
    )


def _read_ids(message: etree._Element, domain: Domain) -> tuple[PatientId, ...]:
    where = place(message, f"{PARAMETERS}/livingSubjectId/value")
    found = []
    for value in values(message, "livingSubjectId"):
        if value.get("nullFlavor") is None:
            read = read_patient_id(value, domain, where)
            if read is None:
                raise invalid("livingSubjectId has no root or no extension", where)
            found.append(read)
    return tuple(dict.fromkeys(found))


def wanted(told: Demographics) -> tuple[str, ...]:
    """Which attributes would help to be sure, of those that were not sent."""
    return tuple(
        code
        for code, sent in (
            (codes.GENDER, told.sex),
            (codes.ADDRESS, told.addresses),
            (codes.TELECOM, told.telecoms),
            (codes.MAIDEN_NAME, told.mothers_maiden_name),
        )
        if not sent
    )


# --- answers -------------------------------------------------------------------------------------


def matches(persons: Iterable[Person], domain: Domain) -> str:
    """A registrationEvent for each: one patient.id, the others as asOtherIDs (3.55.4.2.2.4)."""
    names, custodian = namespaces(domain), _custodian(domain)
    return "".join(
        [
            registration(
                identifiers(each.identifiers[:1], names),
                person_content(each.demographics, _others(each)),
                each.identifiers[0].root,
                custodian,
                match=match_observation(codes.MATCH, each.score),
            )
            for each in persons
        ]
    )


def _others(person: Person) -> str:
    listed = dict.fromkeys((*person.identifiers, *(person.demographics.identifiers or ())))
    return other_ids((patient_ii("id", each), each.root) for each in listed if each != person.identifiers[0])


def _custodian(domain: Domain) -> str:
    located = codes.LOCATES if domain.health_data_locator else codes.LOCATES_NOT
    return f"{ii('id', domain.home_community)}{coded('code', located, codes.LOCATOR)}"


def attributes_wanted(attributes: Iterable[str]) -> str:
    """A reasonOf: these attributes would help (case 3)."""
    return detected_issue(
        "".join(
            [
                '<triggerFor typeCode="TRIG"><actOrderRequired classCode="ACT" moodCode="RQO">'
                f"{coded('code', each, codes.WANTED)}</actOrderRequired></triggerFor>"
                for each in attributes
            ]
        )
    )


def no_answer(reason: str) -> str:
    """A reasonOf: why there is no answer (case 5)."""
    return detected_issue(mitigated_by(reason, codes.REASON))
