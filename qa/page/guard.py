"""What stands before the page: who may ask, which paths there are, and the headers that keep a browser at home.

A server on the loopback address can be reached by any web page the reader visits, through a name that the page's
owner points at 127.0.0.1 (DNS rebinding) or by a form sent across origins. So Host and Origin are checked first.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Iterable
from importlib.resources import files

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.page.uploads import LARGEST, Uploads
from qa.page.words import choose, direction

LARGEST_REQUEST = 1_000_000  # bytes: a question and its filters are far below

# Gradio serves many more paths (uploads, files, proxies, monitoring…); only what the page and its clients use is let
# through, so that no present or future one can read a file or start a job.
_PATHS = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/monitoring/summary|/static/.+|/assets/.+|/svelte/.+"
    r"|/gradio_api/(info/?|openapi\.json|app_id/?|startup-events|theme\.css|queue/join|queue/data|cancel|reset/?"
    r"|heartbeat/[\w-]+|(call|run|api)/ask/?|call/v2/ask/?|call/ask/[\w-]+)"
)
_MCP_PATHS = re.compile(
    r"/gradio_api/(mcp/?|mcp/schema|(call|run|api)/read/?|call/v2/read/?|call/read/[\w-]+)"
)
_ARTICLES = "/qa/articles"  # where files are added
_ASSETS = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FOREIGN_META = re.compile(r'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')
_SCRIPT = re.compile(r"<script(?=[\s>])")
_HTML_TAG = re.compile(r'<html\s+lang="en"')


def hosts(bound: str) -> frozenset[str]:
    """Names under which a server bound to `bound` may be asked, in lower case; further ones in QA_ALLOWED_HOSTS."""
    further = {name.strip().lower() for name in os.environ.get("QA_ALLOWED_HOSTS", "").split(",")} - {""}
    further |= {os.environ["SPACE_HOST"].lower()} if os.environ.get("SPACE_HOST") else set()
    if bound.lower() in LOOPBACK:
        return LOOPBACK | further
    own = socket.gethostname().lower()
    return LOOPBACK | further | {bound.lower(), own, f"{own}.local"}


class Guard:
    """ASGI middleware: 403 for foreign hosts and origins, 404 for unknown paths, and the page's own assets.

    `uploads` takes files that readers add; None: the page is not to write. `mcp` lets MCP clients in.
    """

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str], uploads: Uploads | None = None,
                 mcp: bool = False) -> None:
        self.app = app
        self.uploads = uploads
        self.mcp = mcp
        self.allowed = frozenset(allowed)
        # Bound to a public address, a server is asked by address too. An address cannot be rebound, only a name can.
        self.addresses = not self.allowed <= LOOPBACK
        folder = files("qa.page")
        self.assets = {name: folder.joinpath(name).read_bytes() for name in _ASSETS}
        self.version = hashlib.sha256(b"".join(self.assets.values())).hexdigest()[:12]
        self.frames = "https://huggingface.co" if os.environ.get("SPACE_HOST") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif refusal := self._refusal(scope):
            await refusal(scope, receive, send)
        elif scope["path"] == _ARTICLES:
            await (await self._added(scope, receive))(scope, receive, send)
        elif scope["path"].startswith("/qa/"):
            await self._asset(scope["path"][4:])(scope, receive, send)
        elif not (_PATHS.fullmatch(scope["path"]) or (self.mcp and _MCP_PATHS.fullmatch(scope["path"]))):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        elif scope["path"].rstrip("/").endswith("/mcp") and scope["method"] == "GET":
            # Nothing is ever sent unasked, and Gradio's own page for browsers there links to other sites.
            await PlainTextResponse("MCP clients POST to this address.", 405, {"allow": "POST"})(scope, receive, send)
        elif scope["path"] == "/":
            await self._page(scope, receive, send)
        else:
            await self.app(scope, receive, self._with_policy(send, self._policy("")))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or not self._allows(_name(named[0])):
            return PlainTextResponse(
                "This address is not one of qa's own. Open the page by the address printed in the terminal,"
                " or name this one in QA_ALLOWED_HOSTS.", 403)
        origin = headers.get("origin")
        # The port counts: another server of this machine is another origin.
        if origin is not None and origin.partition("://")[2].lower() != named[0].lower():
            return PlainTextResponse("Requests from other sites are not answered.", 403)
        length = headers.get("content-length", "0")
        most = LARGEST if self.uploads and scope["path"] == _ARTICLES else LARGEST_REQUEST
        if not length.isdecimal() or int(length) > most or "transfer-encoding" in headers:
            return PlainTextResponse(f"A request may have {most} bytes at most.", 413)
        return None

    async def _added(self, scope: Scope, receive: Receive) -> Response:
        if self.uploads is None:
            return PlainTextResponse("This page only reads. Start it with: qa serve --editable", 403)
        if scope["method"] != "POST":
            return PlainTextResponse("Files are added by POST.", 405, {"allow": "POST"})
        # A form of another site cannot send this type without asking first, and is refused when it asks.
        if Headers(scope=scope).get("content-type") != "application/octet-stream":
            return PlainTextResponse("A file is sent as application/octet-stream.", 415)
        return await self.uploads(scope, receive)

    def _allows(self, name: str) -> bool:
        if name in self.allowed:
            return True
        if not self.addresses:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _asset(self, name: str) -> Response:
        if name == "alive":
            return Response(status_code=204, headers={"cache-control": "no-store"})
        if name not in _ASSETS:
            return PlainTextResponse("Not found", 404)
        return Response(self.assets[name], headers={
            "content-type": _ASSETS[name], "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff"})  # the address carries the version

    def _policy(self, nonce: str) -> str:
        """The Content-Security-Policy: nothing from elsewhere, no script that was not in the page when it was made.

        'unsafe-eval' is for Gradio's HTML component, which compiles its templates (made by us, never article text).
        """
        scripts = f"'self' 'nonce-{nonce}' 'unsafe-eval'" if nonce else "'self'"
        return (
            f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
            " font-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self' blob:;"
            f" base-uri 'self'; form-action 'self'; object-src 'none'; frame-ancestors 'self' {self.frames}".rstrip()
        )

    def _with_policy(self, send: Send, policy: str) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = policy
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "no-referrer"
            await send(message)

        return sent

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio's HTML in the reader's language, with our style and script, and nothing foreign in it."""
        nonce = secrets.token_urlsafe(16)
        language = choose(Headers(scope=scope).get("accept-language", ""))
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = self._rewritten(body.decode(), language, nonce).encode() if body else b""
            headers = MutableHeaders(scope=start)
            if body:
                headers["content-length"] = str(len(page))
            headers["content-language"] = language
            headers["vary"] = "accept-language"
            headers["cache-control"] = "no-store"
            await self._with_policy(send, self._policy(nonce))(start)
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, collect)

    def _rewritten(self, page: str, language: str, nonce: str) -> str:
        page = _HTML_TAG.sub(
            f'<html lang="{language}" dir="{direction(language)}" data-language="{language}"', page, count=1)
        # Only Gradio's own markup is changed: the data it embeds between scripts is left alone.
        head, mark, rest = page.partition("<script>window.gradio_config")
        head = _FOREIGN_META.sub("", head)
        assets = (f'<link rel="stylesheet" href="./qa/page.css?{self.version}">'
                  f'<script defer src="./qa/page.js?{self.version}"></script>')
        page = head + assets + mark + rest
        return _SCRIPT.sub(f'<script nonce="{nonce}"', page)


def _name(host: str) -> str:
    """The name in a Host header, without its port; "" when it is malformed."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:/@\s]+))(?::\d{1,5})?", host)
    return (match[1] or match[2]).lower() if match else ""
