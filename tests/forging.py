"""Attacks: valid messages changed in one place, and what must be true of every refusal."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from lxml import etree

from gateway.bindings.addressing import WSA
from gateway.cli.compose import compose as make_gateway
from gateway.client import xds
from gateway.client.token import issue_assertion
from gateway.config import Settings
from gateway.crypto.keys import load_signer
from gateway.crypto.xmldsig import Attached, HeaderBlock, c14n, compose, names, sign_assertion
from gateway.crypto.xmldsig.signature import reference_xml, signature_xml
from gateway.declare.bindings import Attachment, Raw
from gateway.record.people import Code
from tests.housing import House, transaction_of
from tests.messages.soap import soap_raw
from tests.messages.xds import (
    RIM,
    document,
    provide_pieces,
    query_body,
    register_body,
    remove_body,
    stored_query,
    update_body,
)
from tests.outcomes import Heard, Outcome, check_silent, told

DEFAULT: object = object()


class Forge:
    """Writes messages of a partner, whole or broken, and sends them through the whole pipeline."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.acting = house.partner("hospital", "physician")

    # --- assertions ---

    def assertion(
        self,
        change: Callable[[etree._Element], None] | None = None,
        *,
        partner: str = "hospital",
        role: str = "physician",
        signer: object = None,
        signed: bool = True,
        **options: object,
    ) -> bytes:
        """An assertion of the test issuer; `change` alters the tree before it is signed."""
        told_of, acting = self.house.settings.assertions, self.house.partner(partner, role)
        signer = signer or load_signer(told_of.test_issuer_key, told_of.test_issuer_certificate)
        defaults: dict[str, object] = {
            "issuer": told_of.issuers[0].entity_id,
            "subject": acting._who()[0],
            "name": acting._who()[1],
            "role": acting._role(),
            "organisation": "2.999.2.1",
            "organisation_name": "Test Hospital",
            "purpose": Code("TREAT", "2.16.840.1.113883.5.8", "treatment"),
            "audience": told_of.audience[0],
            "patient": None,
            "confirmation": acting.identity.signer.certificate,
            "now": datetime.now(UTC),
        }
        root = etree.fromstring(issue_assertion(signer=signer, **{**defaults, **options}))
        if change is None and signed:
            return etree.tostring(root)
        root.remove(root.find(names.SIGNATURE))
        if change is not None:
            change(root)
        text = etree.tostring(root)
        return sign_assertion(text, signer) if signed else text

    # --- messages ---

    def envelope(
        self,
        code: str,
        pieces: list,
        *,
        partner: str = "hospital",
        role: str = "physician",
        assertion: object = DEFAULT,
        headers: dict[str, object] | None = None,
        more: tuple[HeaderBlock, ...] = (),
        now: datetime | None = None,
        signer: object = DEFAULT,
    ) -> bytes:
        """A signed envelope. `headers` replaces the content of wsa headers; None leaves one out."""
        acting, transaction = self.house.partner(partner, role), transaction_of(self.house, code)
        wanted: dict[str, object] = {
            "Action": transaction.binding.action,
            "MessageID": f"urn:uuid:{uuid.uuid4()}",
            "ReplyTo": f"<wsa:Address>{WSA}/anonymous</wsa:Address>".encode(),
            "To": self.url(code),
            **(headers or {}),
        }
        blocks = [
            HeaderBlock(f"{{{WSA}}}{name}", value)
            if isinstance(value, bytes)
            else HeaderBlock.of_text(f"{{{WSA}}}{name}", str(value), must_understand=name == "Action")
            for name, value in wanted.items()
            if value is not None
        ]
        content = [
            each if isinstance(each, bytes) else Attached(each.content_id, each.content) for each in pieces
        ]
        return compose(
            [*blocks, *more],
            content,
            acting.identity.signer if signer is DEFAULT else signer,
            now=now or datetime.now(UTC),
            assertion=self.assertion(partner=partner, role=role) if assertion is DEFAULT else assertion,
        )

    def url(self, code: str) -> str:
        path = self.house.gateway.engine.catalogue.endpoint(transaction_of(self.house, code))
        return f"{self.house.settings.server.public_url}{path}"

    def raw(self, code: str, content_type: str, body: bytes, partner: str = "hospital") -> Raw:
        path = self.house.gateway.engine.catalogue.endpoint(transaction_of(self.house, code))
        return soap_raw(self.house, path, content_type, body, partner)

    def simple(self, code: str, body: bytes, partner: str = "hospital", *, kind: str | None = None) -> Raw:
        action = transaction_of(self.house, code).binding.action
        content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
        return self.raw(code, kind or content_type, body, partner)

    def query(self, *, body: bytes | None = None, partner: str = "hospital", **options: object) -> Raw:
        """An ITI-18, by default the valid one."""
        pieces = [body or query_body(self.house)]
        return self.simple("ITI-18", self.envelope("ITI-18", pieces, partner=partner, **options), partner)

    def asked(self, identifier: str, *slots: tuple[str, str], returned: str = "LeafClass") -> bytes:
        """The Body of an ITI-18 or ITI-51 with these slots; a line of a text is a value of its own."""
        return stored_query(identifier, *slots, returned=returned)

    def many(self, body: bytes, partner: str = "tester", role: str = "node:tester") -> Raw:
        """An ITI-51, by default of somebody whom the policy allows it."""
        text = self.envelope("ITI-51", [body], partner=partner, role=role)
        return self.simple("ITI-51", text, partner)

    def packaged(self, text: bytes, parts: list[tuple[str, bytes]], *, boundary: str = "edge") -> bytes:
        """A multipart body by hand: the root, then parts as (header lines, octets)."""
        root = 'Content-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
        pieces = [(f"{root}Content-ID: <root>\r\n", text), *parts]
        joined = b"".join(f"--{boundary}\r\n{head}\r\n".encode() + data + b"\r\n" for head, data in pieces)
        return joined + f"--{boundary}--\r\n".encode()

    def package(
        self, code: str, body: bytes, partner: str = "hospital", *, boundary: str | None = "edge"
    ) -> Raw:
        action = transaction_of(self.house, code).binding.action
        marked = "" if boundary is None else f'boundary="{boundary}"; '
        kind = (
            f'multipart/related; type="application/xop+xml"; start="<root>"; {marked}'
            f'start-info="application/soap+xml"; action="{action}"'
        )
        return self.raw(code, kind, body, partner)

    def provide(
        self,
        *documents: xds.Document,
        edit: Callable[[etree._Element], None] | None = None,
        parts: Callable[[list], list[tuple[str, bytes]]] | None = None,
        code: str = "ITI-41",
        **options: object,
    ) -> Raw:
        """An ITI-41. `edit` changes the request before it is signed, `parts` what goes beside it."""
        given = documents or (document(self.house, xds.new_oid()),)
        pieces = provide_pieces(self.house, *given)
        if edit is not None:
            pieces = edited(pieces, edit)
        text = self.envelope(code, pieces, **options)
        attachments = [each for each in pieces if not isinstance(each, bytes)]
        written = parts(attachments) if parts else [part_of(each) for each in attachments]
        return self.package(code, self.packaged(text, written))

    def register(self, edit: Callable[[etree._Element], None] | None = None, **options: object) -> Raw:
        """An ITI-42."""
        body = register_body(self.house, xds.new_oid())
        if edit is not None:
            root = etree.fromstring(body)
            edit(root)
            body = c14n(root)
        return self.simple("ITI-42", self.envelope("ITI-42", [body], **options))

    def retrieve(self, *documents: str, partner: str = "hospital", **options: object) -> Raw:
        """An ITI-43."""
        repository = self.house.settings.domain.repository_unique_id
        body = xds.retrieve_body([(repository, each) for each in documents])
        text = self.envelope("ITI-43", [body], partner=partner, **options)
        return self.package("ITI-43", self.packaged(text, []), partner)

    def update(
        self, edit: Callable[[etree._Element], None] | None = None, code: str = "ITI-57", **options: object
    ) -> Raw:
        """An ITI-57 or 92, by default with a second version of the stored entry."""
        root = etree.fromstring(update_body(self.house))
        if edit is not None:
            edit(root)
        return self.simple(code, self.envelope(code, [c14n(root)], **options))

    def remove(self, *ids: str) -> Raw:
        """An ITI-62 of some entryUUIDs, by default of everything that is registered."""
        refs = "".join(f'<rim:ObjectRef id="{each}"></rim:ObjectRef>' for each in ids)
        body = (
            '<lcm:RemoveObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
            f'<rim:ObjectRefList xmlns:rim="{RIM}">{refs}</rim:ObjectRefList></lcm:RemoveObjectsRequest>'
        )
        text = body.encode() if ids else remove_body(self.house)
        return self.simple("ITI-62", self.envelope("ITI-62", [text], role="records-administrator"))

    def remove_documents(self, *documents: tuple[str, str]) -> Raw:
        """An ITI-86 of (repositoryUniqueId, uniqueId) pairs."""
        asked = "".join(
            '<xds:DocumentRequest xmlns:xds="urn:ihe:iti:xds-b:2007">'
            f"<xds:RepositoryUniqueId>{repository}</xds:RepositoryUniqueId>"
            f"<xds:DocumentUniqueId>{name}</xds:DocumentUniqueId></xds:DocumentRequest>"
            for repository, name in documents
        )
        body = (
            '<rmd:RemoveDocumentsRequest xmlns:rmd="urn:ihe:iti:rmd:2017">'
            f"{asked}</rmd:RemoveDocumentsRequest>"
        )
        envelope = self.envelope("ITI-86", [body.encode()], role="records-administrator")
        return self.simple("ITI-86", envelope)

    # --- changes after signing ---

    def changed(self, raw: Raw, old: bytes, new: bytes, times: int = 1) -> Raw:
        """Octets replaced after signing."""
        assert old in raw.body, f"nothing to change: {old!r}"
        return replace(raw, body=raw.body.replace(old, new, times))

    def bent(self, raw: Raw, change: Callable[[etree._Element], None]) -> Raw:
        """The tree of a plain envelope changed after signing."""
        root = etree.fromstring(raw.body)
        change(root)
        return replace(raw, body=etree.tostring(root))

    def resigned(self, raw: Raw, *names_signed: str, signer: object = None) -> Raw:
        """The Signature made anew over the elements with these ids only."""
        signer = signer or self.acting.identity.signer

        def change(root: etree._Element) -> None:
            by_id = {each.get(names.WSU_ID): each for each in root.iter() if each.get(names.WSU_ID)}
            references = [
                reference_xml(name, hashlib.sha256(c14n(by_id[name])).digest()) for name in names_signed
            ]
            old = root.find(f".//{names.SECURITY}/{names.SIGNATURE}")
            info = b"".join(etree.tostring(each) for each in old.find(names.KEY_INFO))
            fresh = etree.fromstring(signature_xml(references, info, signer))
            old.getparent().replace(old, fresh)

        return self.bent(raw, change)

    # --- sending ---

    def send(
        self, raw: Raw, form: str = "soap", *, unchanged: bool = True, secret: bool = True, **engine: object
    ) -> Outcome:
        """Through the pipeline. Checks state, silence of answer and log; gives answer and audit rows."""
        house, heard = self.house, Heard()
        state, rows = house.state(), house.audit_rows()
        began = time.perf_counter()
        answer = asyncio.run(
            house.call(form, raw, replace(house.gateway.engine, log=heard, **engine))  # type: ignore[arg-type]
        )
        took = time.perf_counter() - began
        found = Outcome(answer.status, dict(answer.headers), b"".join(answer.pieces), told(house, rows), took)
        assert (house.state() == state) is unchanged, "state changed" if unchanged else "nothing was done"
        assert took < 1.0, "a worker was busy for too long"
        if secret:
            check_silent(f"{found.headers}{found.body.decode('utf-8', 'replace')}", house)
        check_silent("".join(heard.lines), house)
        return found

    def refused(
        self, raw: Raw, fault: tuple[int, str, str | None], *told_of: object, **how: object
    ) -> Outcome:
        """A SOAP fault, exactly one audit row of this kind, no effect, no word too much."""
        found = self.send(raw, **how)
        assert found.fault == fault, found.body
        assert found.kinds == list(told_of)
        return found

    def failed(self, raw: Raw, code: str, *told_of: object, **how: object) -> Outcome:
        """A registry Failure with this errorCode, one audit row, no effect."""
        found = self.send(raw, **how)
        assert found.response == "Failure", found.body
        assert set(found.codes) == {code}, found.body
        assert found.kinds == list(told_of)
        return found

    def accepted(self, raw: Raw, *, form: str = "soap", **how: object) -> Outcome:
        """Success, told with outcome 0. What is remembered of a message changes the state."""
        found = self.send(raw, form, unchanged=False, secret=False, **how)
        assert found.status == 200, found.body
        assert found.response == "Success", found.body
        assert [each.outcome for each in found.audit] == [0]
        if found.audit[0].event == "110112":
            assert b"ExtrinsicObject" in found.body, "an empty answer is a refusal in disguise"
        return found

    @contextlib.contextmanager
    def limited(self, **limits: object) -> Iterator[Forge]:
        """The same house under other limits."""
        settings = replace(self.house.settings, limits=replace(self.house.settings.limits, **limits))
        with self.under(settings) as forge:
            yield forge

    @contextlib.contextmanager
    def under(self, settings: Settings) -> Iterator[Forge]:
        """The same record served under other settings."""
        gateway = make_gateway(settings)
        try:
            yield Forge(House(gateway, settings))
        finally:
            asyncio.run(gateway.close())


def edited(pieces: list, change: Callable[[etree._Element], None]) -> list:
    """The pieces of an ITI-41 with the request changed; attachments stay where their marks are."""
    attachments = [each for each in pieces if not isinstance(each, bytes)]
    marks = iter(range(len(attachments)))
    text = b"".join(each if isinstance(each, bytes) else b"-mark-%d-" % next(marks) for each in pieces)
    root = etree.fromstring(text)
    change(root)
    cut: list = []
    for piece in re.split(rb"(-mark-\d+-)", c14n(root)):
        number = re.fullmatch(rb"-mark-(\d+)-", piece)
        cut.append(attachments[int(number[1])] if number else piece)
    return cut


def part_of(attachment: Attachment) -> tuple[str, bytes]:
    head = (
        f"Content-Type: {attachment.media_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{attachment.content_id}>\r\n"
    )
    return head, b"".join(attachment.content.chunks())
