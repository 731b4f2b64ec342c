"""Settings are read once, and what cannot be used is told in one sentence."""

import pytest

from polyclinic.kit.settings import Misconfigured, Settings


def test_settings_are_read_by_name():
    settings = Settings.read(
        {
            "PATH": "/bin",
            "POLYCLINIC_SERVICE": "records",
            "POLYCLINIC_PORT": "23001",
            "POLYCLINIC_BASE_URL": "http://localhost:8080/fhir/",
            "POLYCLINIC_SERVICES": '{"records": "http://127.0.0.1:8082"}',
            "POLYCLINIC_LOG_LEVEL": "WARNING",
        }
    )
    assert settings.service == "records"
    assert settings.port == 23001
    assert settings.base_url == "http://localhost:8080/fhir"
    assert settings.services == {"records": "http://127.0.0.1:8082"}
    assert settings.log_level == "warning"


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("POLYCLINIC_PROT", "1", "known are"),
        ("POLYCLINIC_PORT", "many", "whole number"),
        ("POLYCLINIC_PORT", "0", "whole number"),
        ("POLYCLINIC_SERVICES", "[1]", "JSON object"),
        ("POLYCLINIC_SERVICES", "{", "JSON object"),
        ("POLYCLINIC_BASE_URL", "localhost", "http://"),
        ("POLYCLINIC_LOG_LEVEL", "loud", "debug"),
        ("POLYCLINIC_CONDITIONAL_DELETE", "all", "single or multiple"),
    ],
)
def test_settings_that_cannot_be_used_name_themselves_and_the_way_out(name, value, hint):
    with pytest.raises(Misconfigured) as refused:
        Settings.read({name: value})
    assert name in str(refused.value)
    assert hint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_password_comes_from_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("se cret\n")
    assert Settings(postgresql_password_file=file).password() == "se cret"


def test_password_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(Misconfigured, match="POLYCLINIC_POSTGRESQL_PASSWORD_FILE"):
        Settings(postgresql_password_file=tmp_path / "none").password()
