"""The locks in requirements/: what each Python gets, and that they say where nothing comes from."""

import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
CALLING = {"edge", "local", "dev"}  # those with the SIP stack


def marker(lock: Path, package: str) -> str | None:
    """After which condition a package is installed; empty for always, None when it is not in the lock."""
    found = re.search(rf"^{package}==\S+ *(?:; (.*?))? *\\?$", lock.read_text(), re.MULTILINE)
    return found and (found[1] or "")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_is_held_to_its_hashes_and_no_registry_is_named(lock: Path) -> None:
    text = lock.read_text()

    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text
    assert not re.search(r"^(?:-|--)\S", text, re.MULTILINE)


@pytest.mark.parametrize("lock", [one for one in LOCKS if one.stem in CALLING], ids=lambda lock: lock.stem)
def test_the_sip_stack_is_asked_only_of_a_python_that_it_has_a_wheel_for(lock: Path) -> None:
    assert marker(lock, "pjsua2-python") == "python_full_version < '3.13'"


@pytest.mark.parametrize(
    "lock", [one for one in LOCKS if one.stem in CALLING | {"functions"}], ids=lambda one: one.stem
)
def test_a_python_that_has_lost_audioop_gets_it_from_a_package(lock: Path) -> None:
    assert marker(lock, "audioop-lts") == "python_full_version >= '3.13'"


def test_the_pythons_that_the_install_takes_are_those_that_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    install = (ROOT / "setup" / "install.sh").read_text()

    assert project["requires-python"] == ">=3.11,<3.14"
    assert {"3, 11", "3, 13", "3, 14"} <= set(re.findall(r"3, \d\d", install))
