"""The project's own Dockerfile: what each image holds, and who it runs as."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.images import dockerfile
from ops.images.checks import PACKAGES
from ops.images.dockerfile import BuildContext, Instruction
from ops.images.imports import closure, modules_of
from ops.images.report import TARGETS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
DOCKERFILE = dockerfile.read(ROOT / "Dockerfile")
CONTEXT = BuildContext(ROOT)
HOUSE = {path.parent.name for path in ROOT.glob("*/__init__.py")}
# What runs in an image beside its own side: see the manifests' commands.
PROGRAMS = {"functions": ("eventing.relay", "stores.migrate"), "site": ("functions",)}


def of(target: str, keyword: str) -> list[Instruction]:
    return [one for one in DOCKERFILE.instructions(target) if one.keyword == keyword]


def packages_stage(target: str) -> str:
    """Whose /opt/venv the image has: its own, or another image's."""
    [stage] = [one.flags["from"] for one in of(target, "COPY") if "from" in one.flags]
    return stage


def copied(target: str) -> list[str]:
    """The packages of ours in the image."""
    return [one.words[0] for one in of(target, "COPY") if "from" not in one.flags]


def test_hadolint_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)

    assert (checked.stdout, checked.returncode) == ("", 0)
    assert "hadolint ignore" not in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("target", [*TARGETS, "web-live"])
def test_an_image_runs_as_a_number_that_is_not_root(target: str) -> None:
    """The kubelet can't check runAsNonRoot against a name."""
    number = 34 if target == "backup" else 10001  # Postgres has to find its user in Debian's /etc/passwd
    assert of(target, "USER")[-1].words == (f"{number}:{number}",)


@pytest.mark.parametrize("target", TARGETS)
def test_bytecode_is_made_before_root_is_left_and_is_never_compared_with_its_source(target: str) -> None:
    lines = {one.keyword: one.line for one in DOCKERFILE.stage(target).instructions}
    (compiled,) = (one.commands[0] for one in DOCKERFILE.stage(target).instructions if one.keyword == "RUN")

    assert lines["COPY"] < lines["RUN"] < lines["USER"]
    assert compiled == ["python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/app"]
    installer = [one.pairs for one in DOCKERFILE.stage("installer").instructions if one.keyword == "ENV"]
    assert installer[0]["PYC_INVALIDATION_MODE"] == "UNCHECKED_HASH"


def test_only_the_phone_side_has_debians_kamailio_and_nothing_that_it_only_recommends() -> None:
    update, install, clean = next(one.commands for one in of("edge", "RUN") if one.commands[0][0] == "apt-get")

    assert (update, clean) == (["apt-get", "update"], ["rm", "-rf", "/var/lib/apt/lists/*"])
    assert "--no-install-recommends" in install
    assert {"kamailio", "kamailio-tls-modules"} <= {word.partition("=")[0] for word in install}
    for target in ("functions", "web", "backup"):
        assert not any(one.commands[0][0] == "apt-get" for one in of(target, "RUN"))


@pytest.mark.parametrize("target", TARGETS)
def test_every_package_is_locked_by_hash_and_needs_no_compiler(target: str) -> None:
    (install,) = (
        one.commands[-1] for one in DOCKERFILE.stage(packages_stage(target)).instructions if one.keyword == "RUN"
    )

    assert "--require-hashes" in install
    assert install[install.index("--only-binary") + 1] == ":all:"
    assert install[install.index("-r") + 1] == f"requirements/{packages_stage(target).removesuffix('-packages')}.txt"


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_copied_is_there_and_is_let_through(target: str) -> None:
    requirements = [one.words[0] for one in DOCKERFILE.instructions(packages_stage(target)) if one.keyword == "COPY"]
    for source in [*copied(target), *requirements]:
        assert CONTEXT.files(source), f"{source}: nothing of it gets into a build"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_holds_every_module_of_ours_that_it_imports_and_no_package_that_it_does_not(target: str) -> None:
    files = [file for source in copied(target) for file in CONTEXT.files(source)]
    reached = closure(modules_of(ROOT, files), [PACKAGES[target], *PROGRAMS.get(target, ())])

    missing = {name for name in reached.others if name.split(".")[0] in HOUSE}
    assert not missing, "imported, but not in the image"
    packages = set(copied(target)) - {"manifests"}  # which is no code
    assert {name.split(".")[0] for name in reached.ours} == packages, "copied, but never imported"


def test_the_base_image_is_the_builders_choice_and_no_registry_of_packages_is_named() -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert {stage.base for stage in DOCKERFILE.stages.values()} - DOCKERFILE.stages.keys() == {"${BASE}"}
    assert not re.search(r"https?://|index-url|# *syntax *=", text)
