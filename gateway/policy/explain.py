"""Explains one decision: every rule with its outcome, and which entry or which consent settled it.

Nothing is decided here: the outcomes are those of the engine, the reasons are looked up beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.policy.case import Case, make_case
from gateway.policy.engine import decide
from gateway.policy.model import Policy
from gateway.policy.places import Places
from gateway.policy.question import Question
from gateway.policy.words import DOES, classes_text
from gateway.record.access import Decision, Grant, PatientRights, Period
from gateway.record.people import PatientId, SubjectKind
from gateway.rights.said import Said

RULES = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10")
NOT_ASKED, NOT_REACHED = "not asked", "not reached"


@dataclass(frozen=True, slots=True)
class Document:
    """What decides whether a document is visible."""

    unique_id: str
    document_class: str | None
    rank: int
    organisation: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One rule: its outcome in the words of the path, and what settled it."""

    rule: str
    outcome: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its rules, and a line for each document that was asked about."""

    action: str
    decision: Decision
    rules: tuple[Explained, ...]
    documents: tuple[Explained, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a decision rests on: the policy with its files, what the patient decided and in which consents."""

    policy: Policy
    places: Places
    rights: PatientRights | None
    said: Said


def explain(
    question: Question,
    patient: PatientId | None,
    grounds: Grounds,
    documents: Iterable[Document] = (),
    emergencies: int = 0,
) -> list[Explanation]:
    """Each action of the question; the first that is refused is the last that was asked.

    `emergencies` as for `gateway.policy.question.answer`.
    """
    standing = replace(question.standing, emergencies=emergencies) if emergencies else question.standing
    found = []
    for action in (question.action, *question.also):
        case = make_case(
            grounds.policy,
            question.principal,
            action,
            grounds.rights,
            patient,
            question.at,
            question.classes,
            standing,
        )
        decision = decide(
            policy=grounds.policy,
            principal=question.principal,
            action=action,
            rights=grounds.rights,
            patient=patient,
            at=question.at,
            document_class=question.classes,
            standing=standing,
        )
        shown = tuple(_document(each, decision, grounds) for each in documents)
        found.append(Explanation(DOES[action], decision, _rules(decision, case, grounds), shown))
        if not decision.permitted:
            break
    return found


def _rules(decision: Decision, case: Case, grounds: Grounds) -> tuple[Explained, ...]:
    outcomes = {entry.partition(" ")[0]: entry.partition(" ")[2] for entry in decision.path}
    last = RULES.index(decision.rule)
    told = []
    for number, rule in enumerate(RULES):
        if rule in outcomes:
            told.append(Explained(rule, outcomes[rule], _WHY[rule](outcomes[rule], case, grounds)))
        elif number > last and not decision.permitted:
            told.append(Explained(rule, NOT_REACHED))
        else:
            told.append(Explained(rule, NOT_ASKED, _not_asked(rule, case)))
    return tuple(told)


def _not_asked(rule: str, case: Case) -> str:
    if case.principal.kind is SubjectKind.NODE:
        return "a system is decided by its role and its enrolment alone"
    if rule == "P10":
        return "no emergency is claimed"
    return "it concerns no single record" if not case.action.of_record else "a write is decided without it"


# --- why, rule by rule ---------------------------------------------------------------------------


def _p1(outcome: str, case: Case, grounds: Grounds) -> str:
    who = case.principal
    if case.standing.missing is not None:
        return f"the directory says: {case.standing.missing}"
    if outcome == "ok":
        names = ", ".join(sorted(case.names))
        return f"{who.kind.value} {names}"
    if who.expires is not None and who.expires <= case.at:
        return f"the token was over at {who.expires.isoformat()}"
    if outcome.endswith("PATIENT_MISMATCH"):
        return f"the token is for {who.patient}"
    kinds = "" if case.role is None else f", {grounds.places.of_role(case.role.name, 'kinds')}"
    return f"no {who.kind.value} holds this role{kinds}"


def _p2(outcome: str, case: Case, grounds: Grounds) -> str:
    if not case.known:
        return "the patient is unknown, or the identifier ended in another one"
    return "the record is open" if outcome == "ok" else f"closed by {grounds.said.value('open')}"


def _p3(outcome: str, case: Case, grounds: Grounds) -> str:
    if outcome == "own record":
        return "an opposition binds everybody but the patient"
    held = [each for each in case.rights.oppositions if each.period.holds(case.at)]
    if not held:
        return "the patient opposed nothing"
    if outcome == "ok":
        return f"opposed to {', '.join(str(each.purpose) for each in held)} only"
    return ", ".join(
        f"{grounds.said.entry('oppositions', each)}: opposed to {each.purpose or 'everything'}"
        for each in held
    )


def _p4(outcome: str, case: Case, grounds: Grounds) -> str:
    if outcome == "own record":
        return "no list binds the patient"
    listed = _entries("blacklist", case, grounds, whole=True)
    if not listed:
        return "nobody of these is on the black list"
    place = grounds.places.of_setting("blacklist_beats_emergency")
    return f"{listed}; {place}" if case.emergency else listed


def _p5(outcome: str, case: Case, grounds: Grounds) -> str:
    if outcome == "own record":
        return "the login is the patient's own"
    if outcome == "not needed":
        return "acts for nobody else"
    held = [each for each in case.rights.mandates if each.holder in case.names]
    told = [
        f"{grounds.said.entry('mandates', each)}: given by {each.given_by}, {_period(each.period)}"
        for each in held
    ]
    return "; ".join(told) or "nobody gave a mandate to these"


def _p6(outcome: str, case: Case, grounds: Grounds) -> str:
    role, action = case.role, case.action
    if role is None:
        return f"role {case.principal.role} is not in the matrix"
    if action not in role.may:
        return f"{role.name} may not {DOES[action]}: no entry at {grounds.places.of_role(role.name, 'may')}"
    place = grounds.places.of_role(role.name, "may", action.code)
    if outcome.endswith("PURPOSE"):
        asked = case.principal.purpose
        return f"purpose {asked} is not open to {role.name}, {grounds.places.of_role(role.name, 'purposes')}"
    asked_for = "" if case.classes is None else f", asked for {classes_text(case.classes)}"
    return f"{role.name} may {DOES[action]}: {classes_text(role.may[action])}{asked_for}, {place}"


def _p7(_outcome: str, case: Case, grounds: Grounds) -> str:
    role = case.role
    if role is not None and not role.needs_relation and not case.rights.whitelist_only:
        return f"{role.name} needs no relation, {grounds.places.of_role(role.name, 'needs_relation')}"
    if case.own:
        return "the own record"
    reasons = [
        _entries("whitelist", case, grounds),
        _entries("relations", case, grounds),
        _levels(case, grounds),
    ]
    if case.rights.whitelist_only:
        reasons = [f"only the white list counts, {grounds.said.value('whitelist_only')}", reasons[0]]
    elif case.policy.relation_assumed and case.principal.organisation:
        reasons.append(f"relations are assumed, {grounds.places.of_setting('relation')}")
    told = "; ".join(filter(None, reasons))
    return told or f"no relation, {grounds.places.of_setting('relation')}"


def _p8(_outcome: str, case: Case, grounds: Grounds) -> str:
    if case.own:
        return "the patient sees every rank"
    role = "" if case.role is None else f"{case.role.name} sees rank {case.role.rank}"
    place = "" if case.role is None else f", {grounds.places.of_role(case.role.name, 'rank')}"
    return "; ".join(filter(None, (f"{role}{place}", _levels(case, grounds))))


def _p9(_outcome: str, case: Case, grounds: Grounds) -> str:
    if case.emergency and not case.own:
        return f"in an emergency up to {case.rights.emergency_rank}, {grounds.said.value('emergency_rank')}"
    return "as P8; the own organisation's documents and those the patient named are seen at any rank"


def _p10(outcome: str, case: Case, grounds: Grounds) -> str:
    if case.role is None or not case.role.may_emergency:
        name = "nobody" if case.role is None else case.role.name
        place = "" if case.role is None else f", {grounds.places.of_role(name, 'may_emergency')}"
        return f"emergency access is not open to {name}{place}"
    if not case.rights.emergency_allowed:
        return f"switched off by {grounds.said.value('emergency_allowed')}"
    used, most = case.standing.emergencies, case.policy.emergency.most
    if used >= most:
        return f"used for {used} other patients lately; the policy allows {most}"
    return "a reason was given" if outcome.startswith("permit") else "no reason was given"


_WHY: Mapping[str, Callable[[str, Case, Grounds], str]] = MappingProxyType(
    dict(zip(RULES, (_p1, _p2, _p3, _p4, _p5, _p6, _p7, _p8, _p9, _p10), strict=True))
)


def _entries(field: str, case: Case, grounds: Grounds, *, whole: bool = False) -> str:
    """The entries of a list that name the subject now, each with the consent it is from."""
    listed = [
        each
        for each in getattr(case.rights, field)
        if (each.subject in case.names or each.subject == "*")
        and each.period.holds(case.at)
        and not (whole and each.documents)
    ]
    return "; ".join(
        f"{grounds.said.entry(field, each)}: {field} names {each.subject}, {_period(each.period)}"
        for each in listed
    )


def _levels(case: Case, grounds: Grounds) -> str:
    held = [each for each in case.rights.levels if each.subject in case.names and each.period.holds(case.at)]
    return "; ".join(
        f"{grounds.said.entry('levels', each)}: rank {each.rank} for {each.subject}, {_period(each.period)}"
        for each in held
    )


def _period(period: Period) -> str:
    if period.start is None and period.end is None:
        return "without end"
    begin = "" if period.start is None else f"from {period.start:%Y-%m-%d %H:%M} "
    return f"{begin}until {period.end:%Y-%m-%d %H:%M}" if period.end else begin.strip()


# --- one document --------------------------------------------------------------------------------


def _document(document: Document, decision: Decision, grounds: Grounds) -> Explained:
    grant = decision.grant
    if not decision.permitted or grant is None:
        return Explained(document.unique_id, "invisible", f"{decision.rule} refused")
    outcome, why = _seen(document, grant, grounds)
    return Explained(document.unique_id, outcome, why)


def _seen(document: Document, grant: Grant, grounds: Grounds) -> tuple[str, str]:
    name, rank = document.unique_id, document.rank
    if name in grant.hidden:
        return "invisible", f"P4: hidden by {_naming('blacklist', name, grounds)}"
    if grant.classes is not None and document.document_class not in grant.classes:
        return "invisible", f"P6: class {document.document_class} is not among {classes_text(grant.classes)}"
    if grant.organisation is not None and document.organisation == grant.organisation:
        return "visible", "P9: the own organisation wrote it"
    if name in grant.lifted:
        return "visible", f"P9: named by {_naming('whitelist', name, grounds)}"
    if name in grant.veiled:
        return "invisible", f"P9: raised by {_naming('raisings', name, grounds)}"
    if rank > grant.rank:
        return "invisible", f"P9: confidentiality of rank {rank} is above {grant.rank}"
    return "visible", f"P9: confidentiality of rank {rank}, up to {grant.rank} is seen"


def _naming(field: str, document: str, grounds: Grounds) -> str:
    rights = grounds.rights or PatientRights()
    entries = [each for each in getattr(rights, field) if document in each.documents]
    return ", ".join(dict.fromkeys(grounds.said.entry(field, each) for each in entries))
