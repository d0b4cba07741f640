"""The gate at work: between the public socket, the workers on loopback, and the supervisor.

From outside: source, then message, then dialog or line; each request is forwarded, answered here, or dropped. What the
workers send is ``inside``'s, what a dead one leaves behind ``orphans``'; its death is told by the supervisor.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from edge_bridge.entrances.sip.gate import admission, bodies, grammar, ipc, proxying
from edge_bridge.entrances.sip.gate.admission import REASONS, Answer
from edge_bridge.entrances.sip.gate.dialogs import OWN_BRANCH, TRYING, Address, Dialog, asked
from edge_bridge.entrances.sip.gate.front import Front
from edge_bridge.entrances.sip.gate.inside import Inside
from edge_bridge.entrances.sip.gate.message import BadMessage, Message, outline, parse, uri_of
from edge_bridge.entrances.sip.gate.orphans import Orphans
from edge_bridge.entrances.sip.gate.past import Held
from edge_bridge.entrances.sip.gate.sources import Kind
from edge_bridge.entrances.sip.gate.state import GateState
from edge_bridge.entrances.sip.numbers import AddressBook, LineKeys
from edge_bridge.entrances.sip.signals import read_invite
from edge_bridge.media.rtp import families
from edge_bridge.settings import EdgeSettings
from process import logs

log = logs.get(__name__)

KEEP_ALIVE_BYTES = 4
HELD_S = 5.0  # how long a new call waits for the next worker
SWEEP_EVERY_S = 1.0


class Gate:
    """``tell`` hands a message to the supervisor and must not wait."""

    def __init__(
        self,
        config: EdgeSettings,
        public: socket.socket,
        inner: socket.socket,
        front: Front,
        tell: Callable[[ipc.FromGate], None],
    ) -> None:
        self._state = GateState(config, public, inner, front, tell, self._freed)
        self._orphans, self._inside = Orphans(self._state), Inside(self._state)
        self._front = front
        self._most_callers = config.max_calls + config.most_told  # a second leg is nobody's who calls
        self._book = AddressBook((), config.peers(), {})
        self._lines_read = self._draining = False
        self._parts: dict[int, ipc.Lines] = {}
        self._held: dict[tuple[str, str], Held] = {}

    @property
    def is_hanging_up(self) -> bool:
        return bool(self._state.farewells)

    # --- From outside ----------------------------------------------------------------------------------------

    def _from_outside(self, data: bytes, neighbour: Address) -> None:
        self._state.figures.received += 1
        now = time.monotonic()
        sender = self._front.sender(data, neighbour)
        if sender is None:
            self._state.figures.dropped["not_the_front"] += 1
            return
        source, vouched = sender
        kind = vouched or self._state.sources.kind(source[0], now)
        if kind == "stranger":
            self._stranger(data, source, now)
            return
        if len(data) <= KEEP_ALIVE_BYTES or not data.strip(b"\r\n\0 "):
            return
        try:
            message = parse(data)
        except BadMessage as bad:
            log.debug("a malformed SIP message was not taken", why=bad.args[0])
            self._malformed(data, source, kind, now)
            return
        if len(message.body) <= self._state.config.sip_max_body:
            bodies.unwrap(message)
            message.body = families.hidden(message.body)
            if message.method in admission.OFFERING:
                bodies.narrow(message)
        self._state.ladders.came(message)
        if message.status:
            self._answered_from_outside(message, source, now)
        elif kind in ("peer", "trunk") or (kind == "dialog" and message.to_tag):
            self._requested(message, source, kind, now)
        else:
            self._stranger(data, source, now)

    def _malformed(self, data: bytes, source: Address, kind: Kind, now: float) -> None:
        """A trunk that learns of it calls another node, or none; it would repeat itself for 32 s otherwise."""
        request = outline(data) if kind in ("peer", "trunk") else None
        if request is not None and self._state.sources.may_ask(source[0], now, in_dialog=bool(request.to_tag)):
            self._state.figures.refused["malformed"] += 1
            self._state.wires.answer(proxying.reply(request, source, 400, REASONS[400]), source)
        else:
            self._state.figures.dropped["malformed"] += 1

    def _stranger(self, data: bytes, source: Address, now: float) -> None:
        """At most one short answer now and then, never longer than what was asked."""
        gets = self._state.sources.stranger(source[0], now)
        if gets == "answer":
            try:
                message = parse(data)
            except BadMessage:
                message = None
            # Before the lines are read a trunk is a stranger, too: it asks again.
            trunk_perhaps = not self._lines_read and message is not None and message.method == "INVITE"
            if message is not None and message.method not in ("", "ACK") and not trunk_perhaps:
                answer = proxying.reply(message, source, 403, REASONS[403])
                if len(answer) <= len(data):
                    self._state.figures.refused["stranger"] += 1
                    self._state.wires.answer(answer, source)
                    return
        self._state.figures.dropped["banned" if gets == "banned" else "stranger"] += 1

    def _requested(self, message: Message, source: Address, kind: Kind, now: float) -> None:
        if not self._state.sources.may_ask(source[0], now, in_dialog=bool(message.to_tag)):
            # Not even an answer for most: what is over the limit is a loop, or an attack in this source's name.
            self._state.figures.dropped["rate"] += 1
            return
        loop = Answer(482, "loop") if proxying.is_loop(message, self._state.public) else None
        unfit = loop or admission.unfit_request(message) or self._too_long(message)
        if message.method == "ACK":
            if unfit is None:
                self._acknowledged(message, source)
        elif unfit is not None:
            self._state.answer(message, source, unfit)
        elif message.method == "CANCEL":
            self._cancelled(message, source)
        elif message.to_tag:
            self._within_dialog(message, source, kind)
        elif (answer := admission.outside_dialog(message)) is not None:
            self._state.answer(message, source, answer)
        else:
            self._invited(message, source, kind)

    def _too_long(self, message: Message) -> Answer | None:
        """What is wrong with a message that the worker could not read to its end."""
        if len(message.body) > self._state.config.sip_max_body:
            return Answer(413, "body")
        if proxying.is_too_long(message):
            bodies.shorten(message)
        return Answer(513, "too_long") if proxying.is_too_long(message) else None

    # --- A new call ------------------------------------------------------------------------------------------

    def _invited(self, message: Message, source: Address, kind: Kind) -> None:
        """An INVITE without To tag: the first, or one that is repeated, perhaps long after its answer."""
        known = self._state.dialogs.get(message.call_id, message.from_tag)
        if known is not None:
            self._repeated(message, source, kind, known)
            return
        if self._is_past(message, source):
            return
        verdict: str | Answer | None = admission.unfit_body(message, self._state.config.sip_max_body)
        node = self._node(message)
        if verdict is None:
            verdict = admission.new_call(message, source[0], node)
        if isinstance(verdict, str) and self._state.dialogs.full:
            verdict = node.later(503, "dialogs")
        if isinstance(verdict, Answer):
            if verdict.why != "full":
                self._state.answer(message, source, verdict)
            elif not self._state.config.sip_full_wait_s or not self._keep_held(message, source, kind, full=True):
                self._turn_away(message, source, kind)
        elif (worker := self._state.freest()) is None:
            if not self._keep_held(message, source, kind):
                self._state.answer(message, source, self._node().later(503, "no_worker"))
        else:
            self._state.ladders.began(message)
            self._state.keep(asked(message, source, worker.number))
            self._state.forward(message, source, kind, worker.number, first=True)

    def _is_past(self, message: Message, source: Address) -> bool:
        """Whether it repeats what is over: then it gets the same answer, or none."""
        answer = self._state.past.answer(message)
        if answer:
            self._state.wires.answer(answer, source)
        elif answer is not None:
            self._state.figures.dropped["repeated"] += 1
        return answer is not None

    def _node(self, message: Message | None = None) -> admission.Node:
        """As a new call sees it, which may be held already."""
        busy = sum(not one.dialled and one.worker in self._state.workers for one in self._state.dialogs)
        held = self._held.keys() - ({(message.call_id, message.from_tag)} if message is not None else set())
        return admission.Node(
            book=self._book,
            lines_read=self._lines_read,
            draining=self._draining,
            # Of the whole node: where all workers are full, or there is none, a call waits for the next one.
            free_places=self._most_callers - busy - len(held) if self._state.workers else 1,
            retry_after_s=self._state.config.sip_retry_after_s,
        )

    def _repeated(self, message: Message, source: Address, kind: Kind, dialog: Dialog) -> None:
        if message.sequence == dialog.sequence and message.vias[0].branch == dialog.branch:
            if dialog.acknowledged:
                self._state.figures.dropped["repeated"] += 1
            elif dialog.answer:
                self._state.wires.answer(dialog.answer, source)
            elif dialog.worker in self._state.workers:
                self._state.forward(message, source, kind, dialog.worker, first=True)  # pjsip knows the branch
        else:
            self._state.answer(message, source, Answer(482, "merged"))  # RFC 3261, 8.2.2.2

    def _turn_away(self, message: Message, source: Address, kind: Kind) -> None:
        """No place is free: the caller is told when to come back, and the restaurant of the number."""
        node = self._node(message)
        line = node.book.find(admission.called_users(message), source[0]) if node.lines_read else ""
        if isinstance(line, str) and line:
            text = proxying.invite_text(message, trusted=self._state.trusts(kind))
            caller = read_invite(text, proxying.address_text(source)).caller
            self._state.tell(ipc.TurnedAway(line, caller, time.time()))
        self._state.answer(message, source, node.later(486, "full"))

    def _keep_held(self, message: Message, source: Address, kind: Kind, *, full: bool = False) -> bool:
        """Until the next worker takes calls, or a place is free; the last of a repeated INVITE counts. False when too
        many are held already."""
        key = (message.call_id, message.from_tag)
        if key not in self._held and len(self._held) >= self._most_callers:
            return False
        since = self._held[key].since if key in self._held else time.monotonic()
        self._held[key] = Held(message, source, kind, since, full)
        if full:  # for long: without a word it would be sent again and again, or to another node
            trying = proxying.reply(message, source, 100, REASONS[100])
            self._state.wires.answer(trying, proxying.answer_address(message.vias[0]))
        return True

    # --- Within a dialog -------------------------------------------------------------------------------------

    def _within_dialog(self, message: Message, source: Address, kind: Kind) -> None:
        dialog = self._state.dialogs.get(message.call_id, message.from_tag)
        if dialog is None or dialog.local_tag != message.to_tag:
            if message.method != "BYE" or not self._is_past(message, source):
                self._state.answer(message, source, Answer(481, "no_dialog"))
            return
        if dialog.worker not in self._state.workers:
            self._orphans.answer(message, source, dialog)
            return
        answer = admission.in_dialog(message) or admission.unfit_body(message, self._state.config.sip_max_body)
        if answer is not None:
            self._state.answer(message, source, answer)
        else:
            if message.method == "INFO":
                # pjsip reads dtmf-relay only.
                message.headers = [(name, value) for name, value in message.headers if name != "content-type"]
                message.headers.append(("content-type", admission.DTMF_RELAY))
                message.body = f"Signal={admission.digit_of(message)}\r\nDuration=160\r\n".encode()
            elif message.method == "NOTIFY" and not message.first("subscription-state"):
                message.headers.append(("subscription-state", admission.subscription_state(message)))
            elif message.method == "BYE":
                dialog.moved("ending")
                self._state.keep(dialog)
            elif message.method in ("INVITE", "UPDATE") and (contact := message.values("contact")):
                dialog.target = uri_of(contact[0]) or dialog.target  # RFC 3261, 12.2.2
                self._state.keep(dialog)
            self._state.forward(message, source, kind, dialog.worker)

    def _acknowledged(self, message: Message, source: Address) -> None:
        dialog = self._state.dialogs.get(message.call_id, message.from_tag)
        worker = self._state.past.worker_of(message)
        if dialog is not None and dialog.local_tag == message.to_tag:
            worker = dialog.worker
            if not dialog.acknowledged:
                dialog.acknowledged = True
                self._state.keep(dialog)
        if worker in self._state.workers and admission.unfit_body(message, self._state.config.sip_max_body) is None:
            # "peer": an ACK tells nothing of the caller.
            self._state.forward(message, source, "peer", worker)
            return
        # The rest acknowledges a refusal of the gate's own, or nothing.
        self._state.figures.dropped["ack"] += 1

    def _cancelled(self, message: Message, source: Address) -> None:
        dialog = self._state.dialogs.get(message.call_id, message.from_tag)
        held = self._held.pop((message.call_id, message.from_tag), None)
        if dialog is not None and dialog.worker in self._state.workers:
            self._state.forward(message, source, "peer", dialog.worker)
        elif held is not None:
            self._state.answer(message, source, Answer(200, "cancelled"))
            self._state.answer(held.message, held.source, Answer(487, "cancelled"))
        else:
            self._state.answer(message, source, Answer(481, "no_dialog"))

    # --- Answers to what the workers ask ---------------------------------------------------------------------

    def _answered_from_outside(self, message: Message, source: Address, now: float) -> None:
        """A response to a request of a worker, or to a BYE of the gate's own."""
        if message.vias[0].branch.startswith(OWN_BRANCH):
            if message.status >= 200:
                self._state.farewells.answered(message.call_id)
            return
        if message.sequence_method == "BYE" and message.status >= 200:
            dialog = self._state.dialogs.get(message.call_id, message.to_tag)
            if dialog is not None:
                self._state.over(dialog)
        elif message.sequence_method == "INVITE":
            self._dialled_answers(message, source)
        if grammar.unreadable(message):
            self._state.figures.dropped["malformed"] += 1
            return
        probe = Message(message.headers, message.body, method=message.sequence_method)
        if message.status >= 300 or admission.unfit_body(probe, self._state.config.sip_max_body) is not None:
            message.drop_body()  # without it the worker knows what became of its request
        forwarded = proxying.answer_in(message, source, self._state.public, self._state.numbers)
        if forwarded is None:
            self._state.figures.dropped["response"] += 1
            return
        self._state.sources.asks(source[0], now)
        self._state.wires.to_worker(*forwarded)

    def _dialled_answers(self, message: Message, source: Address) -> None:
        """A response to an INVITE with which a worker begins a dialog."""
        call_id, branch = message.call_id, message.vias[0].branch
        dialog = self._state.dialogs.dialled(call_id, branch)
        if dialog is None or message.status < TRYING:
            return
        if message.status == TRYING:
            if not dialog.source[0]:
                dialog.heard_from(message, source)
                self._state.keep(dialog)
            return
        orphaned = dialog.worker not in self._state.workers
        if message.status >= 300:
            if orphaned:
                self._state.wires.answer(dialog.refusal_ack(message, self._state.public).render(), source)
            self._state.farewells.put_off(call_id)
            self._state.over(dialog)
            return
        if not message.to_tag:
            return
        if dialog.remote_tag == message.to_tag or dialog.state == "asked":
            if dialog.remote_tag != message.to_tag:
                self._state.dialogs.remove(dialog)
                self._state.tell(ipc.Gone(call_id, dialog.remote_tag))
            dialog.heard_from(message, source)
            self._state.keep(dialog)
        # pjsip sends what follows where Record-Route leads, and not where it sent the INVITE.
        message.headers.append(("record-route", proxying.own_route(self._state.wires.inner_port)))
        if orphaned and message.status >= 200:
            self._state.wires.answer(dialog.answer_ack(self._state.public).render(), source)
            self._state.farewells.put_off(call_id)
            self._state.farewells.begin(dialog, self._state.public)

    # --- The supervisor's news -------------------------------------------------------------------------------

    def told(self, message: ipc.ToGate) -> None:
        match message:
            case ipc.WorkerUp():
                self._state.workers[message.number], self._state.numbers[message.port] = message, message.number
                self._invite_held()
            case ipc.WorkerDown():
                gone = self._state.workers.pop(message.number, None)
                if gone is not None and self._state.numbers.get(gone.port) == message.number:
                    del self._state.numbers[gone.port]
                self._orphans.give_up()
            case ipc.Lines():
                self._take_lines(message)
            case ipc.Kept():
                self._state.dialogs.put(message.dialog)
                self._state.ladders.goes_on(message.dialog)
            case ipc.Begin():
                self._orphans.give_up()
                self._state.wires.open(self._from_outside, self._inside.received)

    def _take_lines(self, lines: ipc.Lines) -> None:
        if lines.part == 0:
            self._parts.clear()
        self._parts[lines.part] = lines
        if len(self._parts) < lines.parts:
            return
        known: list[LineKeys] = [line for part in self._parts.values() for line in part.lines]
        trunks = {domain: frozenset(hosts) for part in self._parts.values() for domain, hosts in part.trunks.items()}
        self._book = AddressBook(known, self._state.config.peers(), trunks)
        self._lines_read, self._draining = lines.read, lines.draining
        self._state.sources.use(self._book)

    def hang_up_all(self) -> None:
        """Nobody is left who could."""
        self._orphans.hang_up_all()

    def _freed(self) -> None:
        """A place may be free for a call that is held."""
        if self._held and self._state.freest() is not None:
            asyncio.get_running_loop().call_soon(self._invite_held)

    def _invite_held(self) -> None:
        held, self._held = list(self._held.values()), {}
        for one in held:
            self._invited(one.message, one.source, one.kind)
            key = (one.message.call_id, one.message.from_tag)
            if key in self._held:
                self._held[key] = replace(self._held[key], since=one.since)

    # --- Housekeeping ----------------------------------------------------------------------------------------

    async def keep_tidy(self) -> None:
        """Until cancelled: what is too old goes, and the figures are told."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            now = time.monotonic()
            for key, held in list(self._held.items()):
                if now - held.since <= (self._state.config.sip_full_wait_s if held.full else HELD_S):
                    continue
                del self._held[key]
                if held.full:
                    self._turn_away(held.message, held.source, held.kind)
                else:
                    self._state.answer(held.message, held.source, self._node().later(503, "no_worker"))
            for dialog in self._state.dialogs:
                if dialog.is_over(time.time()):
                    self._state.over(dialog)
            self._state.past.sweep(now)
            self._state.tell(
                ipc.Figures(
                    self._state.figures.render(banned=self._state.sources.banned(now), dialogs=len(self._state.dialogs))
                )
            )
