"""What tests need to know of a shifted run, for which see ``tests.shifted.__main__``."""

import os

import pytest

from devstack.knative.environment import CLOCK

# A process that is started with a clean environment still has its machine's clock. Without these it would live on
# another day than Postgres, Valkey and the test. PYTHONPATH leads to ``startup``.
VARIABLES = (*CLOCK, "PYTHONPATH", "TZ")


def inherited() -> dict[str, str]:
    """The variables that give a child this process's clock."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


# Postgres keeps its timeouts in a SIGALRM handler, and while a wait is interrupted libfaketime 0.9.10 answers with the
# real time: a clock that is ahead never sees a timeout's end.
needs_postgres_timeouts = pytest.mark.skipif("FAKETIME" in os.environ, reason="libfaketime stops Postgres's timeouts")
