"""MovieLens (GroupLens): ratings of movies, from a local folder in any of its three published formats.

Source: F. Maxwell Harper and Joseph A. Konstan, https://grouplens.org/datasets/movielens. A rating of four stars or
more becomes a click, which is a positive that claims no money; a lower one becomes a view: the movie was seen.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from shortlist.core.errors import InputError
from shortlist.core.types import EventType
from shortlist.offline.datasets.files import scan_lines, scan_table
from shortlist.offline.datasets.kinds import NUMBER, TEXT, names, times
from shortlist.offline.datasets.scanned_table import ScannedTable
from shortlist.offline.datasets.sieve import Sieve
from shortlist.offline.log import BehaviourLog, as_events, as_items

NAME = "movielens"
_LIKED_STARS = 4.0
_MOST_STARS = 5.0
_MOST_TAGS = 50  # of the tags on a movie, the most frequent; more than any of ml-latest-small but a cult film has
_NO_GENRES = ("(no genres listed)", "unknown")
_Tables = tuple[ScannedTable, ScannedTable, ScannedTable | None]
"""Ratings, movies and, where there are any, tags, under the column names of ml-latest."""
_RATINGS = ("userId", "movieId", "rating", "timestamp")
_MOVIES = ("movieId", "title", "genres")
_TAGS = ("userId", "movieId", "tag", "timestamp")
_NOTES = (
    "ratings of 4 stars and more are clicks, lower ones views; the value of an event is its stars",
    "movies have no price",
)


def load_movielens(path: Path | None) -> BehaviourLog:
    """Read ratings, movies and tags out of a folder, in the format of what lies in it.

    Raises:
        InputError: naming the file and the column or row that is wrong.
    """
    if path is None:
        raise InputError(
            f"{NAME} is not downloaded for you: get ml-latest-small, ml-100k or ml-1m from "
            "https://grouplens.org/datasets/movielens and give its folder with --path"
        )
    ratings, movies, tags = _tables(path)
    kinds = {"userId": TEXT, "movieId": TEXT, "rating": NUMBER, "timestamp": times("seconds")}
    rows = ratings.collect(kinds).rename(dict(zip(_RATINGS, ("user", "item", "value", "time"), strict=True)))
    catalogue = _movies(movies, tags)
    sieve = _clean(rows, catalogue)
    sieve.require_rows(ratings.source)
    is_liked = pl.col("value") >= _LIKED_STARS
    kind = pl.when(is_liked).then(int(EventType.CLICK)).otherwise(int(EventType.VIEW))
    return BehaviourLog(
        dataset=NAME,
        events=as_events(sieve.rows.with_columns(type=kind)),
        items=as_items(catalogue.join(sieve.rows, on="item", how="semi", maintain_order="left")),
        rows_read=rows.height,
        dropped=sieve.dropped,
        notes=(*_NOTES, *ratings.notes, *movies.notes, *(tags.notes if tags else ())),
        has_ratings=True,
    )


def _tables(folder: Path) -> _Tables:
    for name, scan in _FORMATS.items():
        if (folder / name).is_file():
            return scan(folder)
    wanted = " nor ".join(_FORMATS)
    raise InputError(f"{folder}: no folder of ml-latest-small, ml-1m or ml-100k, it holds neither {wanted}")


def _scan_latest(folder: Path) -> _Tables:
    tables = [
        scan_table(folder / name).select({column: (column,) for column in columns})
        for name, columns in (("ratings.csv", _RATINGS), ("movies.csv", _MOVIES), ("tags.csv", _TAGS))
        if name != "tags.csv" or (folder / name).is_file()
    ]
    return tables[0], tables[1], tables[2] if len(tables) > 2 else None


def _scan_dat(folder: Path) -> _Tables:
    has_tags = (folder / "tags.dat").is_file()  # ml-10m has them
    return (
        scan_lines(folder / "ratings.dat", _RATINGS, "::"),
        scan_lines(folder / "movies.dat", _MOVIES, "::"),
        scan_lines(folder / "tags.dat", _TAGS, "::") if has_tags else None,
    )


def _scan_100k(folder: Path) -> _Tables:
    """Read flags of 19 genres, named and numbered by u.genre, into the one column that the other formats have."""
    listed = scan_lines(folder / "u.genre", ("genre", "number"), "|").collect({"genre": TEXT, "number": TEXT})
    genres = listed.drop_nulls()["genre"].to_list()
    movies = scan_lines(folder / "u.item", ("movieId", "title", "released", "on video", "url", *genres), "|")
    flagged = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in genres]
    rows = movies.rows.select("movieId", "title", genres=pl.concat_str(flagged, separator="|", ignore_nulls=True))
    return scan_lines(folder / "u.data", _RATINGS, "\t"), replace(movies, rows=rows), None


_FORMATS: dict[str, Callable[[Path], _Tables]] = {
    "ratings.csv": _scan_latest,
    "ratings.dat": _scan_dat,
    "u.data": _scan_100k,
}


def _movies(movies: ScannedTable, tags: ScannedTable | None) -> pl.DataFrame:
    rows = movies.collect({"movieId": TEXT, "title": TEXT, "genres": names("|")}).unique(
        "movieId", keep="first", maintain_order=True
    )
    is_genre = ~pl.element().is_in(_NO_GENRES)
    items = rows.select(
        item="movieId",
        title=pl.col("title").fill_null(pl.col("movieId")),
        categories=pl.col("genres").list.eval(pl.element().filter(is_genre)),
    )
    if tags is None:
        return items
    return items.join(_tag_texts(tags), on="item", how="left", maintain_order="left").with_columns(
        pl.col("text").fill_null("")
    )


def _tag_texts(tags: ScannedTable) -> pl.DataFrame:
    """Join each movie's tags, whatever their case, the most frequent first, then in the order of the alphabet."""
    rows = tags.collect({"movieId": TEXT, "tag": TEXT}).drop_nulls()
    return (
        rows.group_by(item="movieId", tag=pl.col("tag").str.to_lowercase())
        .len()
        .sort(["item", "len", "tag"], descending=[False, True, False])
        .group_by("item", maintain_order=True)
        .agg(text=pl.col("tag").head(_MOST_TAGS).str.join(", "))
    )


def _clean(ratings: pl.DataFrame, movies: pl.DataFrame) -> Sieve:
    sieve = Sieve(ratings)
    sieve.keep(pl.all_horizontal(pl.all().is_not_null()), "without a user, a movie, stars or a time")
    sieve.drop_duplicates()
    sieve.drop_impossible_times()
    sieve.keep(pl.col("item").is_in(movies["item"].implode()), "whose movie is not in the movie table")
    sieve.keep((pl.col("value") > 0) & (pl.col("value") <= _MOST_STARS), "whose stars are not from 0.5 to 5")
    sieve.drop_robots()
    return sieve
