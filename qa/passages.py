"""`Passage`, and cutting an article into passages with exact offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from qa import sentences
from qa.articles import Article, heading
from qa.dates import Dated
from qa.furniture import runs
from qa.recipe import PASSAGE_SIZE

_HEADING = 120  # characters: a line this short without a full stop announces what follows it
_ENDS = ".!?…。！？؟।»”\""  # what a heading does not end in
_WIDTH = {"zh": 0.4, "ja": 0.45, "ko": 0.6}  # characters that say as much as one of Latin script
_SMALLEST = 0.25  # of the passage size: a shorter remainder joins its neighbour


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of one article, small enough to embed and to read."""

    file: str       # path below the articles folder, with forward slashes
    start: int      # characters from the start of the article's text
    end: int
    text: str       # == article.text[start:end]
    published: Dated | None  # None: the article gives no date here, and none is made up
    title: str | None        # of the article, or of the one among several on a page that it belongs to
    language: str

    @property
    def heading(self) -> str:
        """The title that it stands under; empty where it begins with it."""
        return "" if not self.title or self.text.startswith(self.title) else self.title


def passages(article: Article, size: int = PASSAGE_SIZE) -> list[Passage]:
    """Cuts `article` into passages of at most about `size` characters (a quarter more where that saves a tiny
    remainder), at the ends of paragraphs, else of sentences, else of words.

    Passages come in order, never overlap, and lie within one section, so each has one date. Together with the
    article's furniture, its headlines (with their # marks) and the white space between them they are its whole text.
    Scripts that need fewer characters for the same get smaller passages.
    """
    found: list[Passage] = []
    headings: list[Passage] = []
    size = round(size * _WIDTH.get(article.language, 1.0))
    for number, section in enumerate(article.sections):
        # a page that goes on with a second article, under a date of its own, goes on with its headline too
        title = article.title if number == 0 else heading(article.text, article.furniture, section.start, section.end)
        for run_start, run_end in runs(article.text, article.furniture):
            start, end = max(run_start, section.start), min(run_end, section.end)
            if start >= end:
                continue
            for a, b in _cut(article.text[start:end], size, article.language):
                text = article.text[start + a : start + b]
                # a headline alone answers nothing, and it stands above each passage
                (headings if title and text.lstrip("# ") == title else found).append(
                    Passage(article.file, start + a, start + b, text, section.published, title, article.language))
    return found or headings


def _cut(text: str, size: int, language: str) -> list[tuple[int, int]]:
    """The passages of one stretch of text, as offsets into it, without surrounding white space."""
    pieces: list[str] = []
    for block in _blocks(text):
        if len(block) <= size:
            pieces.append(block)
        else:
            pieces.extend(_splitter(size)._merge_splits(_sentences(block, size, language), ""))
    chunks = _balanced(_splitter(size)._merge_splits(pieces, ""), size)
    found: list[tuple[int, int]] = []
    cursor = 0
    for chunk in chunks:
        stripped = chunk.strip()
        if stripped:
            start = cursor + len(chunk) - len(chunk.lstrip())
            found.append((start, start + len(stripped)))
        cursor += len(chunk)
    if cursor != len(text):
        raise AssertionError("the passages of a text must add up to it")
    return found


def _blocks(text: str) -> list[str]:
    """The paragraphs of `text`, each with the white space after it; a heading stays with what it announces."""
    blocks: list[str] = []
    announced = False  # the last block so far holds but headings
    for line in re.split(r"(?<=\n)", text):
        bare = line.strip()
        if blocks and (announced or not bare):
            blocks[-1] += line
        else:
            blocks.append(line)
        if bare:
            announced = len(bare) <= _HEADING and bare[-1] not in _ENDS
    return blocks


def _sentences(block: str, size: int, language: str) -> list[str]:
    """The sentences of a paragraph, each with the white space after it; one longer than `size` is cut at words."""
    spans = sentences.spans(block, language)
    starts = [0, *(start for start, _ in spans[1:]), len(block)]
    pieces: list[str] = []
    for start, end in pairwise(starts):
        piece = block[start:end]
        pieces.extend([piece] if len(piece) <= size else _splitter(size).split_text(piece))
    return pieces


def _balanced(chunks: list[str], size: int) -> list[str]:
    """Joins a tiny remainder to the passage before it, where that stays near the size."""
    joined: list[str] = []
    for chunk in chunks:
        tiny = joined and min(len(chunk.strip()), len(joined[-1].strip())) < size * _SMALLEST
        if tiny and len(joined[-1]) + len(chunk) <= size * (1 + _SMALLEST):
            joined[-1] += chunk
        else:
            joined.append(chunk)
    return joined


@cache
def _splitter(size: int) -> Any:
    """Cuts an overlong sentence at clauses, else at words, else anywhere, without losing a character; its
    `_merge_splits`, which langchain's own splitters are built on, joins neighbouring pieces up to `size`."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # 0.4 s, and questions never need it

    return RecursiveCharacterTextSplitter(
        separators=[r"[;:；：،,，、]\s*", r"\s+", ""], is_separator_regex=True, keep_separator="end",
        strip_whitespace=False, chunk_size=size, chunk_overlap=0)
