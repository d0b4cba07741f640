"""The OpenAPI document says what the API does, and is the one that is kept with the documents."""

from __future__ import annotations

import re

import pytest

from web.api import openapi, routes
from web.api.__main__ import FILE
from web.api.operations import REGISTRY
from web.api.problems import TITLES
from web.api.scopes import DESCRIPTIONS, OF_ROLE, SCOPES

pytestmark = pytest.mark.unit


def test_the_kept_document_is_the_one_that_is_served() -> None:
    assert routes.blueprint.name == "api"
    assert FILE.read_bytes() == openapi.text(), "run: python -m web.api"


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document()
    references = set(re.findall(r'"\$ref": "#/components/(\w+)/([^"]+)"', openapi.text().decode()))

    assert references
    assert all(name in document["components"][kind] for kind, name in references)


def test_every_operation_has_a_summary_a_name_of_its_own_and_a_known_scope() -> None:
    names = [one.name for one in REGISTRY.operations]

    assert len(names) == len(set(names))
    assert all(one.summary and not one.summary.endswith(".") for one in REGISTRY.operations)
    assert {one.scope for one in REGISTRY.operations} <= {"", *SCOPES}
    assert {kind for one in REGISTRY.operations for kind in one.problems} <= set(TITLES)


def test_every_scope_is_described_and_a_higher_role_may_all_that_a_lower_one_may() -> None:
    assert set(DESCRIPTIONS) == set(SCOPES)
    assert OF_ROLE["staff"] < OF_ROLE["manager"] < OF_ROLE["owner"] < set(SCOPES)
