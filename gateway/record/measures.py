"""How long and how often: the measures that the policy sets for presence, visits and emergencies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyRules:
    """How long an emergency is open, when it must be reviewed, and how many patients one person may reach."""

    length: timedelta = timedelta(hours=12)
    review: timedelta = timedelta(days=7)
    most: int = 5
    within: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRules:
    """How long a code can be used, how many a patient may have, and how many wrong ones are taken."""

    length: timedelta = timedelta(hours=24)
    most: int = 3
    wrong_of_person: int = 5
    wrong_for_patient: int = 10
    within: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitRules:
    """Whether a visit gives its organisation a relation, and how long after the discharge it lasts.

    `untold` is how long it lasts where no discharge will be told.
    """

    counted: bool = False
    after: timedelta = timedelta(days=30)
    untold: timedelta = timedelta(days=90)
