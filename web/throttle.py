"""How often one may try to log in, counted in Redis so that all workers and replicas count together.

An attempt is counted before the password is looked at: parallel guesses cannot slip past. Both counters end
by themselves after the window. A known and an unknown account are treated alike.
"""

import hashlib
import hmac
from dataclasses import dataclass

from redis.asyncio import Redis

WINDOW_S = 15 * 60


@dataclass(frozen=True, slots=True)
class LoginThrottle:
    """At most ``per_account`` and ``per_address`` attempts in WINDOW_S. ``secret`` keys the hash of account names."""

    secret: str
    per_account: int
    per_address: int

    async def attempt(self, redis: Redis, email: str, address: str) -> bool:
        """Count one attempt; False when it is over a limit. Raises RedisError when it cannot be counted."""
        account_key, address_key = self._account_key(email), f"web:login:address:{address}"
        async with redis.pipeline(transaction=True) as pipeline:
            for key in (account_key, address_key):
                pipeline.incr(key)
                pipeline.expire(key, WINDOW_S, nx=True)
            by_account, _, by_address, _ = await pipeline.execute()
        return int(by_account) <= self.per_account and int(by_address) <= self.per_address

    async def succeeded(self, redis: Redis, email: str) -> None:
        """Forget the account's attempts: its owner is in."""
        await redis.delete(self._account_key(email))

    def _account_key(self, email: str) -> str:
        digest = hmac.new(self.secret.encode(), email.strip().casefold().encode(), hashlib.sha256)
        return f"web:login:account:{digest.hexdigest()[:32]}"
