"""Changed persons are told in FHIR (ITI-93), also to those who asked for it (ITI-94), over real sockets."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from lxml import etree

from gateway.bindings import fhirtypes
from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from gateway.crypto.httpsig import Request, verify_request
from tests.receivers import ANNA, CHANGES, Place, Posted

FHIR = "http://hl7.org/fhir"
GIVEN_UP = ("110113", "notification-given-up", 8)
KLEIN = "KLEIN^PAUL||19520703|M"


ENTRY = """
[[notify]]
form = "ITI-93"
address = "https://localhost:{port}/told"
"""


def answered(code: str) -> bytes:
    header = {
        "resourceType": "MessageHeader",
        "eventUri": "urn:ihe:iti:pmir:2019:patient-feed-response",
        "source": {"endpoint": "https://consumer.example"},
        "response": {"identifier": "1", "code": code},
    }
    return json.dumps({"resourceType": "Bundle", "type": "message", "entry": [{"resource": header}]}).encode()


# --- FHIR ----------------------------------------------------------------------------------------


def history(posted: Posted) -> list[Any]:
    header, bundle = (each["resource"] for each in posted.told["entry"])
    assert header["eventUri"] == "urn:ihe:iti:pmir:2019:patient-feed"
    assert header["focus"] == [{"reference": posted.told["entry"][1]["fullUrl"]}]
    assert bundle["type"] == "history"
    fhirtypes.check(posted.told)
    return bundle["entry"]  # type: ignore[no-any-return]


def values(told: Any) -> set[str]:
    return {each["value"] for each in told["resource"]["identifier"]}


def test_a_consumer_of_fhir_is_told_who_the_patients_are(tmp_path: Path) -> None:
    place = Place(prepare(tmp_path / "home", CHANGES, watched=False), ENTRY)

    async def main() -> None:
        async with place.https() as receiver, place.https("laboratory", answered("ok")) as other:
            await place.feed("WARD:1")
            (created,) = history((await receiver.count(1))[0])
            await place.feed("LAB:9")
            (linked,) = history((await receiver.count(2))[1])
            await place.feed("WARD:2", person=KLEIN)
            (another,) = history((await receiver.count(3))[2])
            await place.merge("WARD:1", "WARD:2")
            merged = history((await receiver.count(4))[3])
            await place.emptied()
            assert len(other.received) == 4
        assert [each["request"]["method"] for each in (created, linked, another)] == ["POST", "PUT", "POST"]
        assert created["resource"]["name"][0]["family"] == "WEBER"
        assert (values(created), values(linked)) == ({"1"}, {"1", "9"})
        check_merge(merged, created["resource"]["id"], another["resource"]["id"])
        check_signature(place, receiver.received[0])
        assert place.audit() == [("110110", "ITI-93", 0)] * 8

    with serving(place.config):
        asyncio.run(main())


def check_merge(merged: list[Any], survivor: str, subsumed: str) -> None:
    assert len(merged) == 2
    by_id = {each["resource"]["id"]: each for each in merged}
    ended, stays = by_id[subsumed], by_id[survivor]
    assert ended["request"]["method"] == stays["request"]["method"] == "PUT"
    assert ended["resource"]["active"] is False
    assert ended["resource"]["link"] == [
        {"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}
    ]
    assert values(stays) == {"1", "9"}


def check_signature(place: Place, posted: Posted) -> None:
    certificate = x509.load_pem_x509_certificate(place.settings.signing.certificate.read_bytes())
    request = Request("POST", f"https://localhost:{place.ports['pharmacy']}/told", posted.headers)
    assert verify_request(request, posted.body, lambda _keyid: certificate, datetime.now(UTC))


# --- subscriptions -------------------------------------------------------------------------------


def registry_in(home: Path) -> Place:
    """An installation at which the pharmacy may subscribe, and be told below one address."""
    place = Place(prepare(home, CHANGES, watched=False), "")
    path = place.config.parent / "nodes/pharmacy.toml"
    text = path.read_text()
    listed = f'reply_to = ["https://localhost:{place.ports["pharmacy"]}/told"]'
    text = text.replace("reply_to = []", listed).replace("transactions = [", 'transactions = ["ITI-94", ')
    path.write_text(text.replace('assertion = "required"', 'assertion = "optional"'))
    return place


@pytest.fixture
def registry(tmp_path: Path) -> Place:
    return registry_in(tmp_path / "home")


def subscription(place: Place, criteria: str = "Patient", **changes: Any) -> dict[str, Any]:
    channel = {
        "type": "message",
        "endpoint": f"https://localhost:{place.ports['pharmacy']}/told/here",
        "payload": "application/fhir+json",
        **changes.pop("channel", {}),
    }
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "contact": [{"system": "phone", "value": "+352 621 000 000"}],
        "reason": "to know patients",
        "criteria": criteria,
        "channel": channel,
        **changes,
    }


async def ask(place: Place, method: str, path: str, told: Any = None) -> tuple[int, Any, Mapping[str, str]]:
    acting = Acting.at(place.settings, "pharmacy", "pharmacist")
    async with acting.identity.http() as http:
        url = f"{place.settings.server.public_url}/fhir{path}"
        headers = {"content-type": "application/fhir+json"} if told is not None else {}
        content = json.dumps(told) if told is not None else None
        answer = await http.request(method, url, content=content, headers=headers)
    return answer.status_code, answer.json() if answer.content else None, answer.headers


def test_a_subscriber_is_told_until_it_ends_its_subscription(registry: Place) -> None:
    place = registry

    async def main() -> None:
        async with place.https() as receiver:
            await place.feed("WARD:0", person="BEFORE^IT||19210101|M")
            status, made, headers = await ask(place, "POST", "/Subscription", subscription(place))
            assert (status, made["status"]) == (201, "active")
            assert headers["location"].endswith(f"/fhir/Subscription/{made['id']}")
            path = f"/Subscription/{made['id']}"
            assert (await ask(place, "GET", path))[:2] == (200, made)
            await place.feed("WARD:1")
            (told,) = history((await receiver.count(1))[0])
            assert values(told) == {"1"}
            status, off, _ = await ask(place, "PUT", path, subscription(place, id=made["id"], status="off"))
            assert (status, off["status"]) == (200, "off")
            await place.feed("WARD:2", person="NOT^TOLD||19310101|M")
            assert (await ask(place, "PUT", path, subscription(place, id=made["id"])))[0] == 200
            await place.feed("WARD:3", person="TOLD^AGAIN||19410101|M")
            (told,) = history((await receiver.count(2))[1])
            assert values(told) == {"3"}
            assert (await ask(place, "DELETE", path))[0] == 204
            await place.feed("WARD:4", person="AFTER^IT||19510101|M")
            assert (await ask(place, "GET", path))[0] == 404
            await place.emptied()
            assert len(receiver.received) == 2
        rows = place.rows("SELECT message FROM audit WHERE message LIKE '%ITI-94%' ORDER BY id")
        actions = [re.search(r'EventActionCode="(.)"', message)[1] for (message,) in rows]  # type: ignore[index]
        assert actions == ["C", "R", "U", "U", "D", "R"]

    with serving(place.config, workers=2):
        asyncio.run(main())


def test_what_waits_is_not_told_when_the_subscription_is_switched_off(registry: Place) -> None:
    place = registry

    async def main() -> None:
        _, made, _ = await ask(place, "POST", "/Subscription", subscription(place))
        await place.feed("WARD:1")
        assert place.waiting() == 1
        await ask(place, "PUT", f"/Subscription/{made['id']}", subscription(place, status="off"))
        async with place.https() as receiver:
            await place.emptied()
            assert receiver.received == []

    with serving(place.config):
        asyncio.run(main())


def test_who_meets_the_criteria_is_told_in_xml_where_that_was_asked_for(registry: Place) -> None:
    place = registry

    async def main() -> None:
        async with place.https() as receiver:
            wanted = "Patient?organization=Organization/2.999.3.2"
            asked = subscription(place, wanted, channel={"payload": "application/fhir+xml"})
            assert (await ask(place, "POST", "/Subscription", asked))[0] == 201
            await place.feed("WARD:1")
            await place.feed("LAB:9")
            await place.feed("WARD:5", person=KLEIN)
            await place.emptied()
        (posted,) = receiver.received
        assert posted.headers["content-type"] == "application/fhir+xml; charset=utf-8"
        told = etree.fromstring(posted.body)
        found = told.xpath("//f:Patient/f:identifier/f:value/@value", namespaces={"f": FHIR})
        assert set(found) == {"1", "9"}

    with serving(place.config):
        asyncio.run(main())


def test_one_patient_by_its_logical_id(registry: Place) -> None:
    place = registry

    async def main() -> None:
        async with place.https() as receiver:
            await place.feed("WARD:1")
            await place.feed("WARD:2", person=KLEIN)
            ((person,),) = place.rows("SELECT person FROM patient WHERE extension = '1'")
            asked = subscription(place, f"Patient?_id={person:x}")
            assert (await ask(place, "POST", "/Subscription", asked))[0] == 201
            await place.feed("WARD:2", person="KLEIN^PAUL||19520703|M|||||+352621777888")
            await place.feed("WARD:1", person=ANNA.replace("123456", "654321"))
            (told,) = history((await receiver.count(1))[0])
            assert (told["request"]["method"], told["resource"]["id"]) == ("PUT", f"{person:x}")
            await place.emptied()
            assert len(receiver.received) == 1

    with serving(place.config):
        asyncio.run(main())


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A running registry for requests that change nothing."""
    place = registry_in(tmp_path_factory.mktemp("refused") / "home")
    with serving(place.config):
        yield place


def refused(place: Place, asked: Any) -> tuple[int, str]:
    status, outcome, _ = asyncio.run(ask(place, "POST", "/Subscription", asked))
    assert place.rows("SELECT count(*) FROM subscription") == [(0,)]
    return status, outcome["issue"][0]["code"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://localhost:{other}/told",
        "https://localhost:{port}/elsewhere",
        "https://localhost:{port}/told/../elsewhere",
        "https://localhost:{port}@evil.example/told",
        "http://localhost:{port}/told",
        "https://169.254.169.254/latest",
        "mllps://localhost:{port}",
    ],
)
def test_ssrf_a_subscription_names_an_address_that_is_listed(closed: Place, endpoint: str) -> None:
    named = endpoint.format(port=closed.ports["pharmacy"], other=closed.ports["laboratory"])
    asked = subscription(closed, channel={"endpoint": named})
    assert refused(closed, asked) == (403, "forbidden")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"criteria": "Observation"}, (400, "not-supported")),
        ({"criteria": "Patient?name=Weber"}, (400, "not-supported")),
        ({"criteria": "Patient?_id=1&identifier=2"}, (400, "not-supported")),
        ({"criteria": "Patient?"}, (400, "not-supported")),
        ({"criteria": "Patient?_id="}, (400, "invalid")),
        ({"criteria": "Patient?organization=Hospital"}, (400, "not-supported")),
        ({"status": "active"}, (422, "invariant")),
        ({"contact": [{"system": "phone"}]}, (422, "required")),
        ({"channel": {"type": "rest-hook"}}, (400, "not-supported")),
        ({"channel": {"payload": "text/plain"}}, (400, "not-supported")),
        ({"channel": {"header": ["Authorization: x"]}}, (400, "not-supported")),
    ],
)
def test_a_subscription_that_breaks_a_rule_is_refused(
    closed: Place, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    given = dict(changes)
    criteria = given.pop("criteria", "Patient")
    assert refused(closed, subscription(closed, criteria, **given)) == expected


def test_a_subscription_whose_message_is_refused_goes_into_error(registry: Place) -> None:
    place = registry

    async def main() -> None:
        async with place.https() as receiver:
            receiver.answers += [(503, b""), (200, answered("fatal-error"))]
            _, made, _ = await ask(place, "POST", "/Subscription", subscription(place))
            await place.feed("WARD:1")
            await place.emptied()
            assert len(receiver.received) == 2
            status, held, _ = await ask(place, "GET", f"/Subscription/{made['id']}")
            assert (status, held["status"]) == (200, "error")
            assert held["error"].endswith("the receiver refused it")
            await place.feed("WARD:2", person=KLEIN)
            await place.emptied()
            assert len(receiver.received) == 2
        assert GIVEN_UP in place.audit()

    with serving(place.config):
        asyncio.run(main())
