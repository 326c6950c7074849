"""What a caller may ask for, as the rights matrix names it (habilitation matrix, rule P6)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import NamedTuple


class _Facts(NamedTuple):
    """One row of the table below."""

    meaning: str
    writes: bool
    of_record: bool


_FACTS: Mapping[str, _Facts] = MappingProxyType(
    {
        "document:publish": _Facts("provide documents with their metadata (ITI-41, 65, 105)", True, True),
        "document:register": _Facts("register metadata of documents kept elsewhere (ITI-42)", True, True),
        "document:update": _Facts("change metadata of registered documents (ITI-57)", True, True),
        "document:remove": _Facts("remove metadata or documents (ITI-62, 86)", True, True),
        "document:query": _Facts("find documents and read metadata (ITI-18, 66, 67)", False, True),
        "document:query-many": _Facts("document:query across patients (ITI-51)", False, True),
        "document:read": _Facts("retrieve the content of documents (ITI-43, 68)", False, True),
        "rights:read": _Facts("read what a patient decided about access", False, True),
        "rights:change": _Facts("change consent, lists, levels or emergency use", True, True),
        "mandate:give": _Facts("appoint somebody to act for the patient", True, True),
        "presence:redeem": _Facts("show by a code that the patient is present", True, True),
        "emergency:review": _Facts("judge emergency accesses", True, False),
        "patient:feed": _Facts("tell, change or merge identities (ITI-8, 30, 44, 93, 104)", True, False),
        "patient:query": _Facts("cross-reference or search identities (ITI-9, 21, 45, 47, 78)", False, False),
        "patient:link": _Facts("decide who is whom: review, undo a merge, see history", True, False),
        "journal:read": _Facts("read who used a patient's record", False, True),
        "audit:record": _Facts("send audit records (ITI-20)", True, False),
        "audit:read": _Facts("read audit records (ITI-81, 82)", False, False),
        "directory:read": _Facts("search the directory of professionals (ITI-58)", False, False),
        "directory:write": _Facts("change the directory of professionals (ITI-59)", True, False),
        "token:issue": _Facts("get and introspect assertions and tokens (ITI-40, 71, 102)", False, False),
        "metadata:read": _Facts("read what this server can do (capability statement)", False, False),
    }
)


@unique
class Action(Enum):
    """One verb of the matrix. `writes` skips P7 to P9; `of_record` demands one patient's open record."""

    DOCUMENT_PUBLISH = "document:publish"
    DOCUMENT_REGISTER = "document:register"
    DOCUMENT_UPDATE = "document:update"
    DOCUMENT_REMOVE = "document:remove"
    DOCUMENT_QUERY = "document:query"
    DOCUMENT_QUERY_MANY = "document:query-many"
    DOCUMENT_READ = "document:read"
    RIGHTS_READ = "rights:read"
    RIGHTS_CHANGE = "rights:change"
    MANDATE_GIVE = "mandate:give"
    PRESENCE_REDEEM = "presence:redeem"
    EMERGENCY_REVIEW = "emergency:review"
    PATIENT_FEED = "patient:feed"
    PATIENT_QUERY = "patient:query"
    PATIENT_LINK = "patient:link"
    JOURNAL_READ = "journal:read"
    AUDIT_RECORD = "audit:record"
    AUDIT_READ = "audit:read"
    DIRECTORY_READ = "directory:read"
    DIRECTORY_WRITE = "directory:write"
    TOKEN_ISSUE = "token:issue"  # noqa: S105 - the name of an action
    METADATA_READ = "metadata:read"

    def __init__(self, code: str) -> None:
        self.code = code
        self.meaning, self.writes, self.of_record = _FACTS[code]

    @property
    def silent(self) -> bool:
        """What a refusal of it would tell of a patient is not told: it goes on with nothing in its scope."""
        return not self.writes or self is Action.PRESENCE_REDEEM

    @property
    def of_login(self) -> bool:
        """Asks for what shows who somebody is: the directory was asked already, and there is no role yet."""
        return self is Action.TOKEN_ISSUE

    @property
    def of_systems(self) -> bool:
        """What systems tell for themselves: no person has to stand behind it."""
        return self is Action.AUDIT_RECORD

    @property
    def entrusted(self) -> bool:
        """Whether a mandate may be given for it: what is done in a record, and reading its trail."""
        return (self.of_record or self is Action.AUDIT_READ) and self is not Action.MANDATE_GIVE

    @property
    def of_server(self) -> bool:
        """About the server itself and nobody's data: open to every enrolled node, without a person."""
        return self is Action.METADATA_READ
