"""Compares an answer with what a case expects, and with what every answer of its transaction must keep to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from answer import Answer, Retrieved, local
from cases import Case
from contents import Objects, counts, holds, missing_attributes, objects_of, slot, unique_id
from lxml import etree
from memory import Memory
from mllp_client import field_of
from soap_client import Message
from substitute import into_text

from schemas import Schemas

ACCEPTED = {
    "Success": {"AA", "CA"}, "AA": {"CA"}, "AE": {"CE"}, "AR": {"CR"}, "valid": {"HTTP 200", "HTTP 201"},
}  # fmt: skip
"""Further outcomes that are as good: an accept acknowledgement stands for one of the application."""
REGISTRY_STATUSES = frozenset({"Success", "Failure", "PartialSuccess"})
FORMATS = {True: "mtom", False: "plain"}
ANSWER_ACTIONS = {
    "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry": (
        "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse",
        "urn:ihe:iti:2010:RegisterOnDemandDocumentEntryResponse",
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Everything needed to judge answers of one run; `root` is the folder of the case files."""

    root: Path
    memory: Memory
    schemas: Schemas

    def faults(
        self, case: Case, values: Mapping[str, str], answer: Answer, message: Message | None
    ) -> list[str]:
        """Why the case has failed, each in one line; empty when it has passed."""
        found = list(self._outcome(case, answer))
        if message is not None:
            found += wire_faults(message, answer)
        if answer.status in REGISTRY_STATUSES:
            found += self._registry(case, values, answer)
        else:
            found += self._schema(answer)
        found += _rest(case, answer)
        found += self._assertions(case, values, answer)
        return found

    def check(self, case: Case, values: Mapping[str, str]) -> list[str]:
        """Faults of a case of kind `check`: nothing but its assertions on the steps before it."""
        return list(self._assertions(case, values, None))

    def _outcome(self, case: Case, answer: Answer) -> Iterator[str]:
        wanted = set(case.statuses)
        allowed = wanted.union(*(ACCEPTED.get(status, set()) for status in wanted))
        if wanted and answer.status not in allowed:
            yield f"expected {' or '.join(case.statuses)}; seen {answer.summary()}"
            return
        codes = {p.code for p in answer.problems if p.is_error}
        for code in case.expected.get("errorCodes") or ():
            if code not in codes:
                yield f"expected errorCode {code}; seen {answer.summary()}"
        text = case.expected.get("errorText")
        if text and not any(text in f"{p.code} {p.context}" for p in answer.problems):
            yield f"expected the error text {text!r}; seen {answer.summary()}"
        codes_v3 = case.expected.get("queryResponseCode")
        if codes_v3 and answer.query_code not in ([codes_v3] if isinstance(codes_v3, str) else codes_v3):
            yield f"expected queryResponseCode {codes_v3}; seen {answer.query_code or 'none'}"

    def _registry(self, case: Case, values: Mapping[str, str], answer: Answer) -> Iterator[str]:
        errors = [p for p in answer.problems if p.is_error]
        if answer.status == "Success" and errors:
            yield f"status Success together with the error {errors[0].code}"
        if answer.status != "Success" and not errors:
            yield f"status {answer.status} without a RegistryError"
        yield from self._schema(answer)
        objects = objects_of(answer.payload)
        yield from _contents(case, objects)
        if answer.payload is not None and local(answer.payload) == "AdhocQueryResponse":
            yield from missing_attributes(objects)
        yield from self._entries(case, objects)
        yield from self._documents(case, values, answer)

    def _schema(self, answer: Answer) -> Iterator[str]:
        fault = self.schemas.fault(answer.payload)
        if fault is not None:
            yield f"the answer is not valid against its schema: {fault}"

    def _entries(self, case: Case, objects: Objects) -> Iterator[str]:
        for rule in case.expected.get("entries") or ():
            found = {e.get("id"): e.get("objectType") for e in (*objects.documents, *objects.references)}
            named = {self.memory.tokens.get((e["case"], e["value"])): e for e in rule.get("entries") or ()}
            kind = rule.get("rule")
            if kind in {"Include", "MustOnlyInclude"} and not named.keys() <= found.keys():
                yield f"the answer lacks the entries {sorted(str(n) for n in named.keys() - found.keys())}"
            if kind == "MustOnlyInclude" and not found.keys() <= named.keys():
                yield f"the answer has other entries: {sorted(str(n) for n in found.keys() - named.keys())}"
            if kind == "Exclude" and named.keys() & found.keys():
                yield f"the answer must not have {sorted(str(n) for n in named.keys() & found.keys())}"
            for name, entry in named.items():
                if entry.get("objectType") and found.get(name) not in {None, entry["objectType"]}:
                    yield f"{name} has the objectType {found[name]}; expected {entry['objectType']}"
            wanted = rule.get("allOfType")
            if wanted and any(seen not in {None, wanted} for seen in found.values()):
                yield f"not all entries have the objectType {wanted}"

    def _documents(self, case: Case, values: Mapping[str, str], answer: Answer) -> Iterator[str]:
        if case.expected.get("status") == ["Failure"]:
            return
        by_id = {document.unique_id: document for document in answer.documents}
        for wanted in case.expected.get("documents") or ():
            name = into_text(wanted["uid"], values)
            document = by_id.get(name)
            if document is None:
                yield f"the document {wanted['uid']} ({name}) did not come back"
            elif document.content != (self.root / wanted["file"]).read_bytes():
                size = "nothing" if document.content is None else f"{len(document.content)} bytes"
                yield f"the document {wanted['uid']} is not byte-equal to {wanted['file']}: {size} came"
        mime_type = case.expected.get("mimeType")
        for document in answer.documents:
            if mime_type and document.mime_type != mime_type:
                yield f"expected the mimeType {mime_type}; seen {document.mime_type}"
        query = case.expected.get("matchesMetadataOf")
        if query:
            yield from self._metadata(answer, str(query))

    def _metadata(self, answer: Answer, query: str) -> Iterator[str]:
        earlier = self.memory.answers.get(query)
        found = objects_of(earlier.payload if earlier else None).documents
        entries = {unique_id(entry): entry for entry in found}
        for document in answer.documents:
            entry = entries.get(document.unique_id)
            if entry is None:
                yield f"{query} found no entry for the document {document.unique_id}"
            else:
                yield from _differences(document, entry)

    def _assertions(self, case: Case, values: Mapping[str, str], answer: Answer | None) -> Iterator[str]:
        rules = case.expected.get("assertions") or ()
        tree = self.memory.tree(case) if any("xpath" in rule for rule in rules) else None
        for rule in rules:
            if "xpath" in rule and tree is not None:
                path = into_text(rule["xpath"], values)
                if not _true(tree, path):
                    yield f"assertion {rule.get('id') or ''} is not true: {path}"
            elif "terser" in rule and answer is not None:
                yield from _field_faults(rule["terser"], rule, answer.text, values)


def _contents(case: Case, objects: Objects) -> Iterator[str]:
    seen = counts(objects)
    wanted = case.expected.get("count") or {}
    for name, number in wanted.items():
        if seen[name] != number:
            yield f"expected {number} {name}; seen {seen[name]}"
    if "ObjectRefs" in wanted and objects.full:
        yield f"expected ObjectRefs only; {objects.full} full objects came"
    listed = ", ".join(f"{number} {name}" for name, number in seen.items() if number)
    for name in case.expected.get("contents") or ():
        if not holds(name, objects):
            yield f"expected contents {name}; seen {listed or 'nothing'}"


def _differences(document: Retrieved, entry: etree._Element) -> Iterator[str]:
    content = document.content or b""
    pairs = (
        ("repositoryUniqueId", document.repository, slot(entry, "repositoryUniqueId")),
        ("mimeType", document.mime_type, entry.get("mimeType") or ""),
        ("size", str(len(content)), slot(entry, "size")),
        ("hash", hashlib.sha1(content, usedforsecurity=False).hexdigest(), slot(entry, "hash").lower()),
    )
    for name, retrieved, stated in pairs:
        if retrieved != stated:
            yield f"{name} of {document.unique_id}: the metadata say {stated}, the document {retrieved}"


def _true(tree: etree._Element, path: str) -> bool:
    found = tree.xpath(path)
    return bool(found)


def _field_faults(
    path: str, rule: Mapping[str, object], text: str, given: Mapping[str, str]
) -> Iterator[str]:
    seen = field_of(text, path)
    if rule.get("missing"):
        if seen:
            yield f"{path} must not be there; seen {seen}"
        return
    values = rule.get("values")
    allowed = [into_text(str(value), given) for value in values] if isinstance(values, list) else []
    if seen is None or not any(_allows(value, seen) for value in allowed):
        yield f"{path}: expected {' or '.join(allowed)}; seen {'no segment' if seen is None else seen}"


def _allows(value: str, seen: str) -> bool:
    # A text of several words stands for any longer text that holds it.
    return seen == value or (" " in value and value in seen)


def wire_faults(message: Message, answer: Answer) -> Iterator[str]:
    """Rules of ITI TF-2: V.3.2 and V.8 for every answer that is no fault."""
    if answer.payload is None or answer.status == "Fault":
        return
    if answer.http_status != 200:  # noqa: PLR2004
        yield f"an answer that is no fault came with HTTP {answer.http_status}"
    if answer.packaging != FORMATS[message.mtom]:
        yield f"a {FORMATS[message.mtom]} request was answered {answer.packaging or 'without a type'}"
    expected = _answer_actions(message.action, local(answer.payload))
    if answer.action not in expected:
        yield f"wsa:Action of the answer: expected {expected[0]}; seen {answer.action or 'none'}"
    elif not answer.action_understood:
        yield "wsa:Action of the answer is without mustUnderstand"
    if message.message_id and answer.relates_to != message.message_id:
        yield f"wsa:RelatesTo: expected {message.message_id}; seen {answer.relates_to or 'none'}"


def _answer_actions(action: str, root: str) -> tuple[str, ...]:
    """HL7 v3 names the answering interaction; all others add Response, with one exception (ITI-61)."""
    if action.startswith("urn:hl7-org:v3:"):
        return (f"urn:hl7-org:v3:{root}", f"urn:hl7-org:v3:{root}:{action.rpartition(':')[2]}")
    return ANSWER_ACTIONS.get(action, (f"{action}Response",))


def _rest(case: Case, answer: Answer) -> Iterator[str]:
    """ResponseResource and responseBundle of REST cases."""
    kind = str(answer.resource.get("resourceType") or "")
    wanted = case.expected.get("responseResource")
    if wanted and kind != wanted:
        yield f"expected a {wanted}; seen {kind or 'no resource'}"
    bundle = case.expected.get("responseBundle") or {}
    if bundle and answer.resource.get("type") != bundle.get("type", answer.resource.get("type")):
        yield f"expected a Bundle of type {bundle.get('type')}; seen {answer.resource.get('type')}"
    status = str(bundle.get("entryStatus") or bundle.get("status") or "")
    for entry in answer.resource.get("entry") or () if status else ():
        seen = str((entry.get("response") or {}).get("status") or "")
        if not seen.startswith(status[:3]):
            yield f"expected entries of status {status}; seen {seen or 'none'}"
