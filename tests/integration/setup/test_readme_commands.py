"""Every command that the README and the operators' documents print, as it is written there, in a copy of this clone.

What takes seconds is run. Of what takes longer, or would change the machine, it is checked that each part of it is
there. A command that stands in neither table fails, so that none goes untried.
"""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from cli import app

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 90
NOT_CLONED = (".git", ".venv", ".alloresto", ".env", "__pycache__", ".*_cache", ".hypothesis", "build", "*.egg-info")

# The exit statuses that are right on a machine where nothing runs and no cluster is to be had, and what is then said.
RUN: dict[str, tuple[set[int], str]] = {
    "make help": ({0}, "unit      the tests"),
    "make down": ({0}, "nothing runs"),
    "./alloresto --help": ({0}, "Take one spoken order"),
    "./alloresto call 'One large Margherita please' 'Pick up' 'My name is Anna' 'Yes'": ({1}, "start it with  make up"),
    "./alloresto calls": ({1}, "start it with  make up"),
    "./alloresto lines": ({1}, "start it with  make up"),
    "./alloresto bench": ({0}, "bench call"),
    "./alloresto backup": ({2}, "BACKUP_KEY: not set"),
    "./alloresto archive list": ({2}, "ARCHIVE_DATABASE_URL: not set"),
    "./alloresto doctor": ({0, 1}, "this machine"),  # 1 where a port is taken
    "./alloresto doctor --manifests manifests/overlays/production": ({0}, "production"),
    "./alloresto doctor --cluster": ({1}, "name a kubeconfig"),
}
LONG: dict[str, str] = {
    "make demo": "make --dry-run demo",
    "make test": "make --dry-run test",
    "make up": "make --dry-run up",
    "make clean": "make --dry-run clean",
    "./alloresto eval --quick": "./alloresto eval --quick --help",
    "./alloresto bench autoscaling": "./alloresto bench autoscaling --help",
    "./alloresto bench call": "./alloresto bench call --help",
    "./alloresto bench conversation": "./alloresto bench conversation --help",
    "./alloresto bench edge": "./alloresto bench edge --help",
    "./alloresto bench knative": "./alloresto bench knative --help",
    "./alloresto bench tracing": "./alloresto bench tracing --help",
    "./alloresto costs": "./alloresto costs --help",
    "./alloresto images": "./alloresto images --help",
    "./alloresto monitoring check": "./alloresto monitoring check --help",
}


def commands(document: str) -> list[str]:
    """Those of the fenced sh blocks, each as one line without its comment."""
    text = (ROOT / document).read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [command for line in lines if (command := re.sub(r"\s+# .*", "", line).strip())]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as a newcomer has them after the install; nothing of what this clone has running."""
    folder = tmp_path_factory.mktemp("clone")
    folder.chmod(0o755)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_CLONED), dirs_exist_ok=True)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


# A make that runs the tests tells the ones below it that they are below it, and they say so.
_NOT_A_NEWCOMERS = frozenset(("KUBECONFIG", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"))


def run(command: str, clone: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_A_NEWCOMERS}
    return subprocess.run(
        ["sh", "-c", command],
        cwd=clone,
        env=kept | {"KUBECONFIG": str(clone / "no-such-kubeconfig"), "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize("command", commands("README.md"))
def test_a_command_of_the_readme_works_as_it_is_written(command: str, clone: Path) -> None:
    if command in LONG:
        done = run(LONG[command], clone)
        assert done.returncode == 0, done.stderr
        return
    assert command in RUN, f"say in this file how {command!r} is tried"
    statuses, said = RUN[command]

    done = run(command, clone)

    assert done.returncode in statuses, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert said in done.stdout + done.stderr, f"{done.stdout}\n{done.stderr}"


def test_nothing_is_tried_that_the_readme_no_longer_says() -> None:
    assert RUN.keys() | LONG.keys() == set(commands("README.md"))


@pytest.mark.parametrize("target", re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
def test_a_target_calls_only_programs_that_a_clone_has(target: str, clone: Path) -> None:
    done = run(f"make --dry-run {target}", clone)

    assert done.returncode == 0, done.stderr
    called = re.findall(r"(?:^|[\s;])((?:\./|setup/|\.venv/bin/)\S+)", done.stdout)
    for program in called:
        assert os.access(clone / program.rstrip(";"), os.X_OK), f"{target} calls {program}"


@pytest.mark.parametrize(
    "document",
    [
        "docs/operators/README.md",
        "docs/operators/capacity.md",
        "docs/operators/quickstart.md",
        "docs/operators/security.md",
        "docs/operators/upgrade.md",
    ],
)
def test_a_command_of_the_operators_documents_is_one_with_those_options(document: str) -> None:
    group = typer.main.get_command(app)
    ours = [shlex.split(command.replace("[", "").replace("]", "")) for command in commands(document)]
    ours = [words for words in ours if words[0] == "./alloresto" or words[0].startswith("setup/")]
    assert ours
    for program, *words in ours:
        assert os.access(ROOT / program, os.X_OK), program
        if program == "./alloresto":
            command = group.commands[words[0]]  # type: ignore[attr-defined]
            command = getattr(command, "commands", {}).get(words[1] if len(words) > 1 else "", command)
            options = {name for option in command.params for name in option.opts}
            assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("document", ["README.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*/*.md"))])
def test_no_document_names_the_command_as_if_it_were_on_the_path(document: str) -> None:
    names = "|".join(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    text = (ROOT / document).read_text("utf-8")

    assert re.findall(rf"(?:`|^)alloresto (?:{names})\b.*", text, re.MULTILINE) == []


def test_without_an_install_the_command_says_how_to_install(clone: Path, tmp_path: Path) -> None:
    shutil.copy(clone / "alloresto", tmp_path)

    done = run("./alloresto doctor", tmp_path)

    assert done.returncode == 1
    assert done.stderr == (
        "error: nothing is installed here yet; run: make demo   (or only the install: setup/install.sh local)\n"
    )


def test_down_before_any_install_is_no_error(clone: Path, tmp_path: Path) -> None:
    shutil.copy(clone / "Makefile", tmp_path)

    done = run("make down", tmp_path)

    assert (done.returncode, done.stdout) == (0, "nothing runs: nothing is installed here\n")


def test_what_the_command_downloads_is_where_clean_looks_for_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "alloresto", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nmkdir -p "$UV_CACHE_DIR"\n')
    python.chmod(0o755)
    (tmp_path / "setup").mkdir()
    shutil.copy(ROOT / "setup" / "clean.sh", tmp_path / "setup")
    home = tmp_path / "home"

    run(f"env -u UV_CACHE_DIR -u XDG_CACHE_HOME HOME={home} ./alloresto images", tmp_path)
    assert list((home / ".cache").iterdir()) == [home / ".cache" / "alloresto"]
    done = run(f"env -u XDG_CACHE_HOME HOME={home} setup/clean.sh", tmp_path)

    assert done.returncode == 0, done.stderr
    assert list((home / ".cache").iterdir()) == []
    assert not (tmp_path / ".venv").exists()
