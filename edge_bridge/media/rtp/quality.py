"""How a call sounded, as a figure: the E-model of ITU-T G.107, as far as G.711 over RTP needs it.

R = 93.2 - Id - Ie,eff: 93.2 is what G.107's default values leave of R. Both directions are rated, each by its loss,
its jitter and the round trip. It is an estimate: echo, noise and level are not measured.
"""

from domain.traces import AudioFigures
from edge_bridge.media.audio import FRAME_S
from edge_bridge.media.rtp.jitter import LEAST_WAIT_S, MOST_WAIT_S
from edge_bridge.media.rtp.stream import RtpStream

BEST_R = 93.2
ROBUSTNESS = 25.1  # Bpl of G.711 with packet loss concealment; Ie is 0 (G.113, Appendix I)
MOST_IMPAIRED = 95.0
AUDIBLE_DELAY_MS = 177.3  # from here on, delay disturbs the conversation itself
LEAST_PACKETS = 50  # one second of audio: of less nothing can be said


def mos(loss: float, one_way_ms: float) -> float:
    """The mean opinion score, 1 to 4.4, of G.711 with this ``loss`` (0 to 1) and this mouth-to-ear delay.

    Id is the approximation of Cole and Rosenbluth (Voice over IP performance monitoring, 2001), Ie,eff is G.107's for
    random loss (7-29, BurstR = 1), the score G.107's Annex B.
    """
    delay = 0.024 * one_way_ms + 0.11 * max(one_way_ms - AUDIBLE_DELAY_MS, 0.0)
    percent = 100 * min(max(loss, 0.0), 1.0)
    impairment = MOST_IMPAIRED * percent / (percent + ROBUSTNESS)
    r = min(max(BEST_R - delay - impairment, 0.0), 100.0)
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def one_way_ms(round_trip_ms: float | None, jitter_ms: float) -> float:
    """Half the round trip, a packet's own time, and what a receiver waits to even out jitter: twice that, in bounds."""
    wait_ms = min(max(2 * jitter_ms, LEAST_WAIT_S * 1000), MOST_WAIT_S * 1000)
    return (round_trip_ms or 0.0) / 2 + FRAME_S * 1000 + wait_ms


def figures_of(stream: RtpStream) -> AudioFigures:
    """What is known of a stream at its end."""
    known = stream.figures
    round_trip_ms = None if known.rtt_s is None else round(known.rtt_s * 1000, 1)
    expected = known.packets_in + stream.lost
    heard_loss = (stream.lost + stream.late) / expected if expected else 0.0
    far = known.far_reported and known.packets_out >= LEAST_PACKETS
    far_jitter_ms = known.far_jitter_s * 1000
    sent_loss = known.far_lost / known.packets_out if known.packets_out else 0.0
    sent_mos = mos(sent_loss, one_way_ms(round_trip_ms, far_jitter_ms))
    heard_mos = mos(heard_loss, one_way_ms(round_trip_ms, stream.jitter_ms))
    return AudioFigures(
        heard_packets=known.packets_in,
        heard_lost=stream.lost,
        heard_late=stream.late,
        heard_jitter_ms=round(stream.jitter_ms, 1),
        sent_packets=known.packets_out,
        sent_lost=known.far_lost if known.far_reported else None,
        sent_jitter_ms=round(far_jitter_ms, 1) if known.far_reported else None,
        round_trip_ms=round_trip_ms,
        heard_mos=round(heard_mos, 2) if known.packets_in >= LEAST_PACKETS else None,
        sent_mos=round(sent_mos, 2) if far else None,
    )
