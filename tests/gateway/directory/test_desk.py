"""Operations on the directory: what is done, what is declined, what stays consistent (ITI-59)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from gateway.errors import Outdated
from gateway.record.directory import Delete, Rename, ResultCode, read_place, renamed
from gateway.stores import tables

OK = ResultCode.SUCCESS


@pytest.fixture
def hospital(desk: Any) -> Any:
    """A hospital with a ward, and a person who works there."""
    added = desk.do(
        desk.organisation("hospital"),
        desk.organisation("ward"),
        desk.person("anna"),
        desk.group("at-hospital", "hospital", desk.dn("ward", "HCRegulatedOrganization")),
        desk.group("at-ward", "ward", desk.dn("anna")),
    )
    assert added == [OK] * 5
    return desk


def history(desk: Any) -> list[tuple[str, str]]:
    table = tables.directory_change
    rows = desk.record.run(desk.record.database.fetch(select(table).order_by(table.c.key)))
    return [(row.operation, row.dn.partition(",")[0]) for row in rows]


def test_what_is_added_is_told_and_stands_in_the_history(desk: Any) -> None:
    assert desk.do(desk.person("anna", HcSpecialization="Surgery")) == [OK]
    shown = desk.shown(desk.dn("anna"))
    assert shown["uid"] == ("anna",)
    assert shown["HcSpecialisation"] == ("Surgery",)
    assert history(desk) == [("add", "uid=anna")]


def test_what_is_added_twice_is_declined_and_leaves_nothing(desk: Any) -> None:
    first, again = desk.do(desk.person("anna"), desk.person("ANNA", sn="Other"))
    assert (first, again) == (OK, ResultCode.ENTRY_ALREADY_EXISTS)
    assert desk.shown(desk.dn("anna"))["sn"] == ("anna",)
    assert desk.do(desk.person("anna")) == [ResultCode.ENTRY_ALREADY_EXISTS]
    assert len(history(desk)) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"objectClass": "person"}, ResultCode.OBJECT_CLASS_VIOLATION),
        ({"hpdProviderStatus": "Asleep"}, ResultCode.INVALID_ATTRIBUTE_SYNTAX),
        ({"displayName": ["A", "B"]}, ResultCode.CONSTRAINT_VIOLATION),
        ({"uid": "other"}, ResultCode.NAMING_VIOLATION),
        ({"description": "x" * 601}, ResultCode.INVALID_ATTRIBUTE_SYNTAX),
        ({"createTimestamp": "20260101000000Z"}, ResultCode.CONSTRAINT_VIOLATION),
        ({"owner": "uid=x,ou=HCRegulatedOrganization,dc=HPD,o=TEST,c=LU"}, ResultCode.CONSTRAINT_VIOLATION),
    ],
)
def test_entries_that_break_a_rule_are_declined(desk: Any, given: dict[str, str], code: ResultCode) -> None:
    assert desk.do(desk.person("anna", **given)) == [code]
    assert desk.shown(desk.dn("anna")) == {}


def test_member_of_follows_from_groups_alone(hospital: Any) -> None:
    anna, group = hospital.dn("anna"), hospital.dn("at-ward", "Relationship")
    assert hospital.shown(anna)["memberOf"] == (group,)
    assert hospital.do(hospital.change(anna, "delete", "memberOf")) == [ResultCode.UNWILLING_TO_PERFORM]
    claims = hospital.person("ben", memberOf=group)
    assert hospital.do(claims) == [OK]
    assert "memberOf" not in hospital.shown(hospital.dn("ben")), "nobody makes himself a member"
    assert hospital.do(hospital.change(group, "add", "member", hospital.dn("ben"))) == [OK]
    assert hospital.shown(hospital.dn("ben"))["memberOf"] == (group,)
    assert hospital.do(hospital.change(group, "delete", "member", anna)) == [OK]
    assert "memberOf" not in hospital.shown(anna)


def test_members_are_added_once_and_must_be_there(hospital: Any) -> None:
    group = hospital.dn("at-ward", "Relationship")
    codes = hospital.do(
        hospital.change(group, "add", "member", hospital.dn("anna")),
        hospital.change(group, "add", "member", hospital.dn("nobody")),
        hospital.change(group, "delete", "member", hospital.dn("nobody")),
        hospital.change(group, "delete", "owner"),
        hospital.change(group, "replace", "owner", hospital.dn("anna")),
    )
    assert codes == [
        ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
        ResultCode.CONSTRAINT_VIOLATION,
        ResultCode.NO_SUCH_ATTRIBUTE,
        ResultCode.OBJECT_CLASS_VIOLATION,
        ResultCode.CONSTRAINT_VIOLATION,
    ]
    assert hospital.shown(group)["member"] == (hospital.dn("anna"),)


def test_who_goes_leaves_all_groups(hospital: Any) -> None:
    assert hospital.do(Delete(read_place(hospital.dn("anna")))) == [OK]
    assert hospital.shown(hospital.dn("anna")) == {}
    assert "member" not in hospital.shown(hospital.dn("at-ward", "Relationship"))
    assert hospital.do(Delete(read_place(hospital.dn("anna")))) == [ResultCode.NO_SUCH_OBJECT]


def test_an_organisation_goes_after_its_relationships(hospital: Any) -> None:
    ward = Delete(read_place(hospital.dn("ward", "HCRegulatedOrganization")))
    group = Delete(read_place(hospital.dn("at-ward", "Relationship")))
    assert hospital.do(ward) == [ResultCode.NOT_ALLOWED_ON_NON_LEAF]
    assert hospital.do(group, ward) == [OK, OK], "also in one batch"
    assert "member" not in hospital.shown(hospital.dn("at-hospital", "Relationship"))


def test_a_new_name_is_told_everywhere(hospital: Any) -> None:
    old = read_place(hospital.dn("anna"))
    assert hospital.do(Rename(old, renamed(old, "uid=anne"))) == [OK]
    assert hospital.shown(hospital.dn("anna")) == {}
    assert hospital.shown(hospital.dn("anne"))["uid"] == ("anne",)
    group = hospital.shown(hospital.dn("at-ward", "Relationship"))
    assert group["member"] == (hospital.dn("anne"),)
    assert ("rename", "uid=anne") in history(hospital)


def test_a_name_is_not_taken_nor_kept_beside_a_new_one(hospital: Any) -> None:
    assert hospital.do(hospital.person("ben")) == [OK]
    old = read_place(hospital.dn("anna"))
    codes = hospital.do(
        Rename(old, renamed(old, "uid=ben")),
        Rename(old, renamed(old, "uid=anne"), drops=False),
        hospital.change(hospital.dn("anna"), "replace", "uid", "anne"),
    )
    assert codes == [
        ResultCode.ENTRY_ALREADY_EXISTS,
        ResultCode.CONSTRAINT_VIOLATION,
        ResultCode.NOT_ALLOWED_ON_RDN,
    ]
    assert hospital.shown(hospital.dn("anna"))["uid"] == ("anna",)


def test_values_are_added_replaced_and_removed(desk: Any) -> None:
    anna = desk.dn("anna")
    codes = desk.do(
        desk.person("anna"),
        desk.change(anna, "add", "mail", "a@example.org", "b@example.org"),
        desk.change(anna, "add", "mail", "A@example.org"),
        desk.change(anna, "delete", "mail", "b@example.org"),
        desk.change(anna, "replace", "sn", "Weber"),
        desk.change(anna, "delete", "sn"),
        desk.change(anna, "delete", "title"),
    )
    assert codes[:2] == [OK, OK]
    assert codes[2:] == [
        ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
        OK,
        OK,
        ResultCode.OBJECT_CLASS_VIOLATION,
        ResultCode.NO_SUCH_ATTRIBUTE,
    ]
    shown = desk.shown(anna)
    assert (shown["mail"], shown["sn"]) == (("a@example.org",), ("Weber",))


def test_added_renamed_and_removed_in_one_batch_leaves_only_history(desk: Any) -> None:
    old = read_place(desk.dn("anna"))
    new = renamed(old, "uid=anne")
    assert desk.do(desk.person("anna"), Rename(old, new), Delete(new)) == [OK] * 3
    assert desk.record.run(desk.record.database.fetch(select(tables.directory_entry))) == []
    assert [operation for operation, _ in history(desk)] == ["add", "rename", "delete"]


def test_removed_and_added_again_is_a_new_account_of_the_same_entry(desk: Any) -> None:
    desk.do(desk.person("anna", mail="a@example.org"))
    assert desk.do(Delete(read_place(desk.dn("anna"))), desk.person("anna")) == [OK, OK]
    assert "mail" not in desk.shown(desk.dn("anna"))


def test_no_feed_lifts_what_an_operator_did(desk: Any) -> None:
    desk.do(desk.person("anna"))
    desk.block(desk.dn("anna"))
    codes = desk.do(
        desk.change(desk.dn("anna"), "replace", "hpdProviderStatus", "Active"),
        Delete(read_place(desk.dn("anna"))),
    )
    assert codes == [OK, ResultCode.UNWILLING_TO_PERFORM]
    (row,) = desk.record.run(desk.record.database.fetch(select(tables.directory_entry)))
    assert (bool(row.blocked), bool(row.active)) == (True, False)


def test_two_changes_of_one_entry_at_once_are_not_mixed(hospital: Any) -> None:
    anna = hospital.dn("anna")
    first, _ = hospital.work(hospital.change(anna, "replace", "sn", "One"))
    second, _ = hospital.work(hospital.change(anna, "replace", "sn", "Two"))
    hospital.record.commit(first)
    with pytest.raises(Outdated):
        hospital.record.commit(second)
    assert hospital.shown(anna)["sn"] == ("One",)


def test_nobody_becomes_a_member_while_going(hospital: Any) -> None:
    assert hospital.do(hospital.person("ben")) == [OK]
    group = hospital.dn("at-ward", "Relationship")
    joins, _ = hospital.work(hospital.change(group, "add", "member", hospital.dn("ben")))
    assert hospital.do(Delete(read_place(hospital.dn("ben")))) == [OK]
    with pytest.raises(Outdated):
        hospital.record.commit(joins)
    links = hospital.record.run(hospital.record.database.fetch(select(tables.directory_link)))
    assert len(links) == 4
