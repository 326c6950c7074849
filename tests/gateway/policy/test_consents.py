"""consents.toml is read strictly: what is mistyped there would leave a record open."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid
from gateway.policy.consents import read_policies
from gateway.policy.matrix import FILES, compile_policy, load_policy
from gateway.policy.tomlfile import TomlFile
from gateway.record.consents import Directive, Kind

FOLDER = Path(__file__).parents[3] / "config/policy"


def compiled(decides: str) -> dict[str, tuple[Directive, ...]]:
    text = f'[policies."urn:oid:2.999.1"]\ndisplay = "One"\ndecides = {decides}\n'
    return read_policies(TomlFile.parse("consents.toml", text.encode()), {"TREAT"})


def test_the_shipped_examples_say_what_they_are_called() -> None:
    found = load_policy(FOLDER, environment="prod").consents
    assert found["2.999.10.1"] == (Directive(kind=Kind.OPPOSITION),)
    assert found["2.999.10.2"] == ()
    assert {each.purpose for each in found["2.999.10.3"]} == {"HOPERAT", "PATRQT"}
    assert found["2.999.10.4"] == (Directive(kind=Kind.EMERGENCY, rank=0),)
    assert found["2.999.10.5"] == (Directive(kind=Kind.FLOOR, rank=2),)
    assert [each.kind for each in found["2.999.10.6"]] == [Kind.ALLOWED_ONLY, Kind.EMERGENCY]


def test_every_kind_is_read() -> None:
    found = compiled(
        '[{ kind = "opposition", purpose = "TREAT" }, { kind = "denial", subject = "*" },'
        ' { kind = "allowance", subject = "2.999.9" }, { kind = "level", subject = "2.999.9", rank = 2 }]'
    )
    assert found["2.999.1"] == (
        Directive(kind=Kind.OPPOSITION, purpose="TREAT"),
        Directive(kind=Kind.DENIAL, subject="*"),
        Directive(kind=Kind.ALLOWANCE, subject="2.999.9"),
        Directive(kind=Kind.LEVEL, subject="2.999.9", rank=2),
    )


@pytest.mark.parametrize(
    ("decides", "said"),
    [
        ('"opposition"', "must be a list of tables"),
        ('["opposition"]', "must be a list of tables"),
        ('[{ kind = "opposed" }]', "'kind' must be one of"),
        ('[{ kind = "mandate", subject = "x" }]', "'kind' must be one of"),
        ('[{ kind = "closure" }]', "'kind' must be one of"),
        ('[{ kind = "opposition", purposes = "TREAT" }]', "'opposition' takes kind, purpose"),
        ('[{ kind = "opposition", purpose = "TREATMENT" }]', "does not stand in settings.toml"),
        ('[{ kind = "denial" }]', "'denial' takes kind, subject"),
        ('[{ kind = "denial", subject = 1 }]', "'subject' must be a text"),
        ('[{ kind = "denial", subject = " " }]', "needs a subject"),
        ('[{ kind = "floor", rank = 4 }]', "needs a rank from 1 to 3"),
        ('[{ kind = "floor", rank = true }]', "'rank' must be a whole number"),
        ('[{ kind = "floor", rank = 0 }]', "needs a rank from 1 to 3"),
    ],
)
def test_a_mistake_is_named_with_its_line(decides: str, said: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        compiled(decides)
    assert said in refused.value.detail
    assert refused.value.location == "consents.toml:3"


def test_another_list_is_another_version_of_the_policy() -> None:
    files = {name: (FOLDER / name).read_bytes() for name in FILES}
    changed = {**files, "consents.toml": files["consents.toml"] + b"# changed\n"}
    versions = {compile_policy(each, environment="prod").version for each in (files, changed)}
    assert len(versions) == 2


def test_a_domain_without_the_file_knows_no_policy(tmp_path: Path) -> None:
    for name in FILES[:3]:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    assert load_policy(tmp_path, environment="prod").consents == {}
