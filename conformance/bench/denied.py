"""Whether an answer tells why there is nothing: unknown patient, closed record, denied (ITI-18, 43, 67, 68).

Over sockets, one connection, samples of the cases in turn. Bodies must be the same but for what every answer
has of its own; times are compared by the test of Mann and Whitney, which asks no shape of them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import math
import re
import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
from rich.console import Console
from rich.table import Table

from gateway.bindings.mtom import mime_type
from gateway.cli.compose import compose
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.client.files import FileContent
from gateway.client.queries import find_body, retrieve_body
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.record.access import Grant, Scope
from gateway.record.consents import Author, Directive, Kind
from gateway.record.people import PatientId
from gateway.rights.book import Said
from gateway.stores.work import UnitOfWork

UNKNOWN, CLOSED, DENIED = "unknown", "closed", "denied"
CASES = (UNKNOWN, CLOSED, DENIED)
TRANSACTIONS = ("ITI-18", "ITI-43", "ITI-67", "ITI-68")
SIGNIFICANT = 0.01
_QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
_RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
_WARM_UP = 10


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What stands for one case: a patient, a document and its entry."""

    patient: str
    document: str
    entry: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers that every answer has alike, and body without what is its own; seconds it took."""

    status: int
    headers: tuple[str, ...]
    body: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Two cases of one transaction: median milliseconds, and how likely such a difference is by chance."""

    transaction: str
    one: str
    other: str
    median_one: float
    median_other: float
    p: float


# --- two patients, and one who is none -----------------------------------------------------------


def prepare(config: Path, folder: Path) -> dict[str, Asked]:
    """Feeds two patients with a document each to a running server; one closes the record, one denies all."""
    settings = load_settings(config)
    asked = {UNKNOWN: Asked(patient="SAME-unkn", document=_new_oid(), entry=f"urn:uuid:{uuid.uuid4()}")}
    letter = folder / "letter.txt"
    letter.write_text("a letter")
    acting = Acting.at(settings, "hospital", "physician")
    for case in (CLOSED, DENIED):
        patient, document = f"SAME-{case[:4]}", _new_oid()
        asyncio.run(_fed(settings, acting, patient, document, letter))
        asked[case] = Asked(patient=patient, document=document, entry=asyncio.run(_entry(settings, document)))
    asyncio.run(_said(settings, asked[CLOSED].patient, Directive(kind=Kind.CLOSURE)))
    asyncio.run(_said(settings, asked[DENIED].patient, Directive(kind=Kind.OPPOSITION)))
    return asked


def _new_oid() -> str:
    """All of one length, so that answers that repeat them are."""
    return f"2.25.1{uuid.uuid4().int % 10**30:030}"


async def _fed(settings: Settings, acting: Acting, patient: str, document: str, letter: Path) -> None:
    root = settings.domain.affinity_oid
    message = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{uuid.uuid4().hex[:20]}|P|2.3.1\r"
        f"EVN|A01|20260101120000\rPID|1||{patient}^^^&{root}&ISO||{patient}^ANNA||19700101|F\rPV1|1|O\r"
    )
    await acting.feed(message.encode())
    await acting.send(
        FileContent(letter), patient, "Letter", "18842-5^^2.16.840.1.113883.6.1", "N", ".txt",
        unique_id=document, set_id=_new_oid(), created=datetime.now(UTC),
    )  # fmt: skip


async def _entry(settings: Settings, document: str) -> str:
    gateway = compose(settings)
    try:
        (found,) = await gateway.engine.services.registry.named_documents([document])
        return found.uuid
    finally:
        await gateway.close()


async def _said(settings: Settings, patient: str, directive: Directive) -> None:
    gateway = compose(settings)
    engine, identity = gateway.engine, PatientId(patient, settings.domain.affinity_oid)
    try:
        record = await engine.services.patients.find(identity)
        if record is None:
            raise RuntimeError("the patient was not fed")
        scope = Scope(grants={record.key: Grant(rank=1)}, identities={record.key: identity})
        call = SimpleNamespace(scope=scope, work=UnitOfWork(), at=engine.clock(), trace_id="0" * 32)
        author = Author(subject="patient", name="", kind="patient", by="bench")
        await engine.services.access.rights.add(call, identity, Said(directives=(directive,), author=author))
        await engine.committer.commit(call.work)
    finally:
        await gateway.close()


# --- one exchange --------------------------------------------------------------------------------


class Caller:
    """A physician at the hospital, on one connection."""

    def __init__(self, config: Path, http: httpx.Client) -> None:
        self._settings = load_settings(config)
        self._acting = Acting.at(self._settings, "hospital", "physician")
        self._http = http
        self._soap = SoapClient(http=None, signer=self._acting.identity.signer)  # type: ignore[arg-type]
        self._assertion = self._acting.assertion()

    @staticmethod
    def context(config: Path) -> ssl.SSLContext:
        """The TLS context of the hospital."""
        return Acting.at(load_settings(config), "hospital", "physician").identity.context()

    def ask(self, transaction: str, asked: Asked) -> Answer:
        """One exchange, timed from the first octet that leaves to the last that comes."""
        method, url, headers, content = self._message(transaction, asked)
        begin = time.perf_counter()
        response = self._http.request(method, url, headers=headers, content=content)
        taken = time.perf_counter() - begin
        told = {name: value for name, value in response.headers.items() if name not in _OWN_HEADERS}
        text = response.text
        for own in (asked.patient, asked.document, asked.entry, asked.entry.removeprefix("urn:uuid:")):
            text = text.replace(own, "ASKED")
        text = _body(response.headers.get("content-type", ""), text)
        told["content-type"] = mime_type(told.get("content-type", "")).type
        return Answer(response.status_code, tuple(f"{k}: {v}" for k, v in sorted(told.items())), text, taken)

    def _message(self, transaction: str, asked: Asked) -> tuple[str, str, dict[str, str], bytes]:
        ends = self._acting.endpoints
        root, fhir = self._settings.domain.affinity_oid, ends.fhir
        if transaction == "ITI-18":
            body = find_body(f"{asked.patient}^^^&{root}&ISO")
            return self._written(ends.registry, _QUERY, body, packaged=False)
        if transaction == "ITI-43":
            body = retrieve_body([(ends.repository_unique_id, asked.document)])
            return self._written(ends.repository, _RETRIEVE, body, packaged=True)
        search = f"/DocumentReference?patient.identifier=urn:oid:{root}|{asked.patient}&status=current"
        read = f"/Binary/{asked.entry.removeprefix('urn:uuid:')}"
        token = _base64(self._assertion)
        headers = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
        return "GET", f"{fhir}{search if transaction == 'ITI-67' else read}", headers, b""

    def _written(
        self, url: str, action: str, body: bytes, *, packaged: bool
    ) -> tuple[str, str, dict[str, str], bytes]:
        kind, content = self._soap.write(url, action, [body], packaged=packaged, assertion=self._assertion)
        return "POST", url, {"content-type": kind}, content


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_OWN_HEADERS = frozenset(
    {"date", "x-request-id", "signature", "signature-input", "content-digest", "last-modified", "etag"}
)
_OWN = (
    (re.compile(r"[0-9a-f]{32}"), "TRACE"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)"), "TIME"),
)


def _body(kind: str, text: str) -> str:
    """Of an envelope its Body; without identifiers and times that every answer has of its own."""
    if "xml" in kind or "multipart" in kind:
        found = re.search(r"<(\w+:)?Body[ >].*</(\w+:)?Body>", text, re.DOTALL)
        text = re.sub(r' (\w+:)?Id="[^"]*"', "", found[0]) if found else text
    for pattern, word in _OWN:
        text = pattern.sub(word, text)
    return text


def kind(answer: Answer) -> tuple[int, tuple[str, ...], str]:
    """All of an answer but how long it took."""
    return answer.status, answer.headers, answer.body


def sample(
    caller: Caller, transaction: str, asked: Mapping[str, Asked], number: int
) -> dict[str, list[Answer]]:
    """So many answers of each case, in turn."""
    for case in CASES * _WARM_UP if number > _WARM_UP else ():
        caller.ask(transaction, asked[case])
    found: dict[str, list[Answer]] = {case: [] for case in CASES}
    for turn in range(number):
        for at in range(len(CASES)):
            case = CASES[(turn + at) % len(CASES)]
            found[case].append(caller.ask(transaction, asked[case]))
    return found


# --- the comparison ------------------------------------------------------------------------------


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sided p value of the test of Mann and Whitney, by the normal approximation, ties corrected."""
    ranks, ties = _ranks([*one, *other])
    n, m = len(one), len(other)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = max(0.0, abs(u - n * m / 2) - 0.5)
    return math.erfc(distance / math.sqrt(2 * variance))


def _ranks(values: Sequence[float]) -> tuple[list[float], int]:
    """Ranks from 1, equal values sharing theirs; and the sum of t^3 - t over groups of equal ones."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    ranks, ties, start = [0.0] * len(values), 0, 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for at in order[start:end]:
            ranks[at] = (start + end + 1) / 2
        ties += (end - start) ** 3 - (end - start)
        start = end
    return ranks, ties


def compared(transaction: str, found: Mapping[str, Sequence[Answer]]) -> list[Compared]:
    """Each case with each other."""
    times = {case: [each.seconds * 1_000 for each in answers] for case, answers in found.items()}
    return [
        Compared(
            transaction=transaction,
            one=one,
            other=other,
            median_one=_median(times[one]),
            median_other=_median(times[other]),
            p=mann_whitney(times[one], times[other]),
        )
        for one, other in ((UNKNOWN, CLOSED), (UNKNOWN, DENIED), (CLOSED, DENIED))
    ]


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def run(config: Path, options: argparse.Namespace, folder: Path) -> None:
    """Measures on a running server, prints the table, writes the file that is asked for."""
    asked, told = prepare(config, folder), []
    with httpx.Client(verify=Caller.context(config), timeout=30) as http:
        caller = Caller(config, http)
        for transaction in TRANSACTIONS:
            found = sample(caller, transaction, asked, options.samples)
            kinds = {kind(each) for answers in found.values() for each in answers}
            told += compared(transaction, found)
            if len(kinds) != 1:
                raise SystemExit(f"{transaction}: {len(kinds)} different answers")
    _show(told, options.samples)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in told], indent=2), encoding="utf-8")


def _show(told: Sequence[Compared], samples: int) -> None:
    table = Table(title=f"{samples} samples of each, in turn; a difference counts below p = {SIGNIFICANT}")
    for name in ("transaction", "cases", "medians, ms", "p"):
        table.add_column(name)
    for each in told:
        mark = " *" if each.p < SIGNIFICANT else ""
        medians = f"{each.median_one:.2f}, {each.median_other:.2f}"
        table.add_row(each.transaction, f"{each.one}, {each.other}", medians, f"{each.p:.3f}{mark}")
    Console().print(table)
