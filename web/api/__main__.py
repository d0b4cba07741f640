"""``python -m web.api``: write docs/openapi.json anew."""

from pathlib import Path

from web.api import openapi, routes

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


def main() -> None:
    assert routes.blueprint.name == "api"
    FILE.write_bytes(openapi.text())


if __name__ == "__main__":
    main()
