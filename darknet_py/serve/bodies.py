"""Bodies of requests: read within bounds of size, time and memory, and taken apart."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from .limits import Gone, Limits, Refused

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_PARTS = 32
MOST_HEADER = 4096
"""Bytes of the headers of a part."""
LONGEST_FIELD = 16384
MOST_VALUES = 1_000_000
"""In a JSON document."""


class Bodies:
    """Reads bodies; all that are in memory at a time, answers included, stay below a bound.

    Attributes:
        bytes: how many there are now.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.bytes = 0

    def hold(self) -> Held:
        """An account of what one request keeps in memory; `Held.release` closes it."""
        return Held(self)

    def change(self, by: int) -> None:
        """Count bytes. Raises `Refused` (503) if there are too many."""
        if by > 0 and self.bytes + by > self._limits.bodies:
            raise Refused(503, "too many large requests at a time: try again later", {"Retry-After": "1"})
        self.bytes += by

    async def read(self, request: Request, held: Held) -> bytes:
        """The body, whole.

        Raises:
            Refused: 400, 408, 413, 415, 503.
            Gone: the client went away.
        """
        limits = self._limits
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limits.body:
            raise Refused(413, f"the body has more than {limits.body} bytes")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(415, "compressed bodies are not taken: send it without Content-Encoding")
        parts: list[bytes] = []
        try:
            await asyncio.wait_for(self._collect(request, held, parts), limits.seconds)
        except (asyncio.TimeoutError, TimeoutError):
            raise Refused(
                408, f"the body did not arrive within {limits.seconds:g} s", {"Connection": "close"}
            ) from None
        return b"".join(parts)

    async def _collect(self, request: Request, held: Held, parts: list[bytes]) -> None:
        more = True
        while more:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part, more = message.get("body", b""), message.get("more_body", False)
            if held.bytes + len(part) > self._limits.body:
                raise Refused(413, f"the body has more than {self._limits.body} bytes")
            held.set(held.bytes + len(part))
            parts.append(part)


class Held:
    """Bytes that one request keeps in memory.

    Attributes:
        bytes: how many.
    """

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self.bytes = bodies, 0

    def set(self, count: int) -> None:
        """From now on it is so many bytes. Raises `Refused` (503) if that is too much beside what others keep."""
        self._bodies.change(count - self.bytes)
        self.bytes = count

    def release(self) -> None:
        """Nothing is kept any more."""
        self.set(0)


@dataclass
class Form:
    """A form: fields as text, files as bytes."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def number(self, name: str, message: str) -> float | None:
        """A field that is a number from 0 to 1, if it is there. Raises `Refused` (400) with the protocol's message."""
        text = self.fields.get(name, "").strip()
        return None if not text else unit(text, message)


def unit(value: Any, message: str) -> float:
    """A number from 0 to 1. Raises `Refused` (400)."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not 0 <= number <= 1:
        raise Refused(400, message)
    return number


def read_form(body: bytes, content_type: str) -> Form:
    """A form in one of the two encodings of HTML.

    Raises:
        Refused: 400, it is broken; 415, it is no form.
    """
    kind, options = parse_options_header(content_type)
    if kind == b"application/x-www-form-urlencoded":
        try:
            return Form(dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_PARTS)))
        except (UnicodeDecodeError, ValueError):
            raise Refused(400, "the form cannot be read") from None
    if kind != b"multipart/form-data":
        raise Refused(415, "the body must be a form (multipart/form-data)")
    if not options.get(b"boundary"):
        raise Refused(400, "the form cannot be read: its Content-Type names no boundary")
    return _Multipart(body, options[b"boundary"]).form


class _Multipart:
    """Takes a multipart form apart."""

    def __init__(self, body: bytes, boundary: bytes) -> None:
        self.form = Form()
        self._count = 0
        self._ended = False
        self._begin()
        handlers: Any = {
            "on_part_begin": self._begin, "on_header_field": self._header_name, "on_header_value": self._header_value,
            "on_header_end": self._header_end, "on_part_data": self._more, "on_part_end": self._end,
            "on_end": self._finish,
        }  # fmt: skip
        try:
            parser = MultipartParser(boundary, handlers)
            parser.write(body)
            parser.finalize()
        except FormParserError:
            raise Refused(400, "the form cannot be read: its parts are broken") from None
        if not self._ended:
            raise Refused(400, "the form cannot be read: it ends too early")

    def _begin(self) -> None:
        self._name, self._value, self._disposition = bytearray(), bytearray(), b""
        self._data = bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._name) + len(self._value) > MOST_HEADER:
            raise Refused(400, "the form has a part with long headers")

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._data += memoryview(data)[start:end]

    def _end(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise Refused(400, f"the form has more than {MOST_PARTS} parts")
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        data = bytes(self._data)
        if b"filename" in options or len(data) > LONGEST_FIELD:
            self.form.files.setdefault(name, data)
            return
        try:
            self.form.fields.setdefault(name, data.decode("utf-8"))
        except UnicodeDecodeError:
            self.form.files.setdefault(name, data)

    def _finish(self) -> None:
        self._ended = True


def read_json(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises `Refused`: 400, it is none; 413, it would become many times larger in memory."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Refused(413, f"the JSON has more than {MOST_VALUES} values; tensors can be sent as binary data")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    return value
