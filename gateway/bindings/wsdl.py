"""Service contracts (WSDL 1.1) of the SOAP endpoints, from the catalogue (ITI TF-2 V.3.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from lxml import etree

from gateway import schemas
from gateway.declare.bindings import Soap
from gateway.declare.transaction import AnyTransaction

_WSDL_NS = "http://schemas.xmlsoap.org/wsdl/"
_SOAP12_NS = "http://schemas.xmlsoap.org/wsdl/soap12/"
_WSAW_NS = "http://www.w3.org/2006/05/addressing/wsdl"
_WSAM_NS = "http://www.w3.org/2007/05/addressing/metadata"
_WSDL, _SOAP12, _WSAW, _WSAM = (f"{{{name}}}" for name in (_WSDL_NS, _SOAP12_NS, _WSAW_NS, _WSAM_NS))
_HL7 = "urn:hl7-org:v3:"
_ORDER = tuple(f"{_WSDL}{name}" for name in ("types", "message", "portType", "binding", "service"))

Contract = Callable[[], bytes]
"""Writes a service contract when it is first asked for, and keeps it."""


def contract(path: str, transactions: Sequence[AnyTransaction], public_url: str) -> Contract | None:
    """The contract of one endpoint, all its schemas inside; None where no SOAP transaction answers.

    It takes actor and target namespace of the first transaction.
    """
    bindings = {
        _name(each.binding): (f"{each.title} ({each.code})", each.binding)
        for each in transactions
        if isinstance(each.binding, Soap)
    }
    if not bindings:
        return None
    actor = transactions[0].actors.responder.replace(" ", "")
    return cache(partial(_written, actor, bindings, f"{public_url}{path}"))


def _written(actor: str, bindings: Mapping[str, tuple[str, Soap]], address: str) -> bytes:
    # spyne takes 0.1 s to import, which most processes never need
    from gateway.bindings.spynewsdl import skeleton  # noqa: PLC0415

    operations = {name: each for name, (_, each) in bindings.items()}
    titles = {name: title for name, (title, _) in bindings.items()}
    namespace = next(each.namespace for each in operations.values())
    bodies = (name for each in operations.values() for name in (each.request, each.response))
    types = schemas.inlined(dict.fromkeys(etree.QName(name).namespace or "" for name in bodies))
    root = _root(actor, namespace, types)
    root[:] = sorted(skeleton(actor, namespace, titles, address), key=_rank)
    _put_types(root, types)
    _bind_messages(root, operations)
    _bind_actions(root, operations)
    _name_answers(root, operations)
    _rename(root, actor)
    etree.cleanup_namespaces(root, keep_ns_prefixes=[name for name in root.nsmap if name])
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _name(binding: Soap) -> str:
    """The transaction's name is the tail of its action (WSP208); in HL7 v3, the name of the interaction."""
    if not binding.action.startswith(_HL7):
        return re.split("[:/]", binding.action)[-1]
    deferred = "_Deferred" if ":Deferred:" in binding.action else ""
    return f"{_interaction(binding.action)}{deferred}"


def _rank(part: etree._Element) -> int:
    return _ORDER.index(part.tag)


def _root(actor: str, namespace: str, types: Sequence[etree._Element]) -> etree._Element:
    prefixes = {"wsdl": _WSDL_NS, "soap12": _SOAP12_NS, "wsaw": _WSAW_NS, "wsam": _WSAM_NS, "tns": namespace}
    for each in types:
        target = each.get("targetNamespace")
        prefixes |= {name: uri for name, uri in each.nsmap.items() if name and uri == target}
    return etree.Element(f"{_WSDL}definitions", nsmap=prefixes, name=actor, targetNamespace=namespace)


def _put_types(root: etree._Element, types: Sequence[etree._Element]) -> None:
    """Our schemas in the place of those that spyne derives from its models."""
    place = root.find(f"{_WSDL}types")
    if place is not None:
        place[:] = list(types)


def _bind_messages(root: etree._Element, operations: Mapping[str, Soap]) -> None:
    """One part, named body, with the element of the Body (WSP206)."""
    elements = {f"{name}_Message": each.request for name, each in operations.items()}
    elements |= {f"{name}Response_Message": each.response for name, each in operations.items()}
    prefixes = {uri: name for name, uri in root.nsmap.items() if name != "tns"}
    for part in root.iterfind(f"{_WSDL}message/{_WSDL}part"):
        message = part.getparent()
        element = etree.QName(elements["" if message is None else message.get("name", "")])
        part.set("name", "body")
        part.set("element", f"{prefixes[element.namespace or '']}:{element.localname}")


def _bind_actions(root: etree._Element, operations: Mapping[str, Soap]) -> None:
    for operation in root.iter(f"{_WSDL}operation"):
        binding = operations[operation.get("name", "").partition("_")[2]]
        operation.attrib.pop("parameterOrder", "")
        soap = operation.find(f"{_SOAP12}operation")
        if soap is not None:
            soap.set("soapAction", binding.action)
            soap.set("soapActionRequired", "false")
            continue
        for kind, action in (("input", binding.action), ("output", binding.response_action)):
            for message in operation.iterfind(f"{_WSDL}{kind}"):
                message.set(f"{_WSAM}Action", action)
                message.set(f"{_WSAW}Action", action)


def _name_answers(root: etree._Element, operations: Mapping[str, Soap]) -> None:
    """Answers of HL7 v3 are interactions of their own, by whose name the message goes (ITI TF-2 3.44.5)."""
    names = {
        f"{name}Response_Message": f"{_interaction(each.response_action)}_Message"
        for name, each in operations.items()
        if each.response_action.startswith(_HL7)
    }
    for output in root.iterfind(f".//{_WSDL}output"):
        name = names.get(output.get("name", ""))
        if name is not None:
            output.set("name", name)
            if output.get("message") is not None:
                output.set("message", f"tns:{name}")
    written = set()
    for message in root.findall(f"{_WSDL}message"):
        name = names.get(message.get("name", ""))
        if name is None:
            continue
        message.set("name", name)
        if name in written:
            root.remove(message)
        written.add(name)


def _interaction(action: str) -> str:
    return action.removeprefix(_HL7).partition(":")[0]


def _rename(root: etree._Element, actor: str) -> None:
    """Binding and port end in Soap12 (WSP201); addressing headers are part of every message."""
    for binding in root.iterfind(f"{_WSDL}binding"):
        binding.set("name", f"{actor}_Binding_Soap12")
        addressing = etree.Element(f"{_WSAW}UsingAddressing")
        addressing.set(f"{_WSDL}required", "true")
        binding.insert(1, addressing)
    for port in root.iterfind(f"{_WSDL}service/{_WSDL}port"):
        port.set("name", f"{actor}_Port_Soap12")
        port.set("binding", f"tns:{actor}_Binding_Soap12")
