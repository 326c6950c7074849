"""Runs the planned cases against the target, one after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import fhir_client
import httpx
import soap_client
from answer import Answer, parse
from audit_client import SyslogClient, is_message
from cases import Attachment, Case, Collection
from expect import Examiner
from feed import ACCEPTED, Feeder
from foreign import excuse, fixed_patients
from memory import Memory
from mllp_client import MllpClient, with_fresh_control_id, with_segment_ends
from saml import REFUSED, VARIANTS, Issuer
from samples import find_documents, first_assertion, header_of, patient_of, reissued
from soap_client import Addressing, Message
from substitute import BlockedError, ByHandError, Values, into_text, into_xml
from target import ACTIONS, MTOM, REST, SAMPLE, Capabilities, Target, is_mllp

from schemas import Schemas

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
PLACEHOLDER = re.compile(r"\$[A-Z][A-Z-]{3,}")
DESCRIPTION = "<AuditMessageSpecification"
DOCUMENT = re.compile(r"<(?:\w+:)?Document\b")
INCLUDE = re.compile(r"<(?:\w+:)?Include\b[^>]*href=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a case. `request` and `answer` are texts for the report."""

    case: Case
    outcome: str
    reasons: tuple[str, ...] = ()
    request: str = ""
    answer: str = ""
    seconds: float = 0.0


class SkipCaseError(Exception):
    """The case cannot be run here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Open connections to the target; `mllp` and `syslog` are None where it has no such port."""

    http: httpx.Client
    mllp: MllpClient | None
    syslog: SyslogClient | None = None


@dataclass(slots=True)
class _Exchange:
    """What is known of one case while it runs."""

    request: str = ""
    message: Message | None = None
    answer: Answer | None = None
    values: dict[str, str] = field(default_factory=dict)


class Run:
    """One run over one collection; counts and identifiers are fresh for each."""

    def __init__(
        self, collection: Collection, target: Target, capabilities: Capabilities, links: Links,
        issuer: Issuer | None, known: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self._known = frozenset(known)
        self._target = target
        self._capabilities = capabilities.with_domain(target.patient_root)
        self._links = links
        self._issuer = issuer
        self._memory = Memory()
        self._results: dict[str, Result] = {}
        self._feeder = Feeder(target.patient_root, self._send_hl7)
        self._values = Values(
            memory=self._memory, target=target, feeder=self._feeder, patient_url=self._patient_url
        )
        folder = collection.root / "xsd"
        self._examiner = Examiner(
            root=collection.root, memory=self._memory, schemas=Schemas(folder if folder.is_dir() else None)
        )

    def run(self, case: Case) -> Result:
        """Run one case whose preconditions have been run before."""
        started = time.perf_counter()
        exchange = _Exchange()
        try:
            self._refuse(case)
            reasons = self._perform(case, exchange)
        except (SkipCaseError, ByHandError) as reason:
            return self._keep(case, SKIPPED, (str(reason),), exchange, started)
        except BlockedError as reason:
            return self._keep(case, FAILED, (str(reason),), exchange, started)
        return self._keep(case, FAILED if reasons else PASSED, tuple(reasons), exchange, started)

    def _keep(
        self, case: Case, outcome: str, reasons: tuple[str, ...], exchange: _Exchange, started: float
    ) -> Result:
        text = f"{exchange.answer.summary()}\n\n{exchange.answer.text}" if exchange.answer else ""
        result = Result(
            case=case, outcome=outcome, reasons=reasons, request=exchange.request, answer=text,
            seconds=time.perf_counter() - started,
        )  # fmt: skip
        self._results[case.id] = result
        return result

    def _refuse(self, case: Case) -> None:
        refusal = self._capabilities.refusal(case)
        if refusal is not None:
            raise SkipCaseError(refusal)
        for name in case.preconditions:
            earlier = self._results.get(name)
            if earlier is not None and earlier.outcome == SKIPPED:
                reason = earlier.reasons[0]
                cause = reason if reason.startswith("precondition ") else f"precondition {name}: {reason}"
                raise SkipCaseError(cause)
        for name in case.preconditions:
            earlier = self._results.get(name)
            # A failure that is known and was answered has had its effect; what builds on it can be tried.
            answered = earlier is not None and name in self._known and bool(earlier.answer)
            if earlier is not None and earlier.outcome == FAILED and not answered:
                raise BlockedError(f"precondition {name} failed")

    def _perform(self, case: Case, exchange: _Exchange) -> Sequence[str]:
        exchange.values = self._values.of(case)
        if case.is_check:
            return self._examiner.check(case, exchange.values)
        endpoint = self._target.endpoint(case)
        if endpoint is None:
            raise SkipCaseError(f"the endpoints name none for {case.target or case.transaction}")
        if case.transaction == SAMPLE:
            return self._sample(case, exchange, endpoint)
        if is_mllp(case):
            exchange.answer = self._hl7(case, exchange)
        elif case.transaction in REST:
            exchange.answer = self._rest(case, exchange, endpoint)
        else:
            exchange.answer = self._soap(case, exchange, endpoint)
        payload = exchange.message.payload if exchange.message else None
        self._memory.sent(case, payload, exchange.answer)
        faults = self._examiner.faults(case, exchange.values, exchange.answer, exchange.message)
        excused = excuse(case, exchange.answer, exchange.request, self._capabilities, self._memory)
        if faults and excused is not None:
            raise SkipCaseError(excused)
        return faults

    def _hl7(self, case: Case, exchange: _Exchange) -> Answer:
        text, encoding = _read(case)
        exchange.request = with_fresh_control_id(into_text(text, exchange.values))
        if PLACEHOLDER.search(exchange.request):
            raise SkipCaseError("the file has placeholders that the case does not declare")
        return self._send_hl7(with_segment_ends(exchange.request).encode(encoding))

    def _rest(self, case: Case, exchange: _Exchange, base: str) -> Answer:
        content: bytes | None = None
        if case.file is not None:
            text, _ = _read(case)
            put = into_xml if text.lstrip().startswith("<") else into_text
            exchange.request = put(text, exchange.values)
            content = exchange.request.encode()
            content = fhir_client.with_new_ids(content) if case.renew_unique_ids else content
            if case.transaction == "ITI-108" and not case.variables:
                content = self._of_known_patient(content)
        if case.transaction == "ITI-20" and not str(exchange.request).lstrip().startswith("{"):
            answer = self._audit(exchange.request, base)
            if answer is not None:
                return answer
        url = into_text(fhir_client.pattern(case, content), exchange.values)
        self._feed_fixed(case, f"{url} {exchange.request}")
        return fhir_client.send(self._links.http, base, case, content, url)

    def _audit(self, text: str, base: str) -> Answer | None:
        """An audit message of DICOM goes by syslog; None for a resource."""
        if DESCRIPTION in text:
            raise SkipCaseError("a description of audit messages, and none itself")
        if not is_message(text):
            return None
        if self._links.syslog is None:
            raise SkipCaseError("the endpoints name no port for syslog over TLS")
        return self._links.syslog.send(self._links.http, base, text)

    def _of_known_patient(self, content: bytes) -> bytes:
        """A consent of a patient who was made known for it."""
        patient = self._feeder.unknown()
        self._feeder.feed(patient)
        return fhir_client.with_known_references(content, patient)

    def _soap(self, case: Case, exchange: _Exchange, url: str) -> Answer:
        text, _ = _read(case)
        text = into_xml(text, exchange.values)
        exchange.request = text
        self._feed_fixed(case, text)
        to = Addressing(
            url=url, action=case.soap_action or _action(case, text),
            mtom=case.transaction in MTOM if case.mtom is None else case.mtom,
            header=self._security(case),
        )  # fmt: skip
        documents = [(into_text(d.id, exchange.values), _octets(d, exchange.values)) for d in case.documents]
        expects_fault = set(case.statuses) <= {"Fault", "Failure"}
        if soap_client.is_http_body(text):
            message = soap_client.replay(text, to, case.http_headers.get("Content-Type", ""))
        elif INCLUDE.search(text) and not expects_fault:
            raise SkipCaseError("the attachment that the file includes is not in the collection")
        elif _lacks_document(case, text):
            raise SkipCaseError("the document that it submits is not in the collection")
        elif soap_client.is_envelope(text):
            message = soap_client.forward(text, to, complete=not expects_fault)
        else:
            message = soap_client.wrap(text, to, documents)
        exchange.message = message
        return soap_client.send(self._links.http, url, message)

    def _sample(self, case: Case, exchange: _Exchange, url: str) -> Sequence[str]:
        """An assertion of others with a query of its patient: whether the user is believed.

        One that should be valid is issued anew in its shape; its own issuer is not known to the target.
        """
        if self._issuer is None:
            raise SkipCaseError("no issuer key was given for its assertion")
        assertion = first_assertion(_read(case)[0])
        patient = patient_of(assertion) or f"1^^^&{self._target.patient_root}&ISO"
        if "valid" in case.statuses:
            assertion = reissued(assertion, self._issuer, datetime.now(UTC))
        to = Addressing(url=url, action=ACTIONS["ITI-18"], mtom=False, header=header_of(assertion))
        exchange.request = header_of(assertion)
        exchange.message = soap_client.wrap(find_documents(patient), to)
        exchange.answer = soap_client.send(self._links.http, url, exchange.message)
        seen = "invalid" if exchange.answer.status == "Fault" else "valid"
        if seen in case.statuses:
            return ()
        return (f"expected {' or '.join(case.statuses)}; seen {exchange.answer.summary()}",)

    def _security(self, case: Case) -> str:
        """The wsse:Security header of a case with an assertion, else nothing."""
        variant = case.assertion
        if variant is None:
            return ""
        if self._issuer is None:
            raise SkipCaseError("no issuer key was given for its assertion")
        if variant not in VARIANTS:
            raise SkipCaseError(f"this runner makes no assertion of the variant {variant}")
        # The query after a refused submission only proves that nothing was stored: it must be let in.
        if variant in REFUSED and case.statuses == ("Success",):
            variant = "valid"
        patient = self._memory.patients.get(case.id)
        return self._issuer.header(variant, patient, datetime.now(UTC))

    def _feed_fixed(self, case: Case, text: str) -> None:
        """Make the patients known whose identifiers stand literally in a file."""
        for patient in fixed_patients(case, text):
            if patient not in self._memory.fed | self._memory.refused and self._links.mllp is not None:
                accepted = self._feeder.feed(patient).status in ACCEPTED
                (self._memory.fed if accepted else self._memory.refused).add(patient)

    def _send_hl7(self, content: bytes) -> Answer:
        if self._links.mllp is None:
            raise SkipCaseError("the endpoints name no MLLP port to feed patients")
        return self._links.mllp.send(content)

    def _patient_url(self, patient: str) -> str | None:
        base = self._target.endpoints.get("fhir")
        return fhir_client.patient_url(self._links.http, base, patient) if base else None


def _read(case: Case) -> tuple[str, str]:
    """Text of the first file and its encoding: UTF-8, else ISO-8859-1."""
    content = (case.file or Path()).read_bytes()
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"


def _octets(attached: Attachment, values: Mapping[str, str]) -> bytes:
    """A document as it is sent."""
    octets = attached.file.read_bytes()
    return into_xml(octets.decode("utf-8"), values).encode("utf-8") if attached.fill else octets


def _lacks_document(case: Case, text: str) -> bool:
    """True where a submission is to succeed, but neither the case nor the file holds its document."""
    submits = case.transaction == "ITI-41" and "Success" in case.statuses
    return submits and not case.documents and "ExtrinsicObject" in text and not DOCUMENT.search(text)


def _action(case: Case, text: str) -> str:
    """The request action of the transaction; HL7 v3 interactions name theirs by the body's root element."""
    if case.transaction in ACTIONS:
        return ACTIONS[case.transaction]
    root = parse(soap_client.without_prologue(text).encode())
    payload = soap_client.payload_of(root) if soap_client.is_envelope(text) else root
    name = payload.tag.rpartition("}")[2] if payload is not None else ""
    return f"urn:hl7-org:v3:{name}"
