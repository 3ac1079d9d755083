"""The files of one generation: what is written is read back equal, and searches are exact."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import CountryEncoder, messy_texts
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.articles import Article, Found, article
from qa.cuts import cut as cut_up
from qa.dates import Dated, Section
from qa.engine import Within
from qa.errors import IndexDamaged, Unreadable
from qa.passages import Passage, passages
from qa.store import CUTS, DATABASE, TABLE, VECTORS, WORDS, Store, Writer


def save(folder: Path, read: Sequence[Article]) -> None:
    encoder = CountryEncoder()
    writer = Writer(folder, encoder.dimension)
    for number, one in enumerate(read):
        cut = passages(one)
        writer.add(
            Found(one.file, len(one.text), number),
            f"{number:x}",
            one,
            cut,
            encoder.encode_passages([passage.text for passage in cut]),
            [cut_up(passage) for passage in cut],
        )
    writer.finish()


def dated(file: str, text: str, published: str | None) -> Article:
    """An article under one date, or under none."""
    held = Dated(published, "file name", published, None) if published else None
    return Article(file, text, None, "en", (Section(0, len(text), held),), ())


DATES = {
    "a.txt": "2019",
    "b.txt": "2019-06",
    "2020/c.txt": "2020-02-29",
    "2020/d [x].md": "2020-12-31",
    "e.txt": None,
    "2021/f.txt": "2021-01-01",
}


@pytest.fixture(scope="module")
def dated_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Six passages, rows 0 to 5, of the dates above and each about another country but the last two."""
    folder = tmp_path_factory.mktemp("store")
    countries = ("France", "Brazil", "Egypt", "Japan", "Kenya", "Kenya")
    save(
        folder,
        [
            dated(file, f"{country} number {number}.", published)
            for number, (country, (file, published)) in enumerate(zip(countries, DATES.items(), strict=True))
        ],
    )
    with Store(folder) as store:
        yield store


@given(st.lists(messy_texts(), max_size=4))
@settings(max_examples=30)
def test_what_is_saved_is_read_back_equal(texts: list[str]) -> None:
    """Articles, sections, furniture, passages and vectors come back as they were, whatever characters they hold."""
    read = []
    for number, text in enumerate(texts):
        try:
            read.append(article(f"{number}\n'港\".txt", text.encode("utf-8")))
        except Unreadable:
            continue
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder), read)
        with Store(Path(folder)) as store:
            assert store.count == sum(len(passages(one)) for one in read)
            assert [known.file for known in store.known().values()] == [one.file for one in read]
            for one in read:
                rows = store.rows_of(one.file)
                assert store.article(one.file) == one
                assert store.passages(rows.tolist()) == passages(one)
                np.testing.assert_array_equal(
                    store.vectors(rows), CountryEncoder().encode_passages([passage.text for passage in passages(one)])
                )


def test_known_files_tell_whether_they_changed(dated_store: Store) -> None:
    """Size, time and checksum of each file are kept as they were given."""
    known = dated_store.known()["2020/c.txt"]
    assert (known.number, known.size, known.modified, known.sha256) == (2, 15, 2, "2")


def test_nearest_come_best_first_and_equal_ones_in_order(dated_store: Store, encoder: CountryEncoder) -> None:
    """Inner products are exact, and among equals the earlier passage comes first."""
    rows, scores = dated_store.nearest(encoder.encode_question("Kenya and Japan"), 6)
    assert rows.tolist() == [3, 4, 5, 0, 1, 2]
    np.testing.assert_allclose(scores, [0.5**0.5, 0.5**0.5, 0.5**0.5, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize(("glob", "among"), [(None, [0, 1, 2, 3, 4, 5]), ("2020/*", [2, 3]), ("?.md", [])])
def test_never_more_than_there_are(
    dated_store: Store, encoder: CountryEncoder, glob: str | None, among: list[int]
) -> None:
    """Asked for more than there are, it gives what there is and no made-up row."""
    rows, scores = dated_store.nearest(encoder.encode_question("Kenya"), 50, Within(file=glob))
    assert len(rows) == len(scores)
    assert sorted(rows.tolist()) == among


@pytest.mark.parametrize(
    ("since", "until", "glob", "rows"),
    [
        (None, None, None, None),
        (date(2019, 1, 1), None, None, [0, 1, 2, 3, 5]),
        (date(2019, 1, 2), None, None, [1, 2, 3, 5]),
        (None, date(2019, 12, 31), None, [0, 1]),
        (None, date(2019, 12, 30), None, [1]),
        (date(2019, 6, 1), date(2019, 6, 30), None, [1]),
        (date(2020, 2, 29), date(2020, 2, 29), None, [2]),
        (date(2022, 1, 1), None, None, []),
        (None, None, "*.txt", [0, 1, 2, 4, 5]),
        (None, None, "2020/*", [2, 3]),
        (None, None, "2020/d [[]x].md", [3]),
        (None, None, "?.txt", [0, 1, 4]),
        (None, None, "A.txt", []),
        (None, None, "a.txt' OR 1=1 --", []),
        (date(2020, 1, 1), None, "*.txt", [2, 5]),
    ],
)
def test_filters_leave_what_lies_wholly_within(
    dated_store: Store, since: date | None, until: date | None, glob: str | None, rows: list[int] | None
) -> None:
    """A year counts only where the whole year is asked for; undated passages lie in no range; globs know paths."""
    found = dated_store.within(Within(since, until, glob))
    assert (None if found is None else found.tolist()) == rows


def test_counts_of_what_is_held(dated_store: Store) -> None:
    """The figures of `qa status` are those of the files."""
    assert dated_store.undated(None) == 1
    assert dated_store.undated("20*") == 0
    assert dated_store.undated_of(np.array([4, 0, 4])).tolist() == [True, False, True]
    assert dated_store.passages_in() == {"en": 6}
    assert dated_store.dated() == 5
    assert dated_store.span() == ("2019", "2021-01-01")
    assert dated_store.languages() == {"en": 6}


def test_a_row_that_is_not_there_is_no_other_row(dated_store: Store) -> None:
    """Row -1 is not the last one."""
    with pytest.raises(KeyError):
        dated_store.passages([-1])


def test_vectors_and_passages_must_be_as_many(tmp_path: Path) -> None:
    """An encoder that gives too few rows is found out while writing."""
    one = dated("a.txt", "Kenya.", None)
    with Writer(tmp_path, 6) as writer, pytest.raises(ValueError, match="one vector a passage"):
        writer.add(
            Found("a.txt", 1, 1),
            "0",
            one,
            [Passage("a.txt", 0, 6, "Kenya.", None, None, "en")],
            np.zeros((0, 6), np.float32),
            [],
        )


def test_a_period_may_leave_undated_passages_in(dated_store: Store) -> None:
    """Of the files that match, when they match."""
    year = Within(date(2020, 1, 1), date(2020, 12, 31), undated=True)
    found = dated_store.within(year)
    assert found is not None
    assert found.tolist() == [2, 3, 4]
    found = dated_store.within(replace(year, file="2020/*"))
    assert found is not None
    assert found.tolist() == [2, 3]
    assert dated_store.within(Within(undated=True)) is None


def test_conditions_that_the_same_passages_meet_are_alike(dated_store: Store) -> None:
    """Whether they name none, all or some of the passages, and whatever they say; not where one more meets one."""
    century = Within(date(1900, 1, 1), date(2099, 12, 31))
    assert dated_store.alike(replace(century, undated=True), Within())
    assert dated_store.alike(replace(century, file="2020/*"), Within(file="2020/*"))
    assert dated_store.alike(Within(file="nowhere/*"), Within(file="nothing/*"))
    assert not dated_store.alike(century, Within())
    assert not dated_store.alike(Within(file="2020/c*"), Within(file="2020/d*"))
    assert not dated_store.alike(Within(file="2020/c*"), Within(file="2020/*"))


def test_passages_know_their_articles(dated_store: Store) -> None:
    """In the order asked for, and again for a row asked for again."""
    files = [passage.file for passage in dated_store.passages(range(6))]
    assert dated_store.files_of(np.array([5, 0, 5, 3])) == [files[5], files[0], files[5], files[3]]
    assert dated_store.languages_of(np.array([5, 0])) == ["en", "en"]
    for file in files:
        assert dated_store.rows_of(file).tolist() == [row for row, one in enumerate(files) if one == file]
    assert dated_store.rows_of("nowhere.txt").tolist() == []
    assert dated_store.within(Within(language="en")) is None  # all
    found = dated_store.within(Within(language="fr"))
    assert found is not None
    assert found.tolist() == []


@pytest.mark.parametrize("name", [DATABASE, VECTORS, WORDS, CUTS, TABLE])
def test_files_of_two_generations_do_not_mix(tmp_path: Path, name: str) -> None:
    """A file from another build, sound in itself, is found out when the counts differ."""
    for folder, count in (("one", 1), ("two", 2)):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder, [dated(f"{number}.txt", f"Kenya {number}.", None) for number in range(count)])
    target = tmp_path / "one" / name
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    (tmp_path / "two" / name).rename(target)
    with pytest.raises(IndexDamaged, match=r"do not belong together.*qa rebuild --full"):
        Store(tmp_path / "one")


@pytest.mark.parametrize("name", [DATABASE, VECTORS, WORDS, CUTS, TABLE])
def test_a_file_that_is_gone_is_damage(tmp_path: Path, name: str) -> None:
    """Whatever the library says of it, the reader says what to do."""
    save(tmp_path, [dated("a.txt", "Kenya.", None)])
    target = tmp_path / name
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(IndexDamaged, match="qa rebuild --full"):
        Store(tmp_path)


@pytest.mark.parametrize("claimed", [2**20, 2**33, 2**62])
def test_a_vector_file_that_lies_about_its_size_takes_no_memory(tmp_path: Path, claimed: int) -> None:
    """FAISS would believe what a file says of itself."""
    save(tmp_path, [dated("a.txt", "Kenya.", None)])
    data = bytearray((tmp_path / VECTORS).read_bytes())
    size = len(data) - 2 * 6 - 8  # where the number of bytes stands: before the one vector of six
    assert int.from_bytes(data[size : size + 8], "little") == 12
    data[size : size + 8] = claimed.to_bytes(8, "little")
    (tmp_path / VECTORS).write_bytes(data)
    with pytest.raises(IndexDamaged, match="qa rebuild --full"):
        Store(tmp_path)
