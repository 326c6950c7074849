"""Consent documents of invented patients, BPPC (CDA R2) and APPC (XACML 2.0), open to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.client.xds import Document
from gateway.record.people import Code, PatientId

LOINC = "2.16.840.1.113883.6.1"
FORMATS = "1.3.6.1.4.1.19376.1.2.3"
POLICIES = "2.999.10"
OPT_OUT, OPT_IN, TREATMENT_ONLY, NO_EMERGENCY, FLOOR, NAMED_ONLY = (f"{POLICIES}.{n}" for n in range(1, 7))
CLASS = Code("57016-8", LOINC, "Privacy policy acknowledgement")
BPPC = Code("urn:ihe:iti:bppc:2007", FORMATS, "BPPC")
SCANNED = Code("urn:ihe:iti:bppc-sd:2007", FORMATS, "BPPC with scanned part")
APPC = Code("urn:ihe:iti:appc:2016:consent", FORMATS, "APPC")

_DENY = "urn:oasis:names:tc:xacml:1.0:{}-combining-algorithm:"
_FUNCTION = "urn:oasis:names:tc:xacml:1.0:function:"
_XS = "http://www.w3.org/2001/XMLSchema#"
SUBJECT = "urn:oasis:names:tc:xacml:1.0:subject:subject-id"
ORGANISATION = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
RESOURCE = "urn:oasis:names:tc:xacml:1.0:resource:resource-id"
QUERY = "urn:ihe:iti:2007:RegistryStoredQueryResponse"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSetResponse"
MANY = "urn:ihe:iti:2009:MultiPatientStoredQueryResponse"


def bppc(
    unique_id: str,
    patient: PatientId,
    *policies: str,
    low: str = "20260101",
    high: str | None = None,
    templates: Sequence[str] = ("1.3.6.1.4.1.19376.1.5.3.1.1.1", "1.3.6.1.4.1.19376.1.5.3.1.1.7"),
) -> bytes:
    """A ClinicalDocument that acknowledges policies."""
    root, _, extension = unique_id.partition("^")
    end = f'<high value="{high}"/>' if high else ""
    events = "".join(
        '<documentationOf typeCode="DOC"><serviceEvent classCode="ACT" moodCode="EVN">'
        '<templateId root="1.3.6.1.4.1.19376.1.5.3.1.2.6"/><id root="2.999.10.100"/>'
        f'<code code="{policy}" codeSystem="{POLICIES}" displayName="Policy"/>'
        f'<effectiveTime><low value="{low}"/>{end}</effectiveTime></serviceEvent></documentationOf>'
        for policy in policies
    )
    told = f' extension="{extension}"' if extension else ""
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3" '
        'extension="POCD_HD000040"/>'
        + "".join(f'<templateId root="{each}"/>' for each in templates)
        + f'<id root="{root}"{told}/><code code="57016-8" codeSystem="{LOINC}"/>'
        '<title>Consent</title><effectiveTime value="20260101"/><confidentialityCode code="N"/>'
        f'<recordTarget><patientRole><id root="{patient.root}" extension="{patient.extension}"/>'
        "<patient><name><given>Anna</given><family>Muster</family></name></patient></patientRole>"
        f"</recordTarget>{events}<component><nonXMLBody><text>I agree.</text></nonXMLBody></component>"
        "</ClinicalDocument>"
    ).encode()


# --- XACML ---------------------------------------------------------------------------------------


def match(
    section: str, attribute: str, value: str, function: str = "string-equal", kind: str = "string"
) -> str:
    """One comparison with a text."""
    return (
        f'<{section}Match MatchId="{_FUNCTION}{function}"><AttributeValue DataType="{_XS}{kind}">{value}'
        f'</AttributeValue><{section}AttributeDesignator AttributeId="{attribute}" DataType="{_XS}{kind}"/>'
        f"</{section}Match>"
    )


def purpose(code: str, scheme: str = "2.16.840.1.113883.5.8") -> str:
    """A comparison with a purpose of use."""
    return (
        '<SubjectMatch MatchId="urn:hl7-org:v3:function:CV-equal">'
        f'<AttributeValue DataType="urn:hl7-org:v3#CV"><CodedValue xmlns="urn:hl7-org:v3" code="{code}" '
        f'codeSystem="{scheme}"/></AttributeValue><SubjectAttributeDesignator AttributeId="{PURPOSE}" '
        'DataType="urn:hl7-org:v3#CV"/></SubjectMatch>'
    )


def of_patient(patient: PatientId) -> str:
    """The comparison that every policy has."""
    return (
        '<ResourceMatch MatchId="urn:hl7-org:v3:function:II-equal"><AttributeValue '
        'DataType="urn:hl7-org:v3#II"><InstanceIdentifier xmlns="urn:hl7-org:v3" '
        f'root="{patient.root}" extension="{patient.extension}"/></AttributeValue>'
        '<ResourceAttributeDesignator AttributeId="urn:ihe:iti:ser:2016:patient-id" '
        'DataType="urn:hl7-org:v3#II"/></ResourceMatch>'
    )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One Rule; each tuple holds alternatives, of one comparison each."""

    effect: str
    subjects: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    environment: str = ""

    def written(self, name: str) -> str:
        """As XML."""
        told = (
            _section("Subject", self.subjects)
            + _section("Resource", [match("Resource", RESOURCE, each) for each in self.documents])
            + _section(
                "Action",
                [
                    match(
                        "Action",
                        "urn:oasis:names:tc:xacml:1.0:action:action-id",
                        each,
                        "anyURI-equal",
                        "anyURI",
                    )
                    for each in self.actions
                ],
            )
            + _section("Environment", [self.environment] if self.environment else [])
        )
        target = f"<Target>{told}</Target>" if told else ""
        return f'<Rule RuleId="{name}" Effect="{self.effect}">{target}</Rule>'


def person(name: str) -> str:
    """A subject by its id."""
    return match("Subject", SUBJECT, name)


def organisation(oid: str) -> str:
    """A subject by its organisation."""
    return match("Subject", ORGANISATION, f"urn:oid:{oid}", "anyURI-equal", "anyURI")


def until(day: str) -> str:
    """A condition on the current date."""
    name = "urn:oasis:names:tc:xacml:1.0:environment:current-date"
    return match("Environment", name, day, "date-greater-than-or-equal", "date")


def since(day: str) -> str:
    """A condition on the current date."""
    name = "urn:oasis:names:tc:xacml:1.0:environment:current-date"
    return match("Environment", name, day, "date-less-than-or-equal", "date")


def appc(
    unique_id: str,
    patient: PatientId,
    *rules: Rule,
    algorithm: str = "deny-overrides",
    references: Sequence[str] = (),
) -> bytes:
    """A PolicySet with one Policy for the rules, and references to policies of the domain."""
    policy = "".join(each.written(f"rule-{number}") for number, each in enumerate(rules, 1))
    inner = f"{_DENY.format('rule')}{algorithm}"
    held = (
        f'<Policy PolicyId="rules" RuleCombiningAlgId="{inner}"><Target/>{policy}</Policy>' if rules else ""
    )
    referred = "".join(f"<PolicySetIdReference>{each}</PolicySetIdReference>" for each in references)
    return (
        '<PolicySet xmlns="urn:oasis:names:tc:xacml:2.0:policy:schema:os" '
        f'PolicySetId="{unique_id}" PolicyCombiningAlgId="{_DENY.format("policy")}deny-overrides">'
        "<Description>What I decided</Description>"
        f"<Target><Resources><Resource>{of_patient(patient)}</Resource></Resources></Target>"
        f"{held}{referred}</PolicySet>"
    ).encode()


def _section(name: str, alternatives: Sequence[str]) -> str:
    listed = "".join(f"<{name}>{each}</{name}>" for each in alternatives)
    return f"<{name}s>{listed}</{name}s>" if listed else ""


# --- metadata ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Papers:
    """Consent documents of one patient as a Document Source provides them."""

    patient: PatientId
    base: Document = field(
        default_factory=lambda: Document(
            unique_id="",
            mime_type="text/xml",
            title="Consent",
            patient="",
            class_code=CLASS,
            type_code=CLASS,
            format_code=BPPC,
            confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
            author="1^Muster^Anna",
            institution="Portal^^^^^^^^^2.999.2.4",
            created="20260101120000",
        )
    )

    def bppc(self, unique_id: str, *policies: str, replaces: str | None = None, **told: str) -> Document:
        """A BPPC document; `told` are low and high."""
        return replace(
            self.base,
            unique_id=unique_id,
            patient=str(self.patient),
            data=bppc(unique_id, self.patient, *policies, **told),  # type: ignore[arg-type]
            events=tuple(Code(each, POLICIES, "Policy") for each in policies),
            replaces=replaces,
        )

    def appc(self, unique_id: str, *rules: Rule, replaces: str | None = None, **told: str) -> Document:
        """An APPC document."""
        return replace(
            self.base,
            unique_id=unique_id,
            patient=str(self.patient),
            format_code=APPC,
            data=appc(unique_id, self.patient, *rules, **told),  # type: ignore[arg-type]
            replaces=replaces,
        )
