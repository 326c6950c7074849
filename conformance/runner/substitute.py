"""Gives every token of a case its value and puts the values into files and XPath expressions."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from answer import Answer, Retrieved
from cases import Case, Variable
from feed import ACCEPTED, Feeder
from lxml import etree
from memory import Memory
from mllp_client import field_of
from target import Target

PATIENT_KINDS = frozenset({"new-patient", "session-patient", "unknown-patient", "case-patient"})


class BlockedError(Exception):
    """An earlier answer does not hold the value that this case needs: the case has failed."""


class ByHandError(Exception):
    """The value must be set up by hand: the case is skipped, with this reason."""


def fresh_oid() -> str:
    """An OID nobody has used, below the arc for examples."""
    return f"2.999.25.{uuid.uuid4().int}"


def fresh_uuid() -> str:
    """A new entry UUID in its URN form."""
    return f"urn:uuid:{uuid.uuid4()}"


def fresh_word() -> str:
    """A word of letters that nobody has used, fit for a name."""
    return "Z" + uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))


def into_xml(text: str, values: Mapping[str, str]) -> str:
    """Replace tokens in the text of an XML file; the values are escaped."""
    marks = {'"': "&quot;", "'": "&apos;"}
    return into_text(text, {token: escape(value, marks) for token, value in values.items()})


def into_text(text: str, values: Mapping[str, str]) -> str:
    """Replace tokens in list order, as they stand.

    Where an earlier token is the beginning of a later one, the earlier value stands for both: a value may
    not swallow half of a token.
    """
    for token, value in values.items():
        longer = sorted((other for other in values if other.startswith(token)), key=len, reverse=True)
        text = re.sub("|".join(map(re.escape, longer)), value.replace("\\", r"\\"), text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Finds values for the variables of cases; what is fresh is remembered."""

    memory: Memory
    target: Target
    feeder: Feeder
    patient_url: Callable[[str], str | None]

    def of(self, case: Case) -> dict[str, str]:
        """All tokens of the case with their values, in list order. Raises BlockedError, ByHandError."""
        values: dict[str, str] = {}
        for variable in case.variables:
            if variable.token in values:
                continue
            value = self._value(case, variable)
            values[variable.token] = value
            self.memory.tokens[case.id, variable.token] = value
            if variable.kind in PATIENT_KINDS:
                self.memory.patients.setdefault(case.id, value)
            if variable.kind == "case-patient":
                # A load works on the patient of its own feed: its further steps mean the same one.
                self.memory.session_patients.setdefault(case.test, value)
        return values

    def _value(self, case: Case, variable: Variable) -> str:
        finders: dict[str, Callable[[Case, Mapping[str, Any]], str]] = {
            "new-oid": lambda _case, _given: fresh_oid(),
            "new-uuid": lambda _case, _given: fresh_uuid(),
            "new-word": lambda _case, _given: fresh_word(),
            "text": lambda _case, given: str(given["value"]),
            "new-patient": self._new_patient,
            "session-patient": self._session_patient,
            "unknown-patient": lambda _case, _given: self.feeder.unknown(),
            "case-patient": lambda _case, given: self._patient_of(given["case"]),
            "case-number": lambda _case, given: self._patient_of(given["case"]).partition("^")[0],
            "case-hl7": self._hl7,
            "case-token": self._token,
            "case-xpath": self._xpath,
            "retrieved": self._retrieved,
            "config": self._setting,
            # The second to come: a range excludes its end, and what was sent just now must lie inside.
            "now-dtm": lambda _case, _given: _dtm(datetime.now(UTC) + timedelta(seconds=1)),
            "dtm-one-year-ago": lambda _case, _given: _dtm(datetime.now(UTC) - timedelta(days=365)),
            "today-yyyymmdd": lambda _case, _given: datetime.now(UTC).strftime("%Y%m%d"),
            "fhir-patient-url": self._fhir_patient,
            "case-fhir-location": self._fhir_location,
            "any": lambda _case, given: _anything(given["token"]),
            "fill": self._fill,
        }
        finder = finders.get(variable.kind)
        if finder is None:
            meaning = variable.details.get("meaning") or variable.details.get("name") or variable.kind
            raise ByHandError(f"{variable.token} must be set up by hand: {meaning}")
        return finder(case, variable.details)

    def _new_patient(self, case: Case, _given: Mapping[str, Any]) -> str:
        # Where the case is itself the feed, it makes the patient known.
        return self.feeder.unknown() if case.transaction == "ITI-8" else self._fed_patient()

    def _session_patient(self, case: Case, _given: Mapping[str, Any]) -> str:
        if case.test not in self.memory.session_patients:
            self.memory.session_patients[case.test] = self._fed_patient()
        return self.memory.session_patients[case.test]

    def _fed_patient(self) -> str:
        patient = self.feeder.unknown()
        answer = self.feeder.feed(patient)
        if answer.status not in ACCEPTED:
            raise BlockedError(f"the feed of a fresh patient was answered {answer.summary()}")
        self.memory.fed.add(patient)
        return patient

    def _patient_of(self, name: str) -> str:
        if name in self.memory.patients:
            return self.memory.patients[name]
        answer = self.memory.answers.get(name)
        scheme = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
        path = f"//*[local-name()='ExternalIdentifier'][@identificationScheme='{scheme}']/@value"
        return _evaluate(answer.payload if answer else None, path, f"the answer of {name}")

    def _token(self, _case: Case, given: Mapping[str, Any]) -> str:
        value = self.memory.tokens.get((given["case"], given["value"]))
        if value is None:
            raise BlockedError(f"{given['case']} gave no value to {given['value']}")
        return value

    def _xpath(self, _case: Case, given: Mapping[str, Any]) -> str:
        name, on_request = given["case"], given["on"] == "request"
        if on_request:
            return _evaluate(self.memory.requests.get(name), given["xpath"], f"the request of {name}")
        answer = self.memory.answers.get(name)
        return _evaluate(answer.payload if answer else None, given["xpath"], f"the answer of {name}")

    def _hl7(self, _case: Case, given: Mapping[str, Any]) -> str:
        answer = self.memory.answers.get(given["case"])
        value = field_of(answer.text, given["field"]) if answer else None
        if not value:
            raise BlockedError(f"the answer of {given['case']} has no {given['field']}")
        return value

    def _retrieved(self, _case: Case, given: Mapping[str, Any]) -> str:
        answer = self.memory.answers.get(given["case"])
        index = int(given.get("index", 0))
        if answer is None or index >= len(answer.documents):
            raise BlockedError(f"{given['case']} retrieved no document number {index}")
        return _field(answer.documents[index], str(given["field"]))

    def _setting(self, case: Case, given: Mapping[str, Any]) -> str:
        value = self.target.setting(given["name"], case)
        if value is None:
            raise ByHandError(f"the endpoints do not say {given['name']}")
        return value

    def _fhir_patient(self, case: Case, given: Mapping[str, Any]) -> str:
        patient = self._session_patient(case, given)
        url = self.patient_url(patient)
        if url is None:
            raise ByHandError("no Patient resource was found for a patient fed by ITI-8")
        return url

    def _fhir_location(self, _case: Case, given: Mapping[str, Any]) -> str:
        answer: Answer | None = self.memory.answers.get(given["case"])
        if answer is None or not answer.location:
            raise BlockedError(f"{given['case']} got no Location back")
        return answer.location

    def _fill(self, case: Case, given: Mapping[str, Any]) -> str:
        meaning = str(given.get("meaning") or given.get("name") or "")
        if meaning.startswith("patient id"):
            return self._session_patient(case, given)
        if meaning.startswith("new OID"):
            return fresh_oid()
        raise ByHandError(f"{given['token']} must be set up by hand: {meaning}")


def _evaluate(tree: etree._Element | None, path: str, where: str) -> str:
    if tree is None:
        raise BlockedError(f"{where} holds no XML")
    # string() of a node-set is that of its first node in document order (XPath 1.0, 4.2).
    value = str(tree.xpath(f"string({path})"))
    if not value.strip():
        raise BlockedError(f"{where} has nothing at {path}")
    return value.strip()


def _field(document: Retrieved, name: str) -> str:
    content = document.content or b""
    return {
        "repuid": document.repository,
        "mimetype": document.mime_type,
        "home": document.home,
        "size": str(len(content)),
        "hash": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
    }[name]


def _dtm(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


def _anything(token: str) -> str:
    oid = fresh_oid()
    return f"urn:oid:{oid}" if "home" in token.lower() else oid
