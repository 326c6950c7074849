"""SOAP 1.2 faults for what the engine names by meaning (SOAP 1.2 part 1 5.4, WS-Security 1.1 12)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway import errors
from gateway.bindings.addressing import SOAP, WSA, WSSE
from gateway.crypto.xmldsig import HeaderBlock
from gateway.declare.bindings import Sealed

ACTION = f"{WSA}/fault"
WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"

_BAD_REQUEST, _FORBIDDEN, _TOO_LARGE, _UNSUPPORTED, _INTERNAL, _BUSY = 400, 403, 413, 415, 500, 503


@dataclass(frozen=True, slots=True)
class FaultForm:
    """Code, subcodes from outer to inner, HTTP status.

    `constant` texts tell an attacker nothing; `bare` has no envelope.
    """

    code: str
    subcode: str | None
    status: int
    constant: str | None = None
    bare: bool = False
    inner: str | None = None


_SECURITY = "the security of the message could not be accepted"
_SENDER = FaultForm("Sender", None, _BAD_REQUEST)
_RECEIVER = FaultForm("Receiver", None, _INTERNAL)

_FORMS: tuple[tuple[type[Exception], FaultForm], ...] = (
    (errors.NodeRefused, FaultForm("Sender", None, _FORBIDDEN, bare=True)),
    (errors.TooLarge, FaultForm("Sender", None, _TOO_LARGE, bare=True)),
    (errors.MediaTypeUnsupported, FaultForm("Sender", None, _UNSUPPORTED, bare=True)),
    (errors.NodeNotPermitted, FaultForm("Sender", "wsse:FailedAuthentication", _BAD_REQUEST, _SECURITY)),
    (errors.HeaderNotUnderstood, FaultForm("MustUnderstand", None, _INTERNAL)),
    (
        errors.AnonymousOnly,
        FaultForm(
            "Sender",
            "wsa:InvalidAddressingHeader",
            _BAD_REQUEST,
            inner="wsa:OnlyAnonymousAddressSupported",
        ),
    ),
    (
        errors.ReplyAddressRefused,
        FaultForm("Sender", "wsa:InvalidAddressingHeader", _BAD_REQUEST, inner="wsa:InvalidAddress"),
    ),
    (errors.ReplyUndeliverable, _RECEIVER),
    (errors.AddressingInvalid, FaultForm("Sender", "wsa:InvalidAddressingHeader", _BAD_REQUEST)),
    (errors.ActionMismatch, FaultForm("Sender", "wsa:ActionMismatch", _BAD_REQUEST)),
    (errors.TransactionUnknown, FaultForm("Sender", "wsa:ActionNotSupported", _BAD_REQUEST)),
    (errors.SecurityHeaderInvalid, FaultForm("Sender", "wsse:InvalidSecurity", _BAD_REQUEST, _SECURITY)),
    (errors.TokenMissing, FaultForm("Sender", "wsse:InvalidSecurity", _BAD_REQUEST, _SECURITY)),
    (errors.SignatureBroken, FaultForm("Sender", "wsse:FailedCheck", _BAD_REQUEST, _SECURITY)),
    (errors.AlgorithmRefused, FaultForm("Sender", "wsse:UnsupportedAlgorithm", _BAD_REQUEST, _SECURITY)),
    (errors.SignerRefused, FaultForm("Sender", "wsse:FailedAuthentication", _BAD_REQUEST, _SECURITY)),
    (errors.MessageStale, FaultForm("Sender", "wsse:MessageExpired", _BAD_REQUEST, _SECURITY)),
    (errors.TokenInvalid, FaultForm("Sender", "wsse:InvalidSecurityToken", _BAD_REQUEST, _SECURITY)),
    (errors.TokenUnsupported, FaultForm("Sender", "wsse:UnsupportedSecurityToken", _BAD_REQUEST, _SECURITY)),
    (errors.Busy, FaultForm("Receiver", None, _BUSY)),
    (errors.Defect, _RECEIVER),
    (errors.GatewayError, _SENDER),
)


_TRUST: tuple[tuple[type[Exception], FaultForm], ...] = (
    (errors.TokenMissing, FaultForm("Sender", "wst:FailedAuthentication", _BAD_REQUEST, _SECURITY)),
    (errors.SignerRefused, FaultForm("Sender", "wst:FailedAuthentication", _BAD_REQUEST, _SECURITY)),
    (errors.TokenUnsupported, FaultForm("Sender", "wst:FailedAuthentication", _BAD_REQUEST, _SECURITY)),
    (errors.TokenInvalid, FaultForm("Sender", "wst:InvalidSecurityToken", _BAD_REQUEST, _SECURITY)),
    (errors.SchemaInvalid, FaultForm("Sender", "wst:InvalidRequest", _BAD_REQUEST)),
)
"""What an assertion provider says differently (WS-Trust 1.3 section 11)."""


def form_of(error: Exception, *, trust: bool = False) -> FaultForm:
    """The fault of an exception; anything that is no refusal is a fault of ours. `trust`: by WS-Trust."""
    for kind, form in (*_TRUST, *_FORMS) if trust else _FORMS:
        if isinstance(error, kind):
            return form
    return _RECEIVER


def body(form: FaultForm, error: Exception, trace_id: str) -> bytes:
    """env:Fault as canonical text: what was wrong and where, and the trace id that finds the event."""
    return fault(form, f"{form.constant or _reason(error)} [trace {trace_id}]")


def fault(form: FaultForm, reason: str) -> bytes:
    """env:Fault as canonical text, with a reason."""
    inner = _subcode(form.inner) if form.inner else ""
    subcode = _subcode(form.subcode, inner) if form.subcode else ""
    return (
        f'<env:Fault xmlns:env="{SOAP}"><env:Code><env:Value>env:{form.code}</env:Value>{subcode}</env:Code>'
        f'<env:Reason><env:Text xml:lang="en">{_escaped(reason)}</env:Text></env:Reason>'
        "</env:Fault>"
    ).encode()


def _reason(error: Exception) -> str:
    if not isinstance(error, errors.GatewayError):
        return "internal error"
    return f"{error.detail} (at {error.location})" if error.location else error.detail


def _subcode(value: str, inner: str = "") -> str:
    return f"<env:Subcode><env:Value>{value}</env:Value>{inner}</env:Subcode>"


def with_prefixes(envelope: bytes) -> bytes:
    """Binds the prefixes of subcodes on the Envelope.

    They stand in values only, where exclusive canonical form would drop a binding, so the signed Body
    cannot hold them.
    """
    trust = f'xmlns:wst="{WST}" ' if b"<env:Value>wst:" in envelope else ""
    bindings = f'<e:Envelope xmlns:wsa="{WSA}" xmlns:wsse="{WSSE}" {trust}'.encode()
    return envelope.replace(b"<e:Envelope ", bindings, 1)


def headers(error: Exception) -> list[HeaderBlock]:
    """env:NotUnderstood for a header that had to be understood."""
    if not isinstance(error, errors.HeaderNotUnderstood) or not error.location:
        return []
    namespace, _, local = error.location.removeprefix("{").partition("}")
    return [HeaderBlock.of_text(f"{{{SOAP}}}NotUnderstood", f"{{{namespace}}}{local}")]


def bare(form: FaultForm, trace_id: str) -> Sealed:
    """An HTTP status with nothing but the trace id."""
    return Sealed(
        status=form.status,
        headers={
            "content-type": "text/plain; charset=utf-8",
            "x-request-id": trace_id,
            "connection": "close",
        },
        pieces=(f"refused [trace {trace_id}]\n".encode(),),
    )


def version_mismatch(trace_id: str) -> Sealed:
    """SOAP 1.2 part 1 appendix A: a SOAP 1.1 fault with the Upgrade header block."""
    text = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header>'
        f'<env:Upgrade xmlns:env="{SOAP}"><env:SupportedEnvelope qname="env:Envelope"/></env:Upgrade>'
        "</e:Header><e:Body><e:Fault><faultcode>e:VersionMismatch</faultcode>"
        f"<faultstring>SOAP 1.2 is expected [trace {trace_id}]</faultstring></e:Fault></e:Body></e:Envelope>"
    )
    return Sealed(
        status=_INTERNAL,
        headers={"content-type": "text/xml; charset=utf-8", "x-request-id": trace_id},
        pieces=(text.encode(),),
    )


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
