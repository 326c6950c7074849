"""Requests as they come in (ITI TF-2 3.18, 3.41, 3.42, 3.43)."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.crypto.safexml import parse
from gateway.declare.bindings import Attachment, Octets, SoapPayload
from gateway.errors import ActionMismatch, Malformed, Meaning, Refused, SchemaInvalid
from gateway.record.domain import Domain
from gateway.stores.marks import fill
from profiles.xds import codes
from profiles.xds.rules import Column
from profiles.xds.wire.requests import (
    DocumentRequest,
    document_problems,
    documents_of,
    expect_root,
    read_query_request,
    read_retrieve_request,
    read_submit_request,
    submit_request_of,
)
from profiles.xds.wire.write import association_fragment, entry_fragment, set_fragment

RIM, LCM, QUERY, XDSB = codes.RIM, codes.LCM, codes.QUERY, codes.XDSB
INCLUDE = f'<x:Include xmlns:x="{codes.XOP}" href="cid:{{}}"/>'


def payload(text: str, **attachments: bytes) -> SoapPayload:
    parts = {name: Attachment(name, "text/plain", Octets(data)) for name, data in attachments.items()}
    return SoapPayload(parse(text.encode()), parts)


def data_of(content: Any) -> bytes:
    return b"".join(content.chunks())


def submit(make: Any, *documents: Any, extra: str = "") -> str:
    submission = make.submission(*documents)
    fragments = [set_fragment(submission.submission_set), *map(entry_fragment, documents)]
    fragments += map(association_fragment, submission.associations)
    inside = fill(
        "".join(fragments), status="x", patient="PAT-1^^^&amp;2.999.1.1&amp;ISO", last_update="2026"
    )
    return (
        f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}">'
        f"<rim:RegistryObjectList>{inside}{extra}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
    )


def provide(submitted: str, documents: str) -> str:
    return (
        f'<b:ProvideAndRegisterDocumentSetRequest xmlns:b="{XDSB}">{submitted}{documents}'
        "</b:ProvideAndRegisterDocumentSetRequest>"
    )


def query(slots: str = "", *, identifier: str = "urn:uuid:x", option: str = 'returnType="LeafClass"') -> str:
    return (
        f'<q:AdhocQueryRequest xmlns:q="{QUERY}" xmlns:r="{RIM}"><q:ResponseOption {option}/>'
        f'<r:AdhocQuery id="{identifier}">{slots}</r:AdhocQuery></q:AdhocQueryRequest>'
    )


# --- the root ------------------------------------------------------------------------------------


def test_the_body_is_what_the_action_promised() -> None:
    body = payload(query())
    assert expect_root(body, f"{{{QUERY}}}AdhocQueryRequest") is body.element
    with pytest.raises(ActionMismatch):
        expect_root(body, f"{{{LCM}}}SubmitObjectsRequest")
    with pytest.raises(ActionMismatch):
        expect_root(payload('<AdhocQueryRequest xmlns="urn:x"/>'), f"{{{QUERY}}}AdhocQueryRequest")


@pytest.mark.parametrize(
    "text",
    [
        f'<q:AdhocQueryRequest xmlns:q="{QUERY}"/>',
        query("<r:Slot/>"),
        query("<r:Slot name='x'><r:Value>1</r:Value></r:Slot>"),
        query(option='returnType="Everything"'),
        query(f"<r:Slot name='{'x' * 257}'><r:ValueList/></r:Slot>"),
    ],
)
def test_what_breaks_the_schema_is_a_fault(text: str) -> None:
    with pytest.raises(SchemaInvalid):
        read_query_request(payload(text))


# --- queries -------------------------------------------------------------------------------------


def test_a_query_is_read_in_order_and_raw() -> None:
    slots = (
        "<r:Slot name='$b'><r:ValueList><r:Value>('1')</r:Value><r:Value>('2')</r:Value></r:ValueList>"
        "</r:Slot>"
        "<r:Slot name='$a'><r:ValueList/></r:Slot>"
        "<r:Slot name='$b'><r:ValueList><r:Value> 34 </r:Value></r:ValueList></r:Slot>"
    )
    found = read_query_request(payload(query(slots, identifier=" urn:uuid:x ")))
    assert (found.identifier, found.return_type, found.home) == ("urn:uuid:x", "LeafClass", None)
    assert found.slots == [("$b", ("('1')", "('2')")), ("$a", ()), ("$b", (" 34 ",))]
    assert found.text.startswith(b"<q:AdhocQueryRequest")


def test_what_is_not_given_has_its_default() -> None:
    found = read_query_request(payload(query(option="")))
    assert found.return_type == "RegistryObject"


# --- submissions ---------------------------------------------------------------------------------


def test_a_submission(make: Any, domain: Domain) -> None:
    entry = make.entry()
    element = payload(submit(make, entry)).element
    found = read_submit_request(element, Column.REPOSITORY, domain)
    assert [item.id for item in found.documents] == [entry.id]
    assert found.warnings == ()


def test_all_faults_are_told_at_once(make: Any, domain: Domain) -> None:
    bad = [make.entry(hash="x"), make.entry(class_code=None)]
    element = payload(submit(make, *bad)).element
    with pytest.raises(Refused) as caught:
        read_submit_request(element, Column.REPOSITORY, domain)
    assert [problem.location for problem in caught.value.problems] == [item.id for item in bad]


def test_a_warning_alone_does_not_refuse(make: Any, domain: Domain) -> None:
    text = submit(make, make.entry())
    slot = "<rim:Slot name='own'><rim:ValueList><rim:Value>1</rim:Value></rim:ValueList></rim:Slot>"
    at = text.index("<rim:Slot", text.index("<rim:ExtrinsicObject"))
    found = read_submit_request(payload(text[:at] + slot + text[at:]).element, Column.REPOSITORY, domain)
    assert [problem.meaning for problem in found.warnings] == [Meaning.EXTRA_NOT_SAVED]
    assert found.documents[0].extra == ()


def test_no_set_at_all(domain: Domain) -> None:
    text = f'<l:SubmitObjectsRequest xmlns:l="{LCM}" xmlns:rim="{RIM}">{{}}</l:SubmitObjectsRequest>'
    with pytest.raises(Refused):
        read_submit_request(payload(text.format("<rim:RegistryObjectList/>")).element, Column.SOURCE, domain)
    with pytest.raises(SchemaInvalid):
        read_submit_request(payload(text.format("")).element, Column.SOURCE, domain)
    with pytest.raises(SchemaInvalid):
        submit_request_of(payload(provide("", "")).element)


# --- documents -----------------------------------------------------------------------------------


def test_documents_beside_and_inside_the_message(make: Any) -> None:
    inside = b64encode(b"inside").decode()
    documents = (
        f'<b:Document id="one">\n {inside[:4]}\n{inside[4:]} </b:Document>'
        f'<b:Document id="two">\n\t{INCLUDE.format("two%40x")}\n</b:Document>'
        f'<b:Document id="three">{INCLUDE.format("none")}</b:Document><b:Document id="four"/>'
    )
    body = payload(provide(submit(make), documents), **{"two@x": b"beside", "stray": b""})
    contents, used, problems = documents_of(body.element, body.attachments)
    assert {name: data_of(content) for name, content in contents.items()} == {
        "one": b"inside",
        "two": b"beside",
        "four": b"",
    }
    assert used == ["two@x", "none"]
    assert [(item.meaning, item.location) for item in problems] == [(Meaning.MISSING_DOCUMENT, "three")]
    assert expect_root(body, f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest") is body.element


def test_a_document_id_twice(make: Any) -> None:
    body = payload(provide(submit(make), '<b:Document id="a">YQ==</b:Document>' * 2))
    _, _, problems = documents_of(body.element, {})
    assert [(item.meaning, item.location) for item in problems] == [(Meaning.METADATA_INVALID, "a")]


@pytest.mark.parametrize("text", ["YQ=", "Y Q", "a_b=", "YQ==YQ==", "é"])
def test_what_is_no_base64(make: Any, text: str) -> None:
    body = payload(provide(submit(make), f'<b:Document id="a">{text}</b:Document>'))
    with pytest.raises(Malformed):
        documents_of(body.element, {})


@pytest.mark.parametrize(
    ("entries", "contents", "unread", "stray", "expected"),
    [
        (["a"], ["a"], [], [], []),
        (["a"], [], [], [], [(Meaning.MISSING_DOCUMENT, "a")]),
        ([], ["a"], [], [], [(Meaning.MISSING_METADATA, "a")]),
        ([], [], [], ["cid"], [(Meaning.MISSING_METADATA, "cid")]),
        (["a"], [], ["a"], [], [(Meaning.MISSING_DOCUMENT, "a")]),
    ],
)
def test_documents_and_entries_belong_together(
    entries: Sequence[str],
    contents: Sequence[str],
    unread: Sequence[str],
    stray: Sequence[str],
    expected: list[tuple[Meaning, str]],
) -> None:
    missing = documents_of(
        payload(
            provide(
                "", "".join(f'<b:Document id="{name}">{INCLUDE.format("x")}</b:Document>' for name in unread)
            )
        ).element,
        {},
    )[2]
    problems = document_problems(entries, {name: Octets(b"") for name in contents}, missing, stray)
    assert [(item.meaning, item.location) for item in problems] == expected


# --- retrieves -----------------------------------------------------------------------------------


def test_what_is_to_be_retrieved() -> None:
    text = (
        f'<b:RetrieveDocumentSetRequest xmlns:b="{XDSB}">'
        "<b:DocumentRequest><b:HomeCommunityId>urn:oid:2.999.1.2</b:HomeCommunityId>"
        "<b:RepositoryUniqueId> 2.999.1.3 </b:RepositoryUniqueId>"
        "<b:DocumentUniqueId>2.999.7</b:DocumentUniqueId>"
        "</b:DocumentRequest><b:DocumentRequest><b:RepositoryUniqueId>r</b:RepositoryUniqueId>"
        "<b:DocumentUniqueId>d</b:DocumentUniqueId></b:DocumentRequest></b:RetrieveDocumentSetRequest>"
    )
    assert read_retrieve_request(payload(text)) == (
        DocumentRequest("urn:oid:2.999.1.2", "2.999.1.3", "2.999.7"),
        DocumentRequest(None, "r", "d"),
    )


def test_a_retrieve_of_nothing() -> None:
    with pytest.raises(SchemaInvalid):
        read_retrieve_request(payload(f'<b:RetrieveDocumentSetRequest xmlns:b="{XDSB}"/>'))
