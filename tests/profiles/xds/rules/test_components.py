"""Data types made of components: which values are right, and that a fault never repeats the value."""

from collections.abc import Callable

import pytest

from profiles.xds.rules import components

Fault = Callable[[str], str | None]
LONG = "x" * 257

RIGHT = [
    (components.cx, "S-1^^^&2.999.2.1&ISO"),
    (components.cx, "S\\T\\1^^^&2.999&ISO"),
    (components.cxi, "X^^^&2.999&ISO^urn:ihe:iti:xds:2013:order"),
    (components.cxi, "X^^^LAB^urn:ihe:iti:xds:2013:accession"),
    (components.cxi, "X^^^LAB&2.999&ISO^local"),
    (components.cxi, "X^^^^urn:x"),
    (components.cxi, "X^^^^urn:ihe:iti:xdw:2013:workflowInstanceId"),
    (components.cxi, "2.999.1^^^^urn:ihe:iti:xds:2016:studyInstanceUID"),
    (components.cxi, "X^^^&2.999&ISO^urn:ihe:iti:xds:2015:encounterId^urn:oid:2.999"),
    (components.coded, "Surgeon"),
    (components.coded, "12^^^&2.999&ISO"),
    (components.xcn, "1"),
    (components.xcn, "^Doe^Jo^^^"),
    (components.xcn, "1^Doe^Jo^A^Jr^Dr^^^&2.999&ISO"),
    (components.xcn, "1^Doe^Jo^A^Jr^Dr^^^HOSPITAL&2.999&ISO"),
    (components.xcn, "1^Doe^^^^^^^"),
    (components.xon, "Clinic"),
    (components.xon, "Clinic^^^^^^^^^2.999.2.1"),
    (components.xon, "Clinic^^^^^&2.999&ISO^^^^45"),
    (components.xon, "Clinic^^^^^^^^^"),
    (components.xtn, "^^Internet^a@example.org"),
    (components.xtn, "^NET^Internet^a@example.org"),
    (components.xtn, "^PRS^PH^^352^4^123456"),
    (components.xtn, "^WPN^CP^^^^^^^^^+352 4 123456"),
    (components.recipient, "Clinic^^^^^^^^^2.999|^Doe^Jo|^^Internet^a@example.org"),
    (components.recipient, "|1^Doe|"),
    (components.recipient, "Clinic"),
    (components.field, "PID-5|Doe\\E\\^Jo~Roe\\F\\"),
]
WRONG = [
    (components.cx, "S-1"),
    (components.cx, "S-1^^^&2.999&ISO^MR"),
    (components.cx, "S-1^2^^&2.999&ISO"),
    (components.cx, "S-1^^^NAME&2.999&ISO"),
    (components.cx, "S-1^^^&2.999&DNS"),
    (components.cx, "S-1^^^&2.999.x&ISO"),
    (components.cx, "^^^&2.999&ISO"),
    (components.cx, "S&1^^^&2.999&ISO"),
    (components.cx, "S\\1^^^&2.999&ISO"),
    (components.cx, "S\\H\\1^^^&2.999&ISO"),
    (components.cx, "S\\N\\1^^^&2.999&ISO"),
    (components.cx, "S\\Z12\\1^^^&2.999&ISO"),
    (components.cx, LONG),
    (components.cxi, "X^^^&2.999&ISO"),
    (components.cxi, "^^^&2.999&ISO^t"),
    (components.cxi, "X^1^^&2.999&ISO^t"),
    (components.cxi, "X^^^&2.999&DNS^t"),
    (components.cxi, "X^^^&2.999&ISO^t^h^x"),
    (components.cxi, "X^^^&2.999&ISO^urn:ihe:iti:xdw:2013:workflowInstanceId"),
    (components.cxi, "X^^^N^urn:ihe:iti:xds:2016:studyInstanceUID"),
    (components.coded, ""),
    (components.coded, "12^x"),
    (components.xcn, ""),
    (components.xcn, "^^Jo"),
    (components.xcn, "^Doe^Jo^^^^^^&2.999&ISO"),
    (components.xcn, "1^Doe^Jo^^^^^^2.999"),
    (components.xcn, "Doe\\"),
    (components.xon, ""),
    (components.xon, "^^^^^^^^^2.999"),
    (components.xon, "Clinic^L"),
    (components.xon, "Clinic^^^^^2.999^^^^45"),
    (components.xon, "Clinic^^^^^^^^^45"),
    (components.xon, "Clinic^^^^^^^^^2.999^x"),
    (components.xtn, "a@example.org"),
    (components.xtn, "^^Internet"),
    (components.xtn, "^PRS^Internet^a@example.org"),
    (components.xtn, "^PRS^PH^^352"),
    (components.xtn, "^^Pigeon^x"),
    (components.recipient, "||"),
    (components.recipient, "a|b|^^Internet^c|d"),
    (components.recipient, "|^^Jo"),
    (components.recipient, LONG),
    (components.field, "PID-5|a\\b"),
    (components.field, LONG),
]


@pytest.mark.parametrize(("fault", "value"), RIGHT)
def test_right(fault: Fault, value: str) -> None:
    assert fault(value) is None


@pytest.mark.parametrize(("fault", "value"), WRONG)
def test_wrong(fault: Fault, value: str) -> None:
    told = fault(value)
    assert told
    assert len(value) < 5 or value not in told
