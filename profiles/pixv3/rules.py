"""Rules of HL7 V3 messages that a schema cannot say (ITI TF-2 Appendix O, 3.44.4.1.2, 3.44.4.2.2)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from lxml import etree

from gateway import schemas
from gateway.declare.bindings import SoapPayload
from gateway.errors import ActionMismatch, Meaning, Problem, Refused, SchemaInvalid
from gateway.mpi.context import IDENTIFIER, SUBSUMED, SURVIVOR
from profiles.pixv3 import codes
from profiles.pixv3.wire.wrapper import V

OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
EVENT = "controlActProcess/subject/registrationEvent"
PATIENT = f"{EVENT}/subject1/patient"
PRIOR_ID = f"{EVENT}/replacementOf/priorRegistration/subject1/priorRegisteredRole/id"
ALWAYS, NEVER = "AL", "NE"


def refused(meaning: Meaning, text: str, location: str) -> Refused:
    """A refusal with one problem; `location` is an XPath."""
    return Refused(Problem(meaning, text, location))


def invalid(text: str, location: str) -> Refused:
    """A message that does not follow its specification (SYN113)."""
    return refused(Meaning.INVALID_REQUEST, text, location)


@cache
def under(tag: str) -> str:
    """A path of element names in Clark notation, for ElementPath."""
    return "/".join(f"{V}{step}" for step in tag.split("/"))


def place(message: etree._Element, path: str) -> str:
    """The XPath of something in a message, as an answer names it (3.45.4.2.3)."""
    return f"/{etree.QName(message).localname}/{path}"


def open_message(
    payload: SoapPayload, *names: str, accept: frozenset[str] = frozenset({ALWAYS})
) -> etree._Element:
    """The message, which follows schema and wrapper rules. ActionMismatch when it is another interaction."""
    message = payload.element
    if message.tag not in {codes.clark(name) for name in names}:
        found = etree.QName(message).localname
        raise ActionMismatch(f"the Body holds {found}, the action promises {names[0]}", location="Body")
    try:
        schemas.validate(codes.SCHEMA, message)
    except SchemaInvalid as error:
        raise invalid(error.detail, error.location or "") from error
    _check_wrapper(message, names, accept)
    return message


def _check_wrapper(message: etree._Element, names: tuple[str, ...], accept: frozenset[str]) -> None:
    stated = message.find(f"{V}interactionId")
    expected = {name.removesuffix("_Cancel") for name in names} | set(names)
    if stated is None or stated.get("root") != codes.INTERACTIONS or stated.get("extension") not in expected:
        raise invalid("interactionId does not name this interaction", place(message, "interactionId"))
    expect_code(message, "processingCode", {"P", "T", "D"})
    expect_code(message, "processingModeCode", {"T"})
    expect_code(message, "acceptAckCode", accept)
    expect_one(message, "receiver")
    for party in ("receiver", "sender"):
        expect_one(message, f"{party}/device/id")
        expect_oid(message, f"{party}/device/id")
        expect_oid(message, f"{party}/device/asAgent/representedOrganization/id")


def expect_code(
    message: etree._Element, path: str, among: set[str] | frozenset[str], *, required: bool = True
) -> None:
    """The code of an element is one of those allowed, wherever it stands."""
    found = message.findall(under(path))
    if required and not found:
        raise invalid(f"{_last(path)} is missing", place(message, path))
    if any(each.get("code") not in among for each in found):
        listed = " or ".join(sorted(among))
        raise invalid(f"{_last(path)} is not {listed}", place(message, path))


def expect_one(message: etree._Element, path: str) -> None:
    """Exactly one element stands there."""
    count = len(message.findall(under(path)))
    if count != 1:
        raise invalid(f"{count} {_last(path)} elements were sent, expected 1", place(message, path))


def expect_none(message: etree._Element, *paths: str) -> None:
    """What IHE leaves out of the model is not there."""
    for path in paths:
        if message.find(under(path)) is not None:
            raise invalid(f"{_last(path)} is not part of this message", place(message, path))


def expect_oid(message: etree._Element, path: str) -> None:
    """Identifiers that name a system or an organisation: an OID, without extension."""
    for each in message.findall(under(path)):
        if each.get("extension") is not None or not OID.fullmatch(each.get("root", "")):
            raise invalid("expected the OID as root, and no extension", place(message, path))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


# --- feeds ---------------------------------------------------------------------------------------


def check_feed(message: etree._Element) -> None:
    """What add, revise and merge have in common."""
    expect_one(message, "controlActProcess/subject")
    expect_code(message, f"{EVENT}/statusCode", {"active"})
    expect_code(message, f"{PATIENT}/statusCode", {"active"})
    _check_author(message)
    _check_other_ids(message)


def check_change(message: etree._Element) -> None:
    """Add and revise: nothing is replaced, the organisation that cares for the patient is known."""
    check_feed(message)
    expect_none(message, f"{EVENT}/replacementOf")
    expect_one(message, f"{PATIENT}/providerOrganization")
    expect_oid(message, f"{PATIENT}/providerOrganization/id")


def check_merge(message: etree._Element) -> None:
    """Merge: one survivor with id and name, one identifier that ends (3.44.4.2.2)."""
    check_feed(message)
    for path in (f"{EVENT}/replacementOf", PRIOR_ID, f"{PATIENT}/id"):
        expect_one(message, path)
    expect_code(message, f"{EVENT}/replacementOf/priorRegistration/statusCode", {"obsolete"}, required=False)
    names = message.findall(under(f"{PATIENT}/patientPerson/name"))
    if all(each.get("nullFlavor") is not None for each in names):
        raise invalid("the survivor has no name", place(message, f"{PATIENT}/patientPerson/name"))


def _check_author(message: etree._Element) -> None:
    for each in message.findall(under("controlActProcess/authorOrPerformer")):
        if each.get("typeCode") != "AUT":
            raise invalid("typeCode is not AUT", place(message, "controlActProcess/authorOrPerformer"))


def check_author(message: etree._Element) -> None:
    """Who asks is the author (3.45.4.1.2, 3.47.4.1.2)."""
    _check_author(message)


def _check_other_ids(message: etree._Element) -> None:
    """Identifiers of other authorities: of any role but citizen and employee, scoped by their authority."""
    path = f"{PATIENT}/patientPerson/asOtherIDs"
    for each in message.findall(under(path)):
        if each.get("classCode") in {"CIT", "EMP"}:
            raise invalid("classCode is that of a citizen or an employee", place(message, path))
        scope = each.find(under("scopingOrganization/id"))
        roots = {found.get("root") for found in each.findall(f"{V}id") if found.get("root")}
        if scope is not None and (scope.get("extension") is not None or not roots <= {scope.get("root")}):
            raise invalid(
                "the identifiers are not of the scopingOrganization",
                place(message, f"{path}/scopingOrganization/id"),
            )


PLACES = {IDENTIFIER: f"{PATIENT}/id", SURVIVOR: f"{PATIENT}/id", SUBSUMED: PRIOR_ID}
"""Where the problems of the index stand in a feed."""


def placed(error: Refused, interaction: str) -> Refused:
    """A refusal of the index, with places in the message."""
    return Refused(
        *(
            replace(each, location=f"/{interaction}/{PLACES[each.location]}")
            if each.location in PLACES
            else each
            for each in error.problems
        )
    )
