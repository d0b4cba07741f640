"""The public sets that can be imported, by name."""

from __future__ import annotations

from evaluation.importing import clinc150, restaurants_8k, taskmaster

SOURCES = {one.name: one for one in (taskmaster.SOURCE, restaurants_8k.SOURCE, clinc150.SOURCE)}
