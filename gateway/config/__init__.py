"""Typed settings of the gateway: read once from TOML into frozen classes, checked before the start."""

from gateway.config.affinity import ListFile, load_affinity
from gateway.config.check import Finding, check
from gateway.config.issuers import Assertions, Issuer
from gateway.config.load import load
from gateway.config.nodes import NodeFile, load_node, parse_node
from gateway.config.operators import OperatorRole, Operators
from gateway.config.settings import (
    Content,
    Database,
    Domain,
    Limits,
    Nodes,
    Outbox,
    Policy,
    Server,
    Settings,
    Signing,
    Tls,
    Tokens,
    shipped,
)
from gateway.config.values import Environment

__all__ = [
    "Assertions",
    "Content",
    "Database",
    "Domain",
    "Environment",
    "Finding",
    "Issuer",
    "Limits",
    "ListFile",
    "NodeFile",
    "Nodes",
    "OperatorRole",
    "Operators",
    "Outbox",
    "Policy",
    "Server",
    "Settings",
    "Signing",
    "Tls",
    "Tokens",
    "check",
    "load",
    "load_affinity",
    "load_node",
    "parse_node",
    "shipped",
]
