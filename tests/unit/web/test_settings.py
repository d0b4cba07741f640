import pytest

from process.settings import SettingsError, load
from web.settings import WebSettings

pytestmark = pytest.mark.unit


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load(WebSettings, {})

    assert {problem.split(":")[0] for problem in refused.value.problems} == {
        "DATABASE_URL",
        "REDIS_URL",
        "MASTER_KEY",
        "WEB_SECRET_KEY",
    }


def test_a_short_secret_is_refused() -> None:
    environment = {"DATABASE_URL": "x", "REDIS_URL": "x", "MASTER_KEY": "x", "WEB_SECRET_KEY": "short"}

    with pytest.raises(SettingsError) as refused:
        load(WebSettings, environment)

    assert refused.value.problems[0].startswith("WEB_SECRET_KEY: ")
