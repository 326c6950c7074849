"""Code lists of the affinity domain: what is read, and what is refused with file, line and reason."""

from pathlib import Path
from typing import get_args

import pytest

from gateway.cli.init import create
from gateway.cli.services import domain_of
from gateway.config import check, load, load_affinity, shipped
from gateway.config.affinity import Attribute
from gateway.errors import SettingsInvalid
from gateway.record.domain import Limit

CODES = '[classCode]\nlimit = "refuse"\n[classCode.codes."2.999.5"]\nA = "First"\nB = "Second"\n'


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_codes_and_plain_values(tmp_path: Path) -> None:
    lists = load_affinity(written(tmp_path, a=CODES, b='[languageCode]\nvalues = ["fr", "de"]\n'))
    assert {name: (each.limit, set(each.allowed)) for name, each in lists.items()} == {
        "classCode": ("refuse", {"A^^2.999.5", "B^^2.999.5"}),
        "languageCode": ("off", {"fr", "de"}),
    }


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[classcode]\n", 1, "classcode"),
        ('\n[classCode]\nlimit = "perhaps"\n', 3, "classCode.limit: Input should be"),
        ("[classCode]\n\nvalue = []\n", 3, "classCode.value: Unexpected keyword"),
        ('[classCode]\nvalues = ["A"]\n', 1, "classCode: takes codes by scheme, not values"),
        (
            '# why\n[mimeType]\n[mimeType.codes."2.9"]\nA = "x"\n',
            2,
            "mimeType: takes values = [...], not codes",
        ),
        ('[typeCode]\nlimit = "warn"\n', 1, 'typeCode: limit = "warn" with an empty list'),
        ('[classCode.codes."2.999.5"]\n" A" = "x"\n', 2, "classCode.codes.2.999.5"),
        ('[classCode.codes."2.999.5"]\nA = 1\n', 2, "classCode.codes.2.999.5.A: Input should be"),
        ("[classCode\n", 1, "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(SettingsInvalid) as error:
        load_affinity(written(tmp_path, wrong=text))
    assert error.value.location == f"{tmp_path}/wrong.toml:{line}"
    assert error.value.detail.startswith(reason)


def test_an_attribute_is_listed_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="in another file") as error:
        load_affinity(written(tmp_path, a=CODES, b=f"#\n{CODES}"))
    assert error.value.location == f"{tmp_path}/b.toml:2"


def test_the_shipped_lists_name_every_attribute_and_limit_none() -> None:
    lists = load_affinity(shipped("affinity"))
    assert set(lists) == set(get_args(Attribute))
    assert {each.limit for each in lists.values()} == {"off"}
    assert all(each.allowed for each in lists.values())


def test_a_new_folder_has_its_own_copy(tmp_path: Path) -> None:
    create(tmp_path / "conf", "integration")
    settings = load(tmp_path / "conf/passerelle.toml")
    assert settings.domain.affinity == tmp_path / "conf/affinity"
    assert domain_of(settings).codes["languageCode"].limit is Limit.OFF
    path = settings.domain.affinity / "documents.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"off"', '"refuse"'), encoding="utf-8")
    assert domain_of(settings).codes["classCode"].limit is Limit.REFUSE
    assert check(settings) == []


def test_check_names_the_place(tmp_path: Path) -> None:
    create(tmp_path / "conf", "integration")
    settings = load(tmp_path / "conf/passerelle.toml")
    written(settings.domain.affinity, documents='[classCode]\nlimit = "perhaps"\n')
    (finding,) = check(settings)
    assert (finding.level, finding.location) == ("error", f"{settings.domain.affinity}/documents.toml:2")
