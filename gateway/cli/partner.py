"""A partner and the person acting there, for the client commands and the demonstration (integration only)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.bindings.unpack import OpenSink
from gateway.cli.endpoints import endpoints_of
from gateway.cli.persons import ROLES
from gateway.cli.settings import load_settings
from gateway.client import xcpd, xds
from gateway.client.emergency import EmergencyClient
from gateway.client.fhir import Resource
from gateway.client.identity import IdentityClient
from gateway.client.media import MediaClient
from gateway.client.mllp import MllpClient
from gateway.client.session import Endpoints, Identity
from gateway.client.soap import SoapClient
from gateway.client.token import issue_assertion
from gateway.config import Settings, load_node
from gateway.crypto.keys import load_signer
from gateway.declare.bindings import Content
from gateway.errors import SettingsInvalid
from gateway.policy.matrix import load_policy
from gateway.record.people import Code, PatientId

_TREATMENT = Code("TREAT", "2.16.840.1.113883.5.8", "treatment")
_EMERGENCY = Code("ETREAT", "2.16.840.1.113883.5.8", "emergency treatment")
_LOINC = "2.16.840.1.113883.6.1"
_MIME = {".xml": "text/xml", ".pdf": "application/pdf", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Acting:
    """One person at one partner system, with the settings of the installation it speaks to."""

    settings: Settings
    endpoints: Endpoints
    identity: Identity
    partner: str
    role: str
    person: str = ""
    """Another person than the usual one of the role."""

    @classmethod
    def of(cls, config: Path, partner: str, role: str, person: str = "") -> Acting:
        """From a configuration file; SettingsInvalid where there is no test issuer or no such partner."""
        return cls.at(load_settings(config), partner, role, person)

    @classmethod
    def at(cls, settings: Settings, partner: str, role: str, person: str = "") -> Acting:
        """From settings."""
        if settings.environment != "integration":
            raise SettingsInvalid(
                "the client commands work in integration only: they hold partners' test keys"
            )
        told = endpoints_of(settings)
        endpoints = Endpoints(**{name: told[name] for name in Endpoints.__slots__})
        return cls(settings, endpoints, Identity.in_folder(settings.folder, partner), partner, role, person)

    def assertion(
        self, patient: str | None = None, *, bearer: bool = False, emergency: str | None = None
    ) -> bytes:
        """A test assertion for the person, bound to the partner's certificate unless it is a bearer one.

        `emergency` is why emergency access is claimed, if it is.
        """
        told = self.settings.assertions
        if told.test_issuer_key is None or told.test_issuer_certificate is None:
            raise SettingsInvalid("this installation has no test issuer of assertions")
        subject, name = self._who()
        node = load_node(self.settings.nodes.directory / f"{self.partner}.toml")
        identity = patient_id(patient) if patient else None
        return issue_assertion(
            signer=load_signer(told.test_issuer_key, told.test_issuer_certificate),
            issuer=told.issuers[0].entity_id,
            subject=str(identity) if self.role == "patient" and identity else subject,
            name=name,
            role=self._role(),
            organisation=node.organisation,
            organisation_name=node.organisation_name,
            purpose=_TREATMENT if emergency is None else _EMERGENCY,
            emergency_reason=emergency,
            audience=told.audience[0],
            patient=identity,
            confirmation=None if bearer else self._certificate(),
            now=datetime.now(UTC),
        )

    def _who(self) -> tuple[str, str]:
        """Subject and name of the person."""
        usual = ROLES.get(self.role, (self.role, self.role.title()))
        return usual if self.person in {"", usual[0]} else (self.person, self.person)

    def _role(self) -> Code:
        policy = load_policy(self.settings.policy.directory, environment=self.settings.environment)
        for rule in policy.roles.values():
            if rule.name == self.role:
                return rule.code
        names = ", ".join(sorted({rule.name for rule in policy.roles.values()}))
        raise SettingsInvalid(f"role {self.role!r} is not in the rights matrix; there are: {names}")

    def _certificate(self) -> bytes:
        if self.identity.signer is None:
            raise SettingsInvalid(f"partner {self.partner} has no signing key")
        return self.identity.signer.certificate

    def full_id(self, patient: str) -> str:
        """A CX from an id alone, in the affinity domain."""
        return patient if "^" in patient else f"{patient}^^^&{self.endpoints.patient_id_root}&ISO"

    async def feed(self, message: bytes) -> bytes:
        """The acknowledgement of an HL7 v2 message; line ends are made CR."""
        host, _, port = self.endpoints.mllp.rpartition(":")
        text = message.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        client = await MllpClient.connect(host, int(port), self.identity.context())
        try:
            return await client.send(text)
        finally:
            await client.close()

    async def send(
        self,
        content: Content,
        patient: str,
        title: str,
        class_code: str,
        confidentiality: str,
        suffix: str,
        *,
        unique_id: str,
        set_id: str,
        created: datetime,
    ) -> None:
        """Provides one document, under ids that make a repetition the same submission."""
        code, _, scheme = class_code.partition("^^")
        node = load_node(self.settings.nodes.directory / f"{self.partner}.toml")
        subject, name = self._who()
        document = xds.Document(
            large=content,
            unique_id=unique_id,
            mime_type=_MIME.get(suffix, "application/octet-stream"),
            title=title,
            patient=self.full_id(patient),
            class_code=Code(code, scheme or _LOINC, title),
            type_code=Code(code, scheme or _LOINC, title),
            format_code=Code(
                "urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME type"
            ),
            confidentiality=Code(confidentiality, "2.16.840.1.113883.5.25", confidentiality),
            author=f"{subject}^{name}^^^^^^^&{node.organisation}&ISO",
            institution=f"{node.organisation_name}^^^^^^^^^{node.organisation}",
            created=created.astimezone(UTC).strftime("%Y%m%d%H%M%S"),
        )
        async with self.identity.http() as http:
            await xds.provide(self._client(http), self.endpoints, [document], self.assertion(), set_id)

    async def status(self, set_id: str) -> list[xds.Listed] | None:
        """The documents of a submission, None when it is not registered."""
        async with self.identity.http() as http:
            return await xds.status(self._client(http), self.endpoints, set_id, self.assertion())

    async def query(self, patient: str) -> list[xds.Listed]:
        """The documents of a patient this person may see."""
        identity = self.full_id(patient)
        assertion = self.assertion(identity if self.role == "patient" else None)
        async with self.identity.http() as http:
            return await xds.find(self._client(http), self.endpoints, identity, assertion)

    async def retrieve(
        self, unique_id: str, patient: str | None = None, outside: OpenSink | None = None
    ) -> Content:
        """A document; a large one is where `outside` put it."""
        wanted = [(self.endpoints.repository_unique_id, unique_id)]
        assertion = self.assertion(patient)
        async with self.identity.http() as http:
            found = await xds.retrieve_contents(
                self._client(http), self.endpoints, wanted, assertion, outside
            )
        return found[unique_id]

    async def discover(self, sought: xcpd.Sought, url: str | None = None) -> xcpd.Discovery:
        """What a community, ours without `url`, knows of a patient; the partner asks as a system (ITI-55)."""
        domain = self.settings.domain
        between = xcpd.Community(
            sender=domain.source_oid, receiver=domain.repository_unique_id, home=domain.home_community_id
        )
        async with self.identity.http() as http:
            to = url or endpoints_of(self.settings)["responding_gateway"]
            return await xcpd.discover(self._client(http), to, sought, between)

    async def import_medium(self, medium: bytes) -> list[str]:
        """What became of each submission set of a medium, and warnings."""
        async with self.identity.http() as http:
            return await self._media_client(http, self.assertion()).import_medium(medium)

    async def export_medium(self, patient: str, documents: Sequence[str], institution: str) -> bytes:
        """A medium with documents of a patient."""
        identity = self.full_id(patient)
        assertion = self.assertion(identity if self.role == "patient" else None)
        async with self.identity.http() as http:
            client = self._media_client(http, assertion)
            return await client.export_medium(identity, documents, institution)

    def _media_client(self, http: httpx.AsyncClient, assertion: bytes) -> MediaClient:
        return MediaClient(
            http=http,
            base=self.endpoints.fhir,
            assertion=assertion,
            server_certificates=frozenset(_certificates(self.settings.signing.certificate)),
        )

    async def reviews(self, statuses: Sequence[str]) -> list[Resource]:
        """Tasks of some statuses."""
        async with self.identity.http() as http:
            return await self._desk(http).reviews(statuses)

    async def review(self, number: str) -> Resource:
        """One Task with both sides."""
        async with self.identity.http() as http:
            return await self._desk(http).review(number)

    async def decide(self, number: str, outcome: str, reason: str) -> Resource:
        """What this person says of a review."""
        async with self.identity.http() as http:
            return await self._desk(http).decide(number, outcome, reason)

    async def history(self, who: str) -> list[Resource]:
        """The operations of a person: by CX, `system|value`, id of the affinity domain, or Patient/<id>."""
        asked = who if "|" in who or who.startswith("Patient/") else self._token(who)
        async with self.identity.http() as http:
            return await self._desk(http).history(asked)

    async def undo(self, operation: str, reason: str) -> Resource:
        """Takes an operation back."""
        async with self.identity.http() as http:
            return await self._desk(http).undo(operation, reason)

    def _token(self, patient: str) -> str:
        identity = patient_id(self.full_id(patient))
        return f"urn:oid:{identity.root}|{identity.extension}"

    async def emergencies(self, statuses: Sequence[str]) -> list[Resource]:
        """Tasks of the review of emergency accesses."""
        async with self.identity.http() as http:
            return await self._privacy(http).emergencies(statuses)

    async def emergency(self, number: str) -> Resource:
        """One of them with patient, reason and requests."""
        async with self.identity.http() as http:
            return await self._privacy(http).emergency(number)

    async def judge_emergency(self, number: str, outcome: str, reason: str) -> Resource:
        """What the person says of one."""
        async with self.identity.http() as http:
            return await self._privacy(http).judge(number, outcome, reason)

    def _privacy(self, http: httpx.AsyncClient) -> EmergencyClient:
        return EmergencyClient(
            http=http,
            base=self.endpoints.fhir,
            assertion=self.assertion(),
            server_certificates=frozenset(_certificates(self.settings.signing.certificate)),
        )

    def _desk(self, http: httpx.AsyncClient) -> IdentityClient:
        return IdentityClient(
            http=http,
            base=self.endpoints.fhir,
            assertion=self.assertion(),
            server_certificates=frozenset(_certificates(self.settings.signing.certificate)),
        )

    def _client(self, http: httpx.AsyncClient) -> SoapClient:
        return SoapClient(
            http=http,
            signer=self.identity.signer,
            server_certificates=frozenset(_certificates(self.settings.signing.certificate)),
        )


def _certificates(path: Path) -> Sequence[bytes]:
    return [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(path.read_bytes())]


def patient_id(text: str) -> PatientId:
    """A CX taken apart."""
    extension, _, rest = text.partition("^^^&")
    return PatientId(extension=extension, root=rest.removesuffix("&ISO"))
