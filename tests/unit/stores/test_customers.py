"""By which numbers a restaurant knows its customers again."""

import pytest

from stores.customers import is_somebodys

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("phone", ["+33612345678", "+353 1 234 5678", "0033612345678", "06 12.34-56 78", "33612345678"])
def test_a_number_that_can_be_dialled_is_somebodys(phone: str) -> None:
    assert is_somebodys(phone)


@pytest.mark.parametrize(
    "phone",
    [
        "",
        "0000000000",
        "266696687",
        "+266696687",
        "999999999999999",
        "anonymous",
        "100",
        "+0612345678",
        "+1234567890123456",
    ],
)
def test_what_stands_for_a_caller_that_nobody_knows_is_nobodys(phone: str) -> None:
    assert not is_somebodys(phone)
