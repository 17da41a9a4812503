"""README says what is so."""

import re
from pathlib import Path

from support.settings_table import ALL, settings_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_table_of_settings_is_that_of_the_settings() -> None:
    assert settings_table() in README


def test_every_setting_says_what_it_means() -> None:
    unexplained = [name for settings in ALL for name, field in settings.model_fields.items() if not field.description]
    assert not unexplained


def test_every_make_target_that_documents_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    documents = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"make ([a-z][a-z-]+)", documents))
    missing = {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)}
    assert not missing


def test_every_link_to_a_file_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_continuous_integration_calls_the_command_that_readme_names() -> None:
    assert "make test\n" in (ROOT / ".ci" / "run").read_text()
    assert "$ make test " in README
