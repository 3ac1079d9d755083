"""The page: Gradio's blocks around functions that answer, so that it can be tested without a model."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

# Read when gradio is imported: nothing is reported to anyone.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# Gradio would sum up all events so far, with pandas, after each one; nobody looks at that here.
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)

import gradio as gr
from starlette.middleware import Middleware

from qa.articles import Article
from qa.errors import IndexBusy, QAError, UsageError
from qa.page import answers, head, mending, panel, reading, states
from qa.page.answers import Asked
from qa.page.guard import Guard, hosts
from qa.page.machines import LIMIT, LONGEST_QUESTION, Asks, Dictionary, check_mcp, endpoints
from qa.page.reading import Place
from qa.page.rebuilding import Cancelled, Rebuilds, steps
from qa.page.resting import Rest
from qa.page.theme import theme
from qa.page.uploads import Uploads
from qa.page.words import FALLBACK, WORDS, choose

log = logging.getLogger(__name__)

Folder = Callable[[], str | os.PathLike[str]]  # names the folder of articles

PORT = 7860
MOST = 30               # passages on one page: more is a list to search, not an answer to read
AT_ONCE = 8             # questions answered side by side; more wait in the queue rather than slow all others down

# What Gradio's own blocks say; it puts these into every page in all languages, all else is said in HTML of ours.
_LABELS = ("question", "placeholder", "since", "until", "date_form", "file", "file_form", "limit")
_EACH_STEP = 0.25       # seconds: progress that changes faster cannot be read, nor its button be hit
# Gradio copies its blocks, 50 kB, for each visitor and for each question to the endpoint, and would keep 10,000 copies.
# Nothing of a visit is kept in one: whose is gone gets another.
SESSIONS = 100
_MOST_NAMES = 500       # files that are named in a report of what was added

_BIND = "qaBind(element, trigger, watch, props, '{name}', ['again', 'open', 'mend', 'cancel'])"


def page(ask: Asks, status: Callable[[], Dictionary], *, article: Callable[[str], Article] | None = None,
         rebuild: Rebuilds | None = None, articles: Folder | None = None, mcp: bool = False) -> gr.Blocks:
    """The page over functions that answer.

    `article` gives the stored article of a file, for reading on; `rebuild` builds the index anew, and `articles`
    names the folder that readers may add files to: both are given only when readers of the page may do that.
    `mcp` offers asking and reading to MCP clients too. What the functions raise is shown as a state of the page.
    Raises UsageError when MCP is wanted and its package is not installed.
    """
    if mcp:
        check_mcp()
    i18n = gr.I18n(**{language: {f"qa_{key}": table[key] for key in _LABELS} for language, table in WORDS.items()})

    def label(key: str) -> Any:
        return i18n(f"qa_{key}")

    editable = rebuild is not None and articles is not None
    uploads = Uploads(articles) if articles else None
    turns = itertools.count()
    stop = threading.Event()
    building = threading.Lock()

    def look(asked: Asked, language: str) -> str:
        """The answer as HTML, or what is in its way."""
        try:
            found = ask(asked["question"], k=asked["limit"], since=asked["since"] or None, until=asked["until"] or None,
                        file=asked["file"] or None).to_dict()
            in_the_way = "" if found["hits"] else folder(language)[2]
            shown = in_the_way or answers.answer(found, asked, language)
        except Exception as error:
            shown = _problem(error, language, editable)
        # A browser waits for its block to change, so that even the same answer twice must differ.
        return f"{shown}<span hidden data-turn='{next(turns)}'></span>"

    def folder(language: str) -> tuple[str, str, str]:
        """Examples, the folder, and the state of the results when the folder stands in their way."""
        try:
            state = status().to_dict()
        except Exception as error:
            return head.examples((), language), "", _problem(error, language, editable)
        shown = panel.folder(state, language, editable=editable)
        in_the_way = "" if state["articles"] else states.empty(language, editable=editable)
        return head.examples(state.get("examples") or (), language), shown, in_the_way

    def arrive(question: str, since: str, until: str, file: str, limit: str, request: gr.Request) -> tuple[Any, ...]:
        language = _language(request)
        asked = _asked(question, since, until, file, limit)
        examples, shown, results = folder(language)
        if asked["question"] and not results:
            results = look(asked, language)
        boxes = tuple(asked.values()) if asked["question"] else tuple(gr.update() for _ in asked)
        return *boxes, examples, shown, results

    def search(question: str, since: str, until: str, file: str, limit: str, request: gr.Request) -> Any:
        asked = _asked(question, since, until, file, limit)
        return look(asked, _language(request)) if asked["question"] else gr.update()

    def again(question: str, since: str, until: str, file: str, limit: str, event: gr.EventData,
              request: gr.Request) -> tuple[Any, ...]:
        """Asks with some of the boxes filled in otherwise: an example, a filter taken back, a period."""
        data: dict[str, Any] = event._data or {}
        filled = {"question": question, "since": since, "until": until, "file": file, "limit": limit}
        asked = _asked(**{name: data.get(name, value) for name, value in filled.items()})
        # Without a question one has gone back to the beginning of the visit, or pressed the button over an empty box.
        empty = "" if data.get("question") == "" else gr.update()
        return *asked.values(), look(asked, _language(request)) if asked["question"] else empty

    def open_article(event: gr.EventData, request: gr.Request) -> str:
        language = _language(request)
        data: dict[str, Any] = event._data or {}
        try:
            places = (int(data[name]) for name in ("start", "end", "answerStart", "answerEnd"))
            place = Place(*places)
            opened = article(str(data["file"])) if article else None
        except (QAError, KeyError, ValueError):
            opened = None
        return reading.article(opened, place, language) if opened else reading.no_article(language)

    def mend(question: str, since: str, until: str, file: str, limit: str, event: gr.EventData,
             request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Rebuilds the index, saying at each step how far it is; the old index answers until the end.

        The event may tell which files were added before; when none could be, there is nothing to rebuild.
        """
        language, nothing = _language(request), gr.update()
        files, refused = _sent(event._data or {})
        report = mending.added(files, refused, language)
        if rebuild is None:
            return
        if refused and not files:
            yield report, nothing, nothing, nothing
            return
        if not building.acquire(blocking=False):
            busy = _problem(IndexBusy("The index is being built already."), language, False)
            yield report + busy, nothing, nothing, nothing
            return
        try:
            stop.clear()
            shown = 0.0
            for step in steps(rebuild, stop):
                if time.monotonic() - shown > _EACH_STEP:
                    shown = time.monotonic()
                    yield report + mending.building(step.done, step.total, step.file, language), *[nothing] * 3
        except Cancelled:
            yield report + mending.built("cancelled", language), nothing, nothing, nothing
        except Exception as error:
            yield report + _problem(error, language, False), nothing, nothing, nothing
        else:
            if uploads:
                uploads.rebuilt()
            asked = _asked(question, since, until, file, limit)
            examples, below, results = folder(language)
            if asked["question"] and not results:
                results = look(asked, language)
            yield report + mending.built("rebuilt", language), examples, below, results
        finally:
            building.release()

    blocks = _Page(title="qa", analytics_enabled=False, fill_width=True)
    blocks.i18n = i18n
    blocks.mcp = mcp
    blocks.uploads = uploads
    with blocks:
        gr.HTML(_mastheads(), elem_id="qa-masthead", apply_default_css=False)
        # Columns laid out by page.css: each further kind of block is more for a browser to fetch before one can type.
        with gr.Column(elem_id="qa-ask-form"):
            with gr.Column(elem_id="qa-ask-row"):
                question = gr.Textbox(
                    label=label("question"), placeholder=label("placeholder"), lines=1, max_lines=4, autofocus=True,
                    max_length=LONGEST_QUESTION, elem_id="qa-question", scale=1,
                    html_attributes=gr.InputHTMLAttributes(autocorrect="off", spellcheck=False, enterkeyhint="search"),
                )  # fmt: skip
                go = _block("go", "".join(head.ask_button(language) for language in WORDS))
            _block("narrow", "".join(head.filters_button(language) for language in WORDS))
            with gr.Column(elem_id="qa-filters"):
                since = gr.Textbox(label=label("since"), placeholder=label("date_form"), max_lines=1, max_length=10)
                until = gr.Textbox(label=label("until"), placeholder=label("date_form"), max_lines=1, max_length=10)
                file = gr.Textbox(label=label("file"), placeholder=label("file_form"), max_lines=1, max_length=500)
                limit = gr.Textbox(str(LIMIT), label=label("limit"), placeholder=f"1–{MOST}", max_lines=1, max_length=2)
        boxes = [question, since, until, file, limit]
        examples = _block("examples")
        works = _block("mending")
        with gr.Column(elem_id="qa-columns"):
            results = _block("results")
            beside = _block("article")
        below = _block("folder")

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asking: dict[str, Any] = {**quiet, "concurrency_limit": AT_ONCE, "concurrency_id": "ask"}
        blocks.load(arrive, boxes, [*boxes, examples, below, results], js="() => qaAddress()", **asking)
        for start in (box.submit for box in boxes):
            start(search, boxes, results, **asking, trigger_mode="always_last")
        for block in (go, examples, results):
            block.again(again, boxes, [*boxes, results], **asking, trigger_mode="always_last")
        results.open(open_article, None, beside, **quiet, concurrency_limit=AT_ONCE)
        if editable:
            for block in (results, below, works):
                # A second rebuild is refused at once rather than left to wait for the first.
                block.mend(mend, boxes, [works, examples, below, results], **quiet, concurrency_limit=AT_ONCE,
                           concurrency_id="mend")
            works.cancel(stop.set, None, None, **quiet)

        blocks.defaults = endpoints(ask, article if mcp else None, concurrency_limit=AT_ONCE, concurrency_id="ask")
    return blocks


def launch(blocks: gr.Blocks, host: str = "127.0.0.1", port: int = PORT, *, open_browser: bool = False) -> str:
    """Begins to serve the page and returns its address; `blocks.block_thread()` waits, `blocks.close()` ends it.

    Port 0 takes any free one. Raises UsageError when the port cannot be used.
    """
    taken = UsageError(f"Port {port} of {host} cannot be used. Choose another with --port, or stop what uses it.")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind((host, port))
            port = free.getsockname()[1]
        with contextlib.redirect_stdout(io.StringIO()):  # Gradio announces MCP there, however quiet it is to be
            _, url, _ = blocks.launch(
                server_name=host, server_port=port, inbrowser=open_browser, prevent_thread_lock=True)
        if blocks.mcp_server_obj:
            blocks.mcp_server_obj.postprocess_output_data = _as_json  # type: ignore[method-assign]
    except OSError as error:
        raise taken from error
    return str(url)


def _as_json(data: Any, root_url: str) -> list[Any]:
    """What an MCP tool gives, as JSON; Gradio would write it as Python does."""
    from mcp.types import TextContent  # an extra: installed where MCP is asked for

    return [TextContent(type="text", text=json.dumps(output, ensure_ascii=False)) for output in data]


class _Page(gr.Blocks):
    """Blocks that launch in qa's own dress and behind its guard, also when someone else calls `launch`."""

    i18n: gr.I18n
    uploads: Uploads | None = None
    mcp: bool = False
    defaults: dict[str, list[Any]]  # of the endpoints' parameters after the first

    def launch(self, *args: Any, **options: Any) -> Any:
        # Hugging Face Spaces says by the environment that the server is to listen to its proxy.
        host = options.get("server_name") or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
        chosen: dict[str, Any] = {
            "server_name": host, "theme": theme(), "i18n": self.i18n, "footer_links": ["api"], "run_history": False,
            "ssr_mode": False, "pwa": False, "share": False, "mcp_server": self.mcp, "enable_monitoring": False,
            "quiet": True, "max_file_size": 0, "state_session_capacity": SESSIONS,
            "app_kwargs": {"middleware": [
                Middleware(Guard, allowed=hosts(host), uploads=self.uploads, mcp=self.mcp),
                Middleware(Rest, queue=lambda: self._queue)]},
        }  # fmt: skip
        return super().launch(*args, **{**chosen, **options})

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **options: Any) -> Any:
        # An endpoint may be called with its first input alone, as the others have defaults; Gradio fills them in only
        # on the client's side.
        if block_fn.api_name in self.defaults:
            inputs = [*inputs, *self.defaults[block_fn.api_name][max(0, len(inputs) - 1):]]
        return await super().preprocess_data(block_fn, inputs, *args, **options)


def _block(name: str, content: str = "") -> Any:
    return gr.HTML(content, elem_id=f"qa-{name}", elem_classes="qa-block", apply_default_css=False,
                   js_on_load=_BIND.format(name=name))


def _mastheads() -> str:
    """The head of the page in all its languages; the style shows the reader's own, so that nothing jumps."""
    return "".join(head.masthead(language) for language in WORDS)


def _sent(data: dict[str, Any]) -> tuple[list[str], list[tuple[str, str]]]:
    """The files that a browser says it has added, and (file, reason) of those refused; shown, never acted upon."""
    files = [str(file) for file in list(data.get("added") or ())[:_MOST_NAMES]]
    refused = [(str(one.get("file")), str(one.get("reason"))) for one in list(data.get("refused") or ())[:_MOST_NAMES]
               if isinstance(one, dict)]
    return files, refused


def _asked(question: str | None, since: str | None, until: str | None, file: str | None, limit: object) -> Asked:
    """What the boxes hold; an empty box is None in Gradio."""
    return Asked(question=(question or "").strip()[:LONGEST_QUESTION], since=(since or "").strip(),
                 until=(until or "").strip(), file=(file or "").strip(), limit=_number(limit))


def _number(limit: object) -> int:
    """How many passages were asked for; what is no such number asks for the usual one."""
    try:
        return max(1, min(MOST, int(str(limit)))) if str(limit).strip() else LIMIT
    except ValueError:
        return LIMIT


def _language(request: gr.Request | None) -> str:
    return choose(request.headers.get("accept-language", "")) if request else FALLBACK


def _problem(error: Exception, language: str, editable: bool) -> str:
    if not isinstance(error, QAError):
        log.error("The page could not answer", exc_info=error)
    return states.problem(error, language, editable=editable)
