"""Searches in the directory: filters, scopes, limits (ITI-58; RFC 4511 4.5.1)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.crypto import pki
from gateway.directory import book
from gateway.record.directory import (
    Both,
    Compared,
    Declined,
    Either,
    Filter,
    Negated,
    Parts,
    Present,
    ResultCode,
    Search,
    SearchScope,
    fold,
    read_place,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PEOPLE = "ou=HCProfessional,dc=HPD,o=TEST,c=LU"
WARD = "cn=at-ward,ou=Relationship,dc=HPD,o=TEST,c=LU"


@cache
def certificate() -> str:
    """Somebody's, in base64."""
    made = pki.create_authority("somebody", "integration", NOW).certificate
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


@pytest.fixture
def filled(desk: Any) -> Any:
    desk.do(
        desk.organisation("ward"),
        desk.person("anna", mail="anna@a.example", HcSpecialisation=["Surgery", "Bones  and Joints"]),
        desk.person("ben", mail="ben_100%@b.example", telephoneNumber="123"),
        desk.person("émile", mail="emile@a.example", userCertificate=certificate()),
        desk.group("at-ward", "ward", desk.dn("anna"), desk.dn("ben")),
    )
    return desk


def found(desk: Any, wanted: Filter, base: str = PEOPLE, **how: Any) -> list[str]:
    search = Search(**({"base": read_place(base), "scope": SearchScope.ALL, "filter": wanted} | how))
    told = desk.record.run(desk.book.search(search))
    return [dn.partition(",")[0].partition("=")[2] for dn, _ in told.entries]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Compared("uid", "ANNA"), ["anna"]),
        (Compared("hcspecialisation", "bones and JOINTS "), ["anna"]),
        (Compared("cn", "ÉMILE"), ["émile"]),
        (Compared("uid", "nobody"), []),
        (Compared("nosuchattribute", "x"), []),
        (Compared("uid", "b", ">="), ["ben", "émile"]),
        (Compared("uid", "b", "<="), ["anna"]),
        (Present("telephonenumber"), ["ben"]),
        (Present("usercertificate"), ["émile"]),
        (Parts("mail", initial="ANNA"), ["anna"]),
        (Parts("mail", final="a.example"), ["anna", "émile"]),
        (Parts("mail", inner=("n", "exam")), ["anna", "ben"]),
        (Parts("mail", inner=("_100%",)), ["ben"]),
        (Parts("mail", inner=("_1_0",)), []),
        (Negated(Present("telephonenumber")), ["anna", "émile"]),
        (Both((Parts("mail", final="a.example"), Negated(Compared("uid", "anna")))), ["émile"]),
        (Either((Compared("uid", "anna"), Compared("uid", "ben"))), ["anna", "ben"]),
        (Both(()), ["anna", "ben", "émile"]),
        (Either(()), []),
        (Compared("memberof", "CN=at-ward, OU=Relationship, O=test, DC=hpd, C=lu"), ["anna", "ben"]),
        (Negated(Present("memberof")), ["émile"]),
        (Parts("memberof", initial="cn"), []),
    ],
)
def test_filters(filled: Any, wanted: Filter, names: list[str]) -> None:
    assert found(filled, wanted) == names


@pytest.mark.parametrize(
    ("base", "scope", "names"),
    [
        ("dc=HPD,o=TEST,c=LU", SearchScope.ALL, ["at-ward", "anna", "ben", "ward", "émile"]),
        ("dc=HPD,o=TEST,c=LU", SearchScope.ONE, []),
        (PEOPLE, SearchScope.ONE, ["anna", "ben", "émile"]),
        (PEOPLE, SearchScope.BASE, []),
        (f"uid=anna,{PEOPLE}", SearchScope.ALL, ["anna"]),
        (f"uid=anna,{PEOPLE}", SearchScope.BASE, ["anna"]),
        (f"uid=anna,{PEOPLE}", SearchScope.ONE, []),
    ],
)
def test_scopes(filled: Any, base: str, scope: SearchScope, names: list[str]) -> None:
    assert sorted(found(filled, Present("objectclass"), base, scope=scope)) == sorted(names)


@pytest.mark.parametrize("base", [f"uid=nobody,{PEOPLE}", "ou=HCProfessional,dc=HPD,o=OTHER,c=LU"])
def test_a_base_that_is_not_there(filled: Any, base: str) -> None:
    with pytest.raises(Declined) as error:
        found(filled, Present("objectclass"), base)
    assert error.value.code is ResultCode.NO_SUCH_OBJECT


def test_more_than_may_be_told_is_said(filled: Any) -> None:
    search = Search(base=read_place(PEOPLE), scope=SearchScope.ALL, filter=Present("uid"), most=2)
    told = filled.record.run(filled.book.search(search))
    assert (len(told.entries), told.more) == (2, True)


def test_attributes_are_told_as_they_are_asked_for(filled: Any) -> None:
    def told(**how: Any) -> dict[str, tuple[str, ...]]:
        search = Search(
            base=read_place(f"uid=anna,{PEOPLE}"), scope=SearchScope.BASE, filter=Present("uid"), **how
        )
        ((_, held),) = filled.record.run(filled.book.search(search)).entries
        return {each.name: each.values for each in held}

    assert told(attributes=frozenset({"mail", "memberof"})) == {
        "mail": ("anna@a.example",),
        "memberOf": (WARD,),
    }
    assert told(attributes=frozenset({"modifytimestamp"})) == {"modifyTimestamp": ("20260304050607Z",)}
    assert "modifyTimestamp" not in told()
    assert told(types_only=True)["mail"] == ()


def nested(depth: int) -> Filter:
    return Negated(nested(depth - 1)) if depth > 1 else Present("uid")


def test_filters_are_bounded(filled: Any) -> None:
    assert found(filled, nested(book.FILTER_DEPTH)) == []
    wide = Either(tuple(Present("uid") for _ in range(book.FILTER_NODES - 1)))
    assert len(found(filled, wide)) == 3
    for wanted in (nested(book.FILTER_DEPTH + 1), Either((*wide.parts, Present("uid")))):
        with pytest.raises(Declined) as error:
            found(filled, wanted)
        assert error.value.code is ResultCode.ADMIN_LIMIT_EXCEEDED


def test_persons_are_found_by_uid(filled: Any) -> None:
    (anna,) = filled.record.run(filled.book.persons("Anna"))
    assert fold(anna.place.value) == "anna"
    assert filled.record.run(filled.book.persons("nobody")) == []


def test_a_private_key_is_no_certificate(filled: Any) -> None:
    """Whoever sends one has lost it by then; it is not kept."""
    key = pki.create_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    for value in (base64.b64encode(key).decode(), "QUJD", "?"):
        codes = filled.do(filled.person("eve", userCertificate=value))
        assert codes == [ResultCode.INVALID_ATTRIBUTE_SYNTAX]
        assert found(filled, Compared("uid", "eve")) == []
