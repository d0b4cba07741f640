import pytest
from typer.testing import CliRunner

from bench.edge.deaths import WATCHED_S, Told
from bench.edge.phones import DYING_S, TalkingPhone
from bench.edge.words import Experience
from cli import app

pytestmark = pytest.mark.unit

STILL_TALKING = WATCHED_S * 1000
SILENCE, VOICE = b"\xff" * 160, b"\xff" * 80 + b"\x20" * 80


def test_a_caller_counts_who_hears_voice_within_a_second_and_still_does_at_the_end() -> None:
    told = Told()
    told.add(
        [
            Experience(300.0, STILL_TALKING, None),
            Experience(1200.0, STILL_TALKING, None),
            Experience(300.0, 900.0, None),
            Experience(None, None, None),
        ]
    )
    assert (told.others, told.heard, told.share) == (4, 1, 25.0)


def test_callers_who_were_hung_up_are_not_among_the_others() -> None:
    told = Told()
    told.add([Experience(300.0, STILL_TALKING, None), Experience(None, None, 40.0)])
    assert (told.share, told.bye_ms, told.back_ms) == (100.0, [40.0], [300.0])


def test_a_phone_takes_neither_silence_nor_what_was_on_its_way_for_voice() -> None:
    phone = TalkingPhone()
    phone.watch(1000.0)
    phone.heard(VOICE, int((1000.0 + DYING_S / 2) * 1e9))
    phone.heard(SILENCE, int(1000.5e9))
    before = phone.voice_ms()
    phone.heard(VOICE, int(1000.75e9))
    phone.heard(VOICE, int(1001.25e9))
    phone.socket.close()
    assert before == (None, None)
    assert phone.voice_ms() == (750.0, 1250.0)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["edge", "--registrar", "asterisk"], "there is direct, kamailio, both"),
        (["edge", "--faults", "all"], "--faults: all is no number from 1"),
        (["edge", "--calls", "4,x"], "--calls: x is no number from 1"),
        (["gate", "--quick"], "--quick is for edge"),
        (["events", "--calls", "4"], "--calls is for edge and churn and soak and rtp"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_in_words(arguments: list[str], word: str) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert word in done.output
