"""The page: Gradio's blocks around functions that answer, so that it can be tested without a model."""

from __future__ import annotations

import itertools
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

# Read when gradio is imported: nothing is reported to anyone.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# Gradio would sum up all events so far, with pandas, after each one; nobody looks at that here.
os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)

import gradio as gr
from gradio.events import api
from starlette.middleware import Middleware

from qa.articles import Article
from qa.build import Progress
from qa.errors import IndexBusy, QAError, UsageError
from qa.page import render
from qa.page.guard import Guard, hosts
from qa.page.render import Asked, Place
from qa.page.words import FALLBACK, WORDS, choose

log = logging.getLogger(__name__)

PORT = 7860
LIMIT = 5               # passages shown when the reader chooses no other number
LIMITS = [3, 5, 10, 20]
LONGEST_QUESTION = 2_000  # characters: far more than any question, and quick to encode
AT_ONCE = 8             # questions answered side by side; more wait in the queue rather than slow all others down

_BIND = "qaBind(element, trigger, watch, props, '{name}', ['again', 'open', 'mend', 'cancel'])"


class Asks(Protocol):
    """`qa.ask` or anything that answers like it."""

    def __call__(self, question: str, *, k: int, since: str | None, until: str | None,
                 file: str | None) -> Dictionary: ...


class Dictionary(Protocol):
    """A record that knows its JSON form, which is all that the page reads."""

    def to_dict(self) -> dict[str, Any]: ...


Rebuilds = Callable[[Callable[[Progress], None]], object]  # takes what is called with each file's progress


class _Cancelled(Exception):
    """The reader stopped a rebuild."""


def page(ask: Asks, status: Callable[[], Dictionary], *, article: Callable[[str], Article] | None = None,
         rebuild: Rebuilds | None = None) -> gr.Blocks:
    """The page over functions that answer.

    `article` gives the stored article of a file, for reading on; `rebuild` builds the index anew and is given only
    when readers of the page may do that. Raises nothing; what the functions raise is shown as a state of the page.
    """
    i18n = gr.I18n(**{language: {f"qa_{key}": text for key, text in table.items()}
                      for language, table in WORDS.items()})

    def label(key: str) -> Any:
        return i18n(f"qa_{key}")

    can_rebuild = rebuild is not None
    turns = itertools.count()
    stop = threading.Event()
    building = threading.Lock()

    def look(asked: Asked, language: str) -> str:
        """The answer as HTML, or what is in its way."""
        try:
            found = ask(asked["question"], k=asked["limit"], since=asked["since"] or None, until=asked["until"] or None,
                        file=asked["file"] or None)
            shown = render.answer(found.to_dict(), asked, language)
        except Exception as error:
            shown = _problem(error, language, can_rebuild)
        # A browser waits for its block to change, so that even the same answer twice must differ.
        return f"{shown}<span hidden data-turn='{next(turns)}'></span>"

    def folder(language: str) -> tuple[str, str, str]:
        """Examples, the folder, and the state of the results when the folder stands in their way."""
        try:
            state = status().to_dict()
        except Exception as error:
            return render.examples((), language), "", _problem(error, language, can_rebuild)
        shown = render.folder(state, language, can_rebuild=can_rebuild)
        in_the_way = "" if state["articles"] else render.empty(language, can_rebuild=can_rebuild)
        return render.examples(list(state.get("examples") or ())[:4], language), shown, in_the_way

    def arrive(question: str, since: str, until: str, file: str, limit: int, request: gr.Request) -> tuple[Any, ...]:
        language = _language(request)
        asked = _asked(question, since, until, file, limit)
        examples, shown, results = folder(language)
        if asked["question"] and not results:
            results = look(asked, language)
        boxes = tuple(asked.values()) if asked["question"] else tuple(gr.update() for _ in asked)
        narrowed = gr.update(open=True) if asked["since"] or asked["until"] or asked["file"] else gr.update()
        return *boxes, narrowed, examples, shown, results

    def search(question: str, since: str, until: str, file: str, limit: int, request: gr.Request) -> Any:
        asked = _asked(question, since, until, file, limit)
        return look(asked, _language(request)) if asked["question"] else gr.update()

    def again(question: str, since: str, until: str, file: str, limit: int, event: gr.EventData,
              request: gr.Request) -> tuple[Any, ...]:
        """Asks with some of the boxes filled in otherwise: an example, a filter taken back, a period."""
        data: dict[str, Any] = event._data or {}
        filled = {"question": question, "since": since, "until": until, "file": file}
        asked = _asked(**{name: data.get(name, value) for name, value in filled.items()}, limit=limit)
        return *asked.values(), look(asked, _language(request)) if asked["question"] else gr.update()

    def read(event: gr.EventData, request: gr.Request) -> str:
        language = _language(request)
        data: dict[str, Any] = event._data or {}
        try:
            places = (int(data[name]) for name in ("start", "end", "answerStart", "answerEnd"))
            place = Place(*places)
            opened = article(str(data["file"])) if article else None
        except (QAError, KeyError, ValueError):
            opened = None
        return render.article(opened, place, language) if opened else render.no_article(language)

    def mend(request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Rebuilds the index, saying at each step how far it is; the old index answers until the end."""
        language = _language(request)
        nothing = gr.update()
        if rebuild is None:
            return
        if not building.acquire(blocking=False):
            yield _problem(IndexBusy("The index is being built already."), language, False), nothing, nothing, nothing
            return
        try:
            stop.clear()
            for step in _steps(rebuild, stop):
                yield render.building(step.done, step.total, step.file, language), nothing, nothing, nothing
        except _Cancelled:
            yield render.built("cancelled", language), nothing, nothing, nothing
        except Exception as error:
            yield _problem(error, language, False), nothing, nothing, nothing
        else:
            yield render.built("rebuilt", language), *folder(language)
        finally:
            building.release()

    blocks = _Page(title="qa", analytics_enabled=False, fill_width=True)
    blocks.i18n = i18n
    with blocks:
        gr.HTML(_mastheads(), elem_id="qa-masthead", apply_default_css=False)
        # Columns laid out by page.css: each further kind of block is more for a browser to fetch before one can type.
        with gr.Column(elem_id="qa-ask-form"):
            with gr.Column(elem_id="qa-ask-row"):
                question = gr.Textbox(
                    label=label("question"), placeholder=label("placeholder"), lines=1, max_lines=1, autofocus=True,
                    max_length=LONGEST_QUESTION, elem_id="qa-question", scale=1,
                    html_attributes=gr.InputHTMLAttributes(autocorrect="off", spellcheck=False, enterkeyhint="search"),
                )  # fmt: skip
                go = _block("go", "".join(render.ask_button(language) for language in WORDS))
            with gr.Accordion(label("filters"), open=False, elem_id="qa-filters") as filters:
                since = gr.Textbox(label=label("since"), placeholder=label("date_form"), max_lines=1, max_length=10)
                until = gr.Textbox(label=label("until"), placeholder=label("date_form"), max_lines=1, max_length=10)
                file = gr.Textbox(label=label("file"), placeholder=label("file_form"), max_lines=1, max_length=500)
                limit = gr.Radio(LIMITS, value=LIMIT, label=label("limit"))
        boxes = [question, since, until, file, limit]
        examples = _block("examples")
        mending = _block("mending")
        with gr.Column(elem_id="qa-columns"):
            results = _block("results")
            beside = _block("article")
        below = _block("folder")

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asking: dict[str, Any] = {**quiet, "concurrency_limit": AT_ONCE, "concurrency_id": "ask"}
        blocks.load(arrive, boxes, [*boxes, filters, examples, below, results], js="() => qaAddress()", **asking)
        for start in (question.submit, since.submit, until.submit, file.submit):
            start(search, boxes, results, **asking, trigger_mode="always_last")
        for block in (go, examples, results):
            block.again(again, boxes, [*boxes, results], **asking, trigger_mode="always_last")
        results.open(read, None, beside, **quiet, concurrency_limit=AT_ONCE)
        if can_rebuild:
            for block in (results, below):
                block.mend(mend, None, [mending, examples, below, results], **quiet, concurrency_limit=1,
                           concurrency_id="mend")
            mending.cancel(stop.set, None, None, **quiet)

        def endpoint(question: str, limit: int = LIMIT, since: str | None = None, until: str | None = None,
                     file: str | None = None) -> dict[str, Any]:
            """Passages of the articles that answer a question, as the JSON object of `qa ask --json`.

            `limit` is how many passages; `since` and `until` are dates such as 2022, 2022-09 or 2022-09-15, both
            inclusive; `file` is a pattern for file names such as *.md.
            """
            if len(question) > LONGEST_QUESTION:
                raise gr.Error(f"A question may have {LONGEST_QUESTION} characters at most.", print_exception=False)
            try:
                return ask(question, k=limit, since=since, until=until, file=file).to_dict()
            except QAError as error:
                raise gr.Error(str(error), print_exception=False) from error

        api(endpoint, api_name="ask", concurrency_limit=AT_ONCE, concurrency_id="ask")
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
        _, url, _ = blocks.launch(server_name=host, server_port=port, inbrowser=open_browser, prevent_thread_lock=True)
    except OSError as error:
        raise taken from error
    return str(url)


class _Page(gr.Blocks):
    """Blocks that launch in qa's own dress and behind its guard, also when someone else calls `launch`."""

    i18n: gr.I18n

    def launch(self, *args: Any, **options: Any) -> Any:
        # Hugging Face Spaces says by the environment that the server is to listen to its proxy.
        host = options.get("server_name") or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
        chosen: dict[str, Any] = {
            "server_name": host, "theme": _theme(), "i18n": self.i18n, "footer_links": ["api"], "run_history": False,
            "ssr_mode": False, "pwa": False, "share": False, "mcp_server": False, "enable_monitoring": False,
            "quiet": True, "max_file_size": 0,
            "app_kwargs": {"middleware": [Middleware(Guard, allowed=hosts(host))]},
        }  # fmt: skip
        return super().launch(*args, **{**chosen, **options})

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **options: Any) -> Any:
        # The endpoint may be called with the question alone, as its other inputs have defaults; Gradio fills them in
        # only on the client's side.
        if block_fn.api_name == "ask":
            inputs = [*inputs, *[LIMIT, None, None, None][max(0, len(inputs) - 1):]]
        return await super().preprocess_data(block_fn, inputs, *args, **options)


def _block(name: str, content: str = "") -> Any:
    return gr.HTML(content, elem_id=f"qa-{name}", elem_classes="qa-block", apply_default_css=False,
                   js_on_load=_BIND.format(name=name))


def _mastheads() -> str:
    """The head of the page in all its languages; the style shows the reader's own, so that nothing jumps."""
    return "".join(render.masthead(language) for language in WORDS)


def _asked(question: str | None, since: str | None, until: str | None, file: str | None, limit: int) -> Asked:
    """What the boxes hold; an empty box is None in Gradio."""
    return Asked(question=(question or "").strip()[:LONGEST_QUESTION], since=(since or "").strip(),
                 until=(until or "").strip(), file=(file or "").strip(), limit=limit if limit in LIMITS else LIMIT)


def _language(request: gr.Request | None) -> str:
    return choose(request.headers.get("accept-language", "")) if request else FALLBACK


def _problem(error: Exception, language: str, can_rebuild: bool) -> str:
    if not isinstance(error, QAError):
        log.error("The page could not answer", exc_info=error)
    return render.problem(error, language, can_rebuild=can_rebuild)


def _steps(rebuild: Rebuilds, stop: threading.Event) -> Iterator[Progress]:
    """Runs `rebuild` beside the page and yields its newest progress; raises what it raises, or _Cancelled."""
    news: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
    failed: list[BaseException] = []

    def progress(step: Progress) -> None:
        if stop.is_set():
            raise _Cancelled
        news.put(step)

    def run() -> None:
        try:
            rebuild(progress)
        except BaseException as error:
            failed.append(error)
        news.put(None)

    worker = threading.Thread(target=run, name="qa-rebuild", daemon=True)
    worker.start()
    try:
        step = news.get()
        while step is not None:
            while not news.empty() and step is not None:
                step = news.get()  # a browser needs the newest step only
            if step is not None:
                yield step
                step = news.get()
    finally:
        if worker.is_alive():
            stop.set()  # the reader closed the page: nobody waits for this build
        worker.join()
    if failed:
        raise failed[0]


def _theme() -> gr.themes.Base:
    """Paper and ink, in the fonts of the reader's own machine: Gradio's themes fetch theirs from elsewhere."""
    serif = ["Charter", "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", "Georgia", "serif"]
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.neutral, neutral_hue=gr.themes.colors.stone, font=serif,
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )
    return theme.set(
        body_background_fill="#fbfaf6", body_background_fill_dark="#17171a",
        body_text_color="#1d1b18", body_text_color_dark="#ece8e0",
        body_text_color_subdued="#5f5a52", body_text_color_subdued_dark="#aaa499",
        background_fill_primary="#ffffff", background_fill_primary_dark="#1f1f23",
        background_fill_secondary="#f4f1ea", background_fill_secondary_dark="#26262b",
        border_color_primary="#ddd7cb", border_color_primary_dark="#3a3a41",
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_shadow="none", block_label_text_color="*body_text_color_subdued",
        block_label_text_color_dark="*body_text_color_subdued",
        input_background_fill="#ffffff", input_background_fill_dark="#1f1f23",
        input_border_color="#8d867a", input_border_color_dark="#77726a", input_placeholder_color="#6d675e",
        input_placeholder_color_dark="#a09a8f",
        button_primary_background_fill="#1f3a5f", button_primary_background_fill_dark="#b9cde8",
        button_primary_background_fill_hover="#16304f", button_primary_background_fill_hover_dark="#d3e0f2",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#14202f",
    )  # fmt: skip
