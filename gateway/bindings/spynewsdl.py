"""The skeleton of a WSDL 1.1 document, written by spyne 2.14; the only module that imports spyne.

spyne was last released before Python 3.12: what it misses since is lent to it first. Of its output only the
structure is used, because its schemas cannot refer to elements of other namespaces (see wsdl.py).
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Mapping
from email.message import Message
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import six
from lxml import etree

from gateway.crypto.safexml import parse

_HTTP = "http://schemas.xmlsoap.org/soap/http"
_MOVES = ("", ".urllib", ".urllib.parse", ".urllib.request", ".urllib.error", ".urllib.response")
_MOVES_ALSO = (".http_cookies", ".collections_abc")


def skeleton(actor: str, namespace: str, operations: Mapping[str, str], address: str) -> etree._Element:
    """wsdl:definitions of one actor with a port type, a SOAP 1.2 binding and a service.

    `operations` gives a title to each transaction `Tx`, which becomes the operation `{actor}_{Tx}` with the
    messages `{Tx}_Message` and `{Tx}Response_Message` (WSP201).
    """
    spyne = _spyne()
    port = f"{actor}_PortType"
    described: dict[str, Any] = {
        f"{actor}_{name}": _operation(spyne, name, title, port) for name, title in operations.items()
    }
    service = type(f"{actor}_Service", (spyne.ServiceBase,), {"__port_types__": (port,), **described})
    protocol = import_module("spyne.protocol.soap").Soap12
    application = spyne.Application(
        [service], namespace, name=actor, in_protocol=protocol(), out_protocol=protocol()
    )
    application.transport = _HTTP
    writer = import_module("spyne.interface.wsdl").Wsdl11(application.interface)
    writer.build_interface_document(address)
    return parse(writer.get_interface_document())


def _operation(spyne: Any, name: str, title: str, port: str) -> Any:
    def declared(context: Any, body: Any) -> None:  # never called: messages go through the pipeline
        del context, body

    # spyne tells operations apart by the first, and documents them with the second
    declared.__name__, declared.__doc__ = name, title
    return spyne.rpc(
        spyne.AnyXml,
        _returns=spyne.AnyXml,
        _body_style="bare",
        _port_type=port,
        _in_message_name=f"{name}_Message",
        _out_message_name=f"{name}Response_Message",
    )(declared)


def _spyne() -> Any:
    if "spyne" not in sys.modules:
        lend_modules()
    return import_module("spyne")


def lend_modules() -> None:
    """Puts in place what spyne 2.14 imports and later Pythons no longer have.

    Its own copy of six hooks into imports in a way that ended with Python 3.12: the installed six stands for
    it. Python 3.13 has no `cgi`, of which it needs one function.
    """
    if find_spec("cgi") is None:
        cgi = ModuleType("cgi")
        cgi.__dict__["parse_header"] = _parse_header
        sys.modules["cgi"] = cgi
    base = "spyne.util.six"
    lent = ModuleType(base)
    lent.__dict__.update(six.__dict__, __name__=base, get_function_name=operator.attrgetter("__name__"))
    sys.modules[base] = lent
    for name in _MOVES + _MOVES_ALSO:
        sys.modules[f"{base}.moves{name}"] = import_module(f"six.moves{name}")


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    header = Message()
    header["content-type"] = line
    parameters = header.get_params(failobj=[])
    return (parameters[0][0] if parameters else ""), dict(parameters[1:])
