"""Changes are read (DSML 2.0)."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.declare.bindings import SoapPayload
from gateway.errors import ActionMismatch, Refused
from gateway.record.directory import Add, Declined, Delete, Edit, Modify, Rename, ResultCode
from profiles.hpd.codes import DSML, MOST_REQUESTS
from profiles.hpd.wire.batch import open_batch
from profiles.hpd.wire.edits import RESPONSES, read_edits

DN = "uid=a,ou=HCProfessional,dc=HPD,o=T,c=LU"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="http://www.w3.org/2001/XMLSchema"'


def payload(content: str, name: str = "batchRequest", told: str = "") -> SoapPayload:
    return SoapPayload(etree.fromstring(f'<{name} xmlns="{DSML}" {told}>{content}</{name}>'), {})


def read(content: str) -> Edit | Declined:
    (item,) = read_edits(open_batch(payload(content), frozenset(RESPONSES))).items
    return item.asked


def test_an_entry_is_read_with_its_binary_values() -> None:
    told = read(
        f'<addRequest dn="{DN}"><attr name="mail"><value> a </value></attr><attr name="MAIL"><value>b</value>'
        f'</attr><attr name="userCertificate;binary"><value>QUJD</value></attr><attr name="photo">'
        f'<value {XSI} xsi:type="x:base64Binary">QUJD</value></attr>'
        "</addRequest>"
    )
    assert isinstance(told, Add)
    assert told.attributes["mail"].values == ("a", "b")
    assert told.attributes["usercertificate"].binary
    assert told.attributes["photo"].binary
    assert not told.attributes["mail"].binary


def test_other_changes_are_read() -> None:
    change = f'<modifyRequest dn="{DN}"><modification name="sn" operation="replace"><value>x</value>'
    told = read(f"{change}</modification></modifyRequest>")
    assert isinstance(told, Modify)
    assert [(each.how, each.attribute.name, each.attribute.values) for each in told.changes] == [
        ("replace", "sn", ("x",))
    ]
    assert isinstance(read(f'<delRequest dn="{DN}"/>'), Delete)
    renamed = read(f'<modDNRequest dn="{DN}" newrdn="uid=b" deleteoldrdn="0"/>')
    assert isinstance(renamed, Rename)
    assert (renamed.to.value, renamed.drops) == ("b", False)


@pytest.mark.parametrize(
    ("superior", "code"),
    [
        ("ou=HCProfessional,dc=HPD,o=t,c=lu", None),
        ("ou=Relationship,dc=HPD,o=T,c=LU", ResultCode.UNWILLING_TO_PERFORM),
        ("ou=HCProfessional,dc=HPD,o=U,c=LU", ResultCode.UNWILLING_TO_PERFORM),
        (DN, ResultCode.UNWILLING_TO_PERFORM),
    ],
)
def test_an_entry_stays_in_its_unit(superior: str, code: ResultCode | None) -> None:
    told = read(f'<modDNRequest dn="{DN}" newrdn="uid=b" newSuperior="{superior}"/>')
    assert (told.code if isinstance(told, Declined) else None) is code


@pytest.mark.parametrize(
    "content",
    [
        "",
        f'<searchRequest dn="{DN}" scope="baseObject" derefAliases="derefAlways"><filter/></searchRequest>',
        f'<delRequest dn="{DN}" requestID="1"/><delRequest dn="{DN}" requestID="1"/>',
        f'<delRequest dn="{DN}"/>' * (MOST_REQUESTS + 1),
        "<delRequest/>",
        '<compareRequest dn="x"/>',
    ],
)
def test_a_batch_that_cannot_be_taken(content: str) -> None:
    with pytest.raises(Refused):
        open_batch(payload(content), frozenset(RESPONSES))


def test_another_body_is_another_action() -> None:
    with pytest.raises(ActionMismatch):
        open_batch(payload("", "batchResponse"), frozenset(RESPONSES))
