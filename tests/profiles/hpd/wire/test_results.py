"""Answers are canonical text that follows the schema (DSML 2.0)."""

from __future__ import annotations

from lxml import etree

from gateway import schemas
from gateway.declare.bindings import SoapPayload, SoapReply
from gateway.record.directory import Attribute, ResultCode
from profiles.hpd.codes import DSML
from profiles.hpd.wire.results import (
    batch_response,
    error_response,
    refused_each,
    result,
    search_response,
)


def checked(reply: SoapReply) -> etree._Element:
    (text,) = reply.pieces
    assert isinstance(text, bytes)
    root = etree.fromstring(text)
    assert etree.tostring(root, method="c14n", exclusive=True) == text
    schemas.validate("dsmlv2", root)
    return root


def test_every_kind_of_answer() -> None:
    entry = ("uid=a&b,dc=HPD", (Attribute("cn", ('<"x">\r',)), Attribute("userCertificate", ("QUJD",), True)))
    answers = [
        search_response("1", (entry,), ResultCode.SIZE_LIMIT_EXCEEDED, "more & more"),
        *(result(name, None, ResultCode.SUCCESS) for name in ("addResponse", "delResponse", "modDNResponse")),
        error_response('"3"', "notAttempted", "because"),
    ]
    root = checked(batch_response("a<b", answers))
    assert root.get("requestID") == "a<b"
    (found,) = root.iter(f"{{{DSML}}}searchResultEntry")
    assert found.get("dn") == "uid=a&b,dc=HPD"
    assert [(each.get("name"), each[0].text) for each in found] == [
        ("cn", '<"x">\r'),
        ("userCertificate;binary", "QUJD"),
    ]


def test_a_refusal_for_each_request() -> None:
    body = (
        f'<batchRequest xmlns="{DSML}" requestID="b"><searchRequest requestID="1"/>'
        '<addRequest requestID="2"/><other/></batchRequest>'
    )
    payload = SoapPayload(etree.fromstring(body), {})
    root = checked(refused_each(payload, ResultCode.BUSY, "later"))
    assert [etree.QName(each).localname for each in root] == ["searchResponse", "addResponse"]
    assert [each.get("code") for each in root.iter(f"{{{DSML}}}resultCode")] == ["51", "51"]
