"""Builds the OpenAPI description of the admin API, which the API serves as `openapi.json`."""

from __future__ import annotations

from typing import Any

import msgspec

from signaling_sidecar import __version__

PREFIX = "/admin/v1"
_TEXT = {"type": "string"}
_ROOM = [
    {"name": name, "in": "path", "required": True, "schema": _TEXT, "description": description}
    for name, description in (
        ("dialect", "the name of the dialect, such as `rooms`"),
        ("room", "the room id; a pairing code is replaced by its hash"),
    )
]
_PEER = {
    "type": "object",
    "required": ["peer", "session", "joinedAt", "away", "host"],
    "properties": {
        "peer": _TEXT,
        "session": _TEXT,
        "joinedAt": {"type": "integer", "description": "ms since the epoch"},
        "away": {"type": "boolean"},
        "host": {"type": "boolean"},
        "name": _TEXT,
        "connection": {"type": "integer"},
    },
}
_RULES = {
    "type": "object",
    "properties": {
        "capacity": {"type": ["integer", "null"], "minimum": 1},
        "listed": {"type": ["boolean", "null"]},
        "grace_s": {"type": ["number", "null"], "minimum": 0},
        "host": {"type": ["string", "null"]},
    },
    "additionalProperties": False,
}
_ROOM_STATE = {
    "type": "object",
    "required": ["dialect", "room", "capacity", "listed", "createdAt", "peers"],
    "properties": {
        "dialect": _TEXT,
        "room": _TEXT,
        "name": _TEXT,
        "mode": _TEXT,
        "capacity": {"type": "integer"},
        "listed": {"type": "boolean"},
        "createdAt": {"type": "integer", "description": "ms since the epoch"},
        "rules": _RULES,
        "peers": {"type": "array", "items": _PEER},
    },
}


def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    from signaling_sidecar.diagnosis import Why  # imported here because it takes 15 ms, and only this function needs it

    _, schemas = msgspec.json.schema_components([Why], ref_template="#/components/schemas/{name}")
    room = f"{PREFIX}/rooms/{{dialect}}/{{room}}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "signaling sidecar, admin", "version": __version__},
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": schemas},
        "paths": {
            f"{PREFIX}/openapi.json": {"get": _get("this document", {"type": "object"})},
            f"{PREFIX}/rooms": {"get": _rooms()},
            f"{PREFIX}/records": {"get": _records()},
            f"{PREFIX}/why": {"get": _why()},
            f"{PREFIX}/revoke": {"post": _revoke()},
            f"{PREFIX}/inspector-link": {"post": _inspector_link()},
            **_inspector(f"{PREFIX}/inspector"),
            f"{room}/kick": {"post": _do("remove a peer, and bar its id for 60 s", {"peer": _TEXT})},
            f"{room}/close": {"post": _do("end the room", {})},
            f"{room}/say": {"post": _do("send a notice to all peers of the room", {"text": _TEXT})},
            f"{room}/rules": {
                "put": _do(
                    "set the rules of the room; a rule that is left out is that of the dialect or of the first peer",
                    _RULES["properties"],
                    False,
                )
            },
        },
    }


def _all_rooms() -> dict[str, Any]:
    properties = {"boot": _TEXT, "rooms": {"type": "array", "items": _ROOM_STATE}}
    return {"type": "object", "required": ["boot", "rooms"], "properties": properties}


def _rooms() -> dict[str, Any]:
    described = _get("all rooms, including hidden ones, and their peers", _all_rooms())
    described["responses"]["503"] = {"description": _UNAVAILABLE}
    return described


def _get(summary: str, schema: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"summary": summary, "responses": {"200": {"description": "the result", "content": content}, **_REFUSED}}


def _records() -> dict[str, Any]:
    parameters = [
        {
            "name": "after",
            "in": "query",
            "schema": {"type": "integer"},
            "description": "the number (`seq`) of the last record that the client has",
        },
        {
            "name": "boot",
            "in": "query",
            "schema": {"type": "string"},
            "description": "the run of the record `after`: the `boot` of the last `log.header` that the client has "
            "read. If it is not the current run, all records are sent",
        },
        {
            "name": "follow",
            "in": "query",
            "schema": {"type": "boolean"},
            "description": "also send records that are written later",
        },
    ]
    stream = {"description": "one record in each line", "content": {"application/x-ndjson": {}}}
    responses = {"200": stream, "400": {"description": "`after` is not a number"}, **_REFUSED}
    return {"summary": "the records of this run", "parameters": parameters, "responses": responses}


def _inspector(prefix: str) -> dict[str, Any]:
    """Describe the requests of the inspector's page. The drawings in their answers are HTML, whose form may change in
    any version."""
    room = f"{prefix}/rooms/{{dialect}}/{{room}}"
    pair = ("pair", "the ids of two peers with a comma between them, each percent-encoded")
    kinds = ("kinds", "only rows of these kinds, such as `offer,answer`")
    rows = [("from", "the first row"), ("count", "how many rows, at most 200"), ("seq", "rows around this record")]
    texts = [("type", "only records whose type begins with this text"), ("text", "only records that contain this text")]
    changes = _get("a stream of lines: the rooms and the states of their pairs, now and again after each change", {})
    changes["responses"]["200"]["content"] = {"application/x-ndjson": {}}
    markdown = _of_room("a room in Markdown for an issue, with pseudonyms", [pair])
    markdown["responses"]["200"]["content"] = {"text/markdown": {}}
    payload = _of_room("the payload of a record", [])
    payload["parameters"].append({"name": "seq", "in": "path", "required": True, "schema": {"type": "integer"}})
    return {
        f"{prefix}/changes": {"get": changes},
        room: {"get": _of_room("a room with its verdicts and drawings", [pair, kinds])},
        f"{room}/ladder": {"get": _of_room("some rows of the ladder of a room", [*rows, pair, kinds])},
        f"{room}/records": {"get": _of_room("some records of a room", [*rows, pair, *texts])},
        f"{room}/payload/{{seq}}": {"get": payload},
        f"{room}/markdown": {"get": markdown},
    }


def _of_room(summary: str, queries: list[tuple[str, str]]) -> dict[str, Any]:
    described = _get(summary, {"type": "object"})
    described["parameters"] = _ROOM + [
        {"name": name, "in": "query", "schema": _TEXT, "description": description} for name, description in queries
    ]
    described["responses"] |= {
        "400": {"description": "a parameter has a wrong value"},
        "404": {"description": "nobody is in such a room, and the log has no records of it"},
        "503": {"description": f"the event log cannot be read, or cannot be analysed; {_UNAVAILABLE}"},
    }
    return described


def _inspector_link() -> dict[str, Any]:
    schema = {"type": "object", "required": ["code"], "properties": {"code": _TEXT}}
    return _get("a one-time code for the URL /inspector/#code=…, valid for a minute", schema)


def _revoke() -> dict[str, Any]:
    properties = {
        "jti": _TEXT | {"description": "the id of a token"},
        "exp": {"type": "number", "description": "when the token expires; the sidecar forgets its `jti` after that"},
        "sub": _TEXT
        | {
            "description": "a subject: all its tokens that were issued until now are revoked; a token without `iat` "
            "counts as issued before"
        },
    }
    schema = {
        "type": "object",
        "properties": properties,
        "oneOf": [{"required": ["jti"]}, {"required": ["sub"]}],
        "additionalProperties": False,
    }
    counted = "how many connections this sidecar has closed; other sidecars of its cluster close theirs a moment later"
    closed = {"closed": {"type": "integer", "description": counted}}
    described = _get("refuse tokens from now on, and close their connections", {"type": "object", "properties": closed})
    described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    described["responses"] |= {
        "400": {"description": "the body has neither `jti` nor `sub`, or both"},
        "409": {"description": "the sidecar does not run with --auth jwt, or too many tokens are revoked already"},
        "415": {"description": "the body is not JSON"},
        "503": {
            "description": "`not-kept`: this sidecar refuses the tokens only until it is started again, because the "
            "list of revoked tokens could not be written; `not-shared`: this sidecar refuses the tokens, but the other "
            "sidecars of the cluster refuse them only when Redis answers again"
        },
    }
    return described


def _why() -> dict[str, Any]:
    described = _get("which pairs of peers are connected, and why not", {"$ref": "#/components/schemas/Why"})
    described["parameters"] = [
        {"name": name, "in": "query", "schema": _TEXT, "description": f"only rooms with this {what}"}
        for name, what in (("room", "id"), ("dialect", "dialect"))
    ]
    described["responses"]["503"] = {"description": "the event log cannot be read, or cannot be analysed"}
    return described


def _do(summary: str, properties: Any, required: bool = True) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required and properties:
        schema["required"] = list(properties)
    return {
        "summary": summary,
        "parameters": _ROOM,
        "requestBody": {"content": {"application/json": {"schema": schema}}},
        "responses": {
            "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "400": {"description": "a field is missing or has a wrong value"},
            "404": {"description": "no such room, or no such peer"},
            "409": {"description": "the room does not allow this"},
            "415": {"description": "the body is not JSON"},
            "503": {"description": _UNAVAILABLE},
            **_REFUSED,
        },
    }


_UNAVAILABLE = (
    "`rooms-unavailable`: another sidecar of the cluster has the rooms, and cannot be reached at the moment; ask again "
    "after the seconds in `Retry-After`"
)
_REFUSED = {
    "401": {"description": "the token is missing or wrong"},
    "403": {"description": "the access token does not have the scope `admin`, or is only for certain rooms"},
}
