"""Where a policy says what: file and line of every entry that a decision may rest on."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.reading import line_of
from gateway.policy.tomlfile import TomlFile

MATRIX, SETTINGS = "matrix.toml", "settings.toml"


class Places:
    """Finds entries in the files of one policy."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._matrix, self._settings = (TomlFile.parse(name, files[name]) for name in (MATRIX, SETTINGS))

    def of_role(self, role: str, *key: str) -> str:
        """The entry of a role, or of the role it inherits it from, as `matrix.toml:87`."""
        for name in self._line(role):
            table = self._matrix.table("roles", name)
            if key[0] in table and (len(key) == 1 or key[1] in self._matrix.table("roles", name, key[0])):
                return self._at(self._matrix, "roles", name, *key)
        return self._at(self._matrix, "roles", role)

    def of_setting(self, *key: str) -> str:
        """An entry of settings.toml."""
        return self._at(self._settings, *key)

    def _line(self, role: str) -> list[str]:
        line = [role]
        while "inherits" in self._matrix.table("roles", line[-1]):
            line.append(self._matrix.string("roles", line[-1], "inherits"))
        return line

    def _at(self, file: TomlFile, *path: str) -> str:
        return f"{file.name}:{line_of(file.text, path)}"
