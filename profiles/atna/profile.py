"""ATNA: what other systems tell the audit record repository, and who reads it."""

from gateway.declare.transaction import Profile

PROFILE = Profile(code="ATNA", title="Audit Trail and Node Authentication", transactions=())
