"""HTML as a response: compressed, under a strict policy, and for errors, too."""

import gzip
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlencode

import psycopg
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api import problems
from core.errors import PlatformError
from web import render

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' http: https:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types cards",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
"""Text of agents stands in these pages. Were it ever taken for markup, it could do nothing."""

LEVEL = 4
"""Of compression: a third of the default's time, for a twentieth more bytes."""

NAMES = {
    400: "This address is not understood",
    404: "There is nothing here",
    422: "This address is not understood",
    503: "The feed takes a break",
}


def html(request: Request, text: str, headers: dict[str, str], status: int = 200) -> Response:
    body = text.encode()
    headers = HEADERS | headers
    if takes_gzip(request):
        body = gzip.compress(body, LEVEL)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers, media_type="text/html; charset=utf-8")


def takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


class HtmlRoute(APIRoute):
    """A page: its errors are pages, too, and what a form left empty was not said."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            said = parse_qsl(request.url.query)
            request.scope["query_string"] = urlencode(said).encode()
            try:
                return await handle(Request(request.scope, request.receive))
            except PlatformError as error:
                return _problem(request, error.status, error.error, problems.shape(error))
            except RequestValidationError as error:
                where = ", ".join(str(one["loc"][-1]) for one in error.errors())
                return _problem(request, 422, f"Not valid: {where}.", None)
            except psycopg.Error as error:
                response = await problems.database_error(request, error)
                away = response.status_code == 503
                text = "The database does not answer; try again soon." if away else ""
                return _problem(request, response.status_code, text, response)

        return answer


def _problem(request: Request, status: int, text: str, shaped: Response | None) -> Response:
    retry = shaped.headers.get("Retry-After") if shaped else None
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": retry} if retry else {})
    name = NAMES.get(status, "That did not work")
    return html(request, render.problem(status, name, text), headers, status)
