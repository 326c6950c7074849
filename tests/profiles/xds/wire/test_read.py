"""What a registry object says and what is wrong with it (ITI TF-3 4.2.1 to 4.2.3)."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.errors import Meaning
from gateway.record.documents import EntryType, Submission
from gateway.record.people import Code, PatientId
from gateway.stores.marks import fill
from profiles.xds import codes
from profiles.xds.wire.read import Problems, patient_id, read_submission
from profiles.xds.wire.write import association_fragment, entry_fragment, folder_fragment, set_fragment

RIM = f"{{{codes.RIM}}}"
Change = Callable[[etree._Element], Any]


@pytest.fixture
def objects(make: Any) -> etree._Element:
    """A RegistryObjectList of a set, a document, a folder and the memberships."""
    entry, folder = make.entry(), make.folder()
    submission = make.submission(entry, folders=[folder], links=[make.member(folder.id, entry.id)])
    fragments = [
        set_fragment(submission.submission_set),
        entry_fragment(entry),
        folder_fragment(folder),
        *(association_fragment(item) for item in submission.associations),
    ]
    inside = fill(
        "".join(fragments), status="Approved", patient="PAT-1^^^&amp;2.999.1.1&amp;ISO", last_update="2026"
    )
    return parse(
        f'<rim:RegistryObjectList xmlns:rim="{codes.RIM}">{inside}</rim:RegistryObjectList>'.encode()
    )


def read(objects: etree._Element) -> tuple[Submission | None, Problems]:
    problems = Problems()
    return read_submission(objects, problems), problems


def first(objects: etree._Element, path: str) -> etree._Element:
    found = objects.find(path.replace("r:", RIM))
    assert found is not None
    return found


def add_slot(owner: etree._Element, name: str, *values: str) -> None:
    slot = etree.SubElement(owner, f"{RIM}Slot", name=name)
    listed = etree.SubElement(slot, f"{RIM}ValueList")
    for value in values:
        etree.SubElement(listed, f"{RIM}Value").text = value
    owner.insert(0, slot)


def again(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.append(parse(etree.tostring(element, with_tail=False)))


def test_what_is_written_is_read(objects: etree._Element) -> None:
    found, problems = read(objects)
    assert problems == []
    assert found is not None
    assert (len(found.documents), len(found.folders), len(found.associations)) == (1, 1, 4)
    assert found.patients == (PatientId("PAT-1", "2.999.1.1"),)


@pytest.mark.parametrize(
    ("path", "change", "text"),
    [
        ("r:ExtrinsicObject/r:Slot", again, "is given twice"),
        ("r:ExtrinsicObject/r:ExternalIdentifier", again, "patientId is given twice"),
        ("r:ExtrinsicObject/r:Classification", again, "classCode is given 2 times"),
        ("r:ExtrinsicObject", lambda e: e.set("objectType", "urn:x"), "@objectType 'urn:x' is neither"),
        (
            "r:ExtrinsicObject/r:ExternalIdentifier",
            lambda e: e.set("value", "PAT-1"),
            "XDSDocumentEntry.patientId has 1 components, expected 4",
        ),
        (
            "r:ExtrinsicObject/r:ExternalIdentifier",
            lambda e: e.set("registryObject", "x"),
            "@registryObject names another object",
        ),
        (
            "r:ExtrinsicObject/r:Classification",
            lambda e: e.set("classifiedObject", "x"),
            "@classifiedObject names another object",
        ),
        (
            "r:ExtrinsicObject/r:Classification",
            lambda e: e.set("nodeRepresentation", ""),
            "empty nodeRepresentation",
        ),
        ("r:ExtrinsicObject/r:Classification", lambda e: e.remove(e[0]), "has 0 codingScheme values"),
        (
            "r:ExtrinsicObject/r:Classification/r:Slot/r:ValueList/r:Value",
            again,
            "has 2 codingScheme values",
        ),
        ("r:ExtrinsicObject/r:Classification", lambda e: e.remove(e[1]), "has no display name"),
        (
            "r:Association",
            lambda e: e.set("associationType", "urn:x"),
            "associationType 'urn:x' is not one of XDS",
        ),
        (
            "r:Association",
            lambda e: e.set("associationType", "HasMember"),
            "associationType 'HasMember' is not one of XDS",
        ),
        (
            "r:Association/r:Slot/r:ValueList/r:Value",
            lambda e: setattr(e, "text", "Other"),
            "SubmissionSetStatus 'Other' is not one of",
        ),
        ("r:Association/r:Slot/r:ValueList/r:Value", again, "SubmissionSetStatus has 2 values"),
        (
            "r:ExtrinsicObject/r:Slot[@name='creationTime']/r:ValueList/r:Value",
            again,
            "slot creationTime has 2 values, expected 1",
        ),
        (
            "r:ExtrinsicObject/r:Slot[@name='languageCode']/r:ValueList",
            lambda e: e.remove(e[0]),
            "slot languageCode has 0 values, expected 1",
        ),
        (
            "r:ExtrinsicObject/r:ExternalIdentifier/r:Name/r:LocalizedString",
            lambda e: e.set("value", "patientId"),
            "has the Name 'patientId', expected 'XDSDocumentEntry.patientId'",
        ),
        (
            "r:ExtrinsicObject/r:ExternalIdentifier",
            lambda e: e.remove(e[0]),
            "has the Name '', expected 'XDSDocumentEntry.patientId'",
        ),
        ("r:ExtrinsicObject", lambda e: add_slot(e, "urn:ihe:x", "1"), "urn:ihe:x is reserved"),
    ],
)
def test_a_fault_is_told_at_its_object(objects: etree._Element, path: str, change: Change, text: str) -> None:
    element = first(objects, path)
    owner = first(objects, path.partition("/")[0])
    change(element)
    _, problems = read(objects)
    assert len(problems) == 1
    assert text in problems[0].context
    assert (problems[0].meaning, problems[0].location) == (Meaning.METADATA_INVALID, owner.get("id"))


@pytest.mark.parametrize("size", ["", "-1", "1.0", "ten", "١٢", "9" * 19, "9" * 10_000])
def test_sizes_are_numbers_of_octets(objects: etree._Element, size: str) -> None:
    value = first(objects, "r:ExtrinsicObject/r:Slot[@name='size']/r:ValueList/r:Value")
    value.text = size
    found, problems = read(objects)
    assert found is not None
    assert found.documents[0].size is None
    assert [problem.meaning for problem in problems] == [Meaning.METADATA_INVALID]
    assert len(problems[0].context) < 100


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_set(objects: etree._Element, count: int) -> None:
    element = first(objects, "r:RegistryPackage")
    if count:
        again(element)
    else:
        objects.remove(element)
    found, problems = read(objects)
    assert found is None
    assert f"{count} SubmissionSets were sent" in problems[-1].context


def test_a_package_is_labelled(objects: etree._Element) -> None:
    """Inside the package, or beside it; one that is not labelled is neither set nor folder."""
    package = first(objects, "r:RegistryPackage")
    label = first(objects, "r:RegistryPackage/r:Classification")
    assert label.get("classificationNode") == codes.SUBMISSION_SET_NODE
    objects.append(label)
    found, problems = read(objects)
    assert found is not None
    assert problems == []
    objects.remove(label)
    found, problems = read(objects)
    assert found is None
    assert "neither SubmissionSet nor Folder" in problems[0].context
    assert problems[0].location == package.get("id")


def test_the_documentation_of_an_association(objects: etree._Element) -> None:
    code = first(objects, "r:ExtrinsicObject/r:Classification")
    link = first(objects, "r:Association")
    copy = parse(etree.tostring(code, with_tail=False))
    copy.set("classificationScheme", codes.ASSOCIATION_REASON)
    copy.set("classifiedObject", link.get("id") or "")
    link.append(copy)
    found, problems = read(objects)
    assert problems == []
    assert found is not None
    assert found.associations[0].reason == Code("class", "2.999.5", "Class")


def test_other_slots(objects: etree._Element) -> None:
    """A URN is kept; another name is left out with a warning (ITI TF-3 4.2.3.1.6)."""
    for path in ("r:ExtrinsicObject", "r:RegistryPackage", "r:Association"):
        add_slot(first(objects, path), "urn:example:kept", "1", "2")
    add_slot(first(objects, "r:ExtrinsicObject"), "left-out", "x")
    found, problems = read(objects)
    assert found is not None
    kept = (("urn:example:kept", ("1", "2")),)
    assert found.documents[0].extra == found.submission_set.extra == found.associations[0].extra == kept
    assert [(problem.meaning, problem.warning) for problem in problems] == [(Meaning.EXTRA_NOT_SAVED, True)]


def test_the_parts_of_an_author(objects: etree._Element) -> None:
    scheme = f"r:Classification[@classificationScheme='{codes.ENTRY_AUTHOR}']"
    author = first(objects, f"r:ExtrinsicObject/{scheme}")
    again(first(objects, f"r:ExtrinsicObject/{scheme}/r:Slot/r:ValueList/r:Value"))
    found, problems = read(objects)
    assert [problem.context for problem in problems] == [
        "author has several authorPerson values, expected at most 1"
    ]
    for slot in list(author):
        author.remove(slot)
    add_slot(author, "authorRole", "Surgeon")
    found, problems = read(objects)
    assert found is not None
    assert found.documents[0].authors[0].roles == ("Surgeon",)
    assert problems == []


def test_kinds_and_labels_of_a_document(objects: etree._Element) -> None:
    element = first(objects, "r:ExtrinsicObject")
    element.set("objectType", codes.ON_DEMAND)
    limited = etree.SubElement(
        element, f"{RIM}Classification", id="l", classifiedObject=element.get("id") or ""
    )
    limited.set("classificationNode", min(codes.LIMITED_NODES))
    found, problems = read(objects)
    assert found is not None
    assert (found.documents[0].type, found.documents[0].limited) == (EntryType.ON_DEMAND, True)
    assert problems == []


@pytest.mark.parametrize("node", sorted(codes.LIMITED_NODES))
def test_the_label_of_limited_metadata_may_repeat_its_node_as_scheme(
    objects: etree._Element, node: str
) -> None:
    element = first(objects, "r:ExtrinsicObject")
    limited = etree.SubElement(
        element, f"{RIM}Classification", id="l", classifiedObject=element.get("id") or ""
    )
    limited.set("classificationScheme", node)
    limited.set("classificationNode", node)
    found, problems = read(objects)
    assert found is not None
    assert found.documents[0].limited
    assert problems == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("a",), "a"),
        (("1|a", "2|b"), "ab"),
        (("2|b", "1|a"), "ab"),
        (tuple(f"{number}|{number}," for number in (10, 9, 2, 11, 1)), "1,2,9,10,11,"),
        (("1|a|b", "2|c"), "a|bc"),
    ],
)
def test_a_uri_in_pieces(objects: etree._Element, values: tuple[str, ...], expected: str) -> None:
    add_slot(first(objects, "r:ExtrinsicObject"), "URI", *values)
    found, _ = read(objects)
    assert found is not None
    assert found.documents[0].uri == expected


def test_names(objects: etree._Element) -> None:
    string = first(objects, "r:ExtrinsicObject/r:Name/r:LocalizedString")
    string.set("value", "")
    found, _ = read(objects)
    assert found is not None
    assert found.documents[0].title is None
    assert found.documents[0].class_code == Code("class", "2.999.5", "Class")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P-1^^^&2.999&ISO", PatientId("P-1", "2.999")),
        ("P-1^^^NAME&2.999&ISO", None),
        ("P-1^^^&2.999&DNS", None),
        ("P-1", None),
        ("", None),
        ("^^^&2.999&ISO", None),
        ("P-1^^^&2.999&ISO ", None),
    ],
)
def test_patient_ids(text: str, expected: PatientId | None) -> None:
    assert patient_id(text) == expected
    if expected:
        assert str(expected) == text
