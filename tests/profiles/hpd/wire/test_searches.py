"""searchRequest is read (DSML 2.0)."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.declare.bindings import SoapPayload
from gateway.record.directory import (
    Both,
    Compared,
    Declined,
    Either,
    Negated,
    Parts,
    Present,
    ResultCode,
    Search,
    SearchScope,
)
from profiles.hpd.codes import DSML
from profiles.hpd.wire.batch import Batch, open_batch
from profiles.hpd.wire.searches import read_searches

PEOPLE = "ou=HCProfessional,dc=HPD,o=T,c=LU"


def read(condition: str, extra: str = "", dn: str = PEOPLE, control: str = "") -> Batch[Search]:
    text = (
        f'<batchRequest xmlns="{DSML}"><searchRequest dn="{dn}" scope="singleLevel" requestID="7" '
        f'derefAliases="neverDerefAliases" sizeLimit="5" typesOnly="true">{control}'
        f"<filter>{condition}</filter>{extra}</searchRequest></batchRequest>"
    )
    payload = SoapPayload(etree.fromstring(text), {})
    return read_searches(open_batch(payload, frozenset({"searchRequest"})))


def asked(*told: str, **more: str) -> Search:
    (item,) = read(*told, **more).items
    assert isinstance(item.asked, Search), item.asked
    return item.asked


def test_a_search_is_read_whole() -> None:
    batch = read('<present name="CN"/>', '<attributes><attribute name="Mail"/></attributes>')
    (item,) = batch.items
    assert (batch.exits, batch.request_id, item.request_id) == (True, None, "7")
    assert isinstance(item.asked, Search)
    assert item.asked.scope is SearchScope.ONE
    assert (item.asked.most, item.asked.types_only) == (5, True)
    assert item.asked.attributes == {"mail"}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ('<equalityMatch name="hcSpecialization"><value> a </value></equalityMatch>',
         Compared("hcspecialisation", "a")),
        ('<approxMatch name="sn"><value>a</value></approxMatch>', Compared("sn", "a")),
        ('<greaterOrEqual name="sn"><value>a</value></greaterOrEqual>', Compared("sn", "a", ">=")),
        ('<lessOrEqual name="sn"><value>a</value></lessOrEqual>', Compared("sn", "a", "<=")),
        ('<present name="userCertificate;binary"/>', Present("usercertificate")),
        ('<substrings name="sn"><initial>a</initial><any>b</any><any>c</any><final>d</final></substrings>',
         Parts("sn", "a", ("b", "c"), "d")),
        ('<or><not><present name="a"/></not><and/></or>', Either((Negated(Present("a")), Both(())))),
    ],
)  # fmt: skip
def test_every_operator(condition: str, wanted: object) -> None:
    assert asked(condition).filter == wanted


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"dn": "x"}, ResultCode.INVALID_DN_SYNTAX),
        ({"control": '<control type="1.2" criticality="1"/>'}, ResultCode.UNAVAILABLE_CRITICAL_EXTENSION),
    ],
)
def test_a_search_that_cannot_be_read_is_declined_alone(told: dict[str, str], code: ResultCode) -> None:
    (item,) = read('<present name="a"/>', **told).items
    assert isinstance(item.asked, Declined)
    assert item.asked.code is code


def test_a_control_that_is_not_critical_is_passed_over() -> None:
    assert asked('<present name="a"/>', control='<control type="1.2"/>').filter == Present("a")
