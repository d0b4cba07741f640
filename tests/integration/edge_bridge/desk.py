"""Call sessions for entrances that are tested without a bridge: every call is taken."""

from edge_bridge.entrances.sessions import Phone, TwilioLine
from edge_bridge.entrances.sip.signals import Refusal
from edge_bridge.media.audio import CallAudio, Sound

UUID = "40325ec2-5efd-4bd3-805f-53576e581d13"
NUMBER, TOKEN, PUBLIC_URL = "+33100000301", "f" * 32, "https://edge-test.example/twilio"


class Desk:
    """``Sessions`` that take every call and remember what they were told."""

    def __init__(self) -> None:
        self.taken: list[Phone] = []
        self.audios: list[CallAudio] = []
        self.over: list[Phone] = []
        self.keys: list[str] = []
        self.failures: list[str] = []

    def line_of_uuid(self, uuid: str) -> str | None:
        return "line" if uuid == UUID else None

    def line_of_twilio(self, number: str) -> TwilioLine | None:
        return TwilioLine("line", TOKEN) if number == NUMBER else None

    def arrived(self, phone: Phone, line_id: str, caller: str) -> Sound | Refusal:
        self.taken.append(phone)
        audio = CallAudio(phone.cleared)
        audio.play(b"\x01" * 16_000)
        self.audios.append(audio)
        return audio

    def answered(self, phone: Phone) -> None: ...

    def pressed(self, phone: Phone, digit: str) -> None:
        self.keys.append(digit)

    def transfer_answered(self, phone: Phone, status: int, final: bool) -> None: ...

    def ended(self, phone: Phone) -> None:
        self.over.append(phone)
