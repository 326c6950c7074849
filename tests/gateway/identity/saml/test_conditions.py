import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.xmldsig import names
from gateway.errors import (
    TokenInvalid,
)
from gateway.identity.saml import AssertionPolicy
from gateway.record.people import Code

S = f"{{{names.SAML}}}"
PAT = Code("PAT", "2.16.840.1.113883.5.111")


@pytest.mark.parametrize(("late", "accepted"), [(59, True), (60, False), (61, False)])
def test_saml_01_after_its_end(
    issued: Callable[..., Any], read: Callable[..., Any], now: datetime, late: int, *, accepted: bool
) -> None:
    root, at = issued(life=300), now + timedelta(seconds=300 + late)
    if accepted:
        assert read(root, now=at).subject == "dr-1"
    else:
        with pytest.raises(TokenInvalid):
            read(root, now=at)


@pytest.mark.parametrize(("early", "accepted"), [(59, True), (60, True), (61, False)])
def test_saml_02_before_its_start(
    issued: Callable[..., Any], read: Callable[..., Any], now: datetime, early: int, *, accepted: bool
) -> None:
    root, at = issued(), now - timedelta(seconds=early)
    if accepted:
        assert read(root, now=at).subject == "dr-1"
    else:
        with pytest.raises(TokenInvalid):
            read(root, now=at)


@pytest.mark.parametrize(("life", "accepted"), [(600, True), (601, False), (0, False), (-1, False)])
def test_saml_03_life(
    issued: Callable[..., Any], read: Callable[..., Any], life: int, *, accepted: bool
) -> None:
    if accepted:
        assert read(issued(life=life)).subject == "dr-1"
    else:
        with pytest.raises(TokenInvalid):
            read(issued(life=life))


def test_saml_03_no_conditions(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(shape.without(f"{S}Conditions")))


@pytest.mark.parametrize("name", ["NotBefore", "NotOnOrAfter"])
@pytest.mark.parametrize("value", [None, "", "tomorrow", "2026-11-22T09:31:00"])
def test_saml_03_conditions_without_times(
    issued: Callable[..., Any], read: Callable[..., Any], name: str, value: Any
) -> None:
    def change(root: etree._Element) -> None:
        conditions = root.find(f"{S}Conditions")
        del conditions.attrib[name]
        if value is not None:
            conditions.set(name, value)

    with pytest.raises(TokenInvalid):
        read(issued(change))


def test_saml_03_two_conditions_and_unknown_ones(
    issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(lambda root: root.append(copy.deepcopy(root.find(f"{S}Conditions")))))
    with pytest.raises(TokenInvalid):
        read(issued(lambda root: etree.SubElement(root.find(f"{S}Conditions"), f"{S}Condition")))


def test_saml_04_another_audience(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(audience="urn:other-gateway"))


def test_saml_04_no_audience(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(shape.without(f"{S}Conditions/{S}AudienceRestriction")))


def test_saml_04_two_restrictions_must_both_hold(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    assert read(issued(shape.second_restriction("urn:x", "urn:gateway"))).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        read(issued(shape.second_restriction("urn:x")))


def test_saml_05_one_time_use_is_told(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    assert read(issued(one_time=True)).one_time
    assert not read(issued()).one_time


def test_no_authn_statement(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(shape.without(f"{S}AuthnStatement")))


def test_the_class_of_authentication(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    x509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
    assert read(issued(), policy=shape.restricted(policy, authn_classes=frozenset({x509}))).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        read(issued(), policy=shape.restricted(policy, authn_classes=frozenset({"urn:other"})))
    with pytest.raises(TokenInvalid):
        read(issued(shape.without(f"{S}AuthnStatement/{S}AuthnContext/{S}AuthnContextClassRef")))


def test_every_statement_counts(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any], policy: AssertionPolicy
) -> None:
    def weaker(root: etree._Element) -> None:
        statement = root.find(f"{S}AuthnStatement")
        second = copy.deepcopy(statement)
        next(second.iter(f"{S}AuthnContextClassRef")).text = "urn:password"
        statement.addnext(second)

    x509 = frozenset({"urn:oasis:names:tc:SAML:2.0:ac:classes:X509"})
    with pytest.raises(TokenInvalid):
        read(issued(weaker), policy=shape.restricted(policy, authn_classes=x509))


def test_an_ended_session(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    path = f"{S}AuthnStatement"
    assert read(issued(shape.setting(path, SessionNotOnOrAfter="2026-11-22T09:29:30Z"))).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        read(issued(shape.setting(path, SessionNotOnOrAfter="2026-11-22T09:29:00Z")))


@pytest.mark.parametrize("value", [None, "2026-11-22T09:32:00Z", "x"])
def test_the_issue_instant(issued: Callable[..., Any], read: Callable[..., Any], value: Any) -> None:
    def change(root: etree._Element) -> None:
        del root.attrib["IssueInstant"]
        if value:
            root.set("IssueInstant", value)

    with pytest.raises(TokenInvalid):
        read(issued(change))
