"""Feeds kept as JSON lines: read for the training of a model, replayed to compare two models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.cli.services import domain_of
from gateway.cli.settings import load_settings
from gateway.errors import SettingsInvalid
from gateway.matching import Assignment, MatchModel, Traits, dump_model, explain, load_model, traits_of
from gateway.matching.trial import Index
from gateway.record.demographics import load
from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True)
class Reading:
    """How an installation reads a record: its model, and the OIDs of national numbers."""

    model: MatchModel
    national_roots: frozenset[str]

    @classmethod
    def of(cls, config: Path) -> Reading:
        """As the installation of this configuration file does."""
        settings = load_settings(config)
        return cls(load_model(settings.identity.model), domain_of(settings).national_roots)

    def read(self, path: Path) -> tuple[list[Traits], list[str | None]]:
        """Traits and labels of all records; SettingsInvalid names the line that is none."""
        records, labels = [], []
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    traits, label = self._record(orjson.loads(line))
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    raise SettingsInvalid(
                        "expected a record with identity and demographics", location=f"{path}:{number}"
                    ) from error
                records.append(traits)
                labels.append(label)
        if len(records) < 2:  # noqa: PLR2004 - no pair
            raise SettingsInvalid("expected two records at least", location=str(path))
        return records, labels

    def _record(self, told: dict[str, Any]) -> tuple[Traits, str | None]:
        value, root = told["identity"]
        demographics = load(orjson.dumps(told["demographics"]))
        label = told.get("person")
        traits = traits_of(demographics, PatientId(value, root), self.national_roots, self.model.stop)
        return traits, None if label is None else str(label)


def written(path: Path, model: MatchModel) -> None:
    """Write a model to a new file."""
    if path.exists():
        raise SettingsInvalid("the file is there already; nothing was written", location=str(path))
    path.write_text(dump_model(model), encoding="utf-8")


def compared(records: Sequence[Traits], now: MatchModel, new: MatchModel, examples: int) -> Iterator[str]:
    """Lines about what would change. Both models decide on the same persons: those that `now` makes."""
    index = Index()
    same: Counter[str] = Counter()
    changed: Counter[tuple[str, str]] = Counter()
    shown: list[str] = []
    for number, traits in enumerate(records, start=1):
        before, after = index.assign(traits, now), index.assign(traits, new)
        index.add(traits, number if before.person is None else before.person)
        was, becomes = _outcome(before), _outcome(after)
        if was == becomes and before.person == after.person:
            same[was] += 1
            continue
        changed[was, becomes if was != becomes else "another person"] += 1
        if len(shown) < examples:
            shown.append(orjson.dumps({"line": number, "now": _why(before), "new": _why(after)}).decode())
    yield f"{len(records)} records, model {now.version} against {new.version}"
    yield f"unchanged: {', '.join(f'{name} {count}' for name, count in sorted(same.items())) or 'none'}"
    yield f"changed: {changed.total()}"
    for (was, becomes), count in changed.most_common():
        yield f"  {was} -> {becomes}: {count}"
    yield from shown


def _outcome(decision: Assignment) -> str:
    """Link, review or new person."""
    if decision.person is not None:
        return "link"
    return "review" if decision.reviews else "new"


def _why(decision: Assignment) -> dict[str, Any]:
    told = decision.judgement
    return {"outcome": _outcome(decision), **(explain(told) if told is not None else {})}
