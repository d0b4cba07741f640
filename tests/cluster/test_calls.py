"""The end-to-end calls against a real cluster: ``pytest -m cluster --kubeconfig F --call-sink URL --bridge-host IP``.

The edge bridge runs on this machine, everything else in the cluster. Whatever engine the cluster's call handlers use
has to understand a few English sentences: OpenAI's does, and so does the local speech server.
"""

from __future__ import annotations

import pytest

from tests.cluster import calls
from tests.cluster.cluster import Cluster

pytestmark = pytest.mark.cluster


async def test_a_caller_is_greeted_at_once_and_orders_from_zero_pods(
    cluster: Cluster, sentences: calls.Sentences
) -> None:
    await calls.an_order_from_zero_pods(cluster, sentences)


async def test_a_call_survives_the_deletion_of_its_pod_with_its_cart(
    cluster: Cluster, sentences: calls.Sentences
) -> None:
    await calls.a_killed_handler(cluster, sentences)


async def test_the_pods_are_back_at_zero_after_the_calls(cluster: Cluster) -> None:
    await calls.back_at_zero(cluster)
