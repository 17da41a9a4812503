import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shortlist.core.errors import StartError
from shortlist.settings import ServiceSettings


class LampSettings(ServiceSettings):
    """Settings of a lamp."""

    model_config = SettingsConfigDict(env_prefix="SHORTLIST_LAMP_", frozen=True)

    watts: int = 5
    colour: str = "white"


def test_settings_have_defaults() -> None:
    assert (LampSettings().watts, LampSettings().colour) == (5, "white")


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORTLIST_LAMP_WATTS", "7")
    assert LampSettings().watts == 7


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORTLIST_LAMP_WATTS", "7")
    assert LampSettings(watts=9).watts == 9


def test_a_variable_that_names_no_setting_is_an_error_that_names_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHORTLIST_LAMP_WATS", "7")
    with pytest.raises(StartError, match=r"SHORTLIST_LAMP_WATS is no setting; known: .*SHORTLIST_LAMP_WATTS"):
        LampSettings()


def test_another_services_variables_are_not_its_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORTLIST_OTHER_THING", "7")
    LampSettings()


def test_a_value_of_the_wrong_kind_is_an_error_that_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORTLIST_LAMP_WATTS", "bright")
    with pytest.raises(StartError, match="SHORTLIST_LAMP_WATTS: Input should be a valid integer"):
        LampSettings()


def test_settings_cannot_be_changed() -> None:
    settings = LampSettings()
    with pytest.raises(ValidationError):
        settings.watts = 9
