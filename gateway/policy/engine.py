"""The rights decision: one pure function over what is asked and what the patient decided (rules P1 to P10).

The first refusal wins. A later rule only narrows, but for two named grants: G1, a white-list entry
that names a document lifts P9 for it; G2, an emergency lifts P7 and P8 (rule P10).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from gateway.declare.actions import Action
from gateway.errors import Defect
from gateway.policy.case import Case, holds_whole, make_case
from gateway.policy.ceiling import Relation, grant_of, level_of, rank_of, relation_of
from gateway.policy.model import Policy, RoleRule, code_key
from gateway.record.access import ASSUMED, HIGHEST_RANK, Decision, Mandate, PatientRights, Standing
from gateway.record.people import PatientId, Principal, SubjectKind

PERMIT = "PERMIT"
NOTIFY_PATIENT = "notify-patient"
"""The obligation that every permitted emergency has."""
SWITCHED_OFF = "P10 deny EMERGENCY switched off"
TOO_MANY = "P10 deny EMERGENCY too many patients"
"""Entries of the path that say whose doing a refused emergency is: the patient's, or the person's."""
EMERGENCY_OBLIGATIONS = (NOTIFY_PATIENT, "notify-privacy-officer", "audit-emergency", "limit-rate")
GIVERS = frozenset({"patient", "parent", "guardian", "law"})
"""Who may give a mandate, besides the patient by identifier."""


class _Step(NamedTuple):
    """What a rule says: its entry in the path, and the reason when it refuses."""

    entry: str
    refusal: str | None = None


_Rule = Callable[[Case], _Step]


def decide(
    *,
    policy: Policy,
    principal: Principal,
    action: Action,
    rights: PatientRights | None,
    patient: PatientId | None,
    at: datetime,
    document_class: frozenset[str] | None = None,
    standing: Standing = ASSUMED,
) -> Decision:
    """Whether the principal may do this in the patient's record at this time (aware UTC).

    `rights` is None when the patient is unknown, subsumed or has no record. `document_class` are the
    class codes of documents the request itself carries or names; None when it names none. `standing` is
    what the subject's directory says of it.
    """
    if at.tzinfo is None:
        raise Defect("the time of a decision must be aware")
    case = make_case(policy, principal, action, rights, patient, at, document_class, standing)
    rules = _rules(case)
    path: list[str] = []
    for rule in rules:
        entry, refusal = rule(case)
        path.append(entry)
        if refusal is not None:
            return _refused(policy, path, refusal)
    emergency = rules[-1] is _p10_emergency
    return Decision(
        permitted=True,
        reason="EMERGENCY" if emergency else PERMIT,
        rule=path[-1].partition(" ")[0],
        path=tuple(path),
        policy_version=policy.version,
        obligations=EMERGENCY_OBLIGATIONS if emergency else (),
        grant=grant_of(case) if patient is not None else None,
    )


def concerns_record(principal: Principal, action: Action) -> bool:
    """Whether the decision is one on a patient's record; patients read the trail of a record only."""
    return action.of_record or (action is Action.AUDIT_READ and principal.kind is SubjectKind.PATIENT)


def has_profile(policy: Policy, principal: Principal, action: Action) -> bool:
    """Whether the role may do this with any document at all (P6), before anything is looked up for it."""
    role = policy.roles.get(code_key(principal.role)) if principal.role else None
    return role is not None and action in role.may


def _refused(policy: Policy, path: list[str], reason: str) -> Decision:
    return Decision(
        permitted=False,
        reason=reason,
        rule=path[-1].partition(" ")[0],
        path=tuple(path),
        policy_version=policy.version,
    )


def _rules(case: Case) -> tuple[_Rule, ...]:
    """The rules that apply. Systems and what concerns no single record need no patient's decision."""
    if case.action.of_login:
        # What the holder of a token may do is asked when it is used; who has no role yet has no profile.
        return _LOGIN
    kind = case.principal.kind
    of_record = case.action.of_record
    if kind is SubjectKind.PATIENT and case.action is not Action.METADATA_READ:
        of_record = True
    if kind is SubjectKind.NODE or not of_record:
        return _WITHOUT_RECORD
    if case.emergency:
        return _WRITE_EMERGENCY if case.action.writes else _READ_EMERGENCY
    return _WRITE if case.action.writes else _READ


# --- P1 to P6: may they at all -------------------------------------------------------------------


def _p1_subject(case: Case) -> _Step:
    """Found and active in exactly the directory of its kind, and asking for the patient of its token."""
    who = case.principal
    if case.standing.missing is not None:
        return _Step(f"P1 deny SUBJECT_UNKNOWN {case.standing.missing}", "SUBJECT_UNKNOWN")
    if not who.subject or (case.role is not None and who.kind not in case.role.kinds):
        return _P1_UNKNOWN
    if who.expires is not None and who.expires <= case.at:
        return _P1_UNKNOWN
    if who.patient is not None and case.patient is not None and who.patient != case.patient:
        return _P1_MISMATCH
    return _P1_OK


def _p2_record(case: Case) -> _Step:
    return _P2_OK if case.known and case.rights.open is True else _P2_UNAVAILABLE


def _p3_consent(case: Case) -> _Step:
    """An opposition binds everybody but the patient."""
    if case.own:
        return _P3_OWN
    if not case.rights.oppositions:
        return _P3_OK
    purpose = case.principal.purpose
    names = {None, purpose.code if purpose else None, case.purpose.name if case.purpose else None}
    opposed = any(each.purpose in names and each.period.holds(case.at) for each in case.rights.oppositions)
    return _P3_OPPOSED if opposed else _P3_OK


def _p4_blacklist(case: Case) -> _Step:
    if case.own:
        return _P4_OWN
    if not holds_whole(case.rights.blacklist, case):
        return _P4_OK
    if case.emergency and not case.policy.blacklist_beats_emergency:
        return _P4_LEFT
    return _P4_LISTED


def _p5_mandate(case: Case) -> _Step:
    """Who acts for somebody else needs a mandate; so does every person that is not the patient."""
    if case.own:
        return _P5_OWN
    who = case.principal
    if who.on_behalf_of is None and who.kind is not SubjectKind.PATIENT:
        return _P5_NOT_NEEDED
    if (case.role is not None and case.role.own_record) or not _acts_for(who.on_behalf_of, case.patient):
        return _P5_MISSING
    return _P5_OK if any(_mandated(mandate, case) for mandate in case.rights.mandates) else _P5_MISSING


def _acts_for(named: str | None, patient: PatientId | None) -> bool:
    """Whether the one acted for, if the token names one, is the patient of this record."""
    return named is None or (patient is not None and named in {str(patient), patient.extension})


def _mandated(mandate: Mandate, case: Case) -> bool:
    return (
        mandate.holder in case.names
        and mandate.holder != case.principal.organisation
        and mandate.derived is False
        and mandate.period.holds(case.at)
        and (mandate.given_by in GIVERS or mandate.given_by == str(case.patient))
        and _covers(mandate, case.action)
    )


def _covers(mandate: Mandate, action: Action) -> bool:
    """A mandate for everything leaves out the patient's own decisions; none lets appoint another."""
    if action is Action.MANDATE_GIVE:
        return False
    if action.value in mandate.actions:
        return True
    return not mandate.actions and action is not Action.RIGHTS_CHANGE


def _p6_profile(case: Case) -> _Step:
    """The legal ceiling: role x action x document class, for a purpose that is open to the role."""
    role = case.role
    if role is None or case.action not in role.may:
        return _P6_REFUSED
    allowed = role.may[case.action]
    if allowed is not None and case.classes is not None and not case.classes <= allowed:
        return _P6_REFUSED
    return _P6_OK if _purpose_open(case, role) else _P6_PURPOSE


def _purpose_open(case: Case, role: RoleRule) -> bool:
    if case.principal.kind is SubjectKind.NODE or case.action is Action.METADATA_READ:
        return True
    if case.principal.purpose is None:
        return not case.policy.purpose_required
    purpose = case.purpose
    if purpose is None:
        return False
    # Whether an emergency is open to the role is the question of P10.
    return purpose.emergency or role.purposes is None or purpose.name in role.purposes


# --- P7 to P10: what they may see ----------------------------------------------------------------


def _p7_relation(case: Case) -> _Step:
    if relation_of(case) is not Relation.NONE:
        return _P7_OK
    return _P7_LEFT if case.emergency else _P7_MISSING


def _p8_level(case: Case) -> _Step:
    return _P8_RANK[level_of(case)]


def _p9_confidentiality(case: Case) -> _Step:
    return _P9_RANK[rank_of(case)]


def _p10_emergency(case: Case) -> _Step:
    """Allowed to the role, with a reason, not switched off by the patient, and not of too many patients."""
    reason = case.principal.emergency_reason
    if case.role is None or not case.role.may_emergency:
        return _P10_REFUSED
    if not case.rights.emergency_allowed:
        return _P10_SWITCHED_OFF
    if reason is None or not reason.strip():
        return _P10_REFUSED
    return _P10_PERMIT if case.standing.emergencies < case.policy.emergency.most else _P10_TOO_MANY


# --- the words of the path -----------------------------------------------------------------------

_P1_OK = _Step("P1 ok")
_P1_UNKNOWN = _Step("P1 deny SUBJECT_UNKNOWN", "SUBJECT_UNKNOWN")
_P1_MISMATCH = _Step("P1 deny PATIENT_MISMATCH", "PATIENT_MISMATCH")
_P2_OK = _Step("P2 ok")
_P2_UNAVAILABLE = _Step("P2 deny DSP_UNAVAILABLE", "DSP_UNAVAILABLE")
_P3_OK = _Step("P3 ok")
_P3_OWN = _Step("P3 own record")
_P3_OPPOSED = _Step("P3 deny CONSENT", "CONSENT")
_P4_OK = _Step("P4 ok")
_P4_OWN = _Step("P4 own record")
_P4_LEFT = _Step("P4 left to P10")
_P4_LISTED = _Step("P4 deny BLACKLIST", "BLACKLIST")
_P5_OK = _Step("P5 ok")
_P5_OWN = _Step("P5 own record")
_P5_NOT_NEEDED = _Step("P5 not needed")
_P5_MISSING = _Step("P5 deny MANDATE", "MANDATE")
_P6_OK = _Step("P6 ok")
_P6_REFUSED = _Step("P6 deny PROFILE", "PROFILE")
_P6_PURPOSE = _Step("P6 deny PURPOSE", "PURPOSE")
_P7_OK = _Step("P7 ok")
_P7_LEFT = _Step("P7 left to P10")
_P7_MISSING = _Step("P7 deny RELATION", "RELATION")
_P8_RANK = tuple(_Step(f"P8 level {rank}") for rank in range(HIGHEST_RANK + 1))
_P9_RANK = tuple(_Step(f"P9 up to {rank}") for rank in range(HIGHEST_RANK + 1))
_P10_PERMIT = _Step("P10 permit EMERGENCY")
_P10_REFUSED = _Step("P10 deny EMERGENCY", "EMERGENCY")
_P10_SWITCHED_OFF = _Step(SWITCHED_OFF, "EMERGENCY")
_P10_TOO_MANY = _Step(TOO_MANY, "EMERGENCY")

_LOGIN: tuple[_Rule, ...] = (_p1_subject,)
_WITHOUT_RECORD: tuple[_Rule, ...] = (_p1_subject, _p6_profile)
_WRITE: tuple[_Rule, ...] = (
    _p1_subject, _p2_record, _p3_consent, _p4_blacklist, _p5_mandate, _p6_profile,
)  # fmt: skip
_WRITE_EMERGENCY: tuple[_Rule, ...] = (*_WRITE, _p10_emergency)
_READ: tuple[_Rule, ...] = (*_WRITE, _p7_relation, _p8_level, _p9_confidentiality)
_READ_EMERGENCY: tuple[_Rule, ...] = (*_READ, _p10_emergency)
