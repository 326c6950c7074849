from pathlib import Path
from typing import Any

import pytest
from answer import Answer, Problem, Retrieved, parse
from contents import holds, objects_of
from expect import Examiner, wire_faults
from memory import Memory
from soap_client import Message
from test_substitute import case

from schemas import Schemas

SET, FOLDER = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd", "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"


def document(name: str, status: str = "Approved") -> str:
    return f"<ExtrinsicObject id='{name}' status='x:{status}'/>"


def package(name: str, node: str) -> str:
    label = f"<Classification classificationNode='{node}'/>"
    return f"<RegistryPackage id='{name}' status='x:Approved'>{label}</RegistryPackage>"


def association(source: str, target: str, kind: str = "HasMember") -> str:
    return f"<Association associationType='x:{kind}' sourceObject='{source}' targetObject='{target}'/>"


def answer(*objects: str, status: str = "Success", problems: tuple[Problem, ...] = ()) -> Answer:
    listed = "".join(objects)
    payload = parse(f"<Response><RegistryObjectList>{listed}</RegistryObjectList></Response>".encode())
    return Answer(status=status, payload=payload, problems=problems, http_status=200)


def faults(
    expected: dict[str, Any], given: Answer, memory: Memory | None = None, root: Path = Path()
) -> list[str]:
    examiner = Examiner(root=root, memory=memory or Memory(), schemas=Schemas(None))
    asked = case("a")
    object.__setattr__(asked, "expected", expected)
    return examiner.faults(asked, {"$d$": "1.2"}, given, None)


ERROR = Problem(code="XDSRegistryError", context="some detail", severity="urn:s:Error")
WARNING = Problem(code="XDSExtraMetadataNotSaved", context="", severity="urn:s:Warning")
ONE_DOC = (package("s", SET), document("d"), association("s", "d"))


def test_expected_status_and_error_code() -> None:
    failure = answer(status="Failure", problems=(ERROR,))
    assert (
        faults({"status": ["Failure"], "errorCodes": ["XDSRegistryError"], "errorText": "detail"}, failure)
        == []
    )
    assert "seen Failure; XDSRegistryError: some detail" in faults({"status": ["Success"]}, failure)[0]
    assert "errorCode Other" in faults({"status": ["Failure"], "errorCodes": ["Other"]}, failure)[0]
    assert "error text" in faults({"status": ["Failure"], "errorText": "nowhere"}, failure)[0]


def test_a_warning_is_no_error() -> None:
    assert faults({"status": ["Success"]}, answer(problems=(WARNING,))) == []
    assert faults({"status": ["Success"]}, answer(problems=(ERROR,))) != []
    assert faults({"status": ["Failure"]}, answer(status="Failure", problems=(WARNING,))) != []


def test_toolkit_feeds_say_success_for_aa() -> None:
    assert faults({"status": ["Success"]}, Answer(status="AA")) == []
    assert faults({"status": ["Success"]}, Answer(status="AE")) != []


def test_counts() -> None:
    given = answer(*ONE_DOC, package("f", FOLDER))
    seen = {"Documents": 1, "SubmissionSets": 1, "Folders": 1, "Associations": 1}
    assert faults({"status": ["Success"], "count": seen}, given) == []
    assert faults({"status": ["Success"], "count": {"Documents": 2}}, given) == [
        "expected 2 Documents; seen 1"
    ]


def test_references_exclude_full_objects() -> None:
    expected = {"status": ["Success"], "count": {"ObjectRefs": 1}}
    assert faults(expected, answer("<ObjectRef id='a'/>")) == []
    assert len(faults(expected, answer("<ObjectRef id='a'/>", document("d")))) == 1


@pytest.mark.parametrize(
    ("name", "objects", "held"),
    [
        ("None", (), True),
        ("None", ("<ObjectRef id='a'/>",), False),
        ("NoDocument", (package("s", SET),), True),
        ("NoSubmissionSet", (package("s", SET),), False),
        ("SSwithOneDoc", ONE_DOC, True),
        ("SSwithOneDoc", (*ONE_DOC, association("x", "y")), False),
        ("SSwithOneDoc", (package("s", SET), document("d"), association("s", "other")), False),
        ("SSwithTwoDoc", (*ONE_DOC, document("e"), association("s", "e")), True),
        ("SSwithTwoDoc", ONE_DOC, False),
        ("SSwithOneFol", (package("s", SET), package("f", FOLDER), association("s", "f")), True),
        ("SSwithOneDocOneFol", (*ONE_DOC, package("f", FOLDER), association("s", "f")), True),
        ("SSwithOneDocOneFol", (*ONE_DOC, package("f", FOLDER)), False),
        (
            "SSwithTwoDocOneFolOneDocInFol",
            (*ONE_DOC, document("e"), association("s", "e"), package("f", FOLDER), association("s", "f")),
            False,
        ),
        (
            "SSwithTwoDocOneFolOneDocInFol",
            (*ONE_DOC, document("e"), association("s", "e"), package("f", FOLDER), association("s", "f"),
             association("f", "e")),
            True,
        ),
        ("DocApp", (document("d"),), True),
        ("DocApp", (document("d"), document("e", "Deprecated")), False),
        ("OneDocDep", (document("d"), document("e", "Deprecated")), True),
        ("HasRPLC", (association("a", "b", "RPLC"),), True),
        ("HasXFRM_RPLC", (association("a", "b", "RPLC"),), False),
    ],
)  # fmt: skip
def test_contents(name: str, objects: tuple[str, ...], held: bool) -> None:  # noqa: FBT001
    assert holds(name, objects_of(answer(*objects).payload)) is held


def test_entries() -> None:
    memory = Memory(tokens={("load", "$a$"): "A", ("load", "$b$"): "B"})

    def rule(kind: str, *tokens: str) -> dict[str, Any]:
        named = [{"case": "load", "value": token} for token in tokens]
        return {"status": ["Success"], "entries": [{"rule": kind, "entries": named}]}

    both, one = answer(document("A"), document("B")), answer("<ObjectRef id='A'/>")
    assert faults(rule("Include", "$a$"), both, memory) == []
    assert faults(rule("Include", "$b$"), one, memory) != []
    assert faults(rule("MustOnlyInclude", "$a$"), both, memory) != []
    assert faults(rule("MustOnlyInclude", "$a$", "$b$"), both, memory) == []
    assert faults(rule("Exclude", "$b$"), one, memory) == []
    assert faults(rule("Exclude", "$b$"), both, memory) != []


def retrieved(content: bytes | None) -> Answer:
    document = Retrieved(home="", repository="9.9", unique_id="1.2", mime_type="text/plain", content=content)
    return Answer(status="Success", documents=(document,))


def test_documents_must_be_byte_equal(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(b"a\r\nb")
    expected = {"status": ["Success"], "documents": [{"uid": "$d$", "file": "d"}], "mimeType": "text/plain"}
    assert faults(expected, retrieved(b"a\r\nb"), root=tmp_path) == []
    assert "not byte-equal" in faults(expected, retrieved(b"a\nb"), root=tmp_path)[0]
    assert "nothing came" in faults(expected, retrieved(None), root=tmp_path)[0]
    assert "did not come back" in faults(expected, Answer(status="Success"), root=tmp_path)[0]
    assert "mimeType" in faults({**expected, "mimeType": "text/xml"}, retrieved(b"a\r\nb"), root=tmp_path)[0]


@pytest.mark.parametrize(("size", "wrong"), [(3, 0), (4, 1)])
def test_documents_must_fit_the_metadata(size: int, wrong: int) -> None:
    def slot(name: str, value: object) -> str:
        return f"<Slot name='{name}'><ValueList><Value>{value}</Value></ValueList></Slot>"

    scheme = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
    held = slot("hash", "A9993E364706816ABA3E25717850C26C9CD0D89D") + slot("size", size)
    held += (
        slot("repositoryUniqueId", "9.9")
        + f"<ExternalIdentifier identificationScheme='{scheme}' value='1.2'/>"
    )
    found = answer(f"<ExtrinsicObject id='d' mimeType='text/plain'>{held}</ExtrinsicObject>")
    memory = Memory(answers={"query": found})
    expected = {"status": ["Success"], "matchesMetadataOf": "query"}
    assert len(faults(expected, retrieved(b"abc"), memory)) == wrong


def test_assertions_see_the_steps_of_their_section() -> None:
    memory = Memory()
    asked = case("a")
    object.__setattr__(
        asked, "expected", {"assertions": [{"id": "x", "xpath": "count(//Result//b) = 1 and '$d$' = '1.2'"}]}
    )
    examiner = Examiner(root=Path(), memory=memory, schemas=Schemas(None))
    assert len(examiner.check(asked, {"$d$": "1.2"})) == 1
    memory.sent(asked, parse(b"<b/>"), Answer(status="Success", payload=parse(b"<a><b/></a>")))
    assert examiner.check(asked, {"$d$": "1.2"}) == []
    other = case("b", test="another")
    object.__setattr__(other, "expected", asked.expected)
    assert len(examiner.check(other, {"$d$": "1.2"})) == 1


def test_fields_of_acknowledgements() -> None:
    given = Answer(status="AE", text="MSH|^~\\&|A\rMSA|AE|1\rERR|^^^1&No authority configured for X\r")
    rules = [
        {"terser": "MSA-1", "values": ["AE", "AR"]},
        {"terser": "ERR-1-4-2", "values": ["No authority configured for"]},
        {"terser": "PID", "missing": True},
    ]
    assert faults({"status": ["AE"], "assertions": rules}, given) == []
    assert faults({"assertions": [{"terser": "MSA-1", "values": ["AA"]}]}, given) == [
        "MSA-1: expected AA; seen AE"
    ]
    assert faults({"assertions": [{"terser": "MSA-1", "missing": True}]}, given) != []
    assert faults({"assertions": [{"terser": "PID-3", "values": ["x"]}]}, given) == [
        "PID-3: expected x; seen no segment"
    ]


def request(action: str, *, mtom: bool = False) -> Message:
    return Message(
        content_type="", content=b"", action=action, message_id="urn:uuid:1", mtom=mtom, payload=None
    )


def reply(action: str, root: str = "R", **changes: Any) -> Answer:
    given = {"packaging": "plain", "relates_to": "urn:uuid:1", "action_understood": True, "http_status": 200}
    return Answer(
        status="Success", payload=parse(f"<{root}/>".encode()), action=action, **{**given, **changes}
    )


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("urn:a", reply("urn:aResponse")),
        (
            "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
            reply("urn:ihe:iti:2010:RegisterOnDemandDocumentResponse"),
        ),
        ("urn:hl7-org:v3:PRPA_IN201309UV02", reply("urn:hl7-org:v3:PRPA_IN201310UV02", "PRPA_IN201310UV02")),
        ("urn:a", Answer(status="Fault", payload=parse(b"<Fault/>"), http_status=500)),
    ],
)
def test_answers_that_keep_to_the_rules(action: str, given: Answer) -> None:
    assert list(wire_faults(request(action), given)) == []


@pytest.mark.parametrize(
    "given",
    [
        reply("urn:a"),
        reply("urn:aResponse", packaging="mtom"),
        reply("urn:aResponse", relates_to=""),
        reply("urn:aResponse", action_understood=False),
        reply("urn:aResponse", http_status=500),
    ],
)
def test_answers_that_break_a_rule(given: Answer) -> None:
    assert len(list(wire_faults(request("urn:a"), given))) == 1


def test_an_mtom_request_needs_an_mtom_answer() -> None:
    assert list(wire_faults(request("urn:a", mtom=True), reply("urn:aResponse"))) == [
        "a mtom request was answered plain"
    ]


def test_schemas_are_used_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "xds").mkdir()
    (tmp_path / "xds" / "rs.xsd").write_text(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>"
        "<xs:element name='RegistryResponse' type='xs:int'/></xs:schema>"
    )
    schemas = Schemas(tmp_path)
    assert schemas.fault(parse(b"<RegistryResponse>1</RegistryResponse>")) is None
    assert "not a valid value" in str(schemas.fault(parse(b"<RegistryResponse>x</RegistryResponse>")))
    assert schemas.fault(parse(b"<AdhocQueryResponse/>")) is None
