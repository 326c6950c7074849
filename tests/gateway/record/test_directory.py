"""Distinguished names of the tree of HPD (RFC 4514)."""

from __future__ import annotations

import pytest

from gateway.record.directory import Declined, Place, ResultCode, Unit, read_place, renamed

ANNA = Place("Clinic, North", "LU", Unit.PROFESSIONAL, "uid", "a:1+2")


def test_names_come_back_as_they_were() -> None:
    assert ANNA.dn == r"uid=a:1\+2,ou=HCProfessional,dc=HPD,o=Clinic\, North,c=LU"
    assert read_place(ANNA.dn) == ANNA
    assert read_place("OU=hcprofessional, DC=hpd, O=X, C=LU").unit is Unit.PROFESSIONAL
    assert read_place("dc=HPD,o=X,c=LU").unit is None


@pytest.mark.parametrize(
    "same",
    [
        r"UID=A:1\2B2, ou=HCPROFESSIONAL , O=clinic\,  north, DC=HPD, C=lu",
        r"uid=a:1\+2,ou=HCProfessional,c=LU,dc=HPD,o=Clinic\2C North",
    ],
)
def test_case_space_and_order_of_the_suffix_count_for_nothing(same: str) -> None:
    assert read_place(same).key == ANNA.key


@pytest.mark.parametrize(
    ("dn", "code"),
    [
        ("", ResultCode.INVALID_DN_SYNTAX),
        ("anna", ResultCode.INVALID_DN_SYNTAX),
        ("uid=a,,dc=HPD,o=X,c=LU", ResultCode.INVALID_DN_SYNTAX),
        ("uid=a+cn=b,ou=HCProfessional,dc=HPD,o=X,c=LU", ResultCode.INVALID_DN_SYNTAX),
        ("uid=" + "x" * 300 + ",ou=HCProfessional,dc=HPD,o=X,c=LU", ResultCode.INVALID_DN_SYNTAX),
        ("uid=a,ou=HCProfessional,dc=OTHER,o=X,c=LU", ResultCode.NO_SUCH_OBJECT),
        ("uid=a,ou=HCProfessional,dc=HPD,c=LU", ResultCode.NO_SUCH_OBJECT),
        ("uid=a,ou=Cellar,dc=HPD,o=X,c=LU", ResultCode.NO_SUCH_OBJECT),
        ("uid=a,uid=b,ou=HCProfessional,dc=HPD,o=X,c=LU", ResultCode.NO_SUCH_OBJECT),
        ("cn=a,ou=HCProfessional,dc=HPD,o=X,c=LU", ResultCode.NAMING_VIOLATION),
    ],
)
def test_other_names_are_declined(dn: str, code: ResultCode) -> None:
    with pytest.raises(Declined) as error:
        read_place(dn)
    assert error.value.code is code


def test_a_new_name_stays_in_its_place() -> None:
    assert renamed(ANNA, "uid=b") == Place("Clinic, North", "LU", Unit.PROFESSIONAL, "uid", "b")
    for wrong in ("cn=b", "uid=b,ou=Relationship", "b"):
        with pytest.raises(Declined):
            renamed(ANNA, wrong)
