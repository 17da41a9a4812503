from collections.abc import Callable
from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.datasets import load
from shortlist.offline.log import EVENT_SCHEMA, ITEM_SCHEMA, BehaviourLog

_100K_GENRES = ("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy")
_EVENTS = [
    ("7", "1", EventType.CLICK, 978_300_760, 5.0),
    ("7", "2", EventType.VIEW, 978_300_800, 3.0),
    ("8", "2", EventType.CLICK, 978_300_900, 4.0),
]
_TITLES = ["Toy Story (1995)", "Misérables, Les (1995)"]
_GENRES = [["Animation", "Comedy"], []]


def _write_latest(folder: Path) -> Path:
    """Write the format of ml-latest-small: CSV with a header, UTF-8, CRLF."""
    _write(folder, "ratings.csv", "userId,movieId,rating,timestamp", "8,2,4.0,978300900", "7,1,5.0,978300760")
    _write(folder, "ratings.csv", *_lines(folder / "ratings.csv"), "7,2,3.0,978300800")
    _write(
        folder,
        "movies.csv",
        "movieId,title,genres",
        "1,Toy Story (1995),Animation|Comedy",
        '2,"Misérables, Les (1995)",(no genres listed)',
    )
    return folder


def _write_1m(folder: Path) -> Path:
    """Write the format of ml-1m: fields between double colons, no header, Latin-1."""
    _write(folder, "ratings.dat", "8::2::4::978300900", "7::1::5::978300760", "7::2::3::978300800")
    movies = ("1::Toy Story (1995)::Animation|Comedy", "2::Misérables, Les (1995)::(no genres listed)")
    _write(folder, "movies.dat", *movies, encoding="latin-1")
    return folder


def _write_100k(folder: Path) -> Path:
    """Write the format of ml-100k: a flag for each genre, named in a file with an empty line at its end."""
    _write(folder, "u.data", "8\t2\t4\t978300900", "7\t1\t5\t978300760", "7\t2\t3\t978300800")
    _write(folder, "u.genre", *(f"{genre}|{number}" for number, genre in enumerate(_100K_GENRES)), "")
    toys = "1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|0|0|0|1|0|1"
    _write(folder, "u.item", toys, "2|Misérables, Les (1995)||||1|0|0|0|0|0", encoding="latin-1")
    return folder


def _write(folder: Path, name: str, *lines: str, encoding: str = "utf-8") -> None:
    end = "\r\n" if name.endswith(".csv") else "\n"
    (folder / name).write_bytes("".join(f"{line}{end}" for line in lines).encode(encoding))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _dropped(log: BehaviourLog) -> dict[str, int]:
    return {line.reason: line.rows for line in log.dropped if line.rows}


@pytest.mark.parametrize("write", [_write_latest, _write_1m, _write_100k])
def test_all_three_formats_say_the_same(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    log = load("movielens", write(tmp_path))
    assert log.events.schema == EVENT_SCHEMA
    assert log.events.rows() == _EVENTS
    assert log.items.schema == ITEM_SCHEMA
    assert log.items["item"].to_list() == ["1", "2"]
    assert log.items["title"].to_list() == _TITLES
    assert log.items["categories"].to_list() == _GENRES
    assert log.items["price"].null_count() == 2
    assert log.items["text"].to_list() == ["", ""]
    assert (_dropped(log), log.rows_read) == ({}, 3)
    assert log.has_ratings


def test_tags_are_an_items_text_the_most_frequent_first(tmp_path: Path) -> None:
    tags = ("7,1,Toys,1", "8,1,pixar,1", "7,1,Pixar,2", "8,1,fun,3", "8,1,,3")
    _write(_write_latest(tmp_path), "tags.csv", "userId,movieId,tag,timestamp", *tags)
    assert load("movielens", tmp_path).items["text"].to_list() == ["pixar, fun, toys", ""]


def test_tags_of_the_dat_format_are_read_too(tmp_path: Path) -> None:
    _write(_write_1m(tmp_path), "tags.dat", "7::2::sad::1")
    assert load("movielens", tmp_path).items["text"].to_list() == ["", "sad"]


def test_what_cannot_be_a_rating_is_dropped_and_counted(tmp_path: Path) -> None:
    more = ("7,2,3.0,978300800", "9,1,0,5", "9,1,6,5", "9,99,3,5", "9,1,3,-5", "9,1,3,", ",1,3,5", "9,1,,5")
    ratings = _write_latest(tmp_path) / "ratings.csv"
    _write(tmp_path, "ratings.csv", *_lines(ratings), *more)
    log = load("movielens", tmp_path)
    assert log.events.rows() == _EVENTS
    assert _dropped(log) == {
        "without a user, a movie, stars or a time": 3,
        "exact duplicates": 1,
        "whose time is before 1970 or after 2099": 1,
        "whose movie is not in the movie table": 1,
        "whose stars are not from 0.5 to 5": 2,
    }


def test_a_movie_that_nobody_rated_is_no_item(tmp_path: Path) -> None:
    _write(_write_1m(tmp_path), "ratings.dat", "8::2::4::978300900")
    assert load("movielens", tmp_path).items["item"].to_list() == ["2"]


@pytest.mark.parametrize(
    ("name", "lines", "sentence"),
    [
        ("ratings.csv", ["userId,movieId,rating,timestamp", "7,1,five,1"], "column rating, row 2: 'five' is not a num"),
        (
            "ratings.csv",
            ["userId,movieId,rating,timestamp", "7,1,5,noon"],
            "column timestamp, row 2: 'noon' is not a t",
        ),
        ("ratings.csv", ["userId,movieId,rating,timestamp"], "the file has no rows"),
        ("ratings.csv", ["user,movieId,rating,timestamp", "7,1,5,1"], "lacks column userId; it has user, movieId"),
        ("movies.csv", ["movieId,name,genres", "1,Toy Story,"], "lacks column title"),
    ],
)
def test_a_wrong_file_is_refused_by_column_and_row(tmp_path: Path, name: str, lines: list[str], sentence: str) -> None:
    _write(_write_latest(tmp_path), name, *lines)
    with pytest.raises(InputError, match=rf"{name}: {sentence}"):
        load("movielens", tmp_path)


def test_genres_that_u_genre_does_not_name_are_refused(tmp_path: Path) -> None:
    _write(_write_100k(tmp_path), "u.genre", "unknown|0", "Action|1")
    with pytest.raises(InputError, match=r"u\.item: row 1 has 11 fields between '\|', expected 7"):
        load("movielens", tmp_path)


@pytest.mark.parametrize(
    ("write", "name"), [(_write_latest, "movies.csv"), (_write_1m, "movies.dat"), (_write_100k, "u.genre")]
)
def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path, write: Callable[[Path], Path], name: str) -> None:
    (write(tmp_path) / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: there is no such file"):
        load("movielens", tmp_path)


def test_a_folder_of_something_else_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds neither ratings\.csv nor ratings\.dat nor u\.data"):
        load("movielens", tmp_path)
    with pytest.raises(InputError, match=r"https://grouplens\.org/datasets/movielens.*--path"):
        load("movielens")
