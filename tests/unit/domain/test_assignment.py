from collections import Counter

import pytest

from domain.assignment import AssignedLine, Move, Node, Plan, plan

pytestmark = pytest.mark.unit


def nodes(**states: str) -> list[Node]:
    return [Node(name, 200, state) for name, state in states.items()]  # type: ignore[arg-type]


def lines(count: int, node: str | None = None, first: int = 0) -> list[AssignedLine]:
    return [AssignedLine(f"line-{number:03}", node) for number in range(first, first + count)]


def after(known: list[AssignedLine], made: Plan, *, handed_over: bool = True) -> list[AssignedLine]:
    """The lines once the plan was carried out, and each line registered by its new node."""
    moves = {move.line_id: move for move in made.moves}
    return [
        AssignedLine(line.id, moves[line.id].to, None if handed_over else moves[line.id].leaving, line.in_call)
        if line.id in moves
        else line
        for line in known
    ]


def load(known: list[AssignedLine]) -> Counter[str | None]:
    return Counter(line.node for line in known)


def test_twelve_lines_on_two_nodes_are_six_and_six() -> None:
    known = lines(12)
    assert load(after(known, plan(nodes(a="healthy", b="healthy"), known))) == {"a": 6, "b": 6}


def test_lines_go_by_room_and_never_beyond_it() -> None:
    small, large = Node("small", 2, "healthy"), Node("large", 8, "healthy")
    known = lines(10)
    made = plan([small, large], known)
    assert load(after(known, made)) == {"small": 2, "large": 8}
    assert plan([small, large], lines(11)).stranded == ("line-010",)


def test_the_lines_of_a_lost_node_all_move_at_once_and_stay_with_nobody_meanwhile() -> None:
    known = lines(200, "lost")
    made = plan(nodes(lost="down", a="healthy", b="healthy"), known)
    assert load(after(known, made)) == {"a": 100, "b": 100}
    assert {move.leaving for move in made.moves} == {None}


def test_lines_that_nobody_has_room_for_are_named() -> None:
    assert plan([], lines(1)) == Plan((), ("line-000",))
    assert plan(nodes(a="down"), lines(1, "a")) == Plan((), ("line-000",))


def test_a_draining_node_gives_its_lines_away_in_portions_and_keeps_each_until_the_next_has_it() -> None:
    of_nodes, known, rounds = nodes(old="draining", new="healthy"), lines(50, "old"), 0
    while load(known)["old"]:
        made = plan(of_nodes, known)
        assert 0 < len(made.moves) <= 20
        assert {move.leaving for move in made.moves} == {"old"}
        waiting = after(known, made, handed_over=False)
        if len(made.moves) == 20:
            assert plan(of_nodes, waiting).moves == ()
        known, rounds = after(known, made), rounds + 1
    assert rounds == 3


def test_a_draining_node_that_is_alone_keeps_its_lines() -> None:
    assert plan(nodes(a="draining"), lines(3, "a")) == Plan((), ())


def test_lines_in_a_call_leave_a_draining_node_last() -> None:
    known = [AssignedLine("talks", "old", in_call=True), *lines(20, "old")]
    assert "talks" not in {move.line_id for move in plan(nodes(old="draining", new="healthy"), known).moves}


def test_a_new_node_gets_its_share_a_few_lines_at_a_time_and_then_nothing_moves() -> None:
    of_nodes, known = nodes(a="healthy", b="healthy"), lines(12, "a")
    for _ in range(10):
        made = plan(of_nodes, known)
        assert len(made.moves) <= 4
        known = after(known, made)
    assert load(known) == {"a": 6, "b": 6}
    assert made == Plan((), ())


@pytest.mark.parametrize(("a", "b"), [(7, 6), (110, 95), (0, 0)])
def test_loads_that_are_nearly_even_are_left_alone(a: int, b: int) -> None:
    known = lines(a, "a") + lines(b, "b", first=a)
    assert plan(nodes(a="healthy", b="healthy"), known).moves == ()


def test_a_line_in_a_call_is_not_moved_to_even_out() -> None:
    known = [AssignedLine(f"line-{number}", "a", in_call=True) for number in range(11)] + lines(1, "a", first=900)
    assert [move.line_id for move in plan(nodes(a="healthy", b="healthy"), known).moves] == ["line-900"]


def test_a_line_whose_next_node_dies_in_the_hand_over_stays_where_it_was() -> None:
    known = [AssignedLine("line", "next", leaving="old")]
    made = plan(nodes(old="healthy", next="down", other="healthy"), known)
    assert made.moves == (Move("line", "old"),)


def test_a_line_that_is_leaving_takes_up_its_old_nodes_room() -> None:
    full = [AssignedLine("leaving", "b", leaving="a"), *lines(1)]
    made = plan([Node("a", 1, "healthy"), Node("b", 1, "healthy")], full)
    assert made == Plan((), ("line-000",))


def test_the_same_lines_and_nodes_give_the_same_plan() -> None:
    known = lines(37)
    of_nodes = nodes(a="healthy", b="healthy", c="healthy")
    assert plan(of_nodes, known) == plan(list(reversed(of_nodes)), known)
