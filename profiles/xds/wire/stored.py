"""Rows of the registry → record objects, where a change builds on what is registered (ITI-57, 64, 92)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lxml import etree
from sqlalchemy import Row

from gateway.crypto.safexml import parse
from gateway.record.documents import Association, DocumentEntry, Folder, Relation, Status
from gateway.stores.marks import fill
from profiles.xds import codes
from profiles.xds.wire import read


def stored_entry(row: Row[Any]) -> DocumentEntry:
    """The DocumentEntry of a row; its patient is told by the row's record key, not by the fragment."""
    entry = read.read_entry(_element(row), read.Problems())
    return replace(entry, status=Status(row.status), version=row.version, patient=None)


def stored_folder(row: Row[Any]) -> Folder:
    """The Folder of a row; its patient is told by the row's record key, not by the fragment."""
    folder = read.read_folder(_element(row), read.Problems())
    return replace(folder, status=Status(row.status), version=row.version, patient=None)


def stored_association(row: Row[Any]) -> Association:
    """The Association of a row, with its present status."""
    relation = Relation(row.relation)
    found = read.read_association(_element(row), row.uuid, relation, read.Problems())
    return replace(found, status=Status(row.status))


def _element(row: Row[Any]) -> etree._Element:
    text = fill(row.fragment, status=row.status, patient="")
    return parse(f'<stored xmlns:rim="{codes.RIM}">{text}</stored>'.encode())[0]
