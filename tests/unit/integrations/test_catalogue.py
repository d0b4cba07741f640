import subprocess
import sys

from integrations.catalogue import PROVIDERS


def test_the_admin_needs_no_http_client_for_the_catalogue() -> None:
    script = "import sys, integrations.catalogue; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_each_provider_asks_for_each_field_once() -> None:
    for name, provider in PROVIDERS.items():
        fields = [field.name for field in provider.fields]
        assert name == provider.name
        assert len(fields) == len(set(fields))
