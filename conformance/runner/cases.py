"""Reads a collection of cases (cases.jsonl, one case per line; fields as in conformance/README.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_TRANSACTIONS = (
    *(
        "ITI-8",
        "ITI-9",
        "ITI-18",
        "ITI-20",
        "ITI-21",
        "ITI-22",
        "ITI-30",
        "ITI-31",
        "ITI-41",
        "ITI-42",
        "ITI-43",
    ),
    *("ITI-44", "ITI-45", "ITI-47", "ITI-55", "ITI-56", "ITI-58", "ITI-59", "ITI-61", "ITI-64"),
    *("ITI-78", "ITI-81", "ITI-82", "ITI-83", "ITI-93", "ITI-104", "ITI-108", "ITI-119", "IDV-1", "IDV-3"),
    "JRN-1",
    *("SAML", "check"),
)
CHECK = "check"


class BadCollectionError(Exception):
    """The collection cannot be read, or names a case or file that does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One replacement: `token` in the file becomes a value of `kind`; `details` are its other fields."""

    token: str
    kind: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A document to attach: `id` as it stands in the metadata, and the file with its bytes.

    `fill`: the document is XML in which tokens are replaced as well.
    """

    id: str
    file: Path
    fill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One message and the outcome that is expected of it."""

    id: str
    transaction: str
    title: str
    test: str
    section: str
    step: str
    element: str
    target: str | None
    file: Path | None
    documents: tuple[Attachment, ...]
    variables: tuple[Variable, ...]
    preconditions: tuple[str, ...]
    expected: Mapping[str, Any]
    soap_action: str | None
    mtom: bool | None
    assertion: str | None
    direction: str
    http_headers: Mapping[str, str]
    request: Mapping[str, str]
    config: tuple[Any, ...]
    renew_unique_ids: bool
    note: str

    @property
    def statuses(self) -> tuple[str, ...]:
        """The acceptable outcomes; none for a `check`."""
        return tuple(self.expected.get("status", ()))

    @property
    def is_check(self) -> bool:
        """True where nothing is sent and earlier answers are looked at."""
        return self.transaction == CHECK

    @property
    def looks_at(self) -> str | None:
        """For a check: the id of the case whose answer it examines."""
        return self.preconditions[-1] if self.is_check and self.preconditions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """All cases of a file, by id and in the order of the file, with the folder that holds their data."""

    root: Path
    cases: Mapping[str, Case]


def load(path: Path) -> Collection:
    """Read `path`; file names in it are relative to its folder. Raises BadCollectionError."""
    root = path.resolve().parent
    cases: dict[str, Case] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise BadCollectionError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            case = _case(root, _object(path, number, line))
            if case.id in cases:
                raise BadCollectionError(f"{path}:{number}: the id {case.id} is used twice")
            cases[case.id] = case
    _refuse_unknown_references(cases)
    return Collection(root=root, cases=cases)


def select(collection: Collection, only: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Ids to run, in file order: those named, or all of the transactions `only`.

    A check of a selected step belongs to it, whether or not `check` is named.
    """
    if ids:
        unknown = [name for name in ids if name not in collection.cases]
        if unknown:
            raise BadCollectionError(f"no such case: {', '.join(unknown)}")
        return [name for name in collection.cases if name in set(ids)]
    wanted = set(only or DEFAULT_TRANSACTIONS)
    chosen = {case.id for case in collection.cases.values() if case.transaction in wanted}
    for case in collection.cases.values():
        if case.looks_at in chosen:
            chosen.add(case.id)
    return [name for name in collection.cases if name in chosen]


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise BadCollectionError(f"{path}:{number}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadCollectionError(f"{path}:{number}: an object was expected")
    missing = {"id", "transaction", "expected"} - found.keys()
    if missing:
        raise BadCollectionError(f"{path}:{number}: without {', '.join(sorted(missing))}")
    return found


def _case(root: Path, found: Mapping[str, Any]) -> Case:
    name = str(found["id"])
    files = [root / file for file in found.get("files") or ()]
    return Case(
        id=name,
        transaction=str(found["transaction"]),
        title=str(found.get("title") or ""),
        test=f"{found.get('suite') or ''}/{found.get('test') or name}",
        section=str(found.get("section") or ""),
        step=str(found.get("step") or ""),
        element=str(found.get("tkElement") or "Transaction"),
        target=found.get("target"),
        file=files[0] if files else None,
        documents=tuple(
            Attachment(id=d["id"], file=root / d["file"], fill=bool(d.get("fill")))
            for d in found.get("documents") or ()
        ),
        variables=tuple(
            Variable(token=v["token"], kind=v["kind"], details=v) for v in found.get("vars") or ()
        ),
        preconditions=tuple(found.get("precondition") or ()),
        expected=found["expected"],
        soap_action=found.get("soapAction"),
        mtom=found.get("mtom"),
        assertion=_variant(found.get("saml")),
        direction=str(found.get("direction") or ""),
        http_headers=found.get("httpHeaders") or {},
        request=found.get("request") or {},
        config=tuple(found.get("config") or ()),
        renew_unique_ids=bool(found.get("uniqueIds")),
        note=str(found.get("note") or ""),
    )


def _variant(found: object) -> str | None:
    if isinstance(found, Mapping):
        return str(found["variant"])
    return str(found) if found else None


def _refuse_unknown_references(cases: Mapping[str, Case]) -> None:
    for case in cases.values():
        named = [*case.preconditions, *(v.details["case"] for v in case.variables if "case" in v.details)]
        unknown = sorted({name for name in named if name not in cases})
        if unknown:
            raise BadCollectionError(f"{case.id} refers to unknown cases: {', '.join(unknown)}")
