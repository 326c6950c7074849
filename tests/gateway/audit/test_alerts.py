"""Events of the gateway itself; their messages are checked against the schema in test_record."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.audit.alerts import application_activity, security_alert, user_authentication
from gateway.audit.record import AuditSource, Human, Participant
from gateway.declare import events

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HERE = Participant("gateway", "gateway.example", "1")
PEER = Participant("unknown", "10.0.0.7", is_requestor=True)
SOURCE = AuditSource("2.999.1")


def test_a_security_alert_names_its_subject() -> None:
    told = security_alert(
        events.NODE_AUTHENTICATION,
        at=NOW,
        outcome=events.Outcome.SERIOUS_FAILURE,
        peer=PEER,
        here=HERE,
        audit_source=SOURCE,
        description="certificate unknown",
    )
    assert (told.event.code, told.type.code, told.action.value) == ("110113", "110126", "E")
    assert told.objects[0].identifier == "10.0.0.7"
    assert told.objects[0].details == (("Alert Description", "certificate unknown"),)


def test_a_failed_login() -> None:
    human = Human("dr-1", "<dr-1@idp>")
    told = user_authentication(
        events.LOGIN,
        at=NOW,
        outcome=events.Outcome.SERIOUS_FAILURE,
        peer=PEER,
        here=HERE,
        audit_source=SOURCE,
        human=human,
    )
    assert (told.event.code, told.type.code, told.outcome) == ("110114", "110122", 8)
    assert told.human is human
    assert told.objects == ()


def test_a_start_names_application_and_launcher() -> None:
    told = application_activity(
        events.APPLICATION_START, at=NOW, here=HERE, launcher="root", audit_source=SOURCE
    )
    assert (told.event.code, told.type.code, told.outcome) == ("110100", "110120", 0)
    assert told.source.role == events.APPLICATION_LAUNCHER
    assert (told.source.user_id, told.source.is_requestor) == ("root", True)
    assert told.destination.role == events.APPLICATION
