"""gateway.bindings.wsdl: contracts equal the golden files, and another SOAP stack can read them."""

import subprocess
import sys
from pathlib import Path

import pytest
import zeep
from lxml import etree

from gateway.bindings.wsdl import contract
from gateway.declare.catalogue import build
from profiles.pdqv3.profile import PROFILE as PDQV3
from profiles.pixv3.profile import PROFILE as PIXV3
from profiles.xcpd.profile import PROFILE as XCPD
from profiles.xdr.profile import PROFILE as XDR
from profiles.xds.profile import PROFILE as XDS
from profiles.xua.profile import PROFILE as XUA

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "schemas" / "wsdl"
URL = "https://localhost:8443"
PORTS = build([XDS, XDR, PIXV3, PDQV3, XCPD, XUA]).soap_ports()
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP12 = "{http://schemas.xmlsoap.org/wsdl/soap12/}"
ACTIONS = {
    "/xds/registry": {
        "DocumentRegistry_RegistryStoredQuery": "urn:ihe:iti:2007:RegistryStoredQuery",
        "DocumentRegistry_RegisterDocumentSet-b": "urn:ihe:iti:2007:RegisterDocumentSet-b",
        "DocumentRegistry_MultiPatientStoredQuery": "urn:ihe:iti:2009:MultiPatientStoredQuery",
        "DocumentRegistry_UpdateDocumentSet": "urn:ihe:iti:2010:UpdateDocumentSet",
        "DocumentRegistry_RegisterOnDemandDocumentEntry": "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
        "DocumentRegistry_DeleteDocumentSet": "urn:ihe:iti:2010:DeleteDocumentSet",
        "DocumentRegistry_RestrictedUpdateDocumentSet": "urn:ihe:iti:2018:RestrictedUpdateDocumentSet",
        "DocumentRegistry_PRPA_IN201301UV02": "urn:hl7-org:v3:PRPA_IN201301UV02",
        "DocumentRegistry_PRPA_IN201302UV02": "urn:hl7-org:v3:PRPA_IN201302UV02",
        "DocumentRegistry_PRPA_IN201304UV02": "urn:hl7-org:v3:PRPA_IN201304UV02",
    },
    "/pix": {
        "PIXManager_PRPA_IN201301UV02": "urn:hl7-org:v3:PRPA_IN201301UV02",
        "PIXManager_PRPA_IN201302UV02": "urn:hl7-org:v3:PRPA_IN201302UV02",
        "PIXManager_PRPA_IN201304UV02": "urn:hl7-org:v3:PRPA_IN201304UV02",
        "PIXManager_PRPA_IN201309UV02": "urn:hl7-org:v3:PRPA_IN201309UV02",
    },
    "/pdq": {
        "PDSupplier_PRPA_IN201305UV02": "urn:hl7-org:v3:PRPA_IN201305UV02",
        "PDSupplier_QUQI_IN000003UV01_Continue": "urn:hl7-org:v3:QUQI_IN000003UV01_Continue",
        "PDSupplier_QUQI_IN000003UV01_Cancel": "urn:hl7-org:v3:QUQI_IN000003UV01_Cancel",
    },
    "/xcpd/responder": {
        "RespondingGateway_PRPA_IN201305UV02": (
            "urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery"
        ),
        "RespondingGateway_PRPA_IN201305UV02_Deferred": (
            "urn:hl7-org:v3:PRPA_IN201305UV02:Deferred:CrossGatewayPatientDiscovery"
        ),
        "RespondingGateway_PatientLocationQuery": "urn:ihe:iti:2009:PatientLocationQuery",
    },
    "/xdr/recipient": {
        "DocumentRecipient_ProvideAndRegisterDocumentSet-b": (
            "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
        ),
    },
    "/xua/sts": {"X-AssertionProvider_Issue": "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue"},
    "/xds/repository": {
        "DocumentRepository_ProvideAndRegisterDocumentSet-b": (
            "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
        ),
        "DocumentRepository_RetrieveDocumentSet": "urn:ihe:iti:2007:RetrieveDocumentSet",
        "DocumentRepository_RemoveDocuments": "urn:ihe:iti:2017:RemoveDocuments",
    },
}
ON_LATER_PYTHON = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "cgi" else real(name, *rest)
from gateway.bindings import spynewsdl
spynewsdl.lend_modules()
root = spynewsdl.skeleton("Actor", "urn:x", {"First": "The first"}, "https://localhost/x")
import cgi
assert cgi.parse_header('text/xml; charset="utf-8"') == ("text/xml", {"charset": "utf-8"})
assert sys.modules["spyne.util.six"].moves is sys.modules["spyne.util.six.moves"]
print(*(each.get("name") for each in root.iter("{http://schemas.xmlsoap.org/wsdl/}message")))
"""


def written(path: str) -> bytes:
    write = contract(path, PORTS[path], URL)
    assert write is not None
    return write()


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_the_contract_is_the_golden_one(path: str) -> None:
    golden = GOLDEN / f"{path.rpartition('/')[2]}.wsdl"

    assert written(path) == golden.read_bytes(), f"see schemas/README.md for how to renew {golden.name}"


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_every_name_that_is_used_is_declared(path: str) -> None:
    root = etree.fromstring(written(path))
    declared = {
        etree.QName(schema.get("targetNamespace"), each.get("name", "")).text
        for schema in root.iter("{http://www.w3.org/2001/XMLSchema}schema")
        for each in schema.iterchildren("{http://www.w3.org/2001/XMLSchema}element")
    }
    used = {
        f"{{{part.nsmap[prefix]}}}{name}"
        for part in root.iter(f"{WSDL}part")
        for prefix, _, name in [part.get("element", "").partition(":")]
    }

    assert used - declared == set()
    assert {part.get("name") for part in root.iter(f"{WSDL}part")} == {"body"}


@pytest.mark.parametrize("path", sorted(ACTIONS))
def test_another_soap_stack_finds_the_operations_without_a_network(path: str, tmp_path: Path) -> None:
    file = tmp_path / "contract.wsdl"
    file.write_bytes(written(path))

    client = zeep.Client(str(file), settings=zeep.Settings(strict=False))

    actor = next(iter(ACTIONS[path])).partition("_")[0]
    service = client.wsdl.services[f"{actor}_Service"]
    port = service.ports[f"{actor}_Port_Soap12"]
    found = {each.name: each.soapaction for each in port.binding.all().values()}
    addressed = {each.name: each.abstract.wsa_action for each in port.binding.all().values()}
    assert found == ACTIONS[path]
    assert addressed == ACTIONS[path]
    assert port.binding_options == {"address": f"{URL}{path}"}
    assert port.binding.name.localname == f"{actor}_Binding_Soap12"


def test_a_contract_is_written_when_it_is_asked_for_and_kept() -> None:
    write = contract("/xds/registry", PORTS["/xds/registry"], URL)

    assert write is not None
    assert write() is write()


def test_no_soap_no_contract() -> None:
    assert contract("/fhir", [], URL) is None


def test_the_address_is_the_public_one() -> None:
    write = contract("/xds/registry", PORTS["/xds/registry"], "https://gateway.example:444")
    assert write is not None

    address = etree.fromstring(write()).find(f".//{SOAP12}address")

    assert address is not None
    assert address.get("location") == "https://gateway.example:444/xds/registry"


def test_spyne_runs_with_the_modules_that_later_pythons_lack() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ON_LATER_PYTHON],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.split() == ["First_Message", "FirstResponse_Message"], done.stderr


def test_spyne_is_not_imported_before_a_contract_is_asked_for() -> None:
    code = "import sys, gateway.bindings.wsdl; print('spyne' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
