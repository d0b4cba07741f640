"""setup/install.sh on machines that lack something: a folder of their own, a PATH with only what is put there.

The script is the real one and so are Python and its venvs. pip, uv, apt-get and sudo write down what they were asked.
"""

import os
import pty
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PYTHON = getattr(sys, "_base_executable", sys.executable)
TOOLS = ("sh", "cat", "cksum", "awk", "stat", "id", "mkdir", "rm", "ls", "dirname", "getent", "cut", "touch")
TIMEOUT_S = 30

# A Python of another version: -c sees that version, -m venv makes a real venv in which "pip install" brings a uv.
OTHER_PYTHON = """#!/bin/sh
case "$1" in
    --version) echo "Python {version}" ;;
    -c) exec {real} -c 'import sys; sys.version_info = tuple(map(int, "{version}".split(".")))
exec(sys.argv[1])' "$2" ;;
    -m) echo "python $*" >>"$ASKED"
        {real} -m venv --without-pip .venv
        for site in .venv/lib/python*/site-packages; do
            mkdir "$site/pip"
            echo 'import shutil; shutil.copy("{uv}", ".venv/bin/uv")' >"$site/pip/__main__.py"
        done ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >>"$ASKED"
touch .venv/half-of-a-package
[ -z "${DISK_FULL:-}" ] || { echo "No space left on device" >&2; exit 2; }
touch .venv/other-half
"""
ASKED = """#!/bin/sh
echo "{name} $*" >>"$ASKED"
{more}
"""


@dataclass(frozen=True)
class Machine:
    """``path`` is its PATH, ``clone`` the folder that was cloned, ``home`` its user's home."""

    folder: Path
    clone: Path

    @property
    def path(self) -> Path:
        return self.folder / "bin"

    @property
    def asked(self) -> str:
        file = self.folder / "asked"
        return file.read_text() if file.exists() else ""

    def has(self, name: str, script: str) -> None:
        file = self.path / name
        file.unlink(missing_ok=True)
        file.write_text(script)
        file.chmod(0o755)

    def has_tool(self, name: str, more: str = "") -> None:
        self.has(name, ASKED.format(name=name, more=more))

    def has_python(self, version: str, name: str = "python3") -> None:
        self.has(name, OTHER_PYTHON.format(version=version, real=PYTHON, uv=self.path / "uv-of-pip"))

    def has_free_mb(self, free: int) -> None:
        self.has("df", f'#!/bin/sh\necho Filesystem blocks used available\necho "/dev/x 0 0 {free * 1024}"\n')

    def environment(self, **more: str) -> dict[str, str]:
        home = {"HOME": str(self.folder / "home"), "ASKED": str(self.folder / "asked")}
        return {"PATH": str(self.path)} | home | more

    def install(self, *arguments: str, as_stranger: bool = False, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["setup/install.sh", *(arguments or ("local",))],
            cwd=self.clone,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            user="nobody" if as_stranger else None,
            group="nogroup" if as_stranger else None,
            extra_groups=[] if as_stranger else None,
        )

    def install_at_a_terminal(self, typed: bytes) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        try:
            with subprocess.Popen(
                ["setup/install.sh", "local"],
                cwd=self.clone,
                env=self.environment(),
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                os.write(ours, typed)
                said, _ = process.communicate(timeout=TIMEOUT_S)
            return process.returncode, said
        finally:
            os.close(ours)
            os.close(theirs)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """One with Python 3.12, room, and nothing else. Not pytest's tmp_path: only its owner may enter that."""
    folder = Path(tempfile.mkdtemp(prefix="alloresto-machine-"))
    folder.chmod(0o755)
    made = Machine(folder, folder / "clone")
    for part in ("bin", "home", "clone/setup", "clone/requirements"):
        (folder / part).mkdir(parents=True)
    for name in TOOLS:
        (made.path / name).symlink_to(str(shutil.which(name)))
    shutil.copy(ROOT / "setup" / "install.sh", made.clone / "setup")
    for name in ("bootstrap", "local", "dev"):
        (made.clone / "requirements" / f"{name}.txt").write_text("a-package==1\n")
    made.has("uv-of-pip", UV)
    made.has_python("3.12.1")
    made.has_free_mb(50_000)
    yield made
    shutil.rmtree(folder)


def test_a_second_install_of_the_same_lock_does_nothing(machine: Machine) -> None:
    first = machine.install()
    assert first.returncode == 0, first.stderr
    asked = machine.asked

    second = machine.install()

    assert "up to date" in second.stdout
    assert machine.asked == asked


def test_what_dev_installed_is_enough_for_local_until_a_lock_changes(machine: Machine) -> None:
    for program in ("chromium", "faketime", "kamailio", "promtool", "amtool"):
        machine.has(program, "#!/bin/sh\n")
    assert machine.install("dev", CHROMIUM=str(machine.path / "chromium")).returncode == 0

    assert "up to date" in machine.install("local").stdout
    (machine.clone / "requirements" / "dev.txt").write_text("a-package==2\n")
    assert "up to date" not in machine.install("local").stdout


def test_an_install_that_ran_out_of_disk_starts_anew(machine: Machine) -> None:
    failed = machine.install(DISK_FULL="yes")
    assert failed.returncode != 0
    assert "it starts anew" in failed.stderr
    (machine.clone / ".venv" / "half-of-a-package").write_text("left by the one that failed")

    again = machine.install()

    assert again.returncode == 0, again.stderr
    assert (machine.clone / ".venv" / "half-of-a-package").read_text() == ""
    assert (machine.clone / ".venv" / "other-half").exists()


def test_an_update_that_fails_leaves_nothing_that_is_taken_for_whole(machine: Machine) -> None:
    assert machine.install().returncode == 0
    (machine.clone / "requirements" / "local.txt").write_text("a-package==2\n")
    assert machine.install(DISK_FULL="yes").returncode != 0
    (machine.clone / "requirements" / "local.txt").write_text("a-package==1\n")

    again = machine.install()

    assert "up to date" not in again.stdout
    assert "making .venv" in again.stdout


def test_too_little_space_is_told_with_what_is_needed_before_anything_is_made(machine: Machine) -> None:
    machine.has_free_mb(700)

    done = machine.install()

    assert done.returncode == 1
    assert "700 MB are free" in done.stderr
    assert "needs 1600 MB" in done.stderr
    assert not (machine.clone / ".venv").exists()
    assert machine.asked == ""


def test_an_installed_clone_on_a_full_disk_is_left_in_peace(machine: Machine) -> None:
    assert machine.install().returncode == 0
    machine.has_free_mb(5)

    assert "up to date" in machine.install().stdout


@pytest.mark.parametrize("version", ["3.9.2", "3.14.0"])
def test_a_python_that_does_not_fit_is_named_with_what_does_and_not_offered_again(
    machine: Machine, version: str
) -> None:
    machine.has_python(version)
    machine.has_tool("apt-get")

    done = machine.install(ALLORESTO_APT="yes")

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: Python {version} is here, and AlloResto needs 3.11 or 3.12")
    assert "apt-get" not in machine.asked


def test_calls_are_refused_on_python_3_13_before_anything_is_downloaded_with_what_works(machine: Machine) -> None:
    machine.has_python("3.13.5")

    done = machine.install("local", "--sip")

    assert done.returncode == 1
    assert done.stderr.startswith("error: Python 3.13.5 is here, and the SIP stack (pjsua2) has no wheel for it")
    assert "uv python install 3.12" in done.stderr
    assert machine.asked == ""


def test_all_but_calls_is_installed_on_python_3_13_and_that_is_the_first_line(machine: Machine) -> None:
    machine.has_python("3.13.5")

    done = machine.install("local")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("  Python 3.13.5: everything but calls")


def test_a_python_that_takes_calls_is_preferred_to_a_newer_one(machine: Machine) -> None:
    machine.has_python("3.13.5")
    machine.has_python("3.11.2", "python3.11")

    done = machine.install("local", "--sip")

    assert done.returncode == 0, done.stderr
    assert "making .venv with Python 3.11.2" in done.stdout


def test_without_sudo_the_user_is_told_what_an_administrator_has_to_run(machine: Machine) -> None:
    (machine.path / "python3").unlink()
    machine.has_tool("apt-get")
    machine.has("id", "#!/bin/sh\necho 1000\n")

    done = machine.install(ALLORESTO_APT="yes")

    assert done.returncode == 1
    assert "there is no sudo here" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr
    assert machine.asked == ""


@pytest.mark.parametrize("answer", [b"y\n", b"Y\n", b"yes\n", b"Yes\n", b"YES\n"])
def test_every_yes_is_one(machine: Machine, answer: bytes) -> None:
    (machine.path / "python3").unlink()
    machine.has_tool("apt-get")
    machine.has_tool("sudo", 'exec "$@"')

    _status, said = machine.install_at_a_terminal(answer)

    assert "installing Debian packages: python3 python3-venv" in said
    assert "apt-get install" in machine.asked


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"\x04"], ids=["Enter", "n", "Ctrl-D"])
def test_anything_else_changes_nothing_and_says_so(machine: Machine, answer: bytes) -> None:
    (machine.path / "python3").unlink()
    machine.has_tool("apt-get")
    machine.has_tool("sudo", 'exec "$@"')

    status, said = machine.install_at_a_terminal(answer)

    assert status == 1
    assert "not installed: python3 python3-venv" in said
    assert "Nothing was changed" in said
    assert machine.asked == ""


def test_apt_get_that_fails_is_not_the_last_word(machine: Machine) -> None:
    (machine.path / "python3").unlink()
    machine.has_tool("apt-get", "exit 100")
    machine.has_tool("sudo", 'exec "$@"')

    done = machine.install(ALLORESTO_APT="yes")

    assert done.returncode == 1
    assert "apt-get could not install: python3 python3-venv" in done.stderr


@pytest.fixture
def stranger(machine: Machine) -> bool:
    """Whether to run as nobody: root may write everywhere, any other user not to a folder that is closed.

    Python is one that fits, and no more than that: a real one may be where nobody can't go.
    """
    machine.has("python3", "#!/bin/sh\n")
    home = machine.folder / "home"
    if os.geteuid() != 0:
        return False
    entry = pwd.getpwnam("nobody")
    os.chown(home, entry.pw_uid, entry.pw_gid)
    return True


def test_a_clone_of_somebody_else_is_one_plain_line(machine: Machine, stranger: bool) -> None:
    machine.clone.chmod(0o555)

    done = machine.install(as_stranger=stranger)
    machine.clone.chmod(0o755)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {machine.clone} belongs to {pwd.getpwuid(os.geteuid()).pw_name} and you are ")


def test_a_venv_that_root_left_is_named_with_its_owner(machine: Machine, stranger: bool) -> None:
    (machine.clone / ".venv").mkdir(mode=0o555)
    machine.clone.chmod(0o777)

    done = machine.install(as_stranger=stranger)

    assert done.returncode == 1
    assert f"{machine.clone}/.venv belongs to " in done.stderr


def test_a_home_that_cannot_be_written_is_told_with_the_variable_that_helps(machine: Machine, stranger: bool) -> None:
    machine.clone.chmod(0o777)
    home = machine.folder / "closed"
    home.mkdir(mode=0o555)

    done = machine.install(as_stranger=stranger, HOME=str(home))
    mended = machine.install(as_stranger=stranger, HOME=str(home), XDG_CACHE_HOME=str(machine.folder / "home"))

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {home}/.cache/alloresto can't be written by ")
    assert "XDG_CACHE_HOME=" in done.stderr
    assert "can't be written" not in mended.stderr


@pytest.mark.parametrize("closed", ["clone", "."])
def test_root_is_told_that_postgres_cannot_run_here_before_anything_is_downloaded(
    machine: Machine, closed: str
) -> None:
    machine.has("id", '#!/bin/sh\n[ "$1" = -u ] && echo 0 || echo root\n')
    machine.has("unshare", "#!/bin/sh\nexit 1\n")
    (machine.folder / closed).chmod(0o700)

    done = machine.install()

    assert done.returncode == 1
    assert f"Postgres may not run as root, {machine.folder / closed} is closed to other users" in done.stderr
    assert machine.asked == ""


@pytest.mark.parametrize("what", ["user namespaces", "open folders"])
def test_root_with_one_of_the_two_ways_is_let_through(machine: Machine, what: str) -> None:
    machine.has("id", '#!/bin/sh\n[ "$1" = -u ] && echo 0 || echo root\n')
    machine.has("unshare", f"#!/bin/sh\nexit {int(what != 'user namespaces')}\n")
    machine.folder.chmod(0o700 if what == "user namespaces" else 0o755)

    assert machine.install().returncode == 0


def test_python_starts_in_a_folder_with_an_accent_under_the_c_locale_and_finds_our_packages(machine: Machine) -> None:
    clone = Machine(machine.folder, machine.folder / "clé à café")
    machine.clone.rename(clone.clone)
    (clone.clone / "ours.py").write_text("print('found')\n")

    assert clone.install(LC_ALL="C").returncode == 0
    started = subprocess.run(
        [clone.clone / ".venv/bin/python", "-P", "-m", "ours"],
        cwd="/",
        env={"LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert (started.stdout, started.stderr) == ("found\n", "")
