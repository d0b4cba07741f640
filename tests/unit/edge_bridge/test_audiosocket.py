import audioop
import math
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_bridge.entrances.audiosocket import framing
from edge_bridge.entrances.audiosocket.framing import Frame, FrameError, FrameReader, read_key, read_uuid
from edge_bridge.entrances.audiosocket.resampling import Downsampler, Upsampler

pytestmark = pytest.mark.unit

LINE = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")


def sine(rate: int, hertz: int, ms: int = 500) -> bytes:
    samples = (int(12_000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(rate * ms // 1000))
    return b"".join(struct.pack("<h", sample) for sample in samples)


def test_a_frame_is_its_kind_its_length_and_its_payload() -> None:
    assert Frame(framing.UUID, LINE.bytes).encode() == b"\x01\x00\x10" + LINE.bytes
    assert Frame(framing.HANG_UP).encode() == b"\x00\x00\x00"


def test_a_payload_that_16_bits_can_not_measure_is_not_sent() -> None:
    assert len(Frame(framing.SLIN, bytes(65_535)).encode()) == 65_538
    with pytest.raises(FrameError):
        Frame(framing.SLIN, bytes(65_536)).encode()


def test_the_first_frame_names_the_line() -> None:
    assert read_uuid(Frame(framing.UUID, LINE.bytes)) == str(LINE)


@pytest.mark.parametrize("frame", [Frame(framing.SLIN, LINE.bytes), Frame(framing.UUID, LINE.bytes[:15])])
def test_what_is_no_uuid_names_none(frame: Frame) -> None:
    with pytest.raises(FrameError):
        read_uuid(frame)


def test_keys_are_single_dtmf_digits() -> None:
    assert [read_key(Frame(framing.DTMF, bytes([byte]))) for byte in b"09*#ad"] == ["0", "9", "*", "#", "A", "D"]
    for payload in (b"", b"12", b"E", b"\xff"):
        with pytest.raises(FrameError):
            read_key(Frame(framing.DTMF, payload))


frames = st.lists(st.builds(Frame, st.integers(0, 255), st.binary(max_size=700)), max_size=8)


@given(frames, st.lists(st.integers(1, 400), max_size=20))
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(frame.encode() for frame in sent)
    reader, read = FrameReader(), []
    for cut in cuts:
        read += reader.feed(stream[:cut])
        stream = stream[cut:]
    read += reader.feed(stream)
    assert read == sent


@given(st.lists(st.binary(max_size=2000), max_size=10))
def test_no_bytes_make_the_reader_fail_or_keep_more_than_one_frame(chunks: list[bytes]) -> None:
    reader = FrameReader()
    taken = sum(3 + len(frame.payload) for chunk in chunks for frame in reader.feed(chunk))
    assert 0 <= sum(map(len, chunks)) - taken < 3 + framing.MAX_PAYLOAD_BYTES


@pytest.mark.parametrize("rate", framing.RATES.values())
def test_a_voice_of_any_rate_is_the_same_voice_at_8_khz(rate: int) -> None:
    down = Downsampler(rate)
    pcm = sine(rate, 600)
    piece = rate // 50 * 2
    ulaw = b"".join(down.ulaw(pcm[at : at + piece]) for at in range(0, len(pcm), piece))
    expected = sine(8000, 600)
    assert len(ulaw) == pytest.approx(4000, abs=4)
    assert audioop.rms(audioop.ulaw2lin(ulaw, 2), 2) == pytest.approx(audioop.rms(expected, 2), rel=0.06)
    # A period of 600 Hz crosses zero twice: the pitch is kept.
    assert audioop.cross(audioop.ulaw2lin(ulaw, 2), 2) == pytest.approx(600, abs=6)


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000, 96_000, 192_000])
def test_what_would_fold_back_as_a_hiss_is_softened(rate: int) -> None:
    pcm = sine(rate, 7000)
    ulaw = Downsampler(rate).ulaw(pcm)
    assert audioop.rms(audioop.ulaw2lin(ulaw, 2), 2) < audioop.rms(pcm, 2) / 2


@pytest.mark.parametrize("rate", framing.RATES.values())
def test_20_ms_for_the_caller_are_20_ms_at_every_rate(rate: int) -> None:
    up = Upsampler(rate)
    ulaw = audioop.lin2ulaw(sine(8000, 600), 2)
    sizes = [len(up.pcm(ulaw[at : at + 160])) // 2 for at in range(0, 4000, 160)]
    assert sum(sizes) == pytest.approx(rate / 2, abs=rate / 4000)
    assert max(sizes) - min(sizes) <= rate // 4000 + 1


@given(st.sampled_from(sorted(framing.RATES.values())), st.lists(st.binary(max_size=999), max_size=8))
def test_audio_of_odd_sizes_is_never_lost_and_never_fails(rate: int, pieces: list[bytes]) -> None:
    down = Downsampler(rate)
    samples = sum(len(down.ulaw(piece)) for piece in pieces)
    assert samples == pytest.approx(sum(map(len, pieces)) / 2 * 8000 / rate, abs=3)
