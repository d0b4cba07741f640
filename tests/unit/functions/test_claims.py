"""Attempts of what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from functions import _claims
from functions._claims import Claims


class Errands(Claims[str]):
    """The first claim raises what no database raises for being away."""

    def __init__(self) -> None:
        super().__init__("tests", 4)
        self.due = ["one"]
        self.claims = 0
        self.attempted = asyncio.Event()

    async def _claim(self, most: int, under_way: Mapping[str, int]) -> Sequence[str]:
        self.claims += 1
        if self.claims == 1:
            raise LookupError("somebody's name")
        due, self.due = self.due, []
        return due

    async def _attempt(self, one: str) -> None:
        self.attempted.set()

    def _place(self, one: str) -> str:
        return one


async def test_a_claim_that_fails_is_made_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_claims, "PAUSE_S", 0.0)
    errands = Errands()
    await errands.start()
    errands.wake()

    await asyncio.wait_for(errands.attempted.wait(), 5)
    await errands.stop()

    assert errands.claims >= 2
