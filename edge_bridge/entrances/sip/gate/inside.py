"""What the workers send: their requests and responses leave under the public address, and tell what becomes of their
dialogs."""

from edge_bridge.entrances.sip.gate import admission, proxying
from edge_bridge.entrances.sip.gate.dialogs import Address, Dialog, dialled
from edge_bridge.entrances.sip.gate.message import BadMessage, Message, parse
from edge_bridge.entrances.sip.gate.state import GateState
from edge_bridge.media.rtp import families
from process import logs

log = logs.get(__name__)


class Inside:
    def __init__(self, state: GateState) -> None:
        self._state = state

    def received(self, data: bytes, source: Address) -> None:
        if source[0] != proxying.LOOPBACK or source[1] not in self._state.numbers or not data.strip(b"\r\n\0 "):
            return
        try:
            message = parse(data)
        except BadMessage as bad:
            log.error("a worker sent what is no SIP message", why=bad.args[0])
            return
        message.body = families.shown(message.body)
        if message.status:
            self._answered(message)
        else:
            self._asked(message, self._state.numbers[source[1]])

    def _asked(self, message: Message, worker: int) -> None:
        dialog = self._state.dialogs.get(message.call_id, message.to_tag)
        if dialog is None and message.method == "INVITE" and not message.to_tag:
            self._state.keep(dialled(message, worker))
        elif dialog is not None:
            dialog.local_sequence = max(dialog.local_sequence, message.sequence)
            if message.method == "BYE":
                dialog.moved("ending")
            if message.body and admission.media_type(message) == admission.SDP:
                dialog.sdp = message.body
            self._state.keep(dialog)
        self._state.ladders.went(message)
        host, port = proxying.request_out(message, self._state.public, self._state.wires.inner_port)
        if host:
            self._state.wires.ask(host, port, message.render())
        else:
            self._state.figures.dropped["no_way_out"] += 1

    def _answered(self, message: Message) -> None:
        to = proxying.answer_out(message, self._state.wires.inner_port)
        if to is None:
            self._state.figures.dropped["response"] += 1
            return
        if message.status == 503 and not message.first("retry-after"):
            message.headers.append(("retry-after", str(self._state.config.sip_retry_after_s)))
        self._state.ladders.went(message)
        data = message.render()
        dialog = self._state.dialogs.get(message.call_id, message.from_tag)
        if dialog is not None:
            self._learn(dialog, message, data)
        self._state.wires.answer(data, to)

    def _learn(self, dialog: Dialog, message: Message, data: bytes) -> None:
        """What a worker's response makes of its dialog."""
        first = message.sequence_method == "INVITE" and message.sequence == dialog.sequence and not dialog.dialled
        if message.sequence_method == "BYE" and message.status >= 200:
            self._state.over(dialog, message.sequence, data)
            return
        if first and message.status >= 300:
            self._state.past.refused_by_worker(dialog, data)
            self._state.over(dialog)
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
        self._state.keep(dialog)
