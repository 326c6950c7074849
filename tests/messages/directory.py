"""Requests to the directory of providers in DSML."""

from __future__ import annotations

from lxml import etree

from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import House
from tests.messages.soap import write_soap

HPD = "dc=HPD,o=PASSERELLE,c=LU"
DSML = "urn:oasis:names:tc:DSML:2:0:core"


def batch(content: str, **attributes: str) -> bytes:
    """A batchRequest of DSML in canonical form."""
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return c14n(etree.fromstring(f'<batchRequest xmlns="{DSML}"{told}>{content}</batchRequest>'))


def directory_raw(house: House, transaction: AnyTransaction) -> Raw:
    """A search for a professional, or a new one."""
    search = (
        f'<searchRequest dn="{HPD}" scope="wholeSubtree" derefAliases="neverDerefAliases" requestID="1">'
        '<filter><equalityMatch name="uid"><value>dr.weber</value></equalityMatch></filter></searchRequest>'
    )
    told = {"objectClass": "HCProfessional", "cn": "Ida Frank", "sn": "Frank", "displayName": "Ida Frank"}
    held = "".join(f'<attr name="{name}"><value>{value}</value></attr>' for name, value in told.items())
    add = f'<addRequest dn="uid=new,ou=HCProfessional,{HPD}">{held}</addRequest>'
    body = batch(search if transaction.code == "ITI-58" else add)
    return write_soap(house, transaction, [body], partner="identity-desk", role="directory-manager")
