"""Writes the invented population as JSON lines, for `passerelle matching train` and `try`."""

from __future__ import annotations

import argparse
import sys

import orjson

from gateway.record.demographics import dump

from .generate import Rates, SourceRecord, population

_SLIPS = ("family_typo", "given_typo", "names_swapped", "nickname")


def main() -> int:
    """One record a line, to the standard output."""
    parser = argparse.ArgumentParser(prog="conformance.population", description=__doc__)
    parser.add_argument("--persons", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--labels", action="store_true", help="say who each record is about")
    parser.add_argument("--spelt", action="store_true", help="all names as they are: for tables of names")
    options = parser.parse_args()
    rates = Rates(**dict.fromkeys(_SLIPS, 0.0)) if options.spelt else Rates()
    for each in population(options.persons, options.seed, rates):
        sys.stdout.buffer.write(orjson.dumps(_line(each, labels=options.labels)) + b"\n")
    return 0


def _line(record: SourceRecord, *, labels: bool) -> dict[str, object]:
    told: dict[str, object] = {"person": record.person} if labels else {}
    told["identity"] = (record.identity.extension, record.identity.root)
    return told | {"demographics": orjson.Fragment(dump(record.told))}


if __name__ == "__main__":
    sys.exit(main())
