"""ebRS 3.0 and XDS.b requests: submissions, retrieves, queries (ITI TF-2 3.18, 3.41, 3.42, 3.43)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from lxml import etree

from gateway import schemas
from gateway.crypto.safexml import text_of
from gateway.crypto.xmldsig import content_id, includes_of
from gateway.declare.bindings import Attachment, Content, Octets, SoapPayload
from gateway.errors import ActionMismatch, Meaning, Problem, Refused, SchemaInvalid
from gateway.record.documents import Submission
from gateway.record.domain import Domain
from profiles.xds import codes
from profiles.xds.rules import Column, check
from profiles.xds.wire.base64text import decoded
from profiles.xds.wire.read import Problems, read_submission

_LCM, _RIM, _XDSB, _QUERY = (f"{{{ns}}}" for ns in (codes.LCM, codes.RIM, codes.XDSB, codes.QUERY))
_RMD = f"{{{codes.RMD}}}"
_SCHEMAS = MappingProxyType({codes.LCM: "lcm", codes.XDSB: "xdsb", codes.QUERY: "query", codes.RMD: "rmd"})


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document asked for by ITI-43."""

    home: str | None
    repository: str
    unique_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuery:
    """An AdhocQueryRequest: `slots` in order, each with its raw values; `text` as received, canonical."""

    identifier: str
    return_type: str
    home: str | None
    slots: Sequence[tuple[str, tuple[str, ...]]]
    text: bytes


def expect_root(payload: SoapPayload, name: str) -> etree._Element:
    """The Body's child, which follows its schema; ActionMismatch when the action promised another one.

    What breaks the schema is a fault of the protocol, not of the registry: SchemaInvalid.
    """
    expected = etree.QName(name)
    if payload.element.tag != name:
        found = etree.QName(payload.element).localname
        namespace = " of another namespace" if found == expected.localname else ""
        raise ActionMismatch(
            f"the Body holds {found}{namespace}, the action promises {expected.localname}", location="Body"
        )
    schemas.validate(_SCHEMAS[expected.namespace or ""], payload.element)
    return payload.element


def read_submit_request(
    request: etree._Element, column: Column, domain: Domain, extra: Iterable[Problem] = ()
) -> Submission:
    """lcm:SubmitObjectsRequest as a submission that keeps all rules; Refused with every problem."""
    objects = request.find(f"{_RIM}RegistryObjectList")
    if objects is None:
        raise SchemaInvalid("SubmitObjectsRequest has no RegistryObjectList", location="SubmitObjectsRequest")
    problems = Problems()
    submission = read_submission(objects, problems)
    if submission is not None:
        problems += check(submission, column, domain)
    problems += extra
    if submission is None or not all(problem.warning for problem in problems):
        raise Refused(*problems)
    return replace(submission, warnings=tuple(problems))


def submit_request_of(request: etree._Element) -> etree._Element:
    """The lcm:SubmitObjectsRequest inside an ITI-41 request."""
    found = request.find(f"{_LCM}SubmitObjectsRequest")
    if found is None:
        raise SchemaInvalid("the request has no SubmitObjectsRequest", location="Body")
    return found


def documents_of(
    request: etree._Element, attachments: Mapping[str, Attachment]
) -> tuple[dict[str, Content], list[str], list[Problem]]:
    """xds:Document contents by id, content ids used, and a problem for each that has no octets."""
    contents: dict[str, Content] = {}
    used: list[str] = []
    problems: list[Problem] = []
    for document in request.iterchildren(f"{_XDSB}Document"):
        name = document.get("id") or ""
        if name in contents:
            problems.append(Problem(Meaning.METADATA_INVALID, f"Document id {name} is used twice", name))
        includes = includes_of(document)
        if not includes:
            contents[name] = Octets(decoded(document))
            continue
        reference = content_id(includes[0])
        used.append(reference)
        if reference in attachments:
            contents[name] = attachments[reference].content
        else:
            problems.append(_missing(name, "the attachment that its xop:Include names is not in the package"))
    return contents, used, problems


def document_problems(
    submission_ids: Iterable[str],
    contents: Mapping[str, Content],
    unread: Iterable[Problem],
    stray: Iterable[str],
) -> list[Problem]:
    """Each entry has its document and each document its entry (ITI TF-3 Table 4.2.4.1-2)."""
    problems = list(unread)
    reported = {problem.location for problem in problems}
    ids = set(submission_ids)
    problems += [
        _missing(name, "no Document came with this entry")
        for name in sorted(ids - set(contents))
        if name not in reported
    ]
    problems += [
        Problem(Meaning.MISSING_METADATA, f"Document {name} has no entry in the metadata", name)
        for name in sorted(set(contents) - ids)
    ]
    problems += [
        Problem(Meaning.MISSING_METADATA, "an attachment belongs to no Document of the request", name)
        for name in stray
    ]
    return problems


def _missing(name: str, why: str) -> Problem:
    return Problem(Meaning.MISSING_DOCUMENT, f"document of entry {name}: {why}", name)


def read_retrieve_request(payload: SoapPayload) -> tuple[DocumentRequest, ...]:
    """xds:RetrieveDocumentSetRequest."""
    return _documents(expect_root(payload, f"{_XDSB}RetrieveDocumentSetRequest"))


def read_remove_documents(payload: SoapPayload) -> tuple[DocumentRequest, ...]:
    """rmd:RemoveDocumentsRequest."""
    return _documents(expect_root(payload, f"{_RMD}RemoveDocumentsRequest"))


def read_remove_objects(payload: SoapPayload) -> tuple[str, ...]:
    """lcm:RemoveObjectsRequest: the entryUUIDs; Refused where it asks by query (ITI TF-2 3.62.4.1.2)."""
    root = expect_root(payload, f"{_LCM}RemoveObjectsRequest")
    if root.find(f"{_RIM}AdhocQuery") is not None or root.get("deletionScope") is not None:
        text = "AdhocQuery and deletionScope are not taken; name the objects in ObjectRefList"
        raise Refused(Problem(Meaning.INVALID_REQUEST, text, "RemoveObjectsRequest"))
    named = (ref.get("id") or "" for ref in root.iterfind(f"{_RIM}ObjectRefList/{_RIM}ObjectRef"))
    ids = tuple(dict.fromkeys(name.strip().lower() for name in named))
    if not ids:
        raise Refused(Problem(Meaning.INVALID_REQUEST, "no ObjectRef names an object", "ObjectRefList"))
    return ids


def _documents(root: etree._Element) -> tuple[DocumentRequest, ...]:
    asked = tuple(
        DocumentRequest(
            home=_child(item, "HomeCommunityId"),
            repository=_child(item, "RepositoryUniqueId") or "",
            unique_id=_child(item, "DocumentUniqueId") or "",
        )
        for item in root.iterchildren(f"{_XDSB}DocumentRequest")
    )
    if not asked:
        raise SchemaInvalid("the request asks for no document", location="DocumentRequest")
    return asked


def _child(item: etree._Element, name: str) -> str | None:
    found = item.find(f"{_XDSB}{name}")
    return None if found is None else text_of(found).strip()


def read_query_request(payload: SoapPayload) -> StoredQuery:
    """query:AdhocQueryRequest."""
    root = expect_root(payload, f"{_QUERY}AdhocQueryRequest")
    option, query = root.find(f"{_QUERY}ResponseOption"), root.find(f"{_RIM}AdhocQuery")
    if option is None or query is None:
        raise SchemaInvalid("ResponseOption or AdhocQuery is missing", location="AdhocQueryRequest")
    return StoredQuery(
        identifier=(query.get("id") or "").strip(),
        return_type=option.get("returnType") or "RegistryObject",
        home=query.get("home"),
        slots=[
            (
                slot.get("name") or "",
                tuple(text_of(value) for value in slot.iterfind(f"{_RIM}ValueList/{_RIM}Value")),
            )
            for slot in query.iterchildren(f"{_RIM}Slot")
        ],
        text=etree.tostring(root, with_tail=False),
    )
