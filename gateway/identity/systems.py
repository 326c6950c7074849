"""The principal of a node that speaks for itself: feeds, and test tools without an assertion."""

from __future__ import annotations

from gateway.record.people import Code, Node, Principal, SubjectKind

SYSTEM_ROLES = "2.999.1.1"
"""Coding scheme of the system roles of the matrix."""


def system_principal(node: Node) -> Principal:
    """The node's own principal: role TESTER for a test tool (all transactions, loopback only), else NODE."""
    tester = node.loopback_only and "*" in node.transactions
    return Principal(
        kind=SubjectKind.NODE,
        subject=node.name,
        name=node.name,
        issuer=node.organisation,
        role=Code("TESTER" if tester else "NODE", SYSTEM_ROLES),
        organisation=node.organisation,
        organisation_name=node.organisation_name,
        purpose=None,
        confirmation="node",
        token_id=None,
        token_digest=None,
        expires=None,
    )
