from pathlib import Path

import pytest

from ops.images.dockerfile import Dockerfile, DockerfileError, read

pytestmark = pytest.mark.unit


def reading(tmp_path: Path, text: str) -> Dockerfile:
    (tmp_path / "Dockerfile").write_text(text)
    return read(tmp_path / "Dockerfile")


def test_lines_are_joined_and_comments_between_them_are_gone(tmp_path: Path) -> None:
    found = reading(tmp_path, "FROM debian AS one\n\nRUN a --b \\\n# why\n  && c 'd e'\n")

    (run,) = found.stages["one"].instructions
    assert (run.line, run.commands) == (3, [["a", "--b"], ["c", "d e"]])


def test_flags_stand_apart_from_what_is_copied_or_run(tmp_path: Path) -> None:
    found = reading(tmp_path, "FROM x AS one\nCOPY --from=two /a /b\nRUN --mount=type=cache,target=/c uv venv\n")

    copy, run = found.stages["one"].instructions
    assert (copy.flags, copy.words) == ({"from": "two"}, ("/a", "/b"))
    assert (run.flags, run.commands) == ({"mount": "type=cache,target=/c"}, [["uv", "venv"]])


def test_a_stage_begins_with_all_that_it_stands_on(tmp_path: Path) -> None:
    found = reading(
        tmp_path,
        'ARG BASE=debian\nFROM ${BASE} AS one\nENV A=1 B=\'2 3\'\nCMD ["old"]\nFROM one AS two\nENTRYPOINT ["new"]\n',
    )

    assert [one.keyword for one in found.instructions("two")] == ["ENV", "CMD", "ENTRYPOINT"]
    assert next(found.instructions("two")).pairs == {"A": "1", "B": "2 3"}
    assert found.entry("two") == (["new"], ["old"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM debian AS a\nADD x y\n", "Dockerfile:2: ADD is not understood"),
        ("FROM debian AS a\nRUN 'open\n", "Dockerfile:2: RUN: No closing quotation"),
        ('FROM debian AS a\nCMD ["open\n', "Dockerfile:2: CMD:"),
        ("FROM debian\n", "Dockerfile:1: every stage needs a name"),
        ("# nothing\n", "no stage"),
    ],
)
def test_what_is_not_understood_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DockerfileError, match=said):
        reading(tmp_path, text)


def test_an_unknown_stage_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DockerfileError, match="no stage 'b'; there is a"):
        list(reading(tmp_path, "FROM debian AS a\n").instructions("b"))
