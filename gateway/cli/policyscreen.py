"""What `passerelle policy` shows on a terminal: the matrix, the history, decisions made again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.replaying import Exchange
from gateway.errors import GatewayError, SettingsInvalid
from gateway.policy.explain import Explanation
from gateway.policy.manifest import Verified
from gateway.policy.model import Policy, RoleRule
from gateway.policy.replay import Outcome, Replayed
from gateway.policy.simulate import Effect
from gateway.policy.words import DOES, classes_text, roles_by_name
from gateway.record.access import Decision
from gateway.stores.policies import PolicyRow

DIFFERENT, IMPOSSIBLE = 1, 3


def table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows as text: what a file says is no markup."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        made.add_column(head, no_wrap=number == 0, overflow="fold")
    for row in rows:
        made.add_row(*(Text(value) for value in row))
    Console(highlight=False).print(made)


# --- the matrix ----------------------------------------------------------------------------------


def show_matrix(policy: Policy, wanted: Sequence[str]) -> None:
    """Each role with what it may do."""
    roles = roles_by_name(policy)
    if missing := [name for name in wanted if name not in roles]:
        raise SettingsInvalid(f"role {missing[0]} does not exist; there are {', '.join(sorted(roles))}")
    print(f"policy {policy.version}")
    for name in wanted or roles:
        _show_role(roles[name])


def _show_role(rule: RoleRule) -> None:
    print(f"\n{rule.name} ({rule.code.display}, {rule.code})")
    print(f"  {_conditions(rule)}")
    table(("May", "Action", "Classes"), ((DOES[a], a.code, classes_text(c)) for a, c in rule.may.items()))


def _conditions(rule: RoleRule) -> str:
    told = [
        f"sees rank {rule.rank}",
        "needs a relation" if rule.needs_relation else "needs no relation",
        "emergency access" if rule.may_emergency else "no emergency access",
        f"holders: {', '.join(sorted(each.value for each in rule.kinds))}",
    ]
    if rule.purposes is not None:
        told.append(f"purposes: {', '.join(sorted(rule.purposes))}")
    if rule.own_record:
        told.append("own record only")
    return "; ".join(told)


def show_effects(documents: int, effects: Sequence[Effect]) -> None:
    """Numbers by role and action; before consent and lists of single patients."""
    rows = (
        (
            each.role,
            DOES[each.action],
            f"+{each.gained:,} of {each.gained_patients:,} patients" if each.gained else "",
            f"-{each.lost:,} of {each.lost_patients:,} patients" if each.lost else "",
        )
        for each in effects
    )
    table(("Role", "May", "More documents", "Fewer documents"), rows)
    print(f"{documents:,} documents counted; consents and lists of patients narrow this further")


# --- the history ---------------------------------------------------------------------------------


def show_history(found: Sequence[tuple[PolicyRow, Verified | GatewayError]]) -> bool:
    """All versions; tells whether all of them hold."""
    table(("No.", "When", "What", "Policy", "Who", "Why"), (_past(row, each) for row, each in found))
    broken = [(row, each) for row, each in found if isinstance(each, GatewayError)]
    for row, error in broken:
        print(f"BAD  version {row.number}: {error.detail}")
    numbers = [row.number for row, _ in found]
    gaps = [now for before, now in pairwise(numbers) if now != before + 1]
    for number in gaps:
        print(f"BAD  before version {number} there is none")
    print(f"{len(found)} versions")
    return not broken and not gaps


def _past(row: PolicyRow, found: Verified | GatewayError) -> tuple[str, ...]:
    when = datetime.fromtimestamp(row.at / 1000, UTC).isoformat(" ", "minutes")[: -len("+00:00")]
    if isinstance(found, GatewayError):
        return str(row.number), when, row.kind, row.version, "", "DOES NOT HOLD"
    told = found.manifest
    did = ((told.proposer, "proposed"), (told.approver, "approved"))
    who = [f"{name} {what}" for name, what in did if name]
    about = [f"of {told.proposal}" if told.proposal else "", f"again {told.again}" if told.again else ""]
    what = " ".join(filter(None, (row.kind, *about)))
    return str(row.number), when, what, row.version, "\n".join(who), told.reason


# --- one decision ---------------------------------------------------------------------------------


def show_explained(found: Sequence[Explanation]) -> None:
    """Each decision: its outcome, then the rules in their order, then the documents."""
    for each in found:
        decision = each.decision
        outcome = "permitted" if decision.permitted else "refused"
        print(f"{each.action}: {outcome}, {decision.reason} by {decision.rule}")
        print(f"policy {decision.policy_version}")
        rows = [("P0", "before", "node, message and token are checked before any rule is asked")]
        rows += [(rule.rule, rule.outcome, rule.why) for rule in each.rules]
        table(("Rule", "Outcome", "Why"), rows)
        if each.documents:
            table(("Document", "Seen", "Why"), ((d.rule, d.outcome, d.why) for d in each.documents))


# --- decisions made again ------------------------------------------------------------------------


def show_replayed(exchanges: Sequence[Exchange]) -> int:
    """Every decision in a line; gives the exit code."""
    counted: Counter[Outcome] = Counter()
    for exchange in exchanges:
        for each in exchange.decisions:
            counted[each.outcome] += 1
            print(f"{exchange.trace}  {_told(each)}")
    print(", ".join(f"{counted[outcome]} {outcome.value}" for outcome in Outcome))
    if counted[Outcome.DIFFERS]:
        return DIFFERENT
    return IMPOSSIBLE if counted[Outcome.IMPOSSIBLE] else 0


def _told(each: Replayed) -> str:
    if each.outcome is Outcome.IMPOSSIBLE or each.was is None:
        return f"{each.outcome.value}: {each.why}"
    if each.now is None or each.outcome is Outcome.SAME:
        return f"{each.outcome.value}: {_decided(each.was)}"
    return f"{each.outcome.value}: was {_decided(each.was)}; is {_decided(each.now)}"


def _decided(decision: Decision) -> str:
    return f"{decision.reason} by {decision.path[-1]}, policy {decision.policy_version}"
