"""What all of the gate's parts know, the dialogs and the workers first of all, and how they answer and pass on."""

import socket
from collections.abc import Callable

from edge_bridge.entrances.sip.gate import ipc, proxying
from edge_bridge.entrances.sip.gate.admission import REASONS, Answer
from edge_bridge.entrances.sip.gate.dialogs import Address, Dialog, Dialogs
from edge_bridge.entrances.sip.gate.farewells import Farewells
from edge_bridge.entrances.sip.gate.figures import Figures
from edge_bridge.entrances.sip.gate.front import Front
from edge_bridge.entrances.sip.gate.ladder import Ladders
from edge_bridge.entrances.sip.gate.message import Message
from edge_bridge.entrances.sip.gate.past import Past
from edge_bridge.entrances.sip.gate.sources import Kind, Limits, Sources
from edge_bridge.entrances.sip.gate.wires import Wires
from edge_bridge.entrances.sip.numbers import AddressBook
from edge_bridge.settings import EdgeSettings


def limits_of(config: EdgeSettings) -> Limits:
    return Limits(
        requests_per_s=config.sip_requests_per_s,
        in_dialog_per_s=config.sip_in_dialog_per_s,
        stranger_answer_s=config.sip_stranger_answer_s,
        stranger_messages=config.sip_stranger_messages,
        ban_s=config.sip_ban_s,
    )


class GateState:
    """``tell`` hands a message to the supervisor and must not wait; ``freed`` is called when a dialog is over."""

    def __init__(
        self,
        config: EdgeSettings,
        public: socket.socket,
        inner: socket.socket,
        front: Front,
        tell: Callable[[ipc.FromGate], None],
        freed: Callable[[], None],
    ) -> None:
        self.config = config
        self.tell = tell
        self._freed = freed
        self.dialogs = Dialogs()
        self.sources = Sources(AddressBook((), config.peers(), {}), limits_of(config), self.dialogs.knows_host)
        self.figures = Figures()
        self.wires = Wires(public, inner, front, self.figures, self.sources.asks)
        self.public: Address = front.public
        self.past = Past()
        self.ladders = Ladders()
        self.workers: dict[int, ipc.WorkerUp] = {}  # those that live, by number
        self.numbers: dict[int, int] = {}  # of the workers, by port
        self.farewells = Farewells(self.wires.ask, self.over)

    def free_places(self) -> dict[int, int]:
        """By the number of each worker that takes calls."""
        taken = self.dialogs.per_worker()
        return {one.number: one.places - taken[one.number] for one in self.workers.values() if one.places}

    def freest(self) -> ipc.WorkerUp | None:
        """None when all are full, or there is none."""
        free = {number: places for number, places in self.free_places().items() if places > 0}
        return self.workers[max(free, key=free.__getitem__)] if free else None

    def trusts(self, kind: Kind) -> bool:
        return self.config.trusted_identity == "all" or self.config.trusted_identity == f"{kind}s"

    def forward(self, message: Message, source: Address, kind: Kind, worker: int, *, first: bool = False) -> None:
        trusted = self.trusts(kind)
        data = proxying.to_worker(message, source, self.wires.inner_port, trusted=trusted, first=first)
        self.wires.to_worker(data, self.workers[worker].port)

    def answer(self, message: Message, source: Address, answer: Answer) -> None:
        self.figures.refused[answer.why] += 1
        self.ladders.answered(message, answer.status)
        reply = proxying.reply(message, source, answer.status, REASONS[answer.status], answer.headers)
        if message.method == "INVITE" and not message.to_tag:
            self.past.refused(message, reply)
        self.wires.answer(reply, proxying.answer_address(message.vias[0]))

    def keep(self, dialog: Dialog) -> None:
        self.dialogs.put(dialog)
        self.tell(ipc.Kept(dialog))

    def over(self, dialog: Dialog, bye_sequence: int = 0, bye_answer: bytes = b"") -> None:
        self.dialogs.remove(dialog)
        if dialog.state != "asked":
            self.past.ended(dialog, bye_sequence, bye_answer)
        self.tell(ipc.Gone(dialog.call_id, dialog.remote_tag))
        if (traced := self.ladders.over(dialog)) is not None:
            self.tell(ipc.Traced(dialog.call_id, *traced))
        self._freed()
