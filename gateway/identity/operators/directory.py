"""The operators' directory: LDAP v3 over TLS (RFC 4511, 4513), bind as the operator, groups to roles."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ldap3 import NO_ATTRIBUTES, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn, parse_dn

from gateway.config.operators import LOGIN, PERSON, OperatorRole, Operators
from gateway.config.values import Environment
from gateway.errors import Busy, Malformed, OperatorRefused, SettingsInvalid
from gateway.identity.operators.model import REFUSED, apart

SUCCESS, SIZE_LIMIT_EXCEEDED = 0, 4
UNAVAILABLE = frozenset({1, 2, 3, 8, 11, 13, 51, 52, 80})
"""Result codes that say nothing about who asks (RFC 4511 appendix A)."""
SECRET_LONGEST = 1_024
NOBODY = "cn=nobody-of-this-name"


class OperatorDirectory:
    """Asks the directory of one environment. Each question opens connections of its own, and blocks."""

    def __init__(self, told: Operators, environment: Environment) -> None:
        self._told = told
        self._roles = [
            (_normal(group), role)
            for role, groups in told.roles.get(environment, {}).items()
            for group in groups
        ]

    def roles_of(self, login: str, password: str) -> frozenset[OperatorRole]:
        """The roles of an operator with this password here, at least one.

        OperatorRefused says to the trail why not; Busy when the directory cannot be asked, or not safely.
        """
        if not password or len(password) > SECRET_LONGEST or "\0" in password:
            raise OperatorRefused(REFUSED, reason="no usable password")
        try:
            return apart(self._roles_of(login, password))
        except (LDAPException, OSError) as error:
            raise Busy("the directory of operators cannot be asked now") from error

    def _roles_of(self, login: str, password: str) -> list[OperatorRole]:
        person: str | None
        if self._told.user_dn:
            person = self._told.user_dn.replace(LOGIN, escape_rdn(login))
        else:
            person = self._found(login)
        with self._bound(person or f"{NOBODY},{self._told.user_base}", password) as connection:
            if connection is None or person is None:
                reason = "no such operator" if person is None else "password refused"
                raise OperatorRefused(REFUSED, reason=reason)
            own = None if self._told.bind_dn else connection
            groups = self._groups(person, own)
        roles = [role for group, role in self._roles if group in groups]
        if not roles:
            raise OperatorRefused(REFUSED, reason="no group with a role in this environment")
        return roles

    def _found(self, login: str) -> str | None:
        """The DN of exactly one entry with this login."""
        sought = self._told.user_filter.replace(LOGIN, escape_filter_chars(login))
        with self._service() as connection:
            names = _search(connection, self._told.user_base, sought, most=2)
        return names[0] if len(names) == 1 else None

    def _groups(self, person: str, own: Any) -> set[str]:
        """The groups an operator is in: asked for as the service, or as the operator where there is none."""
        sought = self._told.group_filter.replace(PERSON, escape_filter_chars(person))
        if own is not None:
            return {_normal(name) for name in _search(own, self._told.group_base, sought)}
        with self._service() as connection:
            return {_normal(name) for name in _search(connection, self._told.group_base, sought)}

    @contextmanager
    def _service(self) -> Iterator[Any]:
        file = self._told.bind_password_file
        secret = "" if file is None else file.read_text(encoding="utf-8").strip()
        with self._bound(self._told.bind_dn, secret) as connection:
            if connection is None:
                raise Busy("the directory of operators cannot be asked now")
            yield connection

    @contextmanager
    def _bound(self, name: str, secret: str) -> Iterator[Any]:
        """A connection bound by name and secret, or None when the directory refuses them."""
        if not secret:
            # A simple bind without password succeeds as nobody (RFC 4513 section 5.1.2).
            raise SettingsInvalid("the password of the directory account is empty")
        host, port, direct = self._told.address
        tls = _CheckedTls(_trusting(self._told.trust))
        seconds = self._told.answer_seconds
        server = Server(host, port=port, use_ssl=direct, tls=tls, connect_timeout=seconds, get_info=NONE)
        connection = Connection(
            server,
            user=name,
            password=secret,
            authentication=SIMPLE,
            auto_referrals=False,
            receive_timeout=seconds,
            read_only=True,
        )
        try:
            connection.open(read_server_info=False)
            if not direct and not connection.start_tls(read_server_info=False):
                raise Busy("the directory of operators does not begin TLS")
            yield connection if _binds(connection) else None
        finally:
            _closed(connection)


class _CheckedTls(Tls):  # type: ignore[misc]  # the library is untyped
    """Leaves chain and name of the directory to OpenSSL, in place of the library's own comparison."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002
        """As the library calls it."""
        host = connection.server.host
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=host, do_handshake_on_connect=do_handshake
        )


def _trusting(trust: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=trust)
    except (OSError, ssl.SSLError) as error:
        raise Busy("the authorities of the operators' directory cannot be read") from error
    if trust is None:
        raise SettingsInvalid("the authorities of the operators' directory are not named")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _binds(connection: Any) -> bool:
    if connection.bind(read_server_info=False):
        return True
    if connection.result["result"] in UNAVAILABLE:
        raise Busy("the directory of operators cannot be asked now")
    return False


def _closed(connection: Any) -> None:
    """Leaves; what goes wrong on the way out changes nothing of the answer."""
    with contextlib.suppress(LDAPException, OSError):
        connection.unbind()
    if connection.socket is not None:
        # A connection that never came about is left open by the library.
        connection.socket.close()


def _search(connection: Any, base: str, sought: str, most: int = 0) -> list[str]:
    """The DNs of what is found; Busy when the search could not be done."""
    connection.search(
        base, sought, search_scope=SUBTREE, attributes=NO_ATTRIBUTES, size_limit=most, time_limit=5
    )
    if connection.result["result"] not in {SUCCESS, SIZE_LIMIT_EXCEEDED}:
        raise Busy("the directory of operators did not answer a search")
    return [str(each["dn"]) for each in connection.response or () if each.get("type") == "searchResEntry"]


def _normal(name: str) -> str:
    """A distinguished name in one form: lower case, no spaces between its parts."""
    try:
        return ",".join(f"{kind}={value}".lower() for kind, value, _ in parse_dn(name, strip=True))
    except LDAPException as error:
        raise Malformed("the directory gave a name that is none (RFC 4514)") from error


def _known(environment: Environment) -> Any:
    return environment
