from pathlib import Path, PurePosixPath

import pytest

from ops.images.imports import closure, modules_of

pytestmark = pytest.mark.unit


def modules(root: Path, **sources: str) -> dict[str, Path]:
    files = []
    for name, source in sources.items():
        file = PurePosixPath(name.replace("__", "/").replace("_init", "__init__")).with_suffix(".py")
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(source)
        files.append(file)
    return modules_of(root, files)


def test_a_module_is_named_by_its_path_and_a_package_by_its_folder(tmp_path: Path) -> None:
    assert set(modules(tmp_path, side___init="", side__app="", alone="")) == {"side", "side.app", "alone"}


def test_imports_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    found = closure(
        modules(
            tmp_path,
            side___init="",
            side__app="def late():\n    from store import money\n    import picows\n",
            side__other="import never",
            store___init="import asyncpg",
            store__money="",
            store__unused="import argon2",
        ),
        ["side.app"],
    )

    assert found.ours == {"side", "side.app", "store", "store.money"}
    assert found.others == {"picows", "asyncpg"}


def test_a_package_stands_for_all_that_is_in_it(tmp_path: Path) -> None:
    assert closure(modules(tmp_path, side___init="", side__a="", side__b=""), ["side"]).ours == {
        "side",
        "side.a",
        "side.b",
    }


def test_a_module_named_in_a_string_counts_as_imported(tmp_path: Path) -> None:
    sources = modules(tmp_path, side="STAGES = ('store.orders', 'store.nothing')", store__orders="import asyncpg")

    assert closure(sources, ["side"]).others == {"asyncpg"}


def test_what_only_a_type_checker_reads_does_not_count(tmp_path: Path) -> None:
    sources = modules(tmp_path, side="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import redis\n")

    assert closure(sources, ["side"]).others == {"typing"}
