"""Takes AlloResto's events, by Trigger (binary mode) or by webhook (structured mode, signed); needs nothing but Python.

``SECRET=whsec_… PORT=8080 python receiver.py``; without SECRET only what comes by Trigger is taken. Each event is
printed once, as a line of JSON.
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

SECRET = os.environ.get("SECRET", "")
seen = sqlite3.connect(os.environ.get("SEEN", ":memory:"))
seen.execute("create table if not exists seen (source text, id text, primary key (source, id))")


def is_signed(headers: Any, body: bytes) -> bool:
    """Standard Webhooks: HMAC-SHA256 over id.timestamp.body; a message that is older than five minutes is refused."""
    given, sent_at = headers.get("webhook-signature", ""), headers.get("webhook-timestamp", "0")
    if not SECRET or not sent_at.isdigit() or abs(time.time() - int(sent_at)) > 300:
        return False
    signed = f"{headers.get('webhook-id')}.{sent_at}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, one) for one in given.split())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("content-type", "").startswith("application/cloudevents+json"):
            if not is_signed(self.headers, body):
                self.answer(401)
                return
            event = json.loads(body)
        elif "ce-id" in self.headers:
            named = {name.lower(): value for name, value in self.headers.items()}
            event = {name[3:]: value for name, value in named.items() if name.startswith("ce-")}
            event["data"] = json.loads(body)
        else:
            self.answer(400)
            return
        # At least once: the same source and id are the same event. What it leads to belongs into this transaction.
        with seen:
            new = seen.execute("insert or ignore into seen values (?, ?)", (event["source"], event["id"])).rowcount
            if new:
                print(json.dumps({"type": event["type"], "data": event["data"]}), flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("", int(os.environ.get("PORT", "8080"))), Receiver).serve_forever()
