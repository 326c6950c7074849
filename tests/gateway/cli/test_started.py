"""gateway.cli.started: a new installation takes further settings."""

from pathlib import Path

from gateway.cli.settings import load_settings
from gateway.cli.started import prepare


def test_a_setting_of_a_section_inside_a_section(tmp_path: Path) -> None:
    config = prepare(tmp_path / "home", {"domain.patient_roots.CITY": '"2.999.77"', "server.workers": "2"})
    settings = load_settings(config)
    assert settings.domain.patient_roots["CITY"] == "2.999.77"
    assert "TEST-HOSPITAL" in settings.domain.patient_roots
    assert settings.server.workers == 2
