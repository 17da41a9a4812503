"""HTML and SVG as elements: text from a log can only become text, and every tag that opens also closes."""

from collections.abc import Container, Iterable, Sequence
from xml.etree.ElementTree import Element, tostring

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --dim: #656d76; --rule: #d8dee4; --tint: #ddeeff;
  --line-0: #0969da; --line-1: #bc4c00; --mark: #dafbe1; }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --dim: #8d96a0; --rule: #30363d;
  --tint: #12305a; --line-0: #4493f8; --line-1: #f0883e; --mark: #12361f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--rule); font-size: 1.2rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
h4 { margin: 0 0 .25rem; font-size: .9rem; }
p { max-width: 46rem; margin: .5rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
a { color: var(--line-0); }
.dim { color: var(--dim); }
td .dim { font-size: .8rem; }
td { overflow-wrap: break-word; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .87rem; }
th, td { padding: .25rem .75rem .25rem .4rem; border-bottom: 1px solid var(--rule); text-align: left;
  vertical-align: top; }
th { color: var(--dim); font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.bar { min-width: 7rem;
  background: linear-gradient(to right, var(--tint) var(--share), transparent 0) no-repeat 0 .25rem / 100% 1.5em; }
tr.marked { background: var(--mark); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 0 2rem; }
.columns > * { min-width: 0; }
.user { grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); }
@media (max-width: 50rem) { .user { grid-template-columns: minmax(0, 1fr); } }
svg { display: block; width: 100%; max-width: 32rem; font: 12px system-ui, "DejaVu Sans", sans-serif; }
svg text { fill: var(--dim); }
.grid { stroke: var(--rule); }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.line-0 { stroke: var(--line-0); } .line-1 { stroke: var(--line-1); }
polyline { fill: none; stroke-width: 2; }
circle { fill: var(--paper); stroke-width: 2; }
"""


def element(tag: str, *children: Element | str, **attributes: str) -> Element:
    """Make an element.

    Args:
        tag: Its tag.
        children: Elements and plain text, in order.
        attributes: Their underscores are written as hyphens, but for a last one (`class_`); empty ones are left out.
    """
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value}
    made = Element(tag, named)
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def number(text: str, share: float | None = None) -> Element:
    """Make a table's cell of a number; with a share, 0 to 1, a bar lies behind it."""
    if share is None:
        return element("td", text, class_="number")
    return element("td", text, class_="number bar", style=f"--share: {share:.1%}")


def table(
    headings: Sequence[str], rows: Iterable[Sequence[Element | str]], marked: Container[int] = frozenset()
) -> Element:
    """Lay out rows of cells, made by `number` or plain text, in a box that scrolls where it is too wide.

    Args:
        headings: One a column.
        rows: As many cells each.
        marked: Positions of the rows that stand out.
    """
    body = [[cell if isinstance(cell, Element) else element("td", cell) for cell in row] for row in rows]
    classes = [cell.get("class", "").split(" ")[0] for cell in body[0]] if body else [""] * len(headings)
    heads = [element("th", name, scope="col", class_=kind) for name, kind in zip(headings, classes, strict=True)]
    lines = [element("tr", *cells, class_="marked" if place in marked else "") for place, cells in enumerate(body)]
    whole = element("table", element("thead", element("tr", *heads)), element("tbody", *lines))
    return element("div", whole, class_="wide", tabindex="0")


def document(title: str, body: Iterable[Element]) -> str:
    """Write a page that needs nothing from elsewhere, as HTML."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    )
    page = element("html", head, element("body", *body), lang="en")
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html") + "\n"
