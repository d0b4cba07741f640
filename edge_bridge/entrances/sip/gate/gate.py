"""The gate at work: between the public socket, the workers on loopback, and the supervisor.

From outside: source, then message, then dialog or line; each request is forwarded, answered here, or dropped. From the
workers: their requests and responses leave under the public address. A worker's death is told by the supervisor.
"""

import asyncio
import socket
import time
from collections.abc import Callable

from edge_bridge.entrances.sip.gate import admission, bodies, grammar, ipc, proxying
from edge_bridge.entrances.sip.gate.admission import REASONS, Answer
from edge_bridge.entrances.sip.gate.dialogs import OWN_BRANCH, Address, Dialog, Dialogs, asked, dialled
from edge_bridge.entrances.sip.gate.farewells import Farewells
from edge_bridge.entrances.sip.gate.figures import Figures
from edge_bridge.entrances.sip.gate.front import Front
from edge_bridge.entrances.sip.gate.ladder import Ladders
from edge_bridge.entrances.sip.gate.message import BadMessage, Message, outline, parse, uri_of
from edge_bridge.entrances.sip.gate.past import Held, Past
from edge_bridge.entrances.sip.gate.sources import Kind, Limits, Sources
from edge_bridge.entrances.sip.gate.wires import Wires
from edge_bridge.entrances.sip.numbers import AddressBook, LineKeys
from edge_bridge.entrances.sip.signals import read_invite
from edge_bridge.media.rtp import families
from edge_bridge.settings import EdgeSettings
from process import logs

log = logs.get(__name__)

KEEP_ALIVE_BYTES = 4
HELD_S = 5.0  # how long a new call waits for the next worker
SWEEP_EVERY_S = 1.0


def limits_of(config: EdgeSettings) -> Limits:
    return Limits(
        requests_per_s=config.sip_requests_per_s,
        in_dialog_per_s=config.sip_in_dialog_per_s,
        stranger_answer_s=config.sip_stranger_answer_s,
        stranger_messages=config.sip_stranger_messages,
        ban_s=config.sip_ban_s,
    )


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
        self._config = config
        self._most_callers = config.max_calls + config.busy_places  # a second leg is nobody's who calls
        self._tell = tell
        self._book = AddressBook((), config.peers(), {})
        self._lines_read = self._draining = False
        self._parts: dict[int, ipc.Lines] = {}
        self._dialogs = Dialogs()
        self._sources = Sources(self._book, limits_of(config), self._dialogs.knows_host)
        self.figures = Figures()
        self._front = front
        self._wires = Wires(public, inner, front, self.figures, self._sources.asks)
        self._public: Address = front.public
        self._past = Past()
        self._ladders = Ladders()
        self._held: dict[tuple[str, str], Held] = {}
        self._workers: dict[int, ipc.WorkerUp] = {}  # those that live, by number
        self._numbers: dict[int, int] = {}  # of the workers, by port
        self._farewells = Farewells(self._wires.ask, self._over)

    @property
    def is_hanging_up(self) -> bool:
        return bool(self._farewells)

    # --- From outside ----------------------------------------------------------------------------------------

    def _from_outside(self, data: bytes, neighbour: Address) -> None:
        self.figures.received += 1
        now = time.monotonic()
        sender = self._front.sender(data, neighbour)
        if sender is None:
            self.figures.dropped["not_the_front"] += 1
            return
        source, vouched = sender
        kind = vouched or self._sources.kind(source[0], now)
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
        if len(message.body) <= self._config.sip_max_body:
            bodies.unwrap(message)
            if message.method != "ACK":  # what that answers is an offer over IPv4
                message.body = families.hidden(message.body)
            if message.method in admission.OFFERING:
                bodies.narrow(message)
        self._ladders.came(message)
        if message.status:
            self._answered_from_outside(message, source, now)
        elif kind in ("peer", "trunk") or (kind == "dialog" and message.to_tag):
            self._requested(message, source, kind, now)
        else:
            self._stranger(data, source, now)

    def _malformed(self, data: bytes, source: Address, kind: Kind, now: float) -> None:
        """A trunk that learns of it calls another node, or none; it would repeat itself for 32 s otherwise."""
        request = outline(data) if kind in ("peer", "trunk") else None
        if request is not None and self._sources.may_ask(source[0], now, in_dialog=bool(request.to_tag)):
            self.figures.refused["malformed"] += 1
            self._wires.answer(proxying.reply(request, source, 400, REASONS[400]), source)
        else:
            self.figures.dropped["malformed"] += 1

    def _stranger(self, data: bytes, source: Address, now: float) -> None:
        """At most one short answer now and then, never longer than what was asked."""
        gets = self._sources.stranger(source[0], now)
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
                    self.figures.refused["stranger"] += 1
                    self._wires.answer(answer, source)
                    return
        self.figures.dropped["banned" if gets == "banned" else "stranger"] += 1

    def _requested(self, message: Message, source: Address, kind: Kind, now: float) -> None:
        if not self._sources.may_ask(source[0], now, in_dialog=bool(message.to_tag)):
            # Not even an answer for most: what is over the limit is a loop, or an attack in this source's name.
            self.figures.dropped["rate"] += 1
            return
        loop = Answer(482, "loop") if proxying.is_loop(message, self._public) else None
        unfit = loop or admission.unfit_request(message) or self._too_long(message)
        if message.method == "ACK":
            if unfit is None:
                self._acknowledged(message, source)
        elif unfit is not None:
            self._answer(message, source, unfit)
        elif message.method == "CANCEL":
            self._cancelled(message, source)
        elif message.to_tag:
            self._within_dialog(message, source, kind)
        elif (answer := admission.outside_dialog(message)) is not None:
            self._answer(message, source, answer)
        else:
            self._invited(message, source, kind)

    def _too_long(self, message: Message) -> Answer | None:
        """What is wrong with a message that the worker could not read to its end."""
        if len(message.body) > self._config.sip_max_body:
            return Answer(413, "body")
        if proxying.is_too_long(message):
            bodies.shorten(message)
        return Answer(513, "too_long") if proxying.is_too_long(message) else None

    # --- A new call ------------------------------------------------------------------------------------------

    def _invited(self, message: Message, source: Address, kind: Kind) -> None:
        """An INVITE without To tag: the first, or one that is repeated, perhaps long after its answer."""
        known = self._dialogs.get(message.call_id, message.from_tag)
        if known is not None:
            self._repeated(message, source, kind, known)
            return
        if self._is_past(message, source):
            return
        verdict: str | Answer | None = admission.unfit_body(message, self._config.sip_max_body)
        node = self._node(message)
        if verdict is None:
            verdict = admission.new_call(message, source[0], node)
        if isinstance(verdict, str) and self._dialogs.full:
            verdict = node.later(503, "dialogs")
        if isinstance(verdict, Answer):
            if verdict.why == "full":
                self._tell_turned_away(message, source, node, kind)
            self._answer(message, source, verdict)
        elif (worker := self._freest()) is None:
            self._hold(message, source, kind)
        else:
            self._ladders.began(message)
            self._keep(asked(message, source, worker.number))
            self._forward(message, source, kind, worker.number, first=True)

    def _is_past(self, message: Message, source: Address) -> bool:
        """Whether it repeats what is over: then it gets the same answer, or none."""
        answer = self._past.answer(message)
        if answer:
            self._wires.answer(answer, source)
        elif answer is not None:
            self.figures.dropped["repeated"] += 1
        return answer is not None

    def _node(self, message: Message | None = None) -> admission.Node:
        """As a new call sees it, which may be held already."""
        busy = sum(not one.dialled and one.worker in self._workers for one in self._dialogs)
        held = self._held.keys() - ({(message.call_id, message.from_tag)} if message is not None else set())
        return admission.Node(
            book=self._book,
            lines_read=self._lines_read,
            draining=self._draining,
            # Of the whole node: where all workers are full, or there is none, a call waits for the next one.
            free_places=self._most_callers - busy - len(held) if self._workers else 1,
            retry_after_s=self._config.sip_retry_after_s,
        )

    def _free_places(self) -> dict[int, int]:
        """By the number of each worker that takes calls."""
        taken = self._dialogs.per_worker()
        return {one.number: one.places - taken[one.number] for one in self._workers.values() if one.places}

    def _freest(self) -> ipc.WorkerUp | None:
        """None when all are full, or there is none."""
        free = {number: places for number, places in self._free_places().items() if places > 0}
        return self._workers[max(free, key=free.__getitem__)] if free else None

    def _repeated(self, message: Message, source: Address, kind: Kind, dialog: Dialog) -> None:
        if message.sequence == dialog.sequence and message.vias[0].branch == dialog.branch:
            if dialog.acknowledged:
                self.figures.dropped["repeated"] += 1
            elif dialog.answer:
                self._wires.answer(dialog.answer, source)
            elif dialog.worker in self._workers:
                self._forward(message, source, kind, dialog.worker, first=True)  # pjsip knows the branch
        else:
            self._answer(message, source, Answer(482, "merged"))  # RFC 3261, 8.2.2.2

    def _tell_turned_away(self, message: Message, source: Address, node: admission.Node, kind: Kind) -> None:
        line = node.book.find(admission.called_users(message), source[0]) if node.lines_read else ""
        if isinstance(line, str) and line:
            text = proxying.invite_text(message, trusted=self._trusts(kind))
            caller = read_invite(text, proxying.address_text(source)).caller
            self._tell(ipc.TurnedAway(line, caller, time.time()))

    def _trusts(self, kind: Kind) -> bool:
        return self._config.trusted_identity == "all" or self._config.trusted_identity == f"{kind}s"

    def _hold(self, message: Message, source: Address, kind: Kind) -> None:
        """Until the next worker takes calls, or one has a place again; the last of a repeated INVITE counts."""
        key = (message.call_id, message.from_tag)
        since = self._held[key].since if key in self._held else time.monotonic()
        if key in self._held or len(self._held) < self._most_callers:
            self._held[key] = Held(message, source, kind, since)
        else:
            self._answer(message, source, self._node().later(503, "no_worker"))

    # --- Within a dialog -------------------------------------------------------------------------------------

    def _within_dialog(self, message: Message, source: Address, kind: Kind) -> None:
        dialog = self._dialogs.get(message.call_id, message.from_tag)
        if dialog is None or dialog.local_tag != message.to_tag:
            if message.method != "BYE" or not self._is_past(message, source):
                self._answer(message, source, Answer(481, "no_dialog"))
            return
        if dialog.worker not in self._workers:
            self._answer_for_the_dead(message, source, dialog)
            return
        answer = admission.in_dialog(message) or admission.unfit_body(message, self._config.sip_max_body)
        if answer is not None:
            self._answer(message, source, answer)
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
                self._keep(dialog)
            elif message.method in ("INVITE", "UPDATE") and (contact := message.values("contact")):
                dialog.target = uri_of(contact[0]) or dialog.target  # RFC 3261, 12.2.2
                self._keep(dialog)
            self._forward(message, source, kind, dialog.worker)

    def _answer_for_the_dead(self, message: Message, source: Address, dialog: Dialog) -> None:
        """The dialog's worker is dead and its caller is being hung up."""
        if message.method == "BYE":
            self._farewells.answered(dialog.call_id)
            self._over(dialog)
            self._answer(message, source, Answer(200, "orphan"))
        elif message.method in ("INVITE", "UPDATE") and dialog.sdp:
            headers = (("contact", dialog.contact), ("content-type", admission.SDP))
            self.figures.refused["orphan"] += 1
            self._ladders.answered(message, 200)
            reply = proxying.reply(message, source, 200, REASONS[200], headers, dialog.sdp if message.body else b"")
            self._wires.answer(reply, source)
        else:
            known = message.method in ("INFO", "OPTIONS", "UPDATE", "NOTIFY")
            self._answer(message, source, Answer(200 if known else 481, "orphan"))

    def _acknowledged(self, message: Message, source: Address) -> None:
        dialog = self._dialogs.get(message.call_id, message.from_tag)
        worker = self._past.worker_of(message)
        if dialog is not None and dialog.local_tag == message.to_tag:
            worker = dialog.worker
            if not dialog.acknowledged:
                dialog.acknowledged = True
                self._keep(dialog)
        if worker in self._workers and admission.unfit_body(message, self._config.sip_max_body) is None:
            # "peer": an ACK tells nothing of the caller.
            self._forward(message, source, "peer", worker)
            return
        # The rest acknowledges a refusal of the gate's own, or nothing.
        self.figures.dropped["ack"] += 1

    def _cancelled(self, message: Message, source: Address) -> None:
        dialog = self._dialogs.get(message.call_id, message.from_tag)
        held = self._held.pop((message.call_id, message.from_tag), None)
        if dialog is not None and dialog.worker in self._workers:
            self._forward(message, source, "peer", dialog.worker)
        elif held is not None:
            self._answer(message, source, Answer(200, "cancelled"))
            self._answer(held.message, held.source, Answer(487, "cancelled"))
        else:
            self._answer(message, source, Answer(481, "no_dialog"))

    # --- What is sent on, and answered -----------------------------------------------------------------------

    def _forward(self, message: Message, source: Address, kind: Kind, worker: int, *, first: bool = False) -> None:
        trusted = self._trusts(kind)
        data = proxying.to_worker(message, source, self._wires.inner_port, trusted=trusted, first=first)
        self._wires.to_worker(data, self._workers[worker].port)

    def _answer(self, message: Message, source: Address, answer: Answer) -> None:
        self.figures.refused[answer.why] += 1
        self._ladders.answered(message, answer.status)
        reply = proxying.reply(message, source, answer.status, REASONS[answer.status], answer.headers)
        if message.method == "INVITE" and not message.to_tag:
            self._past.refused(message, reply)
        self._wires.answer(reply, proxying.answer_address(message.vias[0]))

    def _answered_from_outside(self, message: Message, source: Address, now: float) -> None:
        """A response to a request of a worker, or to a BYE of the gate's own."""
        if message.vias[0].branch.startswith(OWN_BRANCH):
            if message.status >= 200:
                self._farewells.answered(message.call_id)
            return
        if message.sequence_method == "BYE" and message.status >= 200:
            dialog = self._dialogs.get(message.call_id, message.to_tag)
            if dialog is not None:
                self._over(dialog)
        elif message.sequence_method == "INVITE":
            self._dialled_answers(message, source)
        if grammar.unreadable(message):
            self.figures.dropped["malformed"] += 1
            return
        probe = Message(message.headers, message.body, method=message.sequence_method)
        if message.status >= 300 or admission.unfit_body(probe, self._config.sip_max_body) is not None:
            message.drop_body()  # without it the worker knows what became of its request
        forwarded = proxying.answer_in(message, source, self._public, self._numbers)
        if forwarded is None:
            self.figures.dropped["response"] += 1
            return
        self._sources.asks(source[0], now)
        self._wires.to_worker(*forwarded)

    def _dialled_answers(self, message: Message, source: Address) -> None:
        """A response to an INVITE with which a worker begins a dialog."""
        call_id, branch = message.call_id, message.vias[0].branch
        dialog = self._dialogs.dialled(call_id, branch)
        if dialog is None or message.status <= 100:
            return
        orphaned = dialog.worker not in self._workers
        if message.status >= 300:
            if orphaned:
                self._wires.answer(dialog.refusal_ack(message, self._public).render(), source)
            self._farewells.put_off(call_id)
            self._over(dialog)
            return
        if not message.to_tag:
            return
        if dialog.remote_tag == message.to_tag or dialog.state == "asked":
            if dialog.remote_tag != message.to_tag:
                self._dialogs.remove(dialog)
                self._tell(ipc.Gone(call_id, dialog.remote_tag))
            dialog.heard_from(message, source)
            self._keep(dialog)
        # pjsip sends what follows where Record-Route leads, and not where it sent the INVITE.
        message.headers.append(("record-route", proxying.own_route(self._wires.inner_port)))
        if orphaned and message.status >= 200:
            self._wires.answer(dialog.answer_ack(self._public).render(), source)
            self._farewells.put_off(call_id)
            self._farewells.begin(dialog, self._public)

    # --- From the workers ------------------------------------------------------------------------------------

    def _from_worker(self, data: bytes, source: Address) -> None:
        if source[0] != proxying.LOOPBACK or source[1] not in self._numbers or not data.strip(b"\r\n\0 "):
            return
        try:
            message = parse(data)
        except BadMessage as bad:
            log.error("a worker sent what is no SIP message", why=bad.args[0])
            return
        message.body = families.shown(message.body)
        if message.status:
            self._answered_by_worker(message)
        else:
            self._asked_by_worker(message, self._numbers[source[1]])

    def _asked_by_worker(self, message: Message, worker: int) -> None:
        dialog = self._dialogs.get(message.call_id, message.to_tag)
        if dialog is None and message.method == "INVITE" and not message.to_tag:
            self._keep(dialled(message, worker))
        elif dialog is not None:
            dialog.local_sequence = max(dialog.local_sequence, message.sequence)
            if message.method == "BYE":
                dialog.moved("ending")
            if message.body and admission.media_type(message) == admission.SDP:
                dialog.sdp = message.body
            self._keep(dialog)
        self._ladders.went(message)
        host, port = proxying.request_out(message, self._public, self._wires.inner_port)
        if host:
            self._wires.ask(host, port, message.render())
        else:
            self.figures.dropped["no_way_out"] += 1

    def _answered_by_worker(self, message: Message) -> None:
        to = proxying.answer_out(message, self._wires.inner_port)
        if to is None:
            self.figures.dropped["response"] += 1
            return
        if message.status == 503 and not message.first("retry-after"):
            message.headers.append(("retry-after", str(self._config.sip_retry_after_s)))
        self._ladders.went(message)
        data = message.render()
        dialog = self._dialogs.get(message.call_id, message.from_tag)
        if dialog is not None:
            self._learn(dialog, message, data)
        self._wires.answer(data, to)

    def _learn(self, dialog: Dialog, message: Message, data: bytes) -> None:
        """What a worker's response makes of its dialog."""
        first = message.sequence_method == "INVITE" and message.sequence == dialog.sequence and not dialog.dialled
        if message.sequence_method == "BYE" and message.status >= 200:
            self._over(dialog, message.sequence, data)
            return
        if first and message.status >= 300:
            self._past.refused_by_worker(dialog, data)
            self._over(dialog)
            return
        if message.body and admission.media_type(message) == admission.SDP:
            dialog.sdp = message.body
        if first:
            dialog.answer = data
            if message.to_tag:
                dialog.local_tag, dialog.local = message.to_tag, message.first("to")
            dialog.contact = message.first("contact") or dialog.contact
            if message.status >= 200 and dialog.state == "asked":
                dialog.moved("up")
        elif not message.body:
            return
        self._keep(dialog)

    # --- The supervisor's news -------------------------------------------------------------------------------

    def told(self, message: ipc.ToGate) -> None:
        match message:
            case ipc.WorkerUp():
                self._workers[message.number], self._numbers[message.port] = message, message.number
                self._invite_held()
            case ipc.WorkerDown():
                gone = self._workers.pop(message.number, None)
                if gone is not None and self._numbers.get(gone.port) == message.number:
                    del self._numbers[gone.port]
                self._give_up_orphans()
            case ipc.Lines():
                self._take_lines(message)
            case ipc.Kept():
                self._dialogs.put(message.dialog)
                self._ladders.goes_on(message.dialog)
            case ipc.Begin():
                self._give_up_orphans()
                self._wires.open(self._from_outside, self._from_worker)

    def _take_lines(self, lines: ipc.Lines) -> None:
        if lines.part == 0:
            self._parts.clear()
        self._parts[lines.part] = lines
        if len(self._parts) < lines.parts:
            return
        known: list[LineKeys] = [line for part in self._parts.values() for line in part.lines]
        trunks = {domain: frozenset(hosts) for part in self._parts.values() for domain, hosts in part.trunks.items()}
        self._book = AddressBook(known, self._config.peers(), trunks)
        self._lines_read, self._draining = lines.read, lines.draining
        self._sources.use(self._book)

    def _invite_held(self) -> None:
        held, self._held = list(self._held.values()), {}
        for one in held:
            self._invited(one.message, one.source, one.kind)
            key = (one.message.call_id, one.message.from_tag)
            if key in self._held:
                self._held[key] = one  # since when it waits

    def _give_up_orphans(self) -> None:
        """Hang up the dialogs whose worker is dead; refuse what it had not answered, take back what it asked."""
        for dialog in self._dialogs:
            if dialog.worker in self._workers:
                continue
            if dialog.state == "asked" and not dialog.dialled:
                self._refuse_unanswered(dialog)
            elif dialog.state != "ending":
                self.figures.hung_up += 1
                dialog.moved("ending")
                self._farewells.begin(dialog, self._public)
                self._ladders.ended(dialog)
                self._keep(dialog)
            elif not self._farewells.knows(dialog.call_id):
                self._farewells.begin(dialog, self._public)

    def _refuse_unanswered(self, dialog: Dialog) -> None:
        """A dead worker's call that rings at most: its caller's trunk tries elsewhere. What it has not even been told
        of is asked again, and begins anew."""
        if dialog.answer:
            self._ladders.ended(dialog, 503)
        self._over(dialog)
        if not dialog.answer:
            return
        last = parse(dialog.answer)
        kept = [(name, value) for name, value in last.headers if name in ("from", "call-id", "cseq")]
        to = last.first("to") if last.to_tag else f"{last.first('to')};tag={proxying.own_tag(last)}"
        kept += [("to", to), ("retry-after", str(self._config.sip_retry_after_s))]
        refusal = Message(kept, status=503, reason=REASONS[503], vias=last.vias).render()
        self.figures.refused["worker_died"] += 1
        self._past.refused_by_worker(dialog, refusal)
        self._wires.answer(refusal, proxying.answer_address(last.vias[0]))

    def hang_up_all(self) -> None:
        """Nobody is left who could."""
        self._workers.clear()
        self._numbers.clear()
        self._give_up_orphans()

    # --- Housekeeping ----------------------------------------------------------------------------------------

    def _keep(self, dialog: Dialog) -> None:
        self._dialogs.put(dialog)
        self._tell(ipc.Kept(dialog))

    def _over(self, dialog: Dialog, bye_sequence: int = 0, bye_answer: bytes = b"") -> None:
        self._dialogs.remove(dialog)
        if dialog.state != "asked":
            self._past.ended(dialog, bye_sequence, bye_answer)
        self._tell(ipc.Gone(dialog.call_id, dialog.remote_tag))
        if (traced := self._ladders.over(dialog)) is not None:
            self._tell(ipc.Traced(dialog.call_id, *traced))
        if self._held and self._freest() is not None:
            asyncio.get_running_loop().call_soon(self._invite_held)

    async def keep_tidy(self) -> None:
        """Until cancelled: what is too old goes, and the figures are told."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            now = time.monotonic()
            for key, held in list(self._held.items()):
                if now - held.since > HELD_S:
                    del self._held[key]
                    self._answer(held.message, held.source, self._node().later(503, "no_worker"))
            for dialog in self._dialogs:
                if dialog.is_over(time.time()):
                    self._over(dialog)
            self._past.sweep(now)
            self._tell(ipc.Figures(self.figures.render(banned=self._sources.banned(now), dialogs=len(self._dialogs))))
