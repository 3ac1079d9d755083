"""The command `qa`: the edge that talks to a terminal."""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.errors import IndexDamaged, QAError, UsageError

if TYPE_CHECKING:  # each command imports what it uses when it runs: `qa --help` must not load a model
    from qa.answers import Answer, Hit
    from qa.build import Progress

DONE, NO_ANSWER, WRONG_USAGE, BAD_INDEX, SOME_UNREADABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130

_TURN = 0.001  # seconds after which a thread that imports lets those that compare checksums go on: usually 0.005

_BOLD, _DIM, _MARK, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[30;43m", "\x1b[0m"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    # Read by numpy when it is first imported. A question's products are small: threads that wait for one another on
    # busy cores make them three times slower, for each of 32 readers at once most of all.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # a file's name may hold bytes that are no text, and an article any character at all
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parsed = _parser().parse_args(arguments)
    try:
        code = parsed.run(parsed)
        sys.stdout.flush()
        return int(code)
    except QAError as error:
        print(f"qa: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("qa: interrupted; nothing was changed", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `qa ask … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        print(f"qa: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return WRONG_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qa", description="Ask your articles: the passages that answer, each with its file and its date.",
        epilog="Exit codes: 0 done (ask: answered), 1 no answer in these articles, 2 wrong usage, 3 the index is"
               " missing, damaged or was made another way, 4 some files could not be read.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        one.add_argument("--index", default="index", metavar="DIR",
                         help="folder of the index, or an address of Milvus: http://host:19530 (default: index)")
        return one

    one = command("rebuild", _rebuild, "Read every article of a folder into the index.")
    one.add_argument("folder", nargs="?", default="seeds", metavar="FOLDER", help="your articles (default: seeds)")
    one.add_argument("--full", action="store_true", help="embed everything again, not only what changed")
    one.add_argument("--model", metavar="NAME_OR_PATH",
                     help="any sentence-transformers model (default: the shipped one)")
    one.add_argument("--on", metavar="WHERE", help="let Ray read and embed: 'local' on this machine, or on a cluster at"
                     " ray://host:10001 (docs/scale.md)")
    one.add_argument("--json", action="store_true", help="print the report as JSON")

    one = command("ask", _ask, "Ask a question in any language.")
    one.add_argument("question", metavar="QUESTION")
    one.add_argument("-k", "--limit", type=int, default=5, metavar="N", help="at most N passages (default: 5)")
    one.add_argument("--since", metavar="DATE", help="published on or after: 2022, 2022-09 or 2022-09-15")
    one.add_argument("--until", metavar="DATE", help="published on or before, inclusive")
    one.add_argument("--file", metavar="GLOB", help="only files whose path matches, such as '2022/*.txt'")
    one.add_argument("--order", choices=("relevance", "date"), default="relevance",
                     help="of the passages shown; by date: newest first, undated last (default: relevance)")
    one.add_argument("--reranker", metavar="NAME_OR_PATH", help="a cross-encoder that puts the best passages in order")
    one.add_argument("--all", action="store_true", help="show repetitions too: the same text in several places")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = command("serve", _serve, "Open the page.")
    one.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)")
    one.add_argument("--port", type=int, default=7860, help="default: 7860")
    one.add_argument("--editable", action="store_true",
                     help="let whoever opens the page add articles and rebuild the index")
    one.add_argument("--mcp", action="store_true", help="let MCP clients ask and read too")

    one = command("status", _status, "Say what the index holds, and what changed in the folder since.")
    one.add_argument("--verify", action="store_true", help="check every file of the index against its checksum")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = command("evaluate", _evaluate, "Ask every question of a file and print how many were answered right.")
    one.add_argument("questions", metavar="QUESTIONS.jsonl")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = command("text", _text, "Print the text of an article that offsets refer to.")
    one.add_argument("file", metavar="FILE")
    return parser


# --- commands -----------------------------------------------------------------------------------------------


def _rebuild(given: argparse.Namespace) -> int:
    # What is imported stays: looking it through for garbage, every 700 objects and once more at the end, took a tenth
    # of the time of a rebuild after one change.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    from qa import beside

    if given.on is None and not given.full and os.path.isdir(given.index):  # there may be little to read, or nothing
        beside.begin()  # sooner than `rebuild` does
    try:
        from qa.build import rebuild

        with _bar("Reading", "file") as show:
            report = rebuild(given.folder, index=given.index, model=given.model, full=given.full, progress=show,
                             on=given.on)
    finally:
        beside.forget()
    if given.json:
        _print_json(report.to_dict())
    else:
        print(f"Generation {report.generation}: {_count(report.articles, 'article')} ({report.dated} dated,"
              f" {report.undated} undated), {_count(report.passages, 'passage')} ({report.embedded} embedded,"
              f" {report.reused} reused), {_count(report.removed, 'article')} removed, in {report.seconds:.1f} s"
              f" with the model {report.model}.")
    if report.unreadable:
        print(f"{_count(len(report.unreadable), 'file')} could not be read:", file=sys.stderr)
        for one in report.unreadable:
            print(f"  {_one_line(one.file)}: {one.reason}", file=sys.stderr)
        return SOME_UNREADABLE
    return DONE


def _ask(given: argparse.Namespace) -> int:
    from qa import generations
    from qa.addresses import is_address

    sys.setswitchinterval(_TURN)
    if not is_address(given.index):
        generations.begin(given.index)
    from qa.answers import ask

    answer = ask(given.question, k=given.limit, since=given.since, until=given.until, file=given.file,
                 repetitions=given.all, order=given.order, reranker=given.reranker, index=given.index)
    if given.json:
        _print_json(answer.to_dict())
    else:
        _print_answer(answer, [f"--{name}" for name in ("since", "until", "file") if vars(given)[name] is not None])
    _warn(answer.warning)
    return DONE if answer.answered else NO_ANSWER


def _serve(given: argparse.Namespace) -> int:
    from qa.page import serve

    serve(index=given.index, host=given.host, port=given.port, editable=given.editable, mcp=given.mcp)
    return DONE


def _status(given: argparse.Namespace) -> int:
    from qa.contents import status

    try:
        found = status(given.index, verify_checksums=given.verify)
    except IndexDamaged as error:
        if given.json:
            _print_json({"damaged": list(error.files)})
        else:
            print("Damaged:", *(f"  {_one_line(line)}" for line in error.files), sep="\n")
        raise
    if given.json:
        _print_json(found.to_dict())
    else:
        languages = ", ".join(f"{language} {count}" for language, count in found.languages.items())
        print(f"Generation {found.generation}, built {found.built} with the model {found.model} from {found.folder}")
        print(f"{_count(found.articles, 'article')} ({languages}), {_count(found.passages, 'passage')}")
        period = f", from {found.first_date} to {found.last_date}" if found.first_date else ""
        print(f"{found.dated} dated{period}; {found.undated} undated")
        if not found.by_words:
            print(f"{found.engine} does not search by words: passages are found by their meaning alone, and then"
                  " measured by both")
        for label, files in (("added", found.added), ("changed", found.changed), ("deleted", found.deleted)):
            for file in files:
                print(f"{label} since: {_one_line(file)}")
        for one in found.unreadable:
            print(f"unreadable: {_one_line(one['file'])}: {one['reason']}")
        if found.added or found.changed or found.deleted:
            print("The folder has changed. Take it in with: qa rebuild")
        if found.damaged is not None:
            print("Every file of the index is as it was written." if not found.damaged else "Damaged:")
            for line in found.damaged:
                print(f"  {_one_line(line)}")
    _warn(found.warning)
    if found.damaged:
        if not found.warning:
            print("qa: the index is damaged. Build it anew with: qa rebuild --full", file=sys.stderr)
        return BAD_INDEX
    return DONE


def _evaluate(given: argparse.Namespace) -> int:
    from qa.evaluation import figures, matrix, pose, read_questions, table

    questions = read_questions(given.questions)
    with _counter("Asking", len(questions)) as show:
        posed = pose(questions, index=given.index, progress=show)
    groups, by_language = figures(posed), matrix(posed, index=given.index)
    if given.json:
        _print_json({**{group: values.to_dict() for group, values in groups.items()}, "matrix": by_language})
    else:
        print(table(groups, by_language))
    return DONE


def _text(given: argparse.Namespace) -> int:
    from qa import articles
    from qa.errors import Unreadable
    from qa.places import place

    path = Path(given.file)
    if not path.is_file() and not path.is_absolute():
        path = Path(place(given.index).whole().manifest.folder, given.file)  # as hits name it
    if path.suffix.lower() not in articles.SUFFIXES:
        raise UsageError(f"{given.file!r} is no article: its name must end in {', '.join(sorted(articles.SUFFIXES))}.")
    try:
        sys.stdout.write(articles.article(path.name, articles.read_bytes(path.parent, path.name)).text)
    except Unreadable as error:
        raise UsageError(f"{given.file!r} cannot be read as an article: {error}.") from error
    return DONE


# --- printing -----------------------------------------------------------------------------------------------


def _warn(warning: str | None) -> None:
    if warning:
        print(f"qa: {_one_line(warning)}", file=sys.stderr)


def _print_json(fields: dict[str, Any]) -> None:
    print(json.dumps(fields, ensure_ascii=False, indent=1))


def _print_answer(answer: Answer, narrowed: Sequence[str]) -> None:
    """`narrowed`: the options that leave passages out."""
    bold, dim, mark, plain = (_BOLD, _DIM, _MARK, _PLAIN) if _coloured() else ("", "", "", "")
    left, right = (mark, plain) if mark else ("»", "«")
    if not answer.answered:
        print(f"{bold}No answer in these articles.{plain}" + (" The nearest passages:" if answer.hits else
              f" No passage meets {' and '.join(narrowed)}." if narrowed else ""))
    if (over := answer.passed_over) and answer.hits:
        options = [f"--{name} {day}" for name, day in (("since", over.since), ("until", over.until)) if day]
        print(f"The question names a period ({_printable(over.phrase)!r}: {_period(over.since, over.until)}), but"
              f" nothing from then answers it well enough: what follows is from any date or none. Only that period:"
              f" {' '.join(options)}")
    for number, hit in enumerate(answer.hits, start=1):
        print(f"\n{bold}{number}. {_printable(hit.title or hit.file)}{plain}")
        print(f"{dim}{_one_line(hit.file)} · {_when(hit)} · {hit.language}"
              + (f" · +{len(hit.more)} more" if hit.more else "")
              + (" · the file has changed since" if hit.changed else "") + plain)
        start, end = hit.answer_start - hit.start, hit.answer_end - hit.start
        print(f"{_printable(hit.text[:start])}{left}{_printable(hit.text[start:end])}{right}"
              f"{_printable(hit.text[end:])}")
    if answer.phrase:
        what = "Published" if all(hit.date for hit in answer.hits) else "Undated, or published"
        print(f"\n{dim}{what} {_period(answer.since, answer.until)}, as the question says"
              f" ({_printable(answer.phrase)!r}). Everything: --since 0001 --until 9999{plain}")
    if answer.undated:
        print(f"\n{dim}{_count(answer.undated, 'undated passage')} left out by the dates.{plain}")


def _period(since: str | None, until: str | None) -> str:
    return f"from {since or 'the beginning'} to {until or 'today'}"


def _when(hit: Hit) -> str:
    return f"{hit.date} ({hit.date_source})" if hit.date else "undated"


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _printable(text: str) -> str:
    """Article text without control characters, which could rewrite the reader's terminal."""
    return "".join(character if (character >= " " and character != "\x7f") or character in "\n\t" else "\ufffd"
                   for character in text if not "\x80" <= character <= "\x9f")


def _one_line(text: str) -> str:
    return _printable(text).replace("\n", "\\n")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _bar(label: str, unit: str) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """A progress bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(None)
    from tqdm import tqdm

    class Bar(AbstractContextManager[Callable[["Progress"], None]]):
        def __enter__(self) -> Callable[[Progress], None]:
            self._bar = tqdm(desc=label, unit=unit, total=0, leave=False, file=sys.stderr, dynamic_ncols=True)
            return self._show

        def _show(self, progress: Progress) -> None:
            self._bar.total = progress.total
            self._bar.set_description_str("Writing" if progress.stage == "writing" else label, refresh=False)
            self._bar.set_postfix_str(_one_line(progress.file)[-40:], refresh=False)
            self._bar.update(progress.done - self._bar.n)

        def __exit__(self, *_: object) -> None:
            self._bar.close()

    return Bar()


def _counter(label: str, total: int) -> AbstractContextManager[Callable[[int], None] | None]:
    if not sys.stderr.isatty():
        return nullcontext(None)
    from tqdm import tqdm

    class Counter(AbstractContextManager[Callable[[int], None]]):
        def __enter__(self) -> Callable[[int], None]:
            self._bar = tqdm(desc=label, total=total, leave=False, file=sys.stderr, dynamic_ncols=True)
            return lambda done: self._bar.update(done - self._bar.n) and None

        def __exit__(self, *_: object) -> None:
            self._bar.close()

    return Counter()
