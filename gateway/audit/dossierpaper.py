"""The dossier of one exchange for people: who sent what, how it was decided and answered, what proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from gateway.audit.dossier import MEDIA_TYPE, Decided, Dossier, Proof, Rule, Told, machine_form
from gateway.paper.model import Attachment, Block, Grid, Heading, Pairs, Paper, Paragraph, Tone
from gateway.record.events import Agent, Entity, patient_name
from gateway.record.people import Code

_OUTCOMES: Mapping[int, str] = MappingProxyType(
    {
        0: "success",
        4: "minor failure",
        8: "serious failure",
        12: "major failure",
    }
)
_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "C": "create",
        "R": "read",
        "U": "update",
        "D": "delete",
        "E": "execute",
    }
)
_CHECK = (
    "The machine form holds every row, its signed evidence, the decision with its inputs, and as proof what "
    "passerelle audit verify checks without this gateway, in a file of its own. The leaf of a row is SHA-256 "
    "over the canonical JSON of its id, its time and the SHA-256 of message and evidence; the checkpoint "
    "signs the root of the tree over all leaves (RFC 6962). "
    "A digest of request or reply is SHA-256 over the bytes that arrived or left."
)


def dossier_paper(dossier: Dossier) -> Paper:
    """The document, with the machine form beside it."""
    first = dossier.told[0]
    attachment = Attachment(
        f"dossier-{dossier.trace_id}.json", MEDIA_TYPE, "Machine form of this dossier", machine_form(dossier)
    )
    return Paper(
        title=f"Dossier of exchange {dossier.trace_id}",
        language="en",
        created=dossier.made,
        author=f"Passerelle, {dossier.origin}",
        subject=f"{_headline(first)}, {_time(first.row.at)}",
        footer=f"Dossier {dossier.trace_id} of {dossier.origin}, made {_moment(dossier.made)}",
        blocks=tuple(_blocks(dossier)),
        attachment=attachment,
    )


def _blocks(dossier: Dossier) -> Iterator[Block]:
    yield Pairs(tuple(_about(dossier)))
    for number, told in enumerate(dossier.told, 1):
        yield Heading(f"{number}. {_headline(told)}")
        yield Pairs(tuple(_row(told, dossier)))
    yield Heading("Seal")
    yield Pairs(tuple(_seal(dossier.proof)))
    yield Heading("Decision")
    yield from _decisions(dossier)
    yield Heading("Audit messages")
    for told in dossier.told:
        yield Heading(f"Row {told.row.id}", 3)
        yield Paragraph(told.row.message, Tone.SMALL)
    yield Heading("How to check it")
    yield Paragraph(_CHECK)


def _about(dossier: Dossier) -> Iterator[tuple[str, str]]:
    faults = [each for each in dossier.told if each.fault is not None]
    waiting = [each for each in dossier.told if each.standing is None]
    yield "Trace", dossier.trace_id
    yield "Trail", dossier.origin
    yield "Environment", dossier.environment
    yield "Audit rows", str(len(dossier.told))
    yield (
        "Evidence",
        f"{len(faults)} rows are not proven by it" if faults else "the signatures hold for every row",
    )
    yield "Tree", f"{len(waiting)} rows are not sealed yet" if waiting else "every row is sealed"
    yield "Made", f"{_moment(dossier.made)} for {dossier.made_by}"


def _row(told: Told, dossier: Dossier) -> Iterator[tuple[str, str]]:
    """What one row tells: happening, sender, person, content, proof."""
    record, fields = told.record, told.fields
    yield "When", _time(told.row.at)
    action = _ACTIONS.get(record.action or "", record.action or "unknown")
    yield "Event", f"{_code(record.event)}; {', '.join(map(_code, record.types))}; action: {action}"
    outcome = _OUTCOMES.get(record.outcome, str(record.outcome))
    yield "Outcome", f"{outcome}: {record.description}" if record.description else outcome
    yield from _sender(told, dossier)
    for agent in record.agents:
        yield ("Person" if agent.is_person else "System"), _agent(agent)
    yield from _token(fields)
    if record.purposes:
        yield "Purpose of use", ", ".join(map(_code, record.purposes))
    for entity in record.entities:
        yield ("Patient" if entity.is_patient else "Object"), _entity(entity)
    yield "Request, SHA-256", str(fields["request_sha256"])
    yield "Reply, SHA-256", str(fields["reply_sha256"] or "there was none")
    if "reply_to" in fields:
        yield "Reply sent to", str(fields["reply_to"])
    yield from _proof(told, dossier)


def _sender(told: Told, dossier: Dossier) -> Iterator[tuple[str, str]]:
    node, mark = told.fields["node"], told.fields["node_certificate_sha256"]
    yield "Node", str(node)
    if mark:
        yield "Certificate of the node", _certificate(str(mark), dossier)


def _token(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    named = {"subject": "Subject", "token_id": "Token or assertion", "token_sha256": "Token, SHA-256"}
    for field, name in named.items():
        if fields[field]:
            yield name, str(fields[field])


def _proof(told: Told, dossier: Dossier) -> Iterator[tuple[str, str]]:
    yield "Signed by", f"{_certificate(str(told.fields['signer']), dossier)}, {told.fields['scheme']}"
    yield "Evidence", f"DOES NOT HOLD: {told.fault}" if told.fault else "the signature holds for this row"
    if told.standing is None:
        yield "Place in the tree", "not sealed yet"
        return
    sealed = "" if told.sealed else "; THE ROW IS NOT THE ONE THAT WAS SEALED HERE"
    yield "Place in the tree", f"position {told.standing.position}{sealed}"
    yield "Leaf", told.standing.leaf.hex()
    yield "Path to the root", "\n".join(told.standing.path) or "none"


def _seal(proof: Proof | None) -> Iterator[tuple[str, str]]:
    if proof is None:
        yield "Checkpoint", "none yet: not every row is sealed"
        return
    yield "Proof", f"DOES NOT HOLD: {proof.fault}" if proof.fault else "every row is in the signed tree"
    yield f"Checkpoint of {proof.size} entries", proof.note.strip()
    yield "Time stamp", "none yet" if proof.stamped is None else f"{_moment(proof.stamped)} (RFC 3161)"
    yield "Witnesses", ", ".join(proof.witnesses) or "none"


def _decisions(dossier: Dossier) -> Iterator[Block]:
    if dossier.unexplained:
        yield Paragraph(dossier.unexplained)
    for each in dossier.decisions:
        yield Heading(f"{each.action}: {'permitted' if each.permitted else 'refused'}", 3)
        yield Paragraph(_sentence(each))
        yield Grid(("Rule", "Outcome", "Why"), tuple(_cells(rule) for rule in each.rules), (1, 3, 6))
        if each.documents:
            yield Grid(("Document", "Seen", "Why"), tuple(_cells(rule) for rule in each.documents), (4, 2, 4))


def _sentence(decided: Decided) -> str:
    outcome = "Permitted" if decided.permitted else "Refused"
    told = f"{outcome} with the reason {decided.reason}"
    return f"{told}, settled by rule {decided.rule} of policy {decided.policy}."


def _cells(rule: Rule) -> tuple[str, ...]:
    return rule.name, rule.outcome, rule.why


def _headline(told: Told) -> str:
    name = next((_code(each) for each in told.record.types), _code(told.record.event))
    return f"{name}: {_OUTCOMES.get(told.row.outcome, str(told.row.outcome))}"


def _agent(agent: Agent) -> str:
    roles = ", ".join(map(_code, agent.roles))
    parts = (agent.name, agent.user_id, roles, agent.address and f"at {agent.address}")
    return "; ".join(dict.fromkeys(each for each in parts if each))


def _entity(entity: Entity) -> str:
    name = patient_name(entity) if entity.is_patient else entity.identifier
    kind = "" if entity.is_patient or entity.id_type is None else f" ({_code(entity.id_type)})"
    details = "".join(f"\n{kind_}: {value}" for kind_, value in entity.details)
    query = "\nwith its query, in the audit message below" if entity.query else ""
    return f"{name}{kind}{details}{query}"


def _certificate(mark: str, dossier: Dossier) -> str:
    subject = dossier.subjects.get(mark)
    return (
        f"{subject}, SHA-256 {mark}" if subject else f"SHA-256 {mark} (not among the certificates known here)"
    )


def _code(code: Code) -> str:
    return f"{code.display} ({code.code})" if code.display and code.display != code.code else code.code


def _time(at: int) -> str:
    return _moment(datetime.fromtimestamp(at / 1000, UTC))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
