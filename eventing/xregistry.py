"""``python -m eventing.xregistry [FILE]``: endpoints, messages and schemas as an xRegistry document (1.0-rc4).

Generated from the catalogue, for tools that make clients of it: https://xregistry.io. The broker is an endpoint to
subscribe at, webhooks are one that events are brought to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eventing import asyncapi, catalogue, integrators
from eventing.catalogue import CallIncoming, Payload
from eventing.cloudevents import JSON_CONTENT_TYPE, STRUCTURED_CONTENT_TYPE

DEFAULT_FILE = Path("docs/xregistry.json")
ENVELOPE = "CloudEvents/1.0"
SCHEMA_FORMAT = "JSONSchema/2020-12"
GROUP = "com.alloresto"
FOR_INTEGRATORS = "com.alloresto.integrators"
_VERSION = str(catalogue.VERSION)


def document() -> dict[str, Any]:
    """Messages are in two groups: all that go through the Broker, and those of them that webhooks bring."""
    brokered = {kind.TYPE: kind for kind in catalogue.BY_TYPE.values() if kind is not CallIncoming}
    told = {name: brokered[name] for name in integrators.TYPES}
    return {
        "specversion": "1.0-rc4",
        "registryid": GROUP,
        "endpoints": {
            "broker": _endpoint(
                "The Knative Broker: subscribe with a Trigger that filters on the type.",
                "subscriber",
                GROUP,
                {"mode": "binary"},
            ),
            "webhooks": _endpoint(
                "Where a restaurant's owner wants events: each is brought there, signed by Standard Webhooks.",
                "subscriber",
                FOR_INTEGRATORS,
                {"mode": "structured", "format": STRUCTURED_CONTENT_TYPE},
            ),
        },
        "messagegroups": {GROUP: _group(GROUP, brokered), FOR_INTEGRATORS: _group(FOR_INTEGRATORS, told)},
        "schemagroups": {
            GROUP: {
                "schemagroupid": GROUP,
                "schemas": {name: _schema(name, schema) for name, schema in catalogue.schemas().items()},
            }
        },
    }


def _endpoint(description: str, usage: str, group: str, options: dict[str, str]) -> dict[str, Any]:
    return {
        "description": description,
        "usage": [usage],
        "envelope": ENVELOPE,
        "envelopeoptions": options,
        "protocol": "HTTP/1.1",
        "messagegroups": [f"/messagegroups/{group}"],
    }


def _group(name: str, kinds: dict[str, type[Payload]]) -> dict[str, Any]:
    return {
        "messagegroupid": name,
        "envelope": ENVELOPE,
        "messages": {key: _message(kind) for key, kind in sorted(kinds.items())},
    }


def _message(kind: type[Payload]) -> dict[str, Any]:
    """Of the attributes those that say more than CloudEvents itself."""
    return {
        "messageid": kind.TYPE,
        "description": " ".join((kind.__doc__ or kind.TYPE).split()),
        "envelope": ENVELOPE,
        "envelopemetadata": {
            "type": {"value": kind.TYPE, "type": "string", "required": True},
            "source": {"type": "uritemplate", "required": True},
            "time": {"type": "timestamp", "required": True},
            "dataschema": {"value": catalogue.dataschema(kind.TYPE), "type": "uritemplate", "required": True},
            "restaurantid": {"type": "string", "required": True},
            "callid": {"type": "string", "required": False},
        },
        "dataschemaformat": SCHEMA_FORMAT,
        "dataschemauri": f"#/schemagroups/{GROUP}/schemas/{kind.TYPE}/versions/{_VERSION}/schema",
        "dataschemaxid": f"/schemagroups/{GROUP}/schemas/{kind.TYPE}/versions/{_VERSION}",
        "datacontenttype": JSON_CONTENT_TYPE,
    }


def _schema(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "schemaid": name,
        "versions": {_VERSION: {"versionid": _VERSION, "format": SCHEMA_FORMAT, "schema": schema}},
    }


def render() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    return asyncapi.write(render, "eventing.xregistry", DEFAULT_FILE, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
