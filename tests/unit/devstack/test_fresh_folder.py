from pathlib import Path

import pytest

from devstack.demo.demo import FOLDER_LOCK, FolderError, fresh_folder

pytestmark = pytest.mark.unit


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(FolderError, match="no demo made"), fresh_folder(tmp_path):
        pass

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_what_an_earlier_demo_left_is_gone(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "demo"):
        (tmp_path / "demo" / "postgres").mkdir()
        (tmp_path / "demo" / "call.wav").touch()

    with fresh_folder(tmp_path / "demo"):
        assert [entry.name for entry in (tmp_path / "demo").iterdir()] == [FOLDER_LOCK]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with fresh_folder(tmp_path), pytest.raises(FolderError, match="runs there now"), fresh_folder(tmp_path):
        pass
