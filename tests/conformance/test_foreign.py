import pytest
from answer import Answer, Problem
from foreign import excuse, fixed_patients
from memory import Memory
from target import Capabilities
from test_substitute import case

OFFER = Capabilities(
    transactions=frozenset(),
    targets=frozenset(),
    options=frozenset(),
    domains=frozenset({"2.999.1.1"}),
    needs=(),
)
SCHEME = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
ENTRY = f"<rim:ExternalIdentifier identificationScheme='{SCHEME}' value='A^^^&amp;1.2&amp;ISO'/>"
QUERY = (
    '<Slot name="$XDSDocumentEntryPatientId"><ValueList>'
    "<Value>'B^^^&amp;1.2&amp;ISO'</Value></ValueList></Slot>"
)


def refused(code: str) -> Answer:
    return Answer(status="Failure", problems=(Problem(code=code, context="", severity="x:Error"),))


def judged(answer: Answer, text: str, status: str = "Success", transaction: str = "ITI-42") -> str | None:
    asked = case("a", transaction=transaction)
    object.__setattr__(asked, "expected", {"status": [status]})
    return excuse(asked, answer, text, OFFER, Memory(refused={"A^^^&1.2&ISO"}))


def test_patients_that_stand_in_a_file() -> None:
    assert fixed_patients(case("a"), ENTRY + QUERY) == ["A^^^&1.2&ISO", "B^^^&1.2&ISO"]
    with_token = case("a", {"token": "$p$", "kind": "session-patient"})
    assert fixed_patients(with_token, ENTRY) == []


@pytest.mark.parametrize(
    ("answer", "text", "excused"),
    [
        (refused("XDSUnknownPatientId"), ENTRY, True),
        (refused("XDSUnknownPatientId"), QUERY, False),  # its feed was accepted
        (refused("XDSUnknownRepositoryId"), "", True),
        (refused("XDSRegistryMetadataError"), ENTRY, False),
        (Answer(status="Fault"), '<s:Conditions NotBefore="x" NotOnOrAfter="2020-09-22T11:33:57Z">', True),
        (Answer(status="Fault"), '<s:Conditions NotOnOrAfter="2999-09-22T11:33:57Z">', False),
        (Answer(status="Fault"), ENTRY, False),
        (Answer(status="no answer"), ENTRY, False),
    ],
)
def test_what_excuses_a_soap_case(answer: Answer, text: str, excused: bool) -> None:  # noqa: FBT001
    assert (judged(answer, text) is not None) is excused
    assert judged(answer, text, "Failure") is None


def test_patients_that_a_cross_reference_query_asks_for() -> None:
    asked = case("a", transaction="ITI-83")
    object.__setattr__(asked, "expected", {"status": ["HTTP 200"]})
    in_url = "[base]/Patient/$ihe-pix?sourceIdentifier=urn:oid:1.2|X-1&targetSystem=urn:oid:1.3"
    assert fixed_patients(asked, in_url) == ["X-1^^^&1.2&ISO"]
    in_body = '{"name": "sourceIdentifier", "valueString": "urn:oid:1.2|X-1"}'
    assert fixed_patients(asked, in_body) == ["X-1^^^&1.2&ISO"]
    object.__setattr__(asked, "expected", {"status": ["HTTP 404"]})
    assert fixed_patients(asked, in_url) == []


@pytest.mark.parametrize(
    ("code", "excused"), [("not-found", True), ("code-invalid", True), ("invalid", False)]
)
def test_what_excuses_a_rest_case(code: str, excused: bool) -> None:  # noqa: FBT001
    issue = {"code": code, "diagnostics": "targetSystem not found"}
    answer = Answer(status="HTTP 404", resource={"resourceType": "OperationOutcome", "issue": [issue]})
    assert (judged(answer, "", "HTTP 200", "ITI-83") is not None) is excused
    assert judged(answer, "", "HTTP 404", "ITI-83") is None


@pytest.mark.parametrize(
    ("status", "patient", "excused"),
    [
        ("AE", "1^^^&9.9&ISO", True),
        ("AR", "1^^^OTHER", True),
        ("AE", "1^^^&2.999.1.1&ISO", False),
        ("AE", "1^^^OTHER~1^^^&2.999.1.1&ISO", False),
        ("AE", "1", False),
        ("no answer", "1^^^&9.9&ISO", False),
        ("AA", "1^^^&9.9&ISO", False),
    ],
)
def test_what_excuses_an_hl7_case(status: str, patient: str, excused: bool) -> None:  # noqa: FBT001
    text = f"MSH|^~\\&|A\nPID|||{patient}\n"
    assert (judged(Answer(status=status), text, "AA", "ITI-8") is not None) is excused
    assert judged(Answer(status=status), text, "AE", "ITI-8") is None
