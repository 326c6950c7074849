"""Media written and read back, media as others write them, and media that are wrong in one place."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway import schemas
from gateway.crypto.safexml import parse
from gateway.declare.bindings import Octets
from gateway.errors import Meaning, TooComplex, TooLarge
from gateway.record.documents import EntryType, Relation, Submission
from gateway.record.people import PatientId
from profiles.xdm import codes
from profiles.xdm.wire import media
from profiles.xdm.wire.archive import MediaLimits
from profiles.xdm.wire.media import MediaSet, Medium, content_problems, lay_out, read_medium, write_medium

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[4]
CORPUS = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared")) / "corpus" / "iti-32"
SAMPLES = sorted(CORPUS.rglob("*.zip")) if CORPUS.is_dir() else []
DATA = b"a letter"
Files = dict[str, bytes]


def entry_of(make: Any, data: bytes = DATA, **changes: Any) -> Any:
    told = {"hash": hashlib.sha1(data, usedforsecurity=False).hexdigest(), "size": len(data)}
    return make.entry(**{**told, "repository": None, **changes})


def written(*submissions: Submission, data: bytes = DATA) -> bytes:
    contents = [(each, {item.id: Octets(data) for item in each.documents}) for each in submissions]
    buffer = io.BytesIO()
    write_medium(buffer, lay_out(contents), "<html/>", "read me", AT)
    return buffer.getvalue()


def files_of(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def read(data: bytes, limits: MediaLimits | None = None) -> Medium:
    return read_medium(io.BytesIO(data), limits or MediaLimits())


@pytest.fixture
def changed(make: Any) -> Callable[..., Medium]:
    """changed(entry=…, files=…): a valid medium with one thing changed, read."""

    def run(entry: dict[str, Any] | None = None, files: Callable[[Files], object] | None = None) -> Medium:
        contents = files_of(written(make.submission(entry_of(make))))
        path = "IHE_XDM/SUBSET01/METADATA.XML"
        for name, value in (entry or {}).items():
            old = {"uri": b"DOC00001.XML", "mime_type": b'mimeType="text/xml"'}[name]
            assert old in contents[path]
            contents[path] = contents[path].replace(old, value)
        if files is not None:
            files(contents)
        return read(zipped(contents))

    return run


def wrong(medium: Medium) -> list[tuple[Meaning, str | None]]:
    return [(each.meaning, each.location) for each in medium.problems if not each.warning]


# --- written and read back -----------------------------------------------------------------------


def test_a_medium_has_the_layout_of_the_standard(make: Any) -> None:
    kinds = ("text/xml", "application/pdf", "text/plain; charset=utf-8", "application/x-unknown")
    first = make.submission(*(entry_of(make, mime_type=kind) for kind in kinds))
    names = list(files_of(written(first, make.submission(entry_of(make)))))
    assert names == [
        "INDEX.HTM",
        "README.TXT",
        "IHE_XDM/SUBSET01/METADATA.XML",
        "IHE_XDM/SUBSET01/DOC00001.XML",
        "IHE_XDM/SUBSET01/DOC00002.PDF",
        "IHE_XDM/SUBSET01/DOC00003.TXT",
        "IHE_XDM/SUBSET01/DOC00004.BIN",
        "IHE_XDM/SUBSET02/METADATA.XML",
        "IHE_XDM/SUBSET02/DOC00001.XML",
    ]
    assert all(codes.LEVEL_1.fullmatch(step) for name in names for step in name.split("/"))


def test_metadata_follow_their_schema(make: Any) -> None:
    item = lay_out([(make.submission(entry_of(make)), {})])[0]
    root = parse(media.metadata_xml(item.submission))
    schemas.validate("lcm", root)
    assert root.tag.endswith("SubmitObjectsRequest")


def test_what_is_written_is_read_back_field_by_field(make: Any) -> None:
    other = PatientId("PAT-2", "2.999.1.1")
    first, second = entry_of(make, title='Über <&"'), entry_of(make, availability=None)
    link = make.link(Relation.APPEND, first.id, second.id)
    folder = make.folder()
    links = [link, make.member(folder.id, first.id)]
    one = make.submission(first, second, folders=[folder], links=links, title="Set", comments="two letters")
    two = make.submission(entry_of(make, patient=other), patient=other)
    medium = read(written(one, two))
    assert medium.problems == ()
    for sent, item, number in zip((one, two), medium.sets, (1, 2), strict=True):
        assert item.directory == f"IHE_XDM/SUBSET{number:02}"
        assert item.submission.submission_set == sent.submission_set
        assert [replace(each, uri=None, logical_id=None) for each in item.submission.documents] == list(
            sent.documents
        )
        assert [replace(each, last_update=None, logical_id=None) for each in item.submission.folders] == list(
            sent.folders
        )
        assert set(item.submission.associations) == set(sent.associations)
        assert [b"".join(each.chunks()) for each in item.contents.values()] == [DATA] * len(sent.documents)
        assert content_problems(item) == []


def test_two_media_of_the_same_are_the_same(make: Any) -> None:
    submission = make.submission(entry_of(make))
    assert written(submission) == written(submission)


# --- as others write them ------------------------------------------------------------------------


@pytest.mark.skipif(not SAMPLES, reason="no media of others are at hand (PASSERELLE_SHARED)")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_media_of_others(path: Path) -> None:
    with path.open("rb") as file:
        medium = read_medium(file, MediaLimits())
        assert wrong(medium) == []
        assert [len(item.contents) for item in medium.sets] == [
            len(item.submission.documents) for item in medium.sets
        ]
        assert [content_problems(item) for item in medium.sets] == [[]] * len(medium.sets)


def test_names_in_lower_case_and_foreign_files(changed: Callable[..., Medium]) -> None:
    def lower(files: Files) -> None:
        for name in list(files):
            files[name.lower()] = files.pop(name)
        files |= {"__macosx/ihe_xdm/subset01/._metadata.xml": b"\0", "ihe_xdm/.svn/metadata.xml.bak": b"<"}
        files |= {"DICOMDIR": b"DICM", "ihe_xdm/subset01/extra.pdf": b"%PDF", "ihe_xdm/notes.txt": b"-"}

    medium = changed(files=lower)
    assert medium.problems == ()
    assert [len(item.contents) for item in medium.sets] == [1]


def test_pages_that_are_missing_are_a_warning(changed: Callable[..., Medium]) -> None:
    medium = changed(files=lambda files: [files.pop("INDEX.HTM"), files.pop("README.TXT")])
    assert [(each.location, each.warning) for each in medium.problems] == [
        ("INDEX.HTM", True),
        ("README.TXT", True),
    ]
    assert len(medium.sets) == 1


@pytest.mark.parametrize(
    ("uri", "at"),
    [
        (b"doc00001.xml", "IHE_XDM/SUBSET01/DOC00001.XML"),
        (b"../SUBSET02/DOC1.XML", "IHE_XDM/SUBSET02/DOC1.XML"),
        (b"../../DOCS/DOC1.XML", "DOCS/DOC1.XML"),
        (b"./A/./B.XML", "IHE_XDM/SUBSET01/A/B.XML"),
        (b"LETTER%20ONE.XML", "IHE_XDM/SUBSET01/LETTER ONE.XML"),
        (b"A\\B.XML", "IHE_XDM/SUBSET01/A/B.XML"),
    ],
)
def test_where_a_uri_leads(changed: Callable[..., Medium], uri: bytes, at: str) -> None:
    def move(files: Files) -> None:
        files[at] = files.pop("IHE_XDM/SUBSET01/DOC00001.XML")

    medium = changed({"uri": uri}, move)
    assert wrong(medium) == []
    assert content_problems(medium.sets[0]) == []


# --- wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        b"../../../ETC/PASSWD",
        b"/ETC/PASSWD",
        b"%2e%2e/../../../X",
        b"..\\..\\..\\X",
        b"file:///ETC/PASSWD",
        b"https://example.org/DOC1.XML",
        b"//host/DOC1.XML",
        b"http://[",
        b"DOC00001.XML#part",
        b"..",
    ],
)
def test_a_uri_that_leads_out_of_the_medium(changed: Callable[..., Medium], uri: bytes) -> None:
    (found,) = changed({"uri": uri}).problems
    assert found.meaning in {Meaning.METADATA_INVALID, Meaning.MISSING_DOCUMENT}
    assert found.location is not None
    assert found.location.startswith("IHE_XDM/SUBSET01: urn:uuid:")
    assert "PASSWD" not in found.context


def test_a_document_that_is_not_there(changed: Callable[..., Medium]) -> None:
    medium = changed(files=lambda files: files.pop("IHE_XDM/SUBSET01/DOC00001.XML"))
    assert [meaning for meaning, _ in wrong(medium)] == [Meaning.MISSING_DOCUMENT]


def test_multipart_documents_are_not_read(changed: Callable[..., Medium]) -> None:
    medium = changed({"mime_type": b'mimeType="multipart/related"'})
    assert [meaning for meaning, _ in wrong(medium)] == [Meaning.NOT_SUPPORTED]
    assert "multipart/related" in medium.problems[0].context


def test_an_on_demand_entry_has_no_file(make: Any) -> None:
    entry = make.entry(type=EntryType.ON_DEMAND, hash=None, size=None)
    contents = files_of(written(make.submission(replace(entry, mime_type="text/xml"))))
    assert [meaning for meaning, _ in wrong(read(zipped(contents)))] == [Meaning.METADATA_INVALID]


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"<x/>",
        b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
        b'<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"/>',
    ],
)
def test_metadata_that_cannot_be_read(changed: Callable[..., Medium], metadata: bytes) -> None:
    medium = changed(files=lambda files: files.update({"IHE_XDM/SUBSET01/METADATA.XML": metadata}))
    assert medium.sets == ()
    (problem,) = medium.problems
    assert problem.meaning is Meaning.METADATA_INVALID
    assert "passwd" not in problem.context


def test_a_medium_without_any_set() -> None:
    medium = read(zipped({"INDEX.HTM": b"", "README.TXT": b"", "IHE_XDM/METADATA.XML": b""}))
    assert wrong(medium) == [(Meaning.MISSING_METADATA, "IHE_XDM")]


def test_hash_and_size_are_compared(make: Any) -> None:
    entry = entry_of(make)
    cases = ((replace(entry, hash="0" * 40), "hash"), (replace(entry, size=9), "size"))
    for changed_entry, word in cases:
        (item,) = read(written(make.submission(changed_entry))).sets
        (problem,) = content_problems(item)
        assert (problem.meaning, word in problem.context) == (Meaning.CONTENT_MISMATCH, True)
    upper = replace(entry, hash=str(entry.hash).upper())
    assert content_problems(read(written(make.submission(upper))).sets[0]) == []


def test_a_damaged_document_is_told_like_another_one(make: Any) -> None:
    (item,) = read(written(make.submission(entry_of(make)))).sets
    data = bytearray(zipped({"A": DATA * 50}))
    data[40] ^= 0xFF
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member = media.Member("A", archive, archive.infolist()[0])
        broken = MediaSet(
            directory=item.directory,
            submission=item.submission,
            contents=dict.fromkeys(item.contents, member),
        )
        (problem,) = content_problems(broken)
    assert problem.meaning is Meaning.CONTENT_MISMATCH
    assert "damaged" in problem.context


def test_one_large_file_under_many_names(make: Any) -> None:
    """Every entry is small on the medium, all together they are not."""
    entries = [entry_of(make) for _ in range(10)]
    contents = files_of(written(make.submission(*entries)))
    path = "IHE_XDM/SUBSET01/METADATA.XML"
    for number in range(2, 11):
        contents[path] = contents[path].replace(f"DOC{number:05}.XML".encode(), b"DOC00001.XML")
        del contents[f"IHE_XDM/SUBSET01/DOC{number:05}.XML"]
    contents["IHE_XDM/SUBSET01/DOC00001.XML"] = os.urandom(200_000)
    assert len(read(zipped(contents)).sets[0].contents) == 10
    with pytest.raises(TooLarge):
        read(zipped(contents), MediaLimits(total=1_999_999))


def test_a_document_above_its_limit(make: Any) -> None:
    data = written(make.submission(entry_of(make)))
    assert wrong(read(data, MediaLimits(document=len(DATA)))) == []
    found = wrong(read(data, MediaLimits(document=len(DATA) - 1)))
    assert [meaning for meaning, _ in found] == [Meaning.OUT_OF_RESOURCES]


def test_sets_and_their_metadata_have_limits() -> None:
    many = {f"IHE_XDM/S{number}/METADATA.XML": b"<x/>" for number in range(100)}
    with pytest.raises(TooComplex):
        read(zipped(many))
    large = {f"IHE_XDM/S{number}/METADATA.XML": os.urandom(9 << 20) for number in range(2)}
    with pytest.raises(TooLarge):
        read(zipped(large))
