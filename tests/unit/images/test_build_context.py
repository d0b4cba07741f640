from pathlib import Path, PurePosixPath

import pytest

from ops.images.dockerfile import BuildContext

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    (tmp_path / ".dockerignore").write_text("# all but\n*\n!side\n!list/one.txt\n**/cache\nside/tool.py\nside/*.tmp\n")
    for name in ("side/a.py", "side/deep/b.py", "side/deep/cache/c.pyc", "side/tool.py", "side/x.tmp", "list/one.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "list" / "two.txt").touch()
    return BuildContext(tmp_path)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("side/a.py", True),
        ("side/deep/b.py", True),
        ("side/deep/cache/c.pyc", False),
        ("side/tool.py", False),
        ("side/x.tmp", False),
        ("side/deep/x.tmp", True),
        ("list/one.txt", True),
        ("list/two.txt", False),
        (".env", False),
    ],
)
def test_the_last_rule_that_matches_a_path_or_its_folder_decides(
    context: BuildContext, path: str, allowed: bool
) -> None:
    assert context.allows(PurePosixPath(path)) is allowed


def test_a_folders_contents_are_copied_without_what_is_ignored(context: BuildContext, tmp_path: Path) -> None:
    context.copy("side", tmp_path / "made")

    made = {str(path.relative_to(tmp_path / "made")) for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert made == {"a.py", "deep/b.py"}


@pytest.mark.parametrize("source", ["nowhere", "list/two.txt"])
def test_a_source_that_is_missing_or_ignored_is_told(context: BuildContext, tmp_path: Path, source: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"COPY {source}"):
        context.copy(source, tmp_path / "made")


@pytest.mark.parametrize(
    "path", [".env", ".git/config", ".alloresto/up/credentials.json", "tests/conftest.py", "devstack/demo/demo.py"]
)
def test_nothing_secret_and_nothing_of_a_laptop_can_get_into_an_image(path: str) -> None:
    assert not BuildContext(ROOT).allows(PurePosixPath(path))
