"""Which wire form answers at which path: from the catalogue, with the service contracts."""

from __future__ import annotations

from gateway.bindings.oauth import LARGEST
from gateway.bindings.wsdl import contract
from gateway.cli.compose import Gateway
from gateway.declare.bindings import Fhir, Oauth, Soap
from gateway.declare.transaction import AnyTransaction
from gateway.identity.logins import AUTHORIZE
from gateway.pipeline.exchange import WireForm
from gateway.transport.application import Door

FHIR_PATH = "/fhir"


def doors(gateway: Gateway) -> tuple[Door, ...]:
    """One door for each SOAP endpoint of the catalogue, and the FHIR base."""
    limits = gateway.settings.limits
    found = [
        Door(
            path=path,
            form=_soap(gateway, transactions),
            methods=frozenset({"POST"}),
            largest=limits.xml_bytes,
            largest_package=limits.mtom_bytes
            if any(_packaged(each) for each in transactions)
            else limits.xml_bytes,
            intake=gateway.soap.intake,
            document=contract(path, transactions, gateway.settings.server.public_url),
        )
        for path, transactions in gateway.engine.catalogue.soap_ports().items()
    ]
    found += [
        Door(
            path=f"{FHIR_PATH}{binding.path}",
            form=gateway.fhir,
            methods=frozenset({binding.method}),
            largest=limits.media_bytes,
        )
        for binding in _taking_files(gateway)
    ]
    found += _oauth(gateway)
    found.append(
        Door(
            path=FHIR_PATH,
            form=gateway.fhir,
            methods=frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"}),
            largest=limits.fhir_bytes,
            below=True,
        )
    )
    return tuple(found)


def _soap(gateway: Gateway, transactions: list[AnyTransaction]) -> WireForm:
    """Where persons log in they may sign by themselves, and are refused in the words of WS-Trust."""
    return gateway.provider.trust if any(each.logs_in for each in transactions) else gateway.soap


def _oauth(gateway: Gateway) -> list[Door]:
    """A door for each path; to the one of persons they come with their own certificate."""
    provider = gateway.provider
    return [
        Door(
            path=each.binding.path,
            form=provider.persons if each.binding.path == AUTHORIZE else provider.oauth,
            methods=frozenset({each.binding.method}),
            largest=LARGEST,
        )
        for each in gateway.engine.catalogue.transactions()
        if isinstance(each.binding, Oauth)
    ]


def _taking_files(gateway: Gateway) -> list[Fhir]:
    """FHIR operations whose body is a file, larger than a resource may be."""
    bindings = [each.binding for each in gateway.engine.catalogue.transactions()]
    return [each for each in bindings if isinstance(each, Fhir) and each.takes]


def _packaged(transaction: object) -> bool:
    binding = getattr(transaction, "binding", None)
    return isinstance(binding, Soap) and binding.mtom
