"""Each image's content, made from the Dockerfile with the real packages, and everything in it started."""

import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from ops.images import checks, debian, dockerfile, report, tree
from ops.images.dockerfile import BuildContext
from ops.images.sizes import MB, measure
from ops.images.tree import BuildError, Tree
from ops.manifests import render

pytestmark = pytest.mark.integration

MANIFESTS = render(report.MANIFESTS)
LISTS = shutil.which("apt-cache") is not None and bool(
    subprocess.run(["apt-cache", "madison", "kamailio"], capture_output=True, check=False, timeout=60).stdout
)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Tree]:
    """Each made at its first use, once."""
    stages, context = dockerfile.read(report.ROOT / "Dockerfile"), BuildContext(report.ROOT)
    return cache(lambda target: tree.build(stages, target, context, tmp_path_factory.mktemp(target)))


@pytest.fixture(params=report.TARGETS)
def made(request: pytest.FixtureRequest, trees: Callable[[str], Tree]) -> Tree:
    return trees(request.param)


def test_every_process_of_an_image_has_all_that_it_needs_and_nothing_that_it_must_not(made: Tree) -> None:
    manifests = report.manifests_of(made.target)
    assert checks.processes(made, manifests)
    assert checks.examine(made, manifests) == []


def test_its_size_is_told_and_the_functions_keep_to_their_limit(made: Tree) -> None:
    sizes = measure(made)

    assert sum(size for _, size in sizes.heaviest) < sizes.total
    assert min(sizes.packages, sizes.bytecode) > 5 * MB
    assert 3.5 * MB > sizes.code > 0.2 * MB  # with the edge's spoken sentences
    if made.target == "functions":
        assert sizes.total <= 120 * MB


def test_all_bytecode_is_taken_without_a_look_at_its_source(made: Tree) -> None:
    """Bytes 4-8 of a .pyc: 1 says that it has a hash and no time, and that nobody compares it (PEP 552)."""
    compiled = [path.read_bytes()[4:8] for path in made.root.rglob("*.pyc")]

    assert set(compiled) == {b"\x01\x00\x00\x00"}
    assert {path.stem for path in made.app.rglob("*.py")} <= {
        path.name.split(".cpython")[0] for path in made.app.rglob("*.pyc")
    }


def test_a_package_that_is_missing_or_should_not_be_there_is_named(trees: Callable[[str], Tree]) -> None:
    made = trees("functions")
    (site,) = made.venv.glob("lib/python*/site-packages")
    (site / "flask.py").touch()
    shutil.move(site / "picows", site / "picows-away")
    try:
        problems = list(checks.import_problems(made, set()))
    finally:
        shutil.move(site / "picows-away", site / "picows")
        (site / "flask.py").unlink()

    assert "flask: must not be there" in problems
    assert "picows: our code imports it, and it is not there" in problems
    assert "functions.call_handler.websocket: ModuleNotFoundError: No module named 'picows'" in problems


def test_a_process_that_fails_in_another_way_than_for_its_settings_is_told(trees: Callable[[str], Tree]) -> None:
    told = checks.start_problem(trees("functions"), checks.Process("migrate", ["python", "-m", "stores.nothing"]))

    assert told.startswith("migrate: python -m stores.nothing: ended with 1: ")
    assert "No module named stores.nothing" in told


def test_a_line_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM debian AS one\nRUN uv venv /opt/venv\nCOPY side /app/side\nRUN python -m compileall -q /app\n"
    )
    (tmp_path / ".dockerignore").touch()
    (tmp_path / "side").mkdir()
    (tmp_path / "side" / "app.py").write_text("def (:\n")
    stages = dockerfile.read(tmp_path / "Dockerfile")

    with pytest.raises(BuildError, match=r"(?s)Dockerfile:4: RUN python -m compileall.*SyntaxError"):
        tree.build(stages, "one", BuildContext(tmp_path), tmp_path / "root")


def test_debians_packages_are_those_of_the_dockerfile_and_hold_what_kamailio_loads(
    trees: Callable[[str], Tree],
) -> None:
    stages, made = dockerfile.read(report.ROOT / "Dockerfile"), trees("edge")
    packages = debian.wanted(stages, "edge")

    assert packages == {"ca-certificates": "20*", "kamailio": "5.6.*", "kamailio-tls-modules": "5.6.*"}
    assert debian.wanted(stages, "functions") == {}
    assert stages.base("edge") == "python:3.12-slim-bookworm"
    assert list(debian.problems(made, packages, stages.base("edge"))) == []


@pytest.mark.skipif(not LISTS, reason="this machine has no lists of Debian's packages")
@pytest.mark.parametrize(
    ("packages", "problem"),
    [
        ({"kamailio": "", "kamailio-tls-module": ""}, "kamailio-tls-module: Debian has no package of this name"),
        ({"kamailio": "4.*", "kamailio-tls-modules": ""}, "kamailio=4.*: Debian"),
        ({"kamailio": "", "ca-certificates": ""}, "tls.so: in none of the packages kamailio, ca-certificates"),
        ({"ca-certificates": ""}, "kamailio: in none of the packages ca-certificates"),
    ],
)
def test_a_debian_package_that_is_misspelled_too_old_or_left_out_is_named(
    packages: dict[str, str], problem: str, trees: Callable[[str], Tree]
) -> None:
    (release,) = re.findall(r"^VERSION_CODENAME=(\w+)", debian.OS_RELEASE.read_text(), re.MULTILINE)
    if "in none" in problem and shutil.which("kamailio") is None:
        pytest.skip("Kamailio is not installed here: nobody knows what is in it")

    found = list(debian.problems(trees("edge"), packages, f"python:3.12-slim-{release}"))

    assert found[0].startswith(problem)
