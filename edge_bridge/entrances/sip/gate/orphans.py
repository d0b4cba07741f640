"""Dialogs whose worker is dead: their callers are answered, and hung up."""

from edge_bridge.entrances.sip.gate import admission, proxying
from edge_bridge.entrances.sip.gate.admission import REASONS, Answer
from edge_bridge.entrances.sip.gate.dialogs import Address, Dialog
from edge_bridge.entrances.sip.gate.message import Message, parse
from edge_bridge.entrances.sip.gate.state import GateState


class Orphans:
    def __init__(self, state: GateState) -> None:
        self._state = state

    def answer(self, message: Message, source: Address, dialog: Dialog) -> None:
        """A request of a dialog that is being hung up."""
        if message.method == "BYE":
            self._state.farewells.answered(dialog.call_id)
            self._state.over(dialog)
            self._state.answer(message, source, Answer(200, "orphan"))
        elif message.method in ("INVITE", "UPDATE") and dialog.sdp:
            headers = (("contact", dialog.contact), ("content-type", admission.SDP))
            self._state.figures.refused["orphan"] += 1
            self._state.ladders.answered(message, 200)
            reply = proxying.reply(message, source, 200, REASONS[200], headers, dialog.sdp if message.body else b"")
            self._state.wires.answer(reply, source)
        else:
            known = message.method in ("INFO", "OPTIONS", "UPDATE", "NOTIFY")
            self._state.answer(message, source, Answer(200 if known else 481, "orphan"))

    def give_up(self) -> None:
        """Hang up the dialogs whose worker is dead; refuse what it had not answered, take back what it asked."""
        for dialog in self._state.dialogs:
            if dialog.worker in self._state.workers:
                continue
            if dialog.state == "asked" and not dialog.dialled:
                self._refuse_unanswered(dialog)
            elif dialog.state != "ending":
                self._state.figures.hung_up += 1
                dialog.moved("ending")
                self._state.farewells.begin(dialog, self._state.public)
                self._state.ladders.ended(dialog)
                self._state.keep(dialog)
            elif not self._state.farewells.knows(dialog.call_id):
                self._state.farewells.begin(dialog, self._state.public)

    def _refuse_unanswered(self, dialog: Dialog) -> None:
        """A dead worker's call that rings at most: its caller's trunk tries elsewhere. What it has not even been told
        of is asked again, and begins anew."""
        if dialog.answer:
            self._state.ladders.ended(dialog, 503)
        self._state.over(dialog)
        if not dialog.answer:
            return
        last = parse(dialog.answer)
        kept = [(name, value) for name, value in last.headers if name in ("from", "call-id", "cseq")]
        to = last.first("to") if last.to_tag else f"{last.first('to')};tag={proxying.own_tag(last)}"
        kept += [("to", to), ("retry-after", str(self._state.config.sip_retry_after_s))]
        refusal = Message(kept, status=503, reason=REASONS[503], vias=last.vias).render()
        self._state.figures.refused["worker_died"] += 1
        self._state.past.refused_by_worker(dialog, refusal)
        self._state.wires.answer(refusal, proxying.answer_address(last.vias[0]))

    def hang_up_all(self) -> None:
        """Nobody is left who could."""
        self._state.workers.clear()
        self._state.numbers.clear()
        self.give_up()
