import pytest

from tests.unit.cluster.rules.planted import Planted


@pytest.fixture
def cluster() -> Planted:
    """Good until a test plants something in it."""
    return Planted()
