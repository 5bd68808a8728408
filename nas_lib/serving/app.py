"""The HTTP application: a page for people, and the Open Inference Protocol for programs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib import resources
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from nas_lib import __version__
from nas_lib.blame import sentence_of
from nas_lib.errors import DataError, NasError, one_line
from nas_lib.serving import asked
from nas_lib.serving.inference import HEADER, VERSION, Network
from nas_lib.serving.tensors import described

_AS_IT_IS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; img-src blob:; "
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
}
"""The page needs nothing from elsewhere, and gets nothing."""


def application(model: asked.Served) -> Starlette:
    """Return the application for a model.

    Raises:
        ConfigError: There is no onnxruntime.
        CorruptStateError: The network is damaged.
    """
    protocol = _Protocol(asked.network(model))
    page = _Page(model)
    return Starlette(
        routes=[*page.routes(), *protocol.routes()],
        exception_handlers={HTTPException: _refused, NasError: _wrong, Exception: _failed},
    )


class _Page:
    """What people see."""

    def __init__(self, model: asked.Served) -> None:
        self._model = model
        self._html = resources.files("nas_lib.serving").joinpath("page.html").read_text("utf-8")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.show),
            Route("/about", self.about),
            Route("/predict", self.predict, methods=["POST"]),
        ]

    async def show(self, _: Request) -> Response:
        return HTMLResponse(self._html, headers=_AS_IT_IS)

    async def about(self, _: Request) -> Response:
        return JSONResponse(asked.about(self._model))

    async def predict(self, request: Request) -> Response:
        data = await _body(request)
        return JSONResponse(await run_in_threadpool(asked.answer_to_people, self._model, data))


class _Protocol:
    """What programs ask."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self) -> list[Route]:
        routes = [
            Route("/v2", self.server),
            Route("/v2/health/live", _saying({"live": True})),
            Route("/v2/health/ready", _saying({"ready": True})),
        ]
        for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            routes += [
                Route(model, self.model),
                Route(f"{model}/ready", self.ready),
                Route(f"{model}/infer", self.infer, methods=["POST"]),
            ]
        return routes

    async def server(self, _: Request) -> Response:
        return JSONResponse(
            {"name": "kfp-nas", "version": __version__, "extensions": ["binary_tensor_data"]}
        )

    async def model(self, request: Request) -> Response:
        self._check_name(request)
        return JSONResponse(
            {
                "name": self._network.name,
                "versions": [VERSION],
                "platform": "onnx_onnxv1",
                "inputs": [described(spec) for spec in self._network.inputs],
                "outputs": [described(spec) for spec in self._network.outputs],
            }
        )

    async def ready(self, request: Request) -> Response:
        self._check_name(request)
        return JSONResponse({"name": self._network.name, "ready": True})

    async def infer(self, request: Request) -> Response:
        self._check_name(request)
        body, json_size = await _body(request), _json_size(request)
        answer = await run_in_threadpool(self._network.answer, body, json_size)
        if answer.json_size is None:
            return Response(answer.content, media_type="application/json")
        headers = {HEADER: str(answer.json_size)}
        return Response(answer.content, headers=headers, media_type="application/octet-stream")

    def _check_name(self, request: Request) -> None:
        name = request.path_params["name"]
        version = request.path_params.get("version", VERSION)
        if (name, version) != (self._network.name, VERSION):
            raise HTTPException(
                404,
                f"there is no model {one_line(name, 100)} in version {one_line(version, 20)} here, "
                f"only {self._network.name} in version {VERSION}",
            )


# --- what is sent --------------------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    """Return what was sent, unpacked.

    Raises:
        HTTPException: It is too large.
        DataError: It is not packed as it says.
    """
    parts, size = [], 0
    async for part in request.stream():  # to its end: a client that is cut off hears no answer
        size += len(part)
        if size <= asked.MAX_BYTES:
            parts.append(part)
    if size > asked.MAX_BYTES:
        raise _too_large()
    data = b"".join(parts)
    packing = request.headers.get("Content-Encoding", "identity")
    match packing.strip().lower():
        case "identity" | "":
            return data
        case "gzip" | "deflate":
            return await run_in_threadpool(_unpacked, data, packing)
    raise HTTPException(
        415, f"expected the content as it is, or packed by gzip or deflate, got {one_line(packing)}"
    )


def _unpacked(data: bytes, packing: str) -> bytes:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32)  # knows both by how they begin
    try:
        content = unpacker.decompress(data, asked.MAX_BYTES + 1)
    except zlib.error as err:
        raise DataError(f"the content is not packed by {packing}, as it says: {err}") from err
    if len(content) > asked.MAX_BYTES:
        raise _too_large()
    if not unpacker.eof:
        raise DataError(f"the content is packed by {packing} and ends too early")
    return content


def _json_size(request: Request) -> int | None:
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise DataError(f"{HEADER}: expected a number of bytes, got {one_line(text, 40)}")
    return int(text)


def _too_large() -> HTTPException:
    return HTTPException(413, f"expected at most {asked.MAX_BYTES // 2**20} MiB, got more")


# --- what is answered ----------------------------------------------------------------------------


def _saying(fields: Mapping[str, Any]) -> Callable[[Request], Any]:
    async def say(_: Request) -> Response:
        return JSONResponse(fields)

    return say


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = error.detail
    if told == HTTPStatus(error.status_code).phrase:  # Starlette's own, which says no more
        told = f"{request.method} {one_line(request.url.path, 200)}: {told}"
    return JSONResponse({"error": told}, error.status_code, error.headers)


def _wrong(_: Request, error: Exception) -> Response:
    assert isinstance(error, NasError)
    return JSONResponse({"error": str(error)}, 400 if error.exit_code == 2 else 500)


def _failed(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": sentence_of(error)}, 500)
