"""Which scopes cover which transaction, by its declaration."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.cli.compose import catalogue
from gateway.declare.transaction import AnyTransaction
from gateway.errors import ScopeMissing
from gateway.identity.jwt.scopes import check_scopes, needed
from gateway.record.people import PatientId, Principal, SubjectKind


def transaction(method: str, path: str) -> AnyTransaction:
    return catalogue().by_key["fhir", method, path]


def asking(
    scope: str | None, kind: SubjectKind = SubjectKind.PROFESSIONAL, *, patient: bool = False
) -> Principal:
    return Principal(
        kind=kind,
        subject="s",
        name="s",
        issuer="i",
        role=None,
        organisation=None,
        purpose=None,
        patient=PatientId("p", "2.999") if patient else None,
        confirmation="bearer",
        token_id="t",
        token_digest=None,
        expires=datetime(2026, 1, 1, tzinfo=UTC),
        scopes=None if scope is None else frozenset(scope.split()),
    )


def covered(principal: Principal, asked: AnyTransaction) -> bool:
    try:
        check_scopes(principal, asked)
    except ScopeMissing:
        return False
    return True


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/DocumentReference", ("ITI-67", "user/DocumentReference.s")),
        ("GET", "/Binary/{id}", ("ITI-68", "user/Binary.r")),
        ("GET", "/Patient", ("ITI-78", "user/Patient.s")),
        ("GET", "/Patient/{id}", ("ITI-78", "user/Patient.r")),
        ("POST", "/Patient/$match", ("ITI-119", "user/Patient.s")),
        ("GET", "/Patient/$ihe-pix", ("ITI-83", "user/Patient.s")),
        ("PUT", "/Patient", ("ITI-104", "user/Patient.cu")),
        ("DELETE", "/Patient", ("ITI-104", "user/Patient.d")),
        ("POST", "/$process-message", ("ITI-93",)),
        ("POST", "/$import-media", ("ITI-32",)),
    ],
)
def test_what_is_needed(method: str, path: str, scopes: tuple[str, ...]) -> None:
    assert needed(transaction(method, path)).scopes == scopes


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("ITI-104", True),
        ("user/Patient.write", True),
        ("user/Patient.cu", True),
        ("user/Patient.c user/Patient.u", True),
        ("user/*.cruds", True),
        ("user/Patient.u", False),
        ("user/Patient.uc", False),
        ("user/Patient.", False),
        ("user/Patient.read", False),
        ("USER/Patient.write", False),
        ("user/Patient.write?name=x", False),
        ("", False),
    ],
)
def test_a_write(scope: str, expected: bool) -> None:  # noqa: FBT001
    assert covered(asking(scope), transaction("PUT", "/Patient")) is expected


def test_contexts() -> None:
    asked = transaction("GET", "/Patient")
    assert not covered(asking("patient/Patient.rs"), asked)
    assert covered(asking("patient/Patient.rs", patient=True), asked)
    assert covered(asking("system/Patient.rs", SubjectKind.NODE), asked)
    assert not covered(asking("user/Patient.rs", SubjectKind.NODE), asked)


def test_who_needs_none() -> None:
    assert covered(asking(None), transaction("GET", "/Patient"))
    assert covered(asking(""), transaction("GET", "/metadata"))
