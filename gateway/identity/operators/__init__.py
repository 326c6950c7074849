"""Operators: known by a directory of their own (LDAP) and a one-time code, and by nothing else."""

from gateway.identity.operators.desk import LOGGED_OUT, Login, OperatorDesk, Session
from gateway.identity.operators.model import REFUSED, Operator, Source
from gateway.identity.operators.trail import Trail

__all__ = ["LOGGED_OUT", "REFUSED", "Login", "Operator", "OperatorDesk", "Session", "Source", "Trail"]
