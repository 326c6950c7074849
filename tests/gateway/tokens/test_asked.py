import pytest

from gateway.errors import Meaning, Refused
from gateway.record.people import Code, PatientId
from gateway.tokens.asked import Asked, asked_by, scope_of

FULL = (
    "ITI-67 ITI-68 purpose_of_use=urn:oid:2.16.840.1.113883.5.8|TREAT "
    "subject_role=urn:oid:2.999.1.1|PHYSICIAN "
    "person_id=P1^^^&2.999.1.1&ISO subject_organization_id=urn:oid:2.999.2.1"
)


def test_everything_that_can_be_asked_for() -> None:
    asked = asked_by({"scope": FULL, "emergency_reason": "unconscious", "on_behalf_of": "boss"})
    assert asked == Asked(
        transactions=("ITI-67", "ITI-68"),
        role=Code("PHYSICIAN", "2.999.1.1"),
        purpose=Code("TREAT", "2.16.840.1.113883.5.8"),
        patient=PatientId("P1", "2.999.1.1"),
        organisation="2.999.2.1",
        emergency_reason="unconscious",
        on_behalf_of="boss",
    )
    assert asked.of_person


def test_what_is_granted_is_written_as_it_was_asked() -> None:
    assert scope_of(asked_by({"scope": FULL})) == FULL
    url = "ITI-67 subject_role=https://terms.example/roles|nurse"
    assert scope_of(asked_by({"scope": url})) == url


def test_nothing_is_asked() -> None:
    assert asked_by({}) == Asked()
    assert not asked_by({"scope": "  ITI-67   ITI-67 "}).of_person
    assert asked_by({"scope": "ITI-67 ITI-67"}).transactions == ("ITI-67",)


@pytest.mark.parametrize(
    "scope",
    [
        "openid",
        "user/*.read",
        "iti-67",
        "subject_role=PHYSICIAN",
        "subject_role=|PHYSICIAN",
        "subject_role=urn:oid:2.999|",
        "person_id=P1",
        "person_id=P1^^^&PASSERELLE&ISO",
        "person_id=P1^^^&2.999.1.1&DNS",
        "person_id=",
        "subject_organization_id=",
        "purpose_of_use=urn:oid:2.999|A purpose_of_use=urn:oid:2.999|A",
        "ITI-67\tx",
    ],
)
def test_what_cannot_be_asked_for(scope: str) -> None:
    with pytest.raises(Refused) as refused:
        asked_by({"scope": scope})
    assert refused.value.problems[0].meaning is Meaning.SCOPE_REFUSED
