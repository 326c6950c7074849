"""LDIF is read and written (RFC 2849)."""

from __future__ import annotations

import pytest

from gateway.directory import ldif
from gateway.errors import Malformed

RECORDS = """version: 1
# a comment
 that goes on
dn: uid=anna,ou=HCProfessional,dc=HPD,
 o=TEST,c=LU
objectClass: HCProfessional
cn:: w4ltaWxl
cn: Anna
userCertificate;binary:: QUJD

dn: cn=ward,ou=Relationship,dc=HPD,o=TEST,c=LU
objectClass: groupOfNames
"""


def test_records_are_read_and_come_back() -> None:
    anna, ward = ldif.read(RECORDS)
    assert anna.place.dn == "uid=anna,ou=HCProfessional,dc=HPD,o=TEST,c=LU"
    assert anna.attributes["cn"].values == ("Émile", "Anna")
    assert (anna.attributes["usercertificate"].values, anna.attributes["usercertificate"].binary) == (
        ("QUJD",),
        True,
    )
    assert list(ldif.read(ldif.write([anna, ward]))) == [anna, ward]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("objectClass: person\n", "does not begin with dn"),
        ("dn: uid=a,ou=HCProfessional,dc=HPD,o=T,c=LU\nchangetype: delete\n", "change records"),
        ("dn: uid=a,ou=Cellar,dc=HPD,o=T,c=LU\n", "no unit"),
        ("dn: uid=a,ou=HCProfessional,o=T,c=LU\n", "dc=HPD"),
        ("dn: uid=a,ou=HCProfessional,dc=HPD,o=T,c=LU\njunk\n", "attribute: value"),
        ("dn: uid=a,ou=HCProfessional,dc=HPD,o=T,c=LU\ncn:< file:///etc/passwd\n", "attribute: value"),
        ("dn: uid=a,ou=HCProfessional,dc=HPD,o=T,c=LU\ncn:: ?\n", "base64"),
    ],
)
def test_what_cannot_be_read_names_its_line(text: str, words: str) -> None:
    with pytest.raises(Malformed, match=words) as error:
        list(ldif.read("\n" + text))
    assert "line 2" in str(error.value.location)
