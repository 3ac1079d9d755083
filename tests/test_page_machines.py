"""What machines may ask of the page: two MCP tools over HTTP, spoken to by a real client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from page_reader import http
from page_toys import HOSTILE, HOSTILE_FILE, SUMMIT, Toys

from qa.cli import main
from qa.errors import UsageError
from qa.page.frame import launch, page


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture(scope="module")
def url(toys: Toys) -> Iterator[str]:
    """A page with everything that may be allowed, so that what MCP does not show is kept back, not merely absent."""
    blocks, address = opened(
        lambda: page(toys.ask, toys.status, article=toys.article, rebuild=toys.rebuild, articles=lambda: ".", mcp=True))
    yield address
    blocks.close()


def opened(make: Callable[[], Any]) -> tuple[Any, str]:
    """A page and its address. Where no event loop runs, Gradio makes one for each of its locks and closes none."""
    async def start() -> tuple[Any, str]:
        blocks = make()
        return blocks, launch(blocks, port=0)

    return asyncio.run(start())


def spoken(url: str, talk: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """What comes of talking to the page's MCP server."""
    async def session() -> Any:
        async with (streamable_http_client(url + "gradio_api/mcp") as (read, write, _),
                    ClientSession(read, write) as client):
            await client.initialize()
            return await talk(client)

    return asyncio.run(session())


def test_exactly_asking_and_reading_are_tools(url: str) -> None:
    """Whatever else the page can do, rebuilding and adding among it, no MCP client sees it; each tool says what for."""
    async def talk(client: ClientSession) -> Any:
        assert (await client.list_resources()).resources == []
        assert (await client.list_prompts()).prompts == []
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in spoken(url, talk)}
    assert set(tools) == {"ask", "read"}
    assert tools["ask"].description.startswith("Passages of the articles that answer a question")
    assert tools["ask"].inputSchema["required"] == ["question"]
    assert set(tools["ask"].inputSchema["properties"]) == {"question", "limit", "since", "until", "file"}
    assert all(field["description"] for tool in tools.values() for field in tool.inputSchema["properties"].values())


def test_the_tools_answer_in_json(url: str, toys: Toys) -> None:
    """Asking gives what `qa ask --json` gives, reading a part of an article with its dates, and errors are said."""
    async def talk(client: ClientSession) -> list[Any]:
        return [
            await client.call_tool("ask", {"question": "Où ?", "limit": 2, "since": "2022"}),
            await client.call_tool("read", {"file": "sommet.txt"}),
            await client.call_tool("read", {"file": "sommet.txt", "start": 25, "length": 21}),
            await client.call_tool("read", {"file": HOSTILE_FILE}),
            await client.call_tool("ask", {"question": "refuse"}),
            await client.call_tool("ask", {"question": "crash"}),
            await client.call_tool("read", {"file": "../../../etc/passwd"}),
            await client.call_tool("read", {"file": "sommet.txt", "length": 10**9}),
            await client.call_tool("mend", {}),
        ]

    results = spoken(url, talk)
    assert [result.isError for result in results] == [False] * 4 + [True] * 5
    asked, whole, part, hostile = (json.loads(result.content[0].text) for result in results[:4])
    assert asked == toys.ask("Où ?", k=2, since="2022", until=None, file=None).to_dict()
    assert whole == {
        "file": "sommet.txt", "title": "Le sommet de la ville", "language": "fr", "characters": len(SUMMIT), "start": 0,
        "end": len(SUMMIT), "text": SUMMIT,
        "sections": [{"start": 0, "end": len(SUMMIT), "date": "2022-09-15", "date_source": "dateline"}]}
    assert (part["start"], part["end"], part["text"]) == (25, 46, "Le sommet de la ville")
    assert hostile["text"] == HOSTILE
    said = [result.content[0].text for result in results[4:]]
    assert said[0] == "The date is not one. Write 2022 or 2022-09."
    assert "secret" not in said[1]
    assert "holds no article" in said[2]
    assert "length from 1 to 20000" in said[3]
    assert "Unknown tool" in said[4]


def test_mcp_stands_behind_the_same_guard(url: str) -> None:
    """Foreign hosts and origins get 403, a browser nothing that names other sites, and the policy holds."""
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    address = url + "gradio_api/mcp"
    for bad in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert http.post(address, json=hello, headers=accept | bad).status_code == 403, bad
    mine = http.post(address, json=hello, headers=accept, follow_redirects=True)
    assert mine.status_code == 200
    assert "http" not in mine.headers["content-security-policy"]
    assert http.get(address, headers={"Accept": "text/html"}).status_code == 405
    assert http.get(address + "/sse").status_code == 404
    assert http.post(address + "/messages/", json=hello).status_code == 404
    assert set(http.get(url + "gradio_api/info").json()["named_endpoints"]) == {"/ask", "/read"}


def test_without_being_asked_for_there_is_no_mcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain page knows no MCP address and no endpoint to read with; a missing package is said with its remedy."""
    toys = Toys()
    blocks, plain = opened(lambda: page(toys.ask, toys.status, article=toys.article))
    try:
        assert http.post(plain + "gradio_api/mcp", json={}).status_code == 404
        assert http.post(plain + "gradio_api/call/read", json={"data": ["sommet.txt"]}).status_code == 404
        assert set(http.get(plain + "gradio_api/info").json()["named_endpoints"]) == {"/ask"}
    finally:
        blocks.close()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'qa-articles\[mcp\]'"):
        page(toys.ask, toys.status, article=toys.article, mcp=True)


def test_the_command_hands_on_what_the_page_may_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """`qa serve` only reads; --editable and --mcp each allow one thing more, and no other."""
    served: list[dict[str, Any]] = []
    monkeypatch.setattr("qa.page.serve", lambda **given: served.append(given))
    for options in ([], ["--mcp"], ["--editable", "--port", "8000"]):
        assert main(["serve", *options]) == 0
    plain = {"index": "index", "host": "127.0.0.1", "port": 7860, "editable": False, "mcp": False}
    assert served == [plain, {**plain, "mcp": True}, {**plain, "editable": True, "port": 8000}]
