"""What a run remembers: values given to tokens, patients, requests and answers, by case."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field

from answer import Answer
from cases import Case
from lxml import etree


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One finished step of a section, for the tree that assertions look at."""

    name: str
    element: str
    request: etree._Element | None
    response: etree._Element | None


@dataclass(slots=True)
class Memory:
    """State of one run; a second run starts with a new one."""

    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)
    session_patients: dict[str, str] = field(default_factory=dict)
    fed: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    requests: dict[str, etree._Element] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    steps: dict[tuple[str, str], list[Step]] = field(default_factory=lambda: defaultdict(list))

    def sent(self, case: Case, request: etree._Element | None, answer: Answer) -> None:
        """Keep request and answer of a case, also as a step of its section."""
        if request is not None:
            self.requests[case.id] = request
        self.answers[case.id] = answer
        step = Step(name=case.step, element=case.element, request=request, response=answer.payload)
        self.steps[case.test, case.section].append(step)

    def tree(self, case: Case) -> etree._Element:
        """Data/output/TestResults with a TestStep for every step of the case's section run so far."""
        data = etree.Element("Data")
        results = etree.SubElement(etree.SubElement(data, "output"), "TestResults")
        for step in self.steps[case.test, case.section]:
            outer = etree.SubElement(results, "TestStep", id=step.name)
            inner = etree.SubElement(outer, step.element, step=step.name)
            for name, content in (("InputMetadata", step.request), ("Result", step.response)):
                place = etree.SubElement(inner, name)
                if content is not None:
                    place.append(deepcopy(content))
        return data
