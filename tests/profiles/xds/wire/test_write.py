"""Objects → fragments → objects, for any content; fragments are canonical where they stand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.record.documents import (
    Association,
    Author,
    DocumentEntry,
    EntryType,
    Folder,
    Relation,
    SubmissionSet,
)
from gateway.record.people import Code, PatientId
from gateway.stores.marks import fill
from profiles.xds import codes
from profiles.xds.wire.read import Problems, read_entry, read_submission
from profiles.xds.wire.text import attribute
from profiles.xds.wire.write import association_fragment, entry_fragment, folder_fragment, set_fragment

PATIENT = PatientId("PAT'1 <\">", "2.999.1.1")
UPDATED = "20260304050607"
XML = st.characters(
    exclude_categories=("Cs", "Cc"), include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
)
TEXT = st.text(XML, min_size=1, max_size=12)
WORD = st.text("ab12.<&>\"'é", min_size=1, max_size=8)
UUIDS = st.uuids().map(lambda value: f"urn:uuid:{value}")
CODES = st.builds(Code, TEXT, TEXT, TEXT)
SOME = {"max_size": 3}
TEXTS = st.lists(TEXT, **SOME).map(tuple)
AUTHORS = st.builds(
    Author,
    person=TEXT,
    institutions=TEXTS,
    roles=TEXTS,
    specialties=TEXTS,
    telecoms=TEXTS,
)
EXTRA = st.lists(
    st.tuples(WORD.map(lambda name: f"urn:x:{name}"), st.lists(TEXT, min_size=1, **SOME).map(tuple)),
    unique_by=lambda pair: pair[0],
    **SOME,
).map(tuple)
MAYBE = st.none() | TEXT
HOMES = st.none() | st.just("urn:oid:2.999.1.2")
ENTRIES = st.builds(
    DocumentEntry,
    id=UUIDS,
    unique_id=WORD,
    type=st.sampled_from(EntryType),
    patient=st.just(PATIENT),
    mime_type=TEXT,
    title=MAYBE,
    comments=MAYBE,
    class_code=st.none() | CODES,
    type_code=st.none() | CODES,
    format_code=st.none() | CODES,
    facility_type=st.none() | CODES,
    practice_setting=st.none() | CODES,
    confidentiality=st.lists(CODES, **SOME).map(tuple),
    events=st.lists(CODES, **SOME).map(tuple),
    authors=st.lists(AUTHORS, **SOME).map(tuple),
    creation_time=MAYBE,
    service_start=MAYBE,
    service_stop=MAYBE,
    language=MAYBE,
    legal_authenticator=MAYBE,
    source_patient_id=MAYBE,
    source_patient_info=TEXTS,
    reference_ids=TEXTS,
    repository=MAYBE,
    hash=MAYBE,
    size=st.none() | st.integers(0, 10**17),
    uri=st.none() | st.text("/:ab|1", min_size=1, max_size=20) | st.integers(257, 4000).map("u/".__mul__),
    home=HOMES,
    availability=MAYBE,
    extra=EXTRA,
)
SETS = st.builds(
    SubmissionSet,
    id=UUIDS,
    unique_id=WORD,
    source_id=WORD,
    submission_time=TEXT,
    patient=st.just(PATIENT),
    content_type=st.none() | CODES,
    title=MAYBE,
    comments=MAYBE,
    authors=st.lists(AUTHORS, **SOME).map(tuple),
    recipients=TEXTS,
    home=HOMES,
    extra=EXTRA,
)
FOLDERS = st.builds(
    Folder,
    id=UUIDS,
    unique_id=WORD,
    patient=st.just(PATIENT),
    codes=st.lists(CODES, **SOME).map(tuple),
    title=MAYBE,
    comments=MAYBE,
    last_update=st.just(UPDATED),
    home=HOMES,
    extra=EXTRA,
)
ASSOCIATIONS = st.builds(
    Association,
    id=UUIDS,
    relation=st.sampled_from(
        [relation for relation in Relation if relation is not Relation.HAS_MEMBER and not relation.updates]
    ),
    source=UUIDS,
    target=UUIDS,
    member_status=st.none() | st.sampled_from(["Original", "Reference"]),
    reason=st.none() | CODES,
    extra=EXTRA,
)


def filled(fragment: str) -> str:
    shown = attribute(str(PATIENT))
    return fill(fragment, status=f"{codes.STATUS_PREFIX}Approved", patient=shown, last_update=UPDATED)


def placed(*fragments: str) -> etree._Element:
    inside = "".join(filled(fragment) for fragment in fragments)
    return parse(f'<r xmlns:rim="{codes.RIM}">{inside}</r>'.encode())


def canonical(element: etree._Element) -> str:
    written: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    return written.decode()


def assert_canonical(fragment: str) -> None:
    """As in the answer: below a parent that binds the prefix, so that the fragment itself does not."""
    (element,) = placed(fragment)
    bound = canonical(element).replace(f' xmlns:rim="{codes.RIM}"', "", 1)
    assert bound == filled(fragment)


@settings(max_examples=80, deadline=None)
@given(ENTRIES)
def test_an_entry_comes_back_as_it_was(entry: DocumentEntry) -> None:
    fragment, problems = entry_fragment(entry), Problems()
    (element,) = placed(fragment)
    assert read_entry(element, problems) == replace(entry, logical_id=entry.id)
    assert problems == []
    assert_canonical(fragment)


@settings(max_examples=40, deadline=None)
@given(SETS, st.lists(FOLDERS, **SOME), st.lists(ASSOCIATIONS, **SOME))
def test_a_submission_comes_back_as_it_was(
    head: SubmissionSet, folders: list[Folder], associations: list[Association]
) -> None:
    fragments = [
        set_fragment(head),
        *(folder_fragment(folder) for folder in folders),
        *(association_fragment(item) for item in associations),
    ]
    problems = Problems()
    found = read_submission(placed(*fragments), problems)
    assert problems == []
    assert found is not None
    assert found.submission_set == head
    assert list(found.folders) == [replace(folder, logical_id=folder.id) for folder in folders]
    assert list(found.associations) == associations
    for fragment in fragments:
        assert_canonical(fragment)


def test_a_membership_comes_back_as_it_was(make: Any) -> None:
    head = make.submission_set()
    link = make.member(head.id, make.uuid(), "Original")
    problems = Problems()
    found = read_submission(placed(set_fragment(head), association_fragment(link)), problems)
    assert found is not None
    assert found.associations == (link,)
    assert problems == []


@settings(max_examples=25, deadline=None)
@given(ENTRIES, SETS, FOLDERS, ASSOCIATIONS)
def test_fragments_follow_the_official_schema(
    official: Callable[[str], etree.XMLSchema],
    entry: DocumentEntry,
    head: SubmissionSet,
    folder: Folder,
    association: Association,
) -> None:
    listed = filled(
        entry_fragment(entry)
        + set_fragment(head)
        + folder_fragment(folder)
        + association_fragment(association)
    )
    text = (
        f'<query:AdhocQueryResponse xmlns:query="{codes.QUERY}" status="{codes.SUCCESS}">'
        f'<rim:RegistryObjectList xmlns:rim="{codes.RIM}">{listed}</rim:RegistryObjectList>'
        "</query:AdhocQueryResponse>"
    )
    official("query").assertValid(parse(text.encode()))


def test_what_answers_require_is_written(make: Any) -> None:
    """Answers carry objectType on every part, lid and VersionInfo (ITI TF-3 Table 4.3.2.1)."""
    (element,) = placed(entry_fragment(make.entry()))
    rim = f"{{{codes.RIM}}}"
    parts = [*element.iterchildren(f"{rim}Classification"), *element.iterchildren(f"{rim}ExternalIdentifier")]
    assert len(parts) == 9
    for part in parts:
        kind = etree.QName(part).localname
        assert part.get("objectType") == f"{codes.OBJECT_TYPE_PREFIX}{kind}"
        assert part.get("id")
    assert element.get("lid") == element.get("id")
    assert element.find(f"{rim}VersionInfo").get("versionName") == "1"


def test_ids_of_parts_are_all_different(make: Any) -> None:
    entry = make.entry(
        confidentiality=tuple(make.code(f"c{number}") for number in range(120)),
        authors=tuple(Author(person=str(number)) for number in range(120)),
    )
    (element,) = placed(entry_fragment(entry))
    ids = [part.get("id") for part in element.iter() if part.get("id")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("mark", ["\x01s", "\x01p", "\x01t"])
def test_no_text_that_xml_can_carry_holds_a_mark(mark: str) -> None:
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(f"<a>{mark}</a>")
