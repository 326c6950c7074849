"""Changed persons are told in HL7 V3, as SOAP signed by us, over real sockets (ITI TF-2 3.46)."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from lxml import etree

from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from tests.receivers import CHANGES, Place, Posted

GIVEN_UP = ("110113", "notification-given-up", 8)
ENTRY = """
[[notify]]
form = "ITI-46"
address = "https://localhost:{port}/told"
"""


def accepted(code: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<MCCI_IN000002UV01 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"><acknowledgement>'
        f'<typeCode code="{code}"/></acknowledgement></MCCI_IN000002UV01></s:Body></s:Envelope>'
    ).encode()


def test_a_consumer_of_hl7_v3_is_told_in_signed_soap(tmp_path: Path) -> None:
    place = Place(prepare(tmp_path / "home", CHANGES, watched=False), ENTRY)

    async def main() -> None:
        async with place.https(usual=accepted("CA")) as receiver, place.https("laboratory") as mute:
            receiver.answers += [(500, b"fault"), (200, accepted("CR"))]
            await place.feed("WARD:1")
            await place.feed("LAB:9")
            posted = list(await receiver.count(4))
            await place.until(lambda: place.waiting() == 0)
            assert len(receiver.received) == 4
            await mute.count(2)
        check_soap(place, posted)
        assert [each for each in place.audit() if each[2] == 0] == [("110110", "ITI-46", 0)] * 2

    with serving(place.config):
        asyncio.run(main())


def check_soap(place: Place, posted: list[Posted]) -> None:
    acting = Acting.at(place.settings, "pharmacy", "pharmacist")
    client = acting._client(None)  # type: ignore[arg-type]
    read = [client.read(200, each.headers["content-type"], each.body) for each in posted]
    assert all(each.signed for each in read)
    assert [etree.QName(each.element).localname for each in read] == ["PRPA_IN201302UV02"] * 4
    ids = [{each.get("extension") for each in one.element.iterfind(".//{*}patient/{*}id")} for one in read]
    assert ids == [{"1"}, {"1"}, {"1"}, {"1", "9"}]
    named = [re.search(rb"MessageID[^>]*>urn:uuid:([^<]+)<", each.body)[1] for each in posted]  # type: ignore[index]
    assert named[0] == named[1] == named[2] != named[3]
    assert [each.element.find("{*}id").get("root").encode() for each in read] == named  # type: ignore[union-attr]
    assert 'action="urn:hl7-org:v3:PRPA_IN201302UV02"' in posted[0].headers["content-type"]
    to = re.search(rb"<wsa:To[^>]*>([^<]+)<", posted[0].body)
    assert to is not None
    assert to[1].decode() == f"https://localhost:{place.ports['pharmacy']}/told"


def test_what_a_consumer_of_hl7_v3_refuses_does_not_come_again(tmp_path: Path) -> None:
    place = Place(prepare(tmp_path / "home", CHANGES, watched=False), ENTRY)

    async def main() -> None:
        async with place.https(usual=accepted("CE")) as receiver, place.https("laboratory", accepted("CA")):
            await place.feed("WARD:1")
            await place.emptied()
            assert len(receiver.received) == 1
        assert sorted(place.audit()) == sorted([("110110", "ITI-46", 0), ("110110", "ITI-46", 8), GIVEN_UP])

    with serving(place.config):
        asyncio.run(main())
