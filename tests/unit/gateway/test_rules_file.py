from pathlib import Path

import pytest

from shortlist.core.errors import InputError
from shortlist.gateway.rules_file import MAX_BYTES, RulesFile

WHOLE = """\
# what the shop shows this week
[[cap]]
name = "three a department"
level = 1
most = 3

[[pin]]
name = "launch"
item = "item-007"
position = 2

[[ "boost" ]]  # the quotes are TOML's
name = "tea week"
categories = ["Tea"]
factor = 1.5

[[cap]]
name = "one lamp"
category = "Lamps"
most = 1

[[bury]]
name = "old stock"
items = [
  "item-004",
  "item-010",
]
"""
PIN = '[[pin]]\nname = "{}"\nitem = "{}"\nposition = {}\n'
BOOST = '[[boost]]\nname = "{}"\n{} = ["{}"]\nfactor = {}\n'
BURY = '[[bury]]\nname = "{}"\n{} = ["{}"]\n'
CAP = '[[cap]]\nname = "{}"\n{}\nmost = {}\n'
CONTRADICTIONS = [
    (PIN.format("a", "x", 1) + PIN.format("b", "y", 1), 5, 'pin "b" contradicts pin "a"', "position 1"),
    (PIN.format("a", "x", 1) + PIN.format("b", "x", 2), 5, 'pin "b" contradicts pin "a"', 'the position of item "x"'),
    (PIN.format("a", "x", 1) + BURY.format("b", "items", "x"), 5, 'bury "b" contradicts pin "a"', 'item "x"'),
    (BURY.format("a", "items", "x") + PIN.format("b", "x", 1), 4, 'pin "b" contradicts bury "a"', 'item "x"'),
    (
        BOOST.format("a", "items", "x", 2.0) + BURY.format("b", "items", "x"),
        5,
        'bury "b" contradicts boost "a"',
        'item "x"',
    ),
    (
        BOOST.format("a", "categories", "T", 2.0) + BOOST.format("b", "categories", "T", 0.5),
        5,
        'boost "b" contradicts boost "a"',
        'category "T"',
    ),
    (
        CAP.format("a", "level = 1", 2) + CAP.format("b", "level = 1", 3),
        5,
        'cap "b" contradicts cap "a"',
        "the cap of each category of level 1",
    ),
    (
        CAP.format("a", 'category = "T"', 2) + CAP.format("b", 'category = "T"', 2),
        5,
        'cap "b" contradicts cap "a"',
        'the cap of category "T"',
    ),
    (PIN.format("a", "x", 1) + PIN.format("a", "y", 2), 5, 'pin "a" contradicts pin "a"', 'the name "a"'),
]
HARMONIES = [
    BOOST.format("a", "items", "x", 2.0) + BOOST.format("b", "items", "x", 3.0),
    BOOST.format("a", "categories", "x", 2.0) + BURY.format("b", "items", "x"),
    BOOST.format("a", "items", "x", 0.5) + BURY.format("b", "items", "x"),
    PIN.format("a", "x", 1) + BOOST.format("b", "items", "x", 2.0),
    CAP.format("a", "level = 1", 2) + CAP.format("b", "level = 2", 2) + CAP.format("c", 'category = "T"', 1),
    BURY.format("a", "items", 'x", "x'),
]
REFUSALS = [
    ("cap = 3", "FILE: cap: every rule is a table of its own, under [[cap]] on a line of its own"),
    ("# one\n[cap]\nmost = 1", "FILE:2: cap: every rule is a table of its own, under [[cap]] on a line of its own"),
    (
        'pin = [{name = "a", item = "x", position = 1}]',
        "FILE: pin: every rule is a table of its own, under [[pin]] on a line of its own",
    ),
    ("\n[[caps]]\nmost = 1", "FILE:2: there is no rule caps; there are cap, pin, boost, bury"),
    ("[[pin]]\nitem = 'x'\nposition = 1", "FILE:1: pin: the key name is missing"),
    (
        WHOLE + "[[pin]]\nname = 'b'\nitem = 'x'\nplace = 1\nposition = 3",
        'FILE:28: pin "b": there is no key place',
    ),
    (
        WHOLE + "[[pin]]\nname = 'b'\nitem = 'x'\nposition = 0",
        'FILE:28: pin "b": position: Input should be greater than or equal to 1',
    ),
    (WHOLE + '[[bury]]\nname = "b"', 'FILE:28: bury "b": items or categories must name at least one'),
    ("[[pin]]\nname = ", "FILE: not TOML (Invalid value (at end of document))"),
    ("x = " + "[" * 5000, "FILE: not TOML (maximum recursion depth exceeded"),
    ("# " + "x" * MAX_BYTES, f"FILE: longer than {MAX_BYTES} bytes"),
    ("".join(PIN.format(n, f"x{n}", n + 1) for n in range(21)), "FILE:81: pin: at most 20, here are 21"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file."""
    return tmp_path / "rules.toml"


def refusal_of(path: Path) -> str:
    """Read a file that must be refused."""
    with pytest.raises(InputError) as caught:
        RulesFile.read(path)
    return str(caught.value)


def test_every_rule_is_read_with_its_line_in_the_order_of_the_file(path: Path) -> None:
    path.write_text(WHOLE)
    assert [(stated.line, stated.title) for stated in RulesFile.read(path).stated] == [
        (2, 'cap "three a department"'),
        (7, 'pin "launch"'),
        (12, 'boost "tea week"'),
        (17, 'cap "one lamp"'),
        (22, 'bury "old stock"'),
    ]


def test_lines_that_end_as_on_windows_are_counted_alike(path: Path) -> None:
    path.write_bytes(WHOLE.replace("\n", "\r\n").encode())
    assert [stated.line for stated in RulesFile.read(path).stated] == [2, 7, 12, 17, 22]


def test_a_file_of_nothing_has_no_rules(path: Path) -> None:
    path.touch()
    assert not RulesFile.read(path).stated


def test_a_header_within_a_text_is_refused_rather_than_miscounted(path: Path) -> None:
    path.write_text('[[pin]]\nname = """\n[[pin]]\n"""\nitem = "x"\nposition = 1\n')
    assert refusal_of(path).startswith(f"{path}:1: pin: every rule is a table of its own")


@pytest.mark.parametrize(("text", "line", "rules", "over"), CONTRADICTIONS)
def test_two_rules_that_contradict_are_both_named(path: Path, text: str, line: int, rules: str, over: str) -> None:
    path.write_text(text)
    assert refusal_of(path) == f"{path}:{line}: {rules} of line 1: both decide {over}"


@pytest.mark.parametrize("text", HARMONIES)
def test_what_goes_together_is_no_contradiction(path: Path, text: str) -> None:
    path.write_text(text)
    assert RulesFile.read(path).stated


@pytest.mark.parametrize(("text", "sentence"), REFUSALS, ids=[sentence[:60] for _, sentence in REFUSALS])
def test_a_wrong_file_is_refused_with_its_line(path: Path, text: str, sentence: str) -> None:
    path.write_text(text)
    assert refusal_of(path).startswith(sentence.replace("FILE", str(path)))


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    assert refusal_of(path) == f"{path}: cannot be read: No such file or directory"
    assert refusal_of(path.parent) == f"{path.parent}: cannot be read: Is a directory"
    path.write_bytes(b"\xff")
    assert refusal_of(path) == f"{path}: not UTF-8 (invalid start byte at byte 0)"
