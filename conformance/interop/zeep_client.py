"""A second, independent SOAP stack against a running gateway: zeep reads its contracts and uses them.

    python conformance/interop/zeep_client.py --endpoints endpoints.json \
        --certificate tester.pem --key tester.key --trust ca.pem

Announces a patient of its own (ITI-8), provides a document (ITI-41), finds it (ITI-18), fetches it (ITI-43);
announces one in HL7 V3 (ITI-44), cross-references (ITI-45) and finds him (ITI-47); adds a professional to the
directory (ITI-59) and finds her (ITI-58).
What zeep lacks is added outside of it: wsa:ReplyTo and mustUnderstand, registry objects (it knows no
substitution groups), MTOM packages for requests. Nothing of the system's own code is used.
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import ssl
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import zeep
from lxml import etree
from zeep.exceptions import Fault
from zeep_stack import (
    QUERY,
    RIM,
    Complete,
    MtomTransport,
    UnexpectedError,
    expect,
    expect_acknowledged,
    expect_response,
    expect_result,
    expect_success,
    interaction,
    raw_elements,
)

DATA = Path(__file__).resolve().parent.parent / "data"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
LETTER = b"Conformance letter, written by zeep."
OPERATIONS = {
    "registry": {
        "DocumentRegistry_RegistryStoredQuery": "urn:ihe:iti:2007:RegistryStoredQuery",
        "DocumentRegistry_RegisterDocumentSet-b": "urn:ihe:iti:2007:RegisterDocumentSet-b",
        "DocumentRegistry_RegisterOnDemandDocumentEntry": "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry",
    },
    "repository": {
        "DocumentRepository_ProvideAndRegisterDocumentSet-b": (
            "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
        ),
        "DocumentRepository_RetrieveDocumentSet": "urn:ihe:iti:2007:RetrieveDocumentSet",
    },
    "pix": {
        "PIXManager_PRPA_IN201301UV02": "urn:hl7-org:v3:PRPA_IN201301UV02",
        "PIXManager_PRPA_IN201302UV02": "urn:hl7-org:v3:PRPA_IN201302UV02",
        "PIXManager_PRPA_IN201304UV02": "urn:hl7-org:v3:PRPA_IN201304UV02",
        "PIXManager_PRPA_IN201309UV02": "urn:hl7-org:v3:PRPA_IN201309UV02",
    },
    "pdq": {
        "PDSupplier_PRPA_IN201305UV02": "urn:hl7-org:v3:PRPA_IN201305UV02",
        "PDSupplier_QUQI_IN000003UV01_Continue": "urn:hl7-org:v3:QUQI_IN000003UV01_Continue",
        "PDSupplier_QUQI_IN000003UV01_Cancel": "urn:hl7-org:v3:QUQI_IN000003UV01_Cancel",
    },
    "directory": {
        "ProviderInformationDirectory_ProviderInformationQuery": (
            "urn:ihe:iti:2010:ProviderInformationQuery"
        ),
        "ProviderInformationDirectory_ProviderInformationFeed": "urn:ihe:iti:2010:ProviderInformationFeed",
    },
}
WAIT = 20
_PEOPLE = "ou=HCProfessional,dc=HPD,o=CONFORMANCE,c=LU"


def new_oid() -> str:
    """A fresh OID below the UUID arc."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass(kw_only=True)
class Interop:
    """The steps, in the order in which they depend on each other."""

    endpoints: Mapping[str, str]
    certificate: Path
    key: Path
    trust: Path
    clients: dict[str, zeep.Client] = field(default_factory=dict)
    complete: Complete = field(default_factory=Complete)
    patient: str = ""
    unique_id: str = field(default_factory=new_oid)
    patient_v3: str = field(default_factory=lambda: f"V{uuid.uuid4().int % 10**12}")

    def contract(self, name: str) -> None:
        """The live contract of one endpoint: its operations and their soapAction."""
        session = requests.Session()
        session.cert, session.verify = (str(self.certificate), str(self.key)), str(self.trust)
        session.trust_env = False
        kind = MtomTransport if name == "repository" else zeep.Transport
        client = zeep.Client(
            f"{self.endpoints[name]}?wsdl",
            transport=kind(session=session, timeout=WAIT, operation_timeout=WAIT),
            settings=zeep.Settings(strict=False, forbid_external=True),
            plugins=[self.complete],
        )
        found = {
            operation.name: operation.soapaction
            for service in client.wsdl.services.values()
            for port in service.ports.values()
            for operation in port.binding.all().values()
        }
        missing = {key: found.get(key) for key, told in OPERATIONS[name].items() if found.get(key) != told}
        expect(holds=not missing, otherwise=f"operations missing or with another soapAction: {missing}")
        self.clients[name] = client

    def feed(self) -> None:
        """ITI-8: a fresh patient, so that no run disturbs another."""
        self.patient = f"Z{uuid.uuid4().int % 10**12}^^^&{self.endpoints['patient_id_root']}&ISO"
        text = (DATA / "feed-a01.hl7").read_text(encoding="utf-8").replace("$pid$", self.patient)
        text = text.replace("CONFORMANCE-1", secrets.token_hex(8)).strip().replace("\n", "\r")
        context = ssl.create_default_context(cafile=str(self.trust))
        context.load_cert_chain(self.certificate, self.key)
        host, _, port = self.endpoints["mllp"].rpartition(":")
        with (
            socket.create_connection((host, int(port)), WAIT) as plain,
            context.wrap_socket(plain, server_hostname=host) as line,
        ):
            line.sendall(b"\x0b" + text.encode() + b"\r\x1c\r")
            reply = b""
            while not reply.endswith(b"\x1c\r"):
                more = line.recv(65_536)
                expect(holds=bool(more), otherwise="the connection was closed without an acknowledgement")
                reply += more
        expect(holds=b"\rMSA|AA|" in reply, otherwise=f"the feed was answered {reply!r}")

    def provide(self) -> None:
        """ITI-41 with one document, as attachment."""
        entry = f"urn:uuid:{uuid.uuid4()}"
        text = (DATA / "provide-one-document.xml").read_text(encoding="utf-8")
        values = {"$pid$": self.patient, "$doc$": self.unique_id, "$set$": new_oid(), "$entry$": entry}
        for token, value in values.items():
            text = text.replace(token, value.replace("&", "&amp;"))
        found = etree.fromstring(text.encode()).find(f".//{{{RIM}}}RegistryObjectList")
        self.complete.objects = [] if found is None else list(found)
        try:
            answer = self._call(
                "repository",
                "DocumentRepository_ProvideAndRegisterDocumentSet-b",
                SubmitObjectsRequest={"RegistryObjectList": {}},
                Document=[{"_value_1": LETTER, "id": entry}],
            )
        finally:
            self.complete.objects = []
        expect_success(answer)

    def find(self) -> None:
        """ITI-18 FindDocuments: exactly the document provided."""
        answer = self._query("LeafClass", f"'{self.patient}'")
        expect_success(answer)
        ids = [
            item.get("value")
            for element in raw_elements(answer["RegistryObjectList"])
            for item in element.iter(f"{{{RIM}}}ExternalIdentifier")
        ]
        expect(holds=self.unique_id in ids, otherwise=f"the document is not among {ids}")

    def find_references(self) -> None:
        """The same as ObjectRef: one."""
        answer = self._query("ObjectRef", f"'{self.patient}'")
        expect_success(answer)
        count = len(raw_elements(answer["RegistryObjectList"]))
        expect(holds=count == 1, otherwise=f"{count} references came, expected 1")

    def retrieve(self) -> None:
        """ITI-43: the octets, unchanged."""
        wanted = {
            "RepositoryUniqueId": self.endpoints["repository_unique_id"],
            "DocumentUniqueId": self.unique_id,
        }
        answer = self._call("repository", "DocumentRepository_RetrieveDocumentSet", DocumentRequest=[wanted])
        expect_success(answer["RegistryResponse"])
        document = answer["DocumentResponse"][0]["Document"]
        expect(holds=document == LETTER, otherwise=f"other octets came back: {document!r}")

    def refuse(self) -> None:
        """A query that breaks the schema is a SOAP fault of the sender, without a value of the message."""
        try:
            answer = self._query("NoSuchReturnType", "'Doe^^^&2.999&ISO'")
        except Fault as fault:
            expect(holds=str(fault.code).endswith(":Sender"), otherwise=f"the fault code is {fault.code}")
            expect(
                holds="NoSuchReturnType" not in str(fault.message),
                otherwise=f"the fault repeats a value: {fault.message}",
            )
            return
        raise UnexpectedError(f"no fault, but status {answer['status']}")

    def feed_v3(self) -> None:
        """ITI-44: a patient without a name, because zeep writes no elements of mixed content."""
        root = self.endpoints["patient_id_root"]
        device = {"root": "2.999.60.2"}
        patient = {
            "classCode": "PAT",
            "id": [{"root": root, "extension": self.patient_v3}],
            "statusCode": {"code": "active"},
            "patientPerson": {"name": [{"nullFlavor": "UNK"}], "birthTime": {"value": "19610412"}},
            "providerOrganization": {
                "classCode": "ORG", "determinerCode": "INSTANCE", "id": [device], "contactParty": [{}]
            },
        }  # fmt: skip
        event = {
            "classCode": "REG",
            "moodCode": "EVN",
            "statusCode": {"code": "active"},
            "subject1": {"typeCode": "SBJ", "patient": patient},
            "custodian": {
                "typeCode": "CST", "assignedEntity": {"classCode": "ASSIGNED", "id": [device]}
            },
        }  # fmt: skip
        act = {"subject": [{"typeCode": "SUBJ", "registrationEvent": event}]}
        answer = self._call("pix", "PIXManager_PRPA_IN201301UV02", **interaction("PRPA_IN201301UV02", act))
        expect_acknowledged(answer, "CA")

    def cross_reference(self) -> None:
        """ITI-45: nobody else knows the patient; an unknown one is an error with its place."""
        for extension, code, response in ((self.patient_v3, "AA", "NF"), ("nobody", "AE", "AE")):
            value = {"root": self.endpoints["patient_id_root"], "extension": extension}
            parameters = {"patientIdentifier": [{"value": [value]}]}
            query = {**QUERY, "parameterList": parameters}
            answer = self._call(
                "pix",
                "PIXManager_PRPA_IN201309UV02",
                **interaction("PRPA_IN201309UV02", {"queryByParameter": query}),
            )
            expect_acknowledged(answer, code)
            expect_response(answer, response)

    def demographics(self) -> None:
        """ITI-47: the patient is found by identifier, with his birth date."""
        value = {"root": self.endpoints["patient_id_root"], "extension": self.patient_v3}
        parameters = {"livingSubjectId": [{"value": [value]}]}
        query = {**QUERY, "responseModalityCode": {"code": "R"}, "parameterList": parameters}
        answer = self._call(
            "pdq",
            "PDSupplier_PRPA_IN201305UV02",
            **interaction("PRPA_IN201305UV02", {"queryByParameter": query}),
        )
        expect_acknowledged(answer, "AA")
        expect_response(answer, "OK")
        event = answer["controlActProcess"]["subject"][0]["registrationEvent"]
        born = event["subject1"]["patient"]["patientPerson"]["birthTime"]["value"]
        expect(holds=born == "19610412", otherwise=f"the birth date is {born}")

    def _query(self, return_type: str, patient: str) -> Any:
        slots = {"$XDSDocumentEntryPatientId": patient, "$XDSDocumentEntryStatus": f"('{APPROVED}')"}
        return self._call(
            "registry",
            "DocumentRegistry_RegistryStoredQuery",
            ResponseOption={"returnType": return_type, "returnComposedObjects": True},
            AdhocQuery={
                "id": FIND_DOCUMENTS,
                "Slot": [{"name": name, "ValueList": {"Value": [value]}} for name, value in slots.items()],
            },
        )

    def employ(self) -> None:
        """ITI-59 with one addRequest."""
        held = {"objectClass": "HCProfessional", "cn": "Zoe", "sn": "Zeep", "displayName": "Zoe Zeep"}
        attributes = [{"name": name, "value": [value]} for name, value in held.items()]
        add = {"dn": f"uid={self.patient_v3},{_PEOPLE}", "attr": attributes}
        operation = "ProviderInformationDirectory_ProviderInformationFeed"
        answer = self._call("directory", operation, _value_1=[{"addRequest": add}])
        expect_result(answer, "addResponse")

    def look_up(self) -> None:
        """ITI-58 with one equalityMatch."""
        search = {
            "dn": _PEOPLE,
            "scope": "wholeSubtree",
            "derefAliases": "neverDerefAliases",
            "filter": {"equalityMatch": {"name": "uid", "value": self.patient_v3}},
        }
        operation = "ProviderInformationDirectory_ProviderInformationQuery"
        answer = self._call("directory", operation, _value_1=[{"searchRequest": search}])
        found = expect_result(answer, "searchResponse")["searchResultEntry"]
        expect(holds=len(found) == 1, otherwise=f"{len(found)} entries")

    def _call(self, name: str, operation: str, **content: Any) -> Any:
        return self.clients[name].service[operation](**content)


def run(interop: Interop) -> int:
    """Every step, one line each; the number that failed."""
    steps: list[tuple[str, Callable[[], None]]] = [
        ("contract of the registry", lambda: interop.contract("registry")),
        ("contract of the repository", lambda: interop.contract("repository")),
        ("ITI-8   a patient is announced", interop.feed),
        ("ITI-41  one document as attachment", interop.provide),
        ("ITI-18  FindDocuments, objects", interop.find),
        ("ITI-18  FindDocuments, references", interop.find_references),
        ("ITI-43  the document comes back", interop.retrieve),
        ("ITI-18  a body that breaks the schema", interop.refuse),
        ("contract of the PIX Manager", lambda: interop.contract("pix")),
        ("contract of the PD Supplier", lambda: interop.contract("pdq")),
        ("ITI-44  a patient is announced in HL7 V3", interop.feed_v3),
        ("ITI-45  cross-references", interop.cross_reference),
        ("ITI-47  the patient is found", interop.demographics),
        ("contract of the Provider Information Directory", lambda: interop.contract("directory")),
        ("ITI-59  a professional is added", interop.employ),
        ("ITI-58  the professional is found", interop.look_up),
    ]
    failed = 0
    for title, step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a step is its result
            failed += 1
            print(f"failed  {title}: {type(error).__name__}: {error}")
        else:
            print(f"passed  {title}")
    print(f"{len(steps) - failed} passed, {failed} failed")
    return failed


def main() -> int:
    """Read the arguments, run, 1 if anything failed."""
    reader = argparse.ArgumentParser(description="zeep against a running gateway")
    reader.add_argument(
        "--endpoints", type=Path, required=True, help="as `passerelle endpoints --json` prints"
    )
    for name in ("certificate", "key", "trust"):
        reader.add_argument(f"--{name}", type=Path, required=True, help="PEM file")
    told = reader.parse_args()
    endpoints = json.loads(told.endpoints.read_text(encoding="utf-8"))
    if urlsplit(endpoints["registry"]).scheme != "https":
        reader.error("the endpoints are not https")
    interop = Interop(endpoints=endpoints, certificate=told.certificate, key=told.key, trust=told.trust)
    return 1 if run(interop) else 0


if __name__ == "__main__":
    sys.exit(main())
