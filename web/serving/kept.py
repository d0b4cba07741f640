"""Answers that a view has said how to give again: to a request that is the same to the letter, cookies included.

What is kept of an answer is its head. Its body comes from the view's ``handover.Again`` each time, which also says
whether the view may be passed over at all; so a kept answer is never given on the word of this module alone.
"""

from collections import OrderedDict
from dataclasses import dataclass

from web.serving.handover import Again
from web.serving.wsgi import Answer, Request

MOST = 512

_Key = tuple[str, str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    status: str
    headers: list[tuple[str, str]]
    body: Again

    async def again(self) -> Answer | None:
        body = await self.body.body()
        return None if body is None else Answer(self.status, self.headers, body)


class Kept:
    """The last MOST that were asked for. Only for the loop's thread."""

    def __init__(self) -> None:
        self._answers: OrderedDict[_Key, KeptAnswer] = OrderedDict()

    def find(self, request: Request) -> KeptAnswer | None:
        if request.method != "GET" or request.body or not self._answers:
            return None
        key = _key(request)
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def drop(self, request: Request) -> None:
        self._answers.pop(_key(request), None)

    def keep(self, request: Request, answer: Answer) -> None:
        """Nothing of an answer without ``again``, of one to another method than GET, or of one that sets a cookie."""
        if answer.again is None or request.method != "GET" or request.body:
            return
        if answer.rest is not None or any(name.lower() == "set-cookie" for name, _ in answer.headers):
            return
        # The length is the body's, which differs from one answer to the next.
        headers = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
        key = _key(request)
        self._answers[key] = KeptAnswer(answer.status, headers, answer.again)
        self._answers.move_to_end(key)
        if len(self._answers) > MOST:
            self._answers.popitem(last=False)


def _key(request: Request) -> _Key:
    return request.method, request.target, frozenset(request.headers.items())
