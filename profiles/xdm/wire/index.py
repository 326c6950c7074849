"""The pages of a medium for people: INDEX.HTM in XHTML Basic, README.TXT (ITI TF-2 3.32.4.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version

from profiles.xdm import codes
from profiles.xdm.wire.media import MediaSet

_DOCTYPE = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML Basic 1.0//EN" "http://www.w3.org/TR/xhtml-basic/xhtml-basic10.dtd">'
_COLUMNS = ("Document", "Kind", "Date", "File type")
_DATE_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Who made a medium and when. `absent` documents could not be put on it: they are kept elsewhere."""

    institution: str
    at: datetime
    absent: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as a reader wants to see it. `born` is a DTM, or empty."""

    identifier: str
    name: str = ""
    born: str = ""


def index_page(about: About, listed: Sequence[tuple[Person, MediaSet]]) -> str:
    """INDEX.HTM: a table of documents for each patient, in one page that needs no script and no style."""
    people = "\n".join(_patient(person, item) for person, item in listed)
    absent = f"<p>{_absent(about)}</p>\n" if about.absent else ""
    return (
        f"{_DOCTYPE}\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en">\n<head>\n'
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />\n'
        f"<title>Health documents from {escape(about.institution)}</title>\n</head>\n<body>\n"
        f"<h1>Health documents from {escape(about.institution)}</h1>\n"
        f"<p>Made on {_day(about.at)}. These documents are confidential: they are for the patients named "
        "and for those who treat them.</p>\n"
        f"{absent}{people}\n"
        f'<p><a href="{codes.README}">About this medium</a></p>\n</body>\n</html>\n'
    )


def readme_text(about: About, listed: Sequence[tuple[Person, MediaSet]]) -> str:
    """README.TXT: who made the medium with what, and where things are on it."""
    lines = [
        "HEALTH DOCUMENTS ON A PORTABLE MEDIUM (IHE XDM)",
        "",
        f"Institution:  {about.institution}",
        "              Ask there about anything that concerns the documents.",
        f"Made on:      {_day(about.at)}",
        f"Application:  Passerelle {_version()}",
        "Vendor:       the Passerelle project; run by the institution",
        "",
        "HOW THE MEDIUM IS ORGANISED",
        "",
        f"{codes.INDEX}    list of documents by patient, for any web browser",
        f"{codes.README}   this text",
        f"{codes.FOLDER}      one directory for each submission set, for programs:",
        f"                  {codes.METADATA} describes the documents beside it",
        "",
        *(f"{item.directory}   {_count(len(item.submission.documents))}" for _, item in listed),
    ]
    if about.absent:
        lines += ["", _absent(about)]
    return "\r\n".join(lines) + "\r\n"


def _patient(person: Person, item: MediaSet) -> str:
    named = escape(person.name or person.identifier)
    born = f", born {_dtm(person.born)}" if person.born else ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    return (
        f"<h2>{named}{born}</h2>\n<p>Patient identifier: {escape(person.identifier)}</p>\n"
        f"<table>\n<caption>Documents of {named}</caption>\n<tr>{heads}</tr>\n{_rows(item)}</table>"
    )


def _rows(item: MediaSet) -> str:
    return "".join(
        f'<tr><td><a href="{escape(item.directory)}/{escape(entry.uri or "")}">'
        f"{escape(entry.title or entry.unique_id)}</a></td>"
        f"<td>{escape(entry.type_code.display if entry.type_code else '')}</td>"
        f"<td>{_dtm(entry.creation_time or '')}</td><td>{escape(entry.mime_type)}</td></tr>\n"
        for entry in item.submission.documents
    )


def _count(number: int) -> str:
    return f"{number} document{'' if number == 1 else 's'}"


def _absent(about: About) -> str:
    return f"{_count(about.absent)} of the record not on this medium, because kept elsewhere."


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


def _dtm(value: str) -> str:
    """A DTM as a day, or as much of one as it tells."""
    digits = value[:_DATE_DIGITS]
    return escape("-".join(filter(None, (digits[:4], digits[4:6], digits[6:8]))))


def _version() -> str:
    try:
        return version("passerelle")
    except PackageNotFoundError:
        return "(from source)"
