"""Replies as they go out: right in status, valid, canonical (ITI TF-3 4.2.4)."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.declare.bindings import Attachment, Octets, SoapReply
from gateway.errors import Meaning, Problem
from profiles.xds import codes
from profiles.xds.errors import REGISTRY_CODES, REPOSITORY_CODES, registry_code, repository_code
from profiles.xds.wire.replies import (
    Retrieved,
    object_refs,
    query_response,
    registry_response,
    retrieve_response,
)

Official = Callable[[str], etree.XMLSchema]
ERROR = Problem(Meaning.METADATA_INVALID, 'a < b & "c"', "urn:uuid:1")
WARNING = Problem(Meaning.EXTRA_NOT_SAVED, "left out", None, warning=True)
PROBLEMS = [[], [WARNING], [ERROR], [WARNING, ERROR]]
TEXT = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"), include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
    ),
    min_size=1,
    max_size=20,
)


def body(reply: SoapReply) -> etree._Element:
    """The reply as one text, attachments as base64 text; it must be canonical as it stands."""
    text = b"".join(
        piece if isinstance(piece, bytes) else b"".join(piece.content.chunks()) for piece in reply.pieces
    )
    element = parse(text)
    assert etree.tostring(element, method="c14n", exclusive=True) == text
    return element


def retrieved(number: int) -> Retrieved:
    content = Attachment(f"{number}@x", "text/plain", Octets(b"YQ=="))
    return Retrieved(
        home="urn:oid:2.999.1.2" if number else None,
        repository="2.999.1.3",
        unique_id=f"2.999.7.{number}",
        mime_type="text/plain",
        attachment=content,
    )


def severities(element: etree._Element) -> list[str]:
    return [each.get("severity", "") for each in element.iter(f"{{{codes.RS}}}RegistryError")]


@pytest.mark.parametrize("problems", PROBLEMS)
def test_a_registry_response(official: Official, problems: Sequence[Problem]) -> None:
    element = body(registry_response(problems, registry_code))
    official("rs").assertValid(element)
    assert element.get("status") == (codes.FAILURE if ERROR in problems else codes.SUCCESS)
    assert severities(element) == [
        codes.SEVERITY_WARNING if item.warning else codes.SEVERITY_ERROR for item in problems
    ]
    listed = element.find(f"{{{codes.RS}}}RegistryErrorList")
    assert (listed is None) == (not problems)
    if listed is not None:
        worst = codes.SEVERITY_ERROR if ERROR in problems else codes.SEVERITY_WARNING
        assert listed.get("highestSeverity") == worst


@pytest.mark.parametrize("problems", PROBLEMS)
@pytest.mark.parametrize("count", [0, 2])
def test_a_query_response(official: Official, problems: Sequence[Problem], count: int) -> None:
    refs = object_refs([("urn:uuid:1", None), ("urn:uuid:2", "urn:oid:2.999")][:count])
    element = body(query_response(refs, problems, registry_code))
    official("query").assertValid(element)
    failed = codes.PARTIAL if count else codes.FAILURE
    assert element.get("status") == (failed if ERROR in problems else codes.SUCCESS)
    assert len(list(element.iter(f"{{{codes.RIM}}}ObjectRef"))) == count
    assert [etree.QName(child).localname for child in element][-1] == "RegistryObjectList"


@pytest.mark.parametrize("problems", PROBLEMS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_retrieve_response(official: Official, problems: Sequence[Problem], count: int) -> None:
    reply = retrieve_response([retrieved(number) for number in range(count)], problems, repository_code)
    element = body(reply)
    official("XDS.b_DocumentRepository").assertValid(element)
    failed = codes.PARTIAL if count else codes.FAILURE
    (response,) = element.iter(f"{{{codes.RS}}}RegistryResponse")
    assert response.get("status") == (failed if ERROR in problems else codes.SUCCESS)
    assert sum(isinstance(piece, Attachment) for piece in reply.pieces) == count
    names = [each.text for each in element.iter(f"{{{codes.XDSB}}}DocumentUniqueId")]
    assert names == [f"2.999.7.{number}" for number in range(count)]


@given(TEXT, TEXT)
def test_any_text_stays_itself(context: str, location: str) -> None:
    problems = [Problem(Meaning.GENERAL, context, location)]
    for reply in (
        registry_response(problems, registry_code),
        query_response((), problems, registry_code),
        retrieve_response((), problems, repository_code),
    ):
        (error,) = body(reply).iter(f"{{{codes.RS}}}RegistryError")
        assert (error.get("codeContext"), error.get("location")) == (context, location)


@pytest.mark.parametrize("meaning", Meaning)
def test_each_meaning_has_a_code(meaning: Meaning) -> None:
    problem = Problem(meaning, "x")
    assert registry_code(problem) == REGISTRY_CODES.get(meaning, "XDSRegistryError")
    assert repository_code(problem) == REPOSITORY_CODES.get(meaning, "XDSRepositoryError")
    if meaning is Meaning.DUPLICATE_IN_MESSAGE:
        assert registry_code(problem) == "XDSRegistryDuplicateUniqueIdInMessage"
        assert repository_code(problem) == "XDSRepositoryDuplicateUniqueIdInMessage"
