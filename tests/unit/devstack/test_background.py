"""What runs in the background, seen by the commands that talk to it."""

import os
import pwd
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from typer.testing import CliRunner

from cli import app
from devstack.stack import service
from devstack.stack.running import FILE, Running, read_running
from devstack.stack.stack import Stack, StackError, StackOptions

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 20

# The parent of what was started in the background, where PID 1 waits for nobody: as the subreaper of its children's
# children it takes PID 1's part, starts one by a child that ends, says its pid, and does nothing more until it is told.
NEVER_REAPS = """
import ctypes, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
start = "import subprocess as s, sys; print(s.Popen([sys.executable, '-c', sys.argv[1]], stdout=s.DEVNULL).pid)"
sleep = "import time; time.sleep(600)"
print(subprocess.run([sys.executable, "-c", start, sleep], stdout=subprocess.PIPE, text=True).stdout, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def orphan() -> Iterator[psutil.Process]:
    parent = subprocess.Popen([sys.executable, "-c", NEVER_REAPS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    process = psutil.Process(int(parent.stdout.readline()))
    yield process
    if process.status() != psutil.STATUS_ZOMBIE:
        process.send_signal(signal.SIGKILL)
    parent.stdin.close()
    parent.wait(TIMEOUT_S)
    parent.stdout.close()


def running(process: psutil.Process, state_dir: Path) -> None:
    description = Running(process.pid, process.create_time(), "", "", "", "", "", "", "", ())
    (state_dir / FILE).write_bytes(msgspec.json.encode(description))


def test_down_is_done_when_what_it_stopped_is_a_zombie_that_nobody_waits_for(
    orphan: psutil.Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running(orphan, tmp_path)
    asked_at = time.monotonic()

    status = service.down(tmp_path)

    assert (status, orphan.status()) == (0, psutil.STATUS_ZOMBIE)
    assert time.monotonic() - asked_at < service.STOP_TIMEOUT_S / 3
    assert "stopped" in capsys.readouterr().out


def test_a_zombie_is_not_what_up_and_call_find_running(orphan: psutil.Process, tmp_path: Path) -> None:
    running(orphan, tmp_path)
    assert read_running(tmp_path) is not None

    assert service.down(tmp_path) == 0

    assert read_running(tmp_path) is None


def test_the_call_that_up_suggests_is_the_readmes_and_can_be_copied_from_a_narrow_terminal(
    orphan: psutil.Process, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    running(orphan, tmp_path)

    assert service.up(tmp_path, listen="127.0.0.1", sip_port=0, web_port=0, tail=False) == 0

    (suggested,) = re.findall(r"\./alloresto call .*", capsys.readouterr().out)
    assert suggested in (ROOT / "README.md").read_text().splitlines()


async def test_a_stack_without_the_sip_wheel_says_which_python_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pjsua2", None)

    with pytest.raises(StackError, match=r"pjsua2.*Python 3\.11 or 3\.12"):
        await Stack(StackOptions(tmp_path / "state"), print).start()


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """One that this process may not write to, not even as root: it takes nobody's rights for the test."""
    mine = os.geteuid()
    with tempfile.TemporaryDirectory(prefix="alloresto-closed-") as name:
        Path(name).chmod(0o555)
        if mine == 0:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
        yield Path(name)
        os.seteuid(mine)


@pytest.mark.parametrize("command", ["demo", "up"])
def test_a_folder_of_somebody_else_is_one_line_with_its_owner_and_the_way_out(
    command: str, closed_folder: Path
) -> None:
    done = CliRunner().invoke(app, [command, "--state-dir", str(closed_folder / "state")])

    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {closed_folder} belongs to {closed_folder.owner()} ")
    assert "--state-dir" in line
