"""Tables of the measurements beside the main rounds, as Markdown, each from its scenario's figures."""

from collections.abc import Iterator, Sequence

from loadtest.bench.readings import COUNT, MB, MS, PERCENT, TIMES, WHOLE_PERCENT, Figures, Unit, figure, told
from loadtest.bench.tables import markdown
from loadtest.saturation import P99_LIMIT_MS

_PRICE = Unit(" ms", 3)
_NO_UNIT = Unit(digits=2)


def stages(figures: Figures) -> Iterator[str]:
    """Tell how long each stage and layer took."""
    lone, batch = figures["1"], figures["32"]
    rows = [(name, f"{lone.get(name, 0.0):,.0f}", f"{batch.get(name, 0.0):,.0f}") for name in {**lone, **batch}]
    rows = [row for row in rows if row[1:] != ("0", "0")]
    rows.append(("together", f"{sum(lone.values()):,.0f}", f"{sum(batch.values()):,.0f}"))
    yield from markdown(("stage, median µs", "batch of 1", "batch of 32"), rows)
    layers = figures.get("layers", {})
    yield from markdown(
        ("layers of a batch of one, median µs", ""),
        [(name.removesuffix("_us").replace("_", " "), f"{took_us:,.0f}") for name, took_us in layers.items()],
    )


def overload(figures: Figures) -> Iterator[str]:
    """Tell what came back at each multiple of the capacity."""
    for front, curve in figures.items():
        yield ""
        yield f"Behind {front}: {curve['capacity']:,.0f} answers a second with p99 under {MS.bound(P99_LIMIT_MS)}."
        rows = [
            (
                f"{point['factor']:g}",
                f"{point['rate']:,.0f}",
                f"{point['goodput_per_s']:,.0f}",
                f"{point['refused_per_s']:,.0f}",
                "none" if point["p99_ms"] is None else MS.show(point["p99_ms"]),
            )
            for point in curve["points"]
        ]
        headings = ("asked for, of the capacity", "calls a second", "goodput a second", "refused a second", "p99")
        yield from markdown(headings, rows)


def fronts(figures: Figures) -> Iterator[str]:
    """Put the front doors side by side."""
    rounds = figures["rounds"]

    def row(front: str) -> Sequence[str]:
        names = {"answers_per_s": COUNT, "server_cpu_ms_an_answer": MS, "sequential_p50_ms": MS}
        return front, *(told([each[front][name] for each in rounds], unit) for name, unit in names.items())

    headings = ("front door", "answers a second", "CPU an answer", "sequential median")
    return markdown(headings, map(row, rounds[0]))


def processes(figures: Figures) -> Iterator[str]:
    """Put two processes beside one."""
    rounds, shares = figures["rounds"], figures["generator_cpu_share"]

    def row(where: str) -> Sequence[str]:
        one, two = ([each[where][count] for each in rounds] for count in ("1", "2"))
        ratios = [more / fewer for more, fewer in zip(two, one, strict=True)]
        share = max(shares[where].values())
        return where, told(one, COUNT), told(two, COUNT), told(ratios, TIMES), PERCENT.show(share)

    headings = ("processes", "answers a second of one", "of two", "two by one", "generator's CPU, most")
    return markdown(headings, map(row, rounds[0]))


def memory(figures: Figures) -> Iterator[str]:
    """Tell what a gateway holds."""
    names = {"start": "start", "after_100k": "100,000 requests", "after_1m": "a million requests"}
    sizes = figures["pss_mb"]
    rows = [(words, MB.show(sizes[name])) for name, words in names.items() if name in sizes]
    return markdown(("PSS at", ""), [*rows, ("its index on disk", MB.show(figures["index_mb"]))])


def near_cache(figures: Figures) -> Iterator[str]:
    """Tell what Redis is spared, and how soon a write is seen."""
    shares = [
        (f"{WHOLE_PERCENT.show(float(writes))} of the calls write", PERCENT.show(share))
        for writes, share in figures["shares"].items()
    ]
    yield from markdown((f"{figures['held_rows']:,} rows held", "reads without Redis"), shares)
    seen = figures["seen_ms"]
    yield (
        f"Under {figures['rate']:,.0f} calls a second, half of what two gateways carry, {seen['writes']:,} writes were "
        f"seen by both after {MS.show(seen['median'])} (median), {MS.show(seen['p99'])} (p99)."
    )
    if (events := figures.get("event_seen_ms")) is not None:
        sent = figures["event_sent_ms"]
        yield (
            f"{events['writes']:,} events, recorded by one of the two, were seen by both {MS.show(events['median'])} "
            f"(median), {MS.show(events['p99'])} (p99) after they were acknowledged, and {MS.show(sent['median'])}, "
            f"{MS.show(sent['p99'])} after they were sent."
        )
    yield ""


def events(figures: Figures) -> Iterator[str]:
    """Tell how many events are recorded, and what one user's cost."""
    rounds, one = figures["rounds"], figures["one_user"]
    units = {"events_per_s": COUNT, "server_cpu_ms_an_event": _PRICE, "p50_ms": MS, "p99_ms": MS}
    row = [told([each[name] for each in rounds], unit) for name, unit in units.items()]
    yield from markdown(("events a second", "CPU an event", "a call, median", "a call, p99"), [row])
    yield (
        f"A call of a user who has {one['some']:,} events takes {MS.show(one['some_ms'])} (median), of one who has "
        f"{one['very_many']:,} {MS.show(one['very_many_ms'])}."
    )
    yield ""


def upserts(figures: Figures) -> Iterator[str]:
    """Tell what upserts cost the answers."""
    rounds = figures["rounds"]
    ratios = [each["p99_ms"] / each["p99_without_ms"] for each in rounds]
    columns = {"p99_without_ms": MS, "p99_ms": MS, "upserts_per_s": COUNT}
    row = [told([each[name] for each in rounds], unit) for name, unit in columns.items()]
    headings = ("p99 without", "p99 with upserts", "upserts a second", "with by without")
    yield from markdown(headings, [[*row, told(ratios, TIMES)]])


def sources(figures: Figures) -> Iterator[str]:
    """Tell what all sources cost beside one."""

    def row(size: str) -> Sequence[str]:
        one, every = ([each[size][name] for each in figures["rounds"]] for name in ("one_ms", "all_ms"))
        ratios = [more / less for more, less in zip(every, one, strict=True)]
        return size, told(one, _PRICE), told(every, _PRICE), told(ratios, TIMES)

    headings = ("users at once", "the query tower alone", "all sources", "all by one")
    return markdown(headings, map(row, figures["rounds"][0]))


def million_items(figures: Figures) -> Iterator[str]:
    """Tell the answers a second by the number of items, each with its index and recall."""
    rates, facts = figures["answers_per_s"], figures["facts"]
    rows = [
        (
            f"{int(items):,}",
            f"{facts[items]['index']}, nprobe {facts[items]['nprobe']}",
            f"{facts[items]['recall_at_200']:.3f}",
            f"{facts[items]['search_us']:.0f} µs",
            told(of_rounds, COUNT),
        )
        for items, of_rounds in rates.items()
    ]
    return markdown(("items", "index", "recall@200", "a search, one thread", "answers a second"), rows)


def triton_settings(figures: Figures) -> Iterator[str]:
    """Put Triton's settings side by side."""
    rows = [
        (
            str(point["instances"]),
            str(point["threads"]),
            f"{point['delay_us']:,.0f} µs" if "delay_us" in point else "none",
            COUNT.show(point["answers_per_s"]),
            MS.show(point["sequential_p50_ms"]),
        )
        for point in figures["points"]
    ]
    return markdown(("instances", "threads each", "queue delay", "answers a second", "sequential median"), rows)


def batching_cost(figures: Figures) -> Iterator[str]:
    """Tell the price of a batch of one."""
    row = [_PRICE.show(figures[name]) for name in ("direct_ms", "batched_ms", "price_ms")]
    return markdown(("called directly", "as a batch of one", "the price", "pairs"), [(*row, f"{figures['pairs']:,}")])


def filters(figures: Figures) -> Iterator[str]:
    """Tell what filters cost by what they keep."""
    rows = [
        (PERCENT.show(point["share"]), _NO_UNIT.show(point["ratio"]), f"{point['recall']:.4f}")
        for point in figures["points"]
    ]
    yield from markdown((f"kept of {figures['items']:,} items", "times unfiltered", "recall@200"), rows)
    if (unfiltered := figure(figures, "unfiltered_recall")) is not None:
        yield f"Without a filter recall@200 is {unfiltered:.4f}."
        yield ""
