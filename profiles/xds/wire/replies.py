"""ebRS 3.0 and XDS.b replies as canonical text (ITI TF-3 4.2.4, ITI TF-2 3.18, 3.43)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.declare.bindings import Attachment, SoapReply
from gateway.errors import Problem
from profiles.xds import codes
from profiles.xds.wire.text import attribute, element, text

CodeOf = Callable[[Problem], str]

_RS = f' xmlns:rs="{codes.RS}"'
_RIM = f' xmlns:rim="{codes.RIM}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """One document of a retrieve reply; ids as in the request."""

    home: str | None
    repository: str
    unique_id: str
    mime_type: str
    attachment: Attachment


def registry_response(problems: Sequence[Problem], code_of: CodeOf) -> SoapReply:
    """rs:RegistryResponse: Failure with an error, Success without (warnings allowed)."""
    failed = any(not item.warning for item in problems)
    status = codes.FAILURE if failed else codes.SUCCESS
    return SoapReply((_response(status, problems, code_of).encode(),))


def removal_response(problems: Sequence[Problem], code_of: CodeOf, *, some: bool) -> SoapReply:
    """rs:RegistryResponse of a removal, which may succeed in part (`some`)."""
    failed = any(not item.warning for item in problems)
    status = codes.SUCCESS if not failed else codes.PARTIAL if some else codes.FAILURE
    return SoapReply((_response(status, problems, code_of).encode(),))


def query_response(objects: Iterable[str], problems: Sequence[Problem], code_of: CodeOf) -> SoapReply:
    """query:AdhocQueryResponse around fragments that rely on the prefix rim."""
    listed = "".join(objects)
    failed = any(not item.warning for item in problems)
    status = codes.SUCCESS if not failed else codes.PARTIAL if listed else codes.FAILURE
    errors = error_list(problems, code_of, declare=True)
    body = (
        f'<query:AdhocQueryResponse xmlns:query="{codes.QUERY}" status="{status}">{errors}'
        f"<rim:RegistryObjectList{_RIM}>{listed}</rim:RegistryObjectList></query:AdhocQueryResponse>"
    )
    return SoapReply((body.encode(),))


def object_refs(ids: Iterable[tuple[str, str | None]]) -> Iterable[str]:
    """rim:ObjectRef fragments for (entryUUID, homeCommunityId) pairs."""
    for name, home in ids:
        yield element("rim:ObjectRef", (("home", home), ("id", name)))


def retrieve_response(
    documents: Sequence[Retrieved], problems: Sequence[Problem], code_of: CodeOf
) -> SoapReply:
    """xds:RetrieveDocumentSetResponse: Success, PartialSuccess or Failure by what is there."""
    failed = any(not item.warning for item in problems)
    status = codes.SUCCESS if not failed else codes.PARTIAL if documents else codes.FAILURE
    pieces: list[bytes | Attachment] = []
    head = f'<xds:RetrieveDocumentSetResponse xmlns:xds="{codes.XDSB}">{_response(status, problems, code_of)}'
    for item in documents:
        pieces += [f"{head}<xds:DocumentResponse>{_described(item)}<xds:Document>".encode(), item.attachment]
        head = "</xds:Document></xds:DocumentResponse>"
    pieces.append(f"{head}</xds:RetrieveDocumentSetResponse>".encode())
    return SoapReply(pieces)


def _described(item: Retrieved) -> str:
    home = f"<xds:HomeCommunityId>{text(item.home)}</xds:HomeCommunityId>" if item.home else ""
    return (
        f"{home}<xds:RepositoryUniqueId>{text(item.repository)}</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>{text(item.unique_id)}</xds:DocumentUniqueId>"
        f"<xds:mimeType>{text(item.mime_type)}</xds:mimeType>"
    )


def _response(status: str, problems: Sequence[Problem], code_of: CodeOf) -> str:
    errors = error_list(problems, code_of, declare=False)
    return f'<rs:RegistryResponse{_RS} status="{status}">{errors}</rs:RegistryResponse>'


def error_list(problems: Sequence[Problem], code_of: CodeOf, *, declare: bool) -> str:
    """rs:RegistryErrorList; `declare` binds the prefix rs on it. Nothing without problems."""
    if not problems:
        return ""
    worst = codes.SEVERITY_WARNING if all(p.warning for p in problems) else codes.SEVERITY_ERROR
    listed = "".join(_error(item, code_of) for item in problems)
    namespace = _RS if declare else ""
    return (
        f'<rs:RegistryErrorList{namespace} highestSeverity="{attribute(worst)}">{listed}'
        "</rs:RegistryErrorList>"
    )


def _error(item: Problem, code_of: CodeOf) -> str:
    return element(
        "rs:RegistryError",
        (
            ("codeContext", item.context),
            ("errorCode", code_of(item)),
            ("location", item.location),
            ("severity", codes.SEVERITY_WARNING if item.warning else codes.SEVERITY_ERROR),
        ),
    )
