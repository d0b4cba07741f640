"""What follows from a text message's receipt, and from what somebody writes back."""

from __future__ import annotations

from domain.messages import wish_of
from integrations.messages.twilio import Inbound, Receipt
from stores import hooks, messages
from stores.ciphers import PiiCipher
from stores.hooks import Hook
from stores.postgres import Connection


async def take(conn: Connection, hook: Hook, notice: Receipt | Inbound, pii: PiiCipher) -> None:
    if isinstance(notice, Receipt):  # it never undoes a later one, so twice is as once
        reference, fate = notice.reference, notice.fate
        await messages.record_fate(conn, hook.restaurant_id, hook.connection_id, reference, fate, notice.code)
        return
    wish = wish_of(notice.text)
    # STOP that comes again must not undo the START after it.
    if not wish or not await hooks.is_new(conn, hook, notice.message_id):
        return
    change = messages.opt_out if wish == "stop" else messages.opt_in
    await change(conn, hook.restaurant_id, notice.sender, pii)
