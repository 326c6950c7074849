"""XPID: the Document Registry of XAD-PID Change Management (ITI TF-1 23)."""

from gateway.declare.transaction import Profile
from profiles.xpid import iti64_notify_xad_pid_link_change

PROFILE = Profile(
    code="XPID",
    title="XAD-PID Change Management",
    transactions=(iti64_notify_xad_pid_link_change.TRANSACTION,),
    depends_on=("pix", "xds"),
)
"""The transaction changes what XDS has registered, and reads what PIX reads."""
