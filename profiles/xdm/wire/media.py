"""The layout of a medium: submission sets with their documents ↔ files (ITI TF-2 3.32.4.1.2)."""

from __future__ import annotations

import hashlib
import posixpath
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from lxml import etree

from gateway import schemas
from gateway.crypto.safexml import XmlLimits, parse
from gateway.declare.bindings import Content
from gateway.errors import (
    GatewayError,
    Malformed,
    Meaning,
    Problem,
    Refused,
    SchemaInvalid,
    TooComplex,
    TooLarge,
)
from gateway.record.documents import DocumentEntry, EntryType, Submission
from gateway.stores.marks import fill
from profiles.xdm import codes
from profiles.xdm.wire.archive import Files, MediaLimits, Member, open_archive
from profiles.xds import codes as xds
from profiles.xds.iti42_register_document_set_b import fragments_of
from profiles.xds.wire.read import Problems, read_submission
from profiles.xds.wire.text import attribute

_METADATA_LIMITS = XmlLimits()
_REQUEST = f"{{{xds.LCM}}}SubmitObjectsRequest"
_LIST = f"{{{xds.RIM}}}RegistryObjectList"
_DEPTH = 3
"""IHE_XDM, a directory, METADATA.XML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSet:
    """A submission set on a medium: its directory, and the octets of its documents by entry id."""

    directory: str
    submission: Submission
    contents: Mapping[str, Content]


@dataclass(frozen=True, slots=True)
class Medium:
    """What a medium holds, and everything that is wrong with it; some problems are warnings."""

    sets: tuple[MediaSet, ...]
    problems: tuple[Problem, ...]


# --- reading -------------------------------------------------------------------------------------


def read_medium(file: BinaryIO, limits: MediaLimits) -> Medium:
    """Every submission set of a medium in ZIP form; documents stay unread until their contents are asked for.

    What cannot be an archive raises, see `open_archive`; whatever else is wrong is a problem.
    """
    files = open_archive(file, limits)
    sets: list[MediaSet] = []
    problems = list(_missing_pages(files))
    paths = _metadata_paths(files)
    _check_extent(paths, files)
    for path in paths:
        found = Problems()
        item = _read_set(path, files, found, limits)
        directory = posixpath.dirname(path)
        problems += [
            replace(each, location=f"{directory}: {each.location or codes.METADATA}") for each in found
        ]
        if item is not None:
            sets.append(item)
    if not sets and all(each.warning for each in problems):
        text = f"no {codes.FOLDER}/…/{codes.METADATA} is on the medium"
        problems.append(Problem(Meaning.MISSING_METADATA, text, codes.FOLDER))
    if sum(content.size for item in sets for content in item.contents.values()) > limits.total:
        raise TooLarge(f"the documents that the metadata name have more than {limits.total} bytes together")
    return Medium(tuple(sets), tuple(problems))


def content_problems(item: MediaSet) -> list[Problem]:
    """Hash and size of every document, read once, against the metadata (ITI TF-2 3.32.4.1.3)."""
    problems = []
    for entry in item.submission.documents:
        if entry.id in item.contents:
            problems += list(_differences(entry, item.contents[entry.id]))
    return [replace(each, location=f"{item.directory}: {each.location}") for each in problems]


def _differences(entry: DocumentEntry, content: Content) -> Iterator[Problem]:
    running = hashlib.sha1(usedforsecurity=False)
    size = 0
    try:
        for chunk in content.chunks():
            running.update(chunk)
            size += len(chunk)
    except GatewayError as error:
        yield Problem(Meaning.CONTENT_MISMATCH, error.detail, entry.id)
        return
    if entry.size is not None and entry.size != size:
        text = f"size is {entry.size} in the metadata, {size} here"
        yield Problem(Meaning.CONTENT_MISMATCH, text, entry.id)
    if entry.hash is not None and entry.hash.lower() != running.hexdigest():
        yield Problem(Meaning.CONTENT_MISMATCH, "hash is not that of the document", entry.id)


def _missing_pages(files: Files) -> Iterator[Problem]:
    for name in (codes.INDEX, codes.README):
        if name not in files:
            yield Problem(Meaning.METADATA_INVALID, f"{name} is missing", name, warning=True)


def _metadata_paths(files: Files) -> list[str]:
    """Every other file is foreign, or a document that some metadata name."""
    paths = (path.split("/") for path in files)
    return sorted(
        "/".join(steps)
        for steps in paths
        if len(steps) == _DEPTH and steps[0] == codes.FOLDER and steps[2] == codes.METADATA
    )


def _check_extent(paths: Sequence[str], files: Files) -> None:
    """All metadata together are no larger than those of one message may be."""
    if len(paths) > codes.MOST_SETS:
        raise TooComplex(f"more than {codes.MOST_SETS} submission sets on the medium", location=codes.FOLDER)
    if sum(files[path].size for path in paths) > _METADATA_LIMITS.size:
        text = f"the metadata of the medium are larger than {_METADATA_LIMITS.size} bytes"
        raise TooLarge(text, location=codes.METADATA)


def _read_set(path: str, files: Files, problems: Problems, limits: MediaLimits) -> MediaSet | None:
    try:
        objects = _objects(files[path])
    except GatewayError as error:
        problems.append(Problem(Meaning.METADATA_INVALID, error.detail, error.location))
        return None
    submission = read_submission(objects, problems)
    if submission is None:
        return None
    directory = posixpath.dirname(path)
    contents: dict[str, Content] = {}
    for entry in submission.documents:
        try:
            contents[entry.id] = _document(entry, directory, files, limits)
        except Refused as refused:
            problems += refused.problems
    return MediaSet(directory=directory, submission=submission, contents=contents)


def _objects(metadata: Member) -> etree._Element:
    """The rim:RegistryObjectList of a METADATA.XML that follows its schema."""
    root = parse(b"".join(metadata.chunks()), _METADATA_LIMITS)
    if root.tag != _REQUEST:
        raise Malformed(f"{codes.METADATA} holds no SubmitObjectsRequest")
    schemas.validate("lcm", root)
    objects = root.find(_LIST)
    if objects is None:
        raise SchemaInvalid("SubmitObjectsRequest has no RegistryObjectList")
    return objects


def _document(entry: DocumentEntry, directory: str, files: Files, limits: MediaLimits) -> Member:
    """The file that the URI of an entry names, relative to its METADATA.XML."""
    if entry.type is not EntryType.STABLE:
        raise _refused(Meaning.METADATA_INVALID, "an on-demand entry has no document on a medium", entry)
    if entry.mime_type.partition(";")[0].strip().lower() == codes.MULTIPART:
        raise _refused(Meaning.NOT_SUPPORTED, f"documents of type {codes.MULTIPART} are not read here", entry)
    if entry.uri is None:
        raise _refused(Meaning.METADATA_INVALID, "URI is missing, expected the path of the document", entry)
    found = files.get(_resolved(entry.uri, directory, entry))
    if found is None:
        raise _refused(Meaning.MISSING_DOCUMENT, "the file that URI names is not on the medium", entry)
    if found.size > limits.document:
        raise _refused(Meaning.OUT_OF_RESOURCES, f"the document is above {limits.document} bytes", entry)
    return found


def _resolved(uri: str, directory: str, entry: DocumentEntry) -> str:
    """The path on the medium, in upper case; it may climb, but not out of the medium (RFC 3986 5.2.4)."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = None
    if parts is None or parts.scheme or parts.netloc or parts.query or parts.fragment or not parts.path:
        raise _refused(Meaning.METADATA_INVALID, "URI is not a relative path", entry)
    path = posixpath.normpath(posixpath.join(directory, unquote(parts.path).replace("\\", "/")))
    if path.startswith(("/", "../")) or path == "..":
        raise _refused(Meaning.METADATA_INVALID, "URI leads out of the medium", entry)
    return path.upper()


def _refused(meaning: Meaning, context: str, entry: DocumentEntry) -> Refused:
    return Refused(Problem(meaning, context, entry.id))


# --- writing -------------------------------------------------------------------------------------


def lay_out(submissions: Sequence[tuple[Submission, Mapping[str, Content]]]) -> tuple[MediaSet, ...]:
    """Gives every set a directory and every document a file, which becomes its URI."""
    return tuple(
        MediaSet(
            directory=f"{codes.FOLDER}/SUBSET{number:02}",
            submission=replace(
                submission,
                documents=tuple(
                    replace(entry, uri=_file_name(at, entry.mime_type))
                    for at, entry in enumerate(submission.documents, 1)
                ),
            ),
            contents=contents,
        )
        for number, (submission, contents) in enumerate(submissions, 1)
    )


def _file_name(number: int, mime_type: str) -> str:
    kind = mime_type.partition(";")[0].strip().lower()
    return f"DOC{number:05}.{codes.EXTENSIONS.get(kind, codes.OTHER_EXTENSION)}"


def write_medium(file: BinaryIO, sets: Sequence[MediaSet], index: str, readme: str, at: datetime) -> None:
    """A medium in ZIP form, with `at` as the time of every file. Documents pass through in pieces."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, codes.INDEX, at, [index.encode()])
        _write(archive, codes.README, at, [readme.encode()])
        for item in sets:
            _write(archive, f"{item.directory}/{codes.METADATA}", at, [metadata_xml(item.submission)])
            for entry in item.submission.documents:
                _write(archive, f"{item.directory}/{entry.uri}", at, item.contents[entry.id].chunks())


def _write(archive: zipfile.ZipFile, name: str, at: datetime, chunks: Iterator[bytes] | list[bytes]) -> None:
    info = zipfile.ZipInfo(name, at.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o100644 << 16
    with archive.open(info, "w") as opened:
        for chunk in chunks:
            opened.write(chunk)


def metadata_xml(submission: Submission) -> bytes:
    """METADATA.XML: the lcm:SubmitObjectsRequest of a submission (ITI TF-2 3.32.4.1.2.2)."""
    head = submission.submission_set
    told = attribute(str(head.patient)) if head.patient else ""
    approved = f"{xds.STATUS_PREFIX}Approved"
    objects = "".join(
        fill(each, status=approved, patient=told, last_update=head.submission_time)
        for each in fragments_of(submission).values()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<lcm:SubmitObjectsRequest xmlns:lcm="{xds.LCM}" xmlns:rim="{xds.RIM}">'
        f"<rim:RegistryObjectList>{objects}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>\n"
    ).encode()
