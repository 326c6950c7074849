"""One exchange on its way through the stages. Each field is written by one stage, once, and read after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, overload

from gateway.declare.bindings import Proven, Raw, Sealed
from gateway.declare.catalogue import Catalogue
from gateway.declare.transaction import AnyTransaction, Call, Target
from gateway.errors import Defect
from gateway.pipeline.verdict import Verdict
from gateway.record.people import Node, Principal
from gateway.stores.work import UnitOfWork

T = TypeVar("T")


class WireForm(Protocol):
    """What the pipeline asks of a binding; `gateway.bindings` has one for each wire form."""

    @property
    def name(self) -> str:
        """soap, fhir or hl7v2."""
        ...

    @property
    def signs_messages(self) -> bool:
        """Whether requests of this form can carry a message signature."""
        ...

    @property
    def carries_assertions(self) -> bool:
        """Whether requests of this form can carry a user assertion."""
        ...

    @property
    def answers_again(self) -> bool:
        """Whether a message that comes again gets its first answer, instead of a refusal."""
        ...

    @property
    def admits_persons(self) -> bool:
        """Whether the peer is a person of the directory, in place of an enrolled node."""
        ...

    def open(self, raw: Raw) -> Any:
        """The envelope, with limits kept; the payload stays unread."""
        ...

    def match(self, envelope: Any, catalogue: Catalogue) -> AnyTransaction:
        """The transaction declared for the wire key."""
        ...

    def prove(self, envelope: Any, node: Node, now: datetime) -> Proven:
        """Signatures checked, signed parts taken out."""
        ...

    def seal(
        self,
        reply: Any,
        transaction: AnyTransaction,
        envelope: Any,
        now: datetime,
        trace_id: str,
        to: str | None = None,
    ) -> Sealed:
        """The reply in its envelope, signed. `to` is where it goes, if not on the connection."""
        ...

    def fault(
        self,
        error: Exception,
        raw: Raw,
        envelope: Any,
        now: datetime,
        trace_id: str,
        to: str | None = None,
    ) -> Sealed:
        """The binding's own form of a refusal, for any exception. `to` as for `seal`."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """Written by the commit stage: the ids of the audit rows, and the answer that may now leave."""

    audit_ids: tuple[int, ...]
    sealed: Sealed


class Once(Generic[T]):
    """A field with one writing stage. Reading it before it is written, or writing it elsewhere, raises."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, exchange: None, _owner: type) -> Once[T]: ...
    @overload
    def __get__(self, exchange: Exchange, _owner: type) -> T: ...
    def __get__(self, exchange: Exchange | None, _owner: type) -> Once[T] | T:
        if exchange is None:
            return self
        try:
            value: T = exchange.written[self._name]
        except KeyError:
            raise Defect(f"{self._name} was read in {exchange.stage} before {self._stage} wrote it") from None
        return value

    def __set__(self, exchange: Exchange, value: T) -> None:
        if exchange.stage != self._stage or self._name in exchange.written:
            raise Defect(f"{self._name} may be written once, in {self._stage}; not in {exchange.stage}")
        exchange.written[self._name] = value


class Exchange:
    """The fields of `docs/flow.md`, in the order of the stages that write them.

    `begun` is when the message began to arrive: signature, assertion and rights hold at that time, so that
    a large document on a slow line does not grow old on its way. All else happens `at` the time it was here.
    """

    node = Once[Node]("authenticate_node")
    envelope = Once[Any]("open_envelope")
    transaction = Once[AnyTransaction]("match_transaction")
    proven = Once[Proven]("verify_signature")
    principal = Once[Principal]("identify_user")
    request = Once[Any]("decode_request")
    target = Once[Target]("decode_request")
    verdict = Once[Verdict]("authorize")
    call = Once[Call[Any]]("authorize")
    result = Once[Any]("handle")
    reply = Once[Any]("encode_reply")
    sealed = Once[Sealed]("sign_reply")
    receipt = Once[Receipt]("commit")

    def __init__(self, raw: Raw, form: WireForm, at: datetime, trace_id: str) -> None:
        self.raw = raw
        self.form = form
        self.at = at
        self.begun = raw.received or at
        self.trace_id = trace_id
        self.work = UnitOfWork()
        self.stage = ""
        self.written: dict[str, Any] = {}

    def known(self, name: str) -> Any:
        """A field if it was written, else None; for the frame, which tells of exchanges cut short."""
        return self.written.get(name)
