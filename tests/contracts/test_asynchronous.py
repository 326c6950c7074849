"""Replies that come later, over real sockets with mutual TLS: from the 202 to the callback (ITI TF-2 V.5)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.started import prepare, serving
from gateway.client import queries
from gateway.client.callback import Delivery
from gateway.client.soap import Faulted, Reply
from tests.contracts.calling import QUERY, RETRIEVE, RS, Place, at

CHANGES = {"outbox.retry_seconds": "0.2", "outbox.retry_most_seconds": "0.4", "outbox.attempt_seconds": "1.0"}
DELIVERED, NODE, MESSAGE = (
    ("110100", "reply-delivered", 0),
    ("110113", "110126", 8),
    ("110113", "message-security", 8),
)


STARTED = "SELECT count(*) FROM audit WHERE message LIKE '%csd-code=\"110120\"%'"
"""Every worker tells the audit that it has started, the last one after the first is ready."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server, with two workers."""
    found = Place(prepare(tmp_path_factory.mktemp("later") / "home", CHANGES, watched=False))
    with serving(found.config, workers=2):
        asyncio.run(found.until(lambda: found.rows(STARTED) == [(2,)]))
        yield found


@pytest.fixture
def place(server: Place) -> Iterator[Place]:
    """The same server; every test leaves it with nothing to deliver."""
    yield server
    asyncio.run(server.delivered())


@pytest.fixture
def silent(tmp_path: Path) -> Place:
    """An installation whose server the test starts itself."""
    return Place(prepare(tmp_path / "home", CHANGES, watched=False))


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(main())  # type: ignore[arg-type]


def status(reply: Reply) -> str:
    found = reply.element if reply.element.get("status") else reply.element.find(f"{RS}RegistryResponse")
    return (found.get("status") or "").rpartition(":")[2]  # type: ignore[union-attr]


def headers(delivery: Delivery) -> dict[str, str]:
    start, end = delivery.body.index(b"<e:Header>"), delivery.body.index(b"</e:Header>")
    block = etree.fromstring(
        b'<e:Header xmlns:e="urn:e">' + delivery.body[start + 10 : end] + b"</e:Header>",
    )
    return {etree.QName(each).localname: each.text or "" for each in block if "addressing" in str(each.tag)}


def test_a_query_is_answered_later(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, place.listener() as listener:
            await partner.feed("LATER-1")
            before = len(place.audit())
            message_id = await partner.query("LATER-1")
            delivery = await listener.reply(message_id)
            reply = partner.read(delivery)
            assert reply.signed
            assert etree.QName(reply.element).localname == "AdhocQueryResponse"
            assert status(reply) == "Success"
            found = headers(delivery)
            assert found["To"] == place.url()
            assert found["RelatesTo"] == message_id
            assert found["Action"] == f"{QUERY}Response"
            assert found["MessageID"].startswith("urn:uuid:")
            assert delivery.host == f"localhost:{place.ports['hospital']}"
        await place.delivered()
        assert place.audit(before) == [("110112", "ITI-18", 0), DELIVERED]
        asked, told = place.rows("SELECT trace_id, evidence FROM audit ORDER BY id")[before:]
        assert asked[0] == told[0], "one trace for question and delivery"
        for _, evidence in (asked, told):
            assert f'"reply_to":"{place.url()}"' in evidence

    run(main)


def test_the_dossier_of_an_exchange_answered_later_has_question_and_delivery(place: Place) -> None:
    async def main() -> str:
        async with at(place) as partner, place.listener() as listener:
            await partner.feed("LATER-D")
            before = len(place.audit())
            await listener.reply(await partner.query("LATER-D"))
        await place.delivered()
        return str(place.rows("SELECT trace_id FROM audit ORDER BY id")[before][0])

    trace, output = asyncio.run(main()), place.config.parent / "dossier.json"
    arguments = ["audit", "dossier", trace, "-o", str(output), "--config", str(place.config)]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    rows = json.loads(output.read_text())["rows"]
    assert ["ITI-18" in rows[0]["row"]["message"], "reply-delivered" in rows[1]["row"]["message"]] == [
        True
    ] * 2
    assert {each["evidence"]["reply_to"] for each in rows} == {place.url()}
    assert [each["evidence_fault"] for each in rows] == [None, None]


def test_a_document_is_provided_and_retrieved_later(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, place.listener() as listener:
            await partner.feed("LATER-2")
            document = partner.document("LATER-2", b"<ClinicalDocument>" + b"x" * 3_000_000)
            provided = partner.read(await listener.reply(await partner.provide(document)))
            assert status(provided) == "Success"
            repository = partner.acting.endpoints.repository_unique_id
            body = queries.retrieve_body([(repository, document.unique_id)])
            reply = partner.read(await listener.reply(await partner.ask(RETRIEVE, [body])))
            assert status(reply) == "Success"
            (attachment,) = reply.attachments.values()
            assert b"".join(attachment.content.chunks()) == document.data

    run(main)


def test_a_refusal_goes_to_the_callback_too(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, place.listener() as listener:
            before = len(place.audit())
            reply = partner.read(await listener.reply(await partner.provide(partner.document("NOBODY"))))
            assert status(reply) == "Failure"
            assert reply.element.find(f".//{RS}RegistryError").get("errorCode") == "XDSUnknownPatientId"
            await place.delivered()
            assert place.audit(before) == [("110107", "ITI-41", 4), DELIVERED]

    run(main)


def test_a_fault_goes_to_the_callback_too(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, place.listener() as listener:
            message_id = await partner.query("LATER-1", assertion=None)
            delivery = await listener.reply(message_id)
            with pytest.raises(Faulted) as fault:
                partner.read(delivery)
            assert fault.value.subcode == "wsse:InvalidSecurity"
            assert headers(delivery)["Action"] == "http://www.w3.org/2005/08/addressing/fault"

    run(main)


def test_ssrf_an_address_that_is_not_listed_is_not_called(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, place.listener("pharmacy") as other:
            before = len(place.audit())
            with pytest.raises(Faulted) as fault:
                await partner.query("LATER-1", reply_to=place.url("pharmacy"))
            assert (fault.value.status, fault.value.subcode) == (400, "wsa:InvalidAddressingHeader")
            assert place.audit(before) == [MESSAGE, ("110112", "ITI-18", 4)]
            assert place.rows("SELECT count(*) FROM outbox") == [(0,)]
            assert other.connections == 0

    run(main)


@pytest.mark.parametrize("host", ["localhost", "other.example"])
def test_tls_15_ssrf_a_receiver_with_another_certificate_gets_nothing(place: Place, host: str) -> None:
    """Of a trusted authority; of the right name but not enrolled for this node, or of another name."""
    place.issue(f"impostor-{host}", host)

    async def main() -> None:
        async with at(place) as partner:
            await partner.feed("LATER-3")
            async with place.listener(certificate=f"impostor-{host}-callback") as impostor:
                before = len(place.audit())
                message_id = await partner.query("LATER-3")
                await place.until(lambda: NODE in place.audit(before))
                assert impostor.received == []
                assert place.rows("SELECT node FROM outbox") == [("hospital",)]
            async with place.listener() as listener:
                assert status(partner.read(await listener.reply(message_id))) == "Success"
        await place.delivered()

    run(main)


def test_a_receiver_that_comes_up_later_gets_its_reply_and_others_do_not_wait(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, at(place, "pharmacy", "pharmacist") as other:
            await partner.feed("LATER-4")
            message_id = await partner.query("LATER-4")
            await place.until(lambda: place.rows("SELECT attempts FROM outbox")[0][0] >= 2)
            async with place.listener("pharmacy") as theirs:
                await theirs.reply(await other.query("LATER-4"))
            await place.until(lambda: place.rows("SELECT DISTINCT node FROM outbox") == [("hospital",)])
            async with place.listener() as listener:
                assert status(partner.read(await listener.reply(message_id))) == "Success"
        await place.delivered()

    run(main)


def test_a_reply_that_was_not_accepted_comes_again_under_its_id_when_it_was_asked_for(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner, place.listener() as listener:
            await partner.feed("LATER-5")
            listener.answers += [(503, {"Retry-After": "1"}), (302, {"Location": place.url("pharmacy")})]
            began = time.monotonic()
            message_id = await partner.query("LATER-5")
            async with place.listener("pharmacy") as elsewhere:
                first, second, third = await listener.replies(message_id, count=3)
                assert elsewhere.connections == 0, "a redirect was followed"
            assert time.monotonic() - began >= 1.0, "Retry-After was not kept"
            ids = {headers(each)["MessageID"] for each in (first, second, third)}
            assert len(ids) == 1
            assert first.body != third.body, "each has the time and signature of its own attempt"
            assert status(partner.read(third)) == "Success"
        await place.delivered()

    run(main)


def test_replies_to_one_node_keep_their_order(place: Place) -> None:
    async def main() -> None:
        async with at(place) as partner:
            await partner.feed("LATER-6")
            asked = [await partner.query("LATER-6") for _ in range(5)]
            async with place.listener() as listener:
                for message_id in asked:
                    await listener.reply(message_id)
                assert [each.relates_to for each in listener.received] == asked
        await place.delivered()

    run(main)


def test_a_reply_survives_the_death_of_the_server(silent: Place) -> None:
    async def ask() -> str:
        async with at(silent) as partner:
            await partner.feed("LATER-7")
            return await partner.query("LATER-7")

    async def receive(message_id: str) -> None:
        async with silent.listener() as listener, at(silent) as partner:
            with serving(silent.config):
                assert status(partner.read(await listener.reply(message_id))) == "Success"
                await silent.delivered()

    with serving(silent.config) as process:
        message_id = asyncio.run(ask())
        process.kill()
        process.wait()
    assert silent.rows("SELECT count(*) FROM outbox") == [(1,)]
    assert b"AdhocQueryResponse" not in silent.rows("SELECT body FROM outbox")[0][0]
    asyncio.run(receive(message_id))


def test_a_reply_that_nobody_takes_is_given_up_with_an_alert(tmp_path: Path) -> None:
    place = Place(prepare(tmp_path / "home", {**CHANGES, "outbox.keep_seconds": "1.0"}, watched=False))

    async def main() -> None:
        async with at(place) as partner:
            await partner.feed("LATER-8")
            await partner.query("LATER-8")
        await place.delivered()
        assert ("110113", "reply-given-up", 8) in place.audit()

    with serving(place.config):
        run(main)


def test_a_changed_node_file_stops_a_delivery(silent: Place) -> None:
    """What was allowed when the question came may not be allowed when the answer leaves."""
    path = silent.config.parent / "nodes/hospital.toml"
    text = path.read_text()

    async def ask() -> str:
        async with at(silent) as partner:
            await partner.feed("LATER-9")
            return await partner.query("LATER-9")

    async def receive(message_id: str) -> None:
        async with silent.listener() as listener:
            await silent.until(lambda: silent.rows("SELECT attempts FROM outbox")[0][0] >= 2)
            assert listener.connections == 0
            path.write_text(text)
            await listener.reply(message_id)

    with serving(silent.config) as process:
        message_id = asyncio.run(ask())
        process.kill()
        process.wait()
    path.write_text(text.replace("blocked = false", "blocked = true"))
    with contextlib.closing(
        sqlite3.connect(silent.settings.database.url.removeprefix("sqlite:///"))
    ) as database:
        database.execute("UPDATE outbox SET attempts = 0, next_attempt = 0")
        database.commit()
    with serving(silent.config):
        asyncio.run(receive(message_id))
