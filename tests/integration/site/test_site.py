"""A small site as install.sh makes it: its files, and a day in its life with the units' own commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
INSTALL = ROOT / "setup" / "site" / "install.sh"
SCENARIO_WITHIN_S = 180.0


def install(root: Path, venv: Path = Path(sys.executable).parents[1]) -> subprocess.CompletedProcess[str]:
    arguments = [str(INSTALL), "--root", str(root), "--venv", str(venv)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def root(open_folder: Path) -> Path:
    done = install(open_folder)
    assert done.returncode == 0, done.stderr
    return open_folder


def test_run_again_it_keeps_every_key_and_setting(root: Path) -> None:
    etc = root / "etc/alloresto"
    (etc / "edge.env").write_text("SIP_PEERS=203.0.113.0/24\n")
    before = {path: path.read_bytes() for path in etc.rglob("*") if path.is_file()}

    done = install(root)

    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in etc.rglob("*") if path.is_file()} == before


def test_secrets_are_roots_alone_and_each_is_another_one(root: Path) -> None:
    secrets = root / "etc/alloresto/secrets"
    values = [line for path in secrets.glob("*.env") for line in path.read_text().splitlines()]
    passwords = {line.partition("=")[2] for line in values if "PASSWORD=" in line or "_KEY=" in line} - {"CHANGE-ME"}

    assert secrets.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in secrets.iterdir()} == {0}
    assert len(passwords) == 7
    assert min(map(len, passwords)) >= 44


def test_an_install_that_was_cut_short_says_so_instead_of_making_new_keys(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "etc", tmp_path / "etc")
    (tmp_path / "etc/alloresto/secrets/complete").unlink()

    done = install(tmp_path)

    assert done.returncode == 1
    assert "is not complete" in done.stderr


def test_only_a_lock_that_is_installed_here_brings_new_packages(tmp_path: Path) -> None:
    """The script's own functions, with another clone's lock files."""
    (tmp_path / "setup/site").mkdir(parents=True)
    functions = tmp_path / "setup/site/functions.sh"
    functions.write_text(INSTALL.read_text().partition('\noptions "$@"')[0] + "\nstamp_of_packages\n")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")

    def stamp() -> str:
        return subprocess.run(["sh", functions], capture_output=True, text=True, check=True).stdout

    def changed(lock: str) -> bool:
        before = stamp()
        with (tmp_path / "requirements" / lock).open("a") as file:
            file.write("# another\n")
        return stamp() != before

    assert not changed("dev.txt")
    assert changed("edge.txt") and changed("backup.txt") and changed("bootstrap.txt")


def test_for_the_containers_a_python_that_is_called_python3_alone_is_enough(tmp_path: Path) -> None:
    """That of Debian, whose /usr the documents name."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/python3").symlink_to(sys.executable)
    (tmp_path / "site").mkdir()

    done = install(tmp_path / "site", tmp_path / "usr")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site/etc/alloresto/secrets/complete").exists()


def test_without_root_nothing_is_begun() -> None:
    done = subprocess.run(
        ["setpriv", "--reuid", "65534", "--clear-groups", "sh", str(INSTALL)] if os.geteuid() == 0 else [str(INSTALL)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "this needs root" in done.stderr


@pytest.mark.alone
def test_calls_orders_and_backups_with_the_units_own_commands(root: Path) -> None:
    """Ports are those of the units: hence the namespace. The functions' unit is killed in the middle of a call."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.integration.site.scenario", str(root)],
        capture_output=True,
        text=True,
        timeout=SCENARIO_WITHIN_S,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    saw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert saw["migrated"] == [0, 0]
    assert saw["sip"]["confirmed"]["order"] == {"number": 1}
    assert saw["sip"]["errors"] == []
    assert saw["sip"]["back_s"] < 15
    assert saw["audiosocket"]
    assert saw["order_log"] == {"number": 1, "total_cents": 900}
    assert saw["backup"] == 0, (root / "backup.log").read_text()[-3000:]
    assert saw["objects"] == [".dump", ".json"]
