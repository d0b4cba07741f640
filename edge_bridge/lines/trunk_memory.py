"""The trunks' last DNS answers, kept in Redis for the process that starts while DNS is away."""

import asyncio

import msgspec

from edge_bridge.entrances.sip.registering.trunks import Answers
from process import logs
from stores import trunk_answers
from stores.errors import redis_away
from stores.redis import Redis

log = logs.get(__name__)

WITHIN_S = 1.0

_decode = msgspec.json.Decoder(Answers).decode


class TrunkMemory:
    """An ``AnswerMemory``."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def recall(self, trunk: str) -> Answers | None:
        try:
            async with asyncio.timeout(WITHIN_S):
                kept = await trunk_answers.load(self._redis, trunk)
            return None if kept is None else _decode(kept)
        except msgspec.DecodeError as error:
            log.warning("a trunk's last addresses cannot be read", why=str(error))
        except redis_away() as error:
            log.warning("a trunk's last addresses are not known", why=type(error).__name__)
        return None

    async def keep(self, trunk: str, answers: Answers) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                await trunk_answers.save(self._redis, trunk, msgspec.json.encode(answers))
        except redis_away() as error:  # TimeoutError is an OSError
            log.warning("a trunk's addresses are not kept", why=type(error).__name__)
