"""Titles a person wants to read, and categories derived from them where a log has none."""

import re
from collections import Counter
from collections.abc import Sequence

OTHER = "Other"
_MIN_TITLES = 12
"""Titles that must end in a noun for it to be a category: 82 categories on the gift-shop log."""

_SMALL_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"})
_ACRONYMS = frozenset({"BBQ", "CD", "DVD", "LED", "TV", "UK", "USA", "USB"})

_DESCRIPTIONS = """
    acrylic antique artificial assorted asstd baroque black blue bronze brown butterfly christmas clear colour cottage
    cream crystal design diamante dolly easter edwardian enamel england fairy felt feltcraft flock floral flower
    folding font french garden gingham girl gold gothic green grey hanging heart home ivory kitchen lace large lavender
    leaf letter lilac london love magic medium metal mini mixed multicolour natural orange pack painted paisley pantry
    paris pastel piece pink polkadot purple rabbit red retro retrospot rose round set shape silver size skull small
    spaceboy spot spotty square star strawberry stripe sweet turquoise union vintage white wicker wood wooden woodland
    yellow zinc
"""
"""What a title may end in that says how a thing looks, for which occasion or how many there are, not what it is."""
_NOT_A_KIND = frozenset(_DESCRIPTIONS.split()) | _SMALL_WORDS


def readable_title(text: str) -> str:
    """Collapse spaces and, where the text shouts, capitalise it as a title: `15CM BAG OF TEA` to `15cm Bag of Tea`."""
    text = " ".join(text.split())
    if not text.isupper():
        return text
    return re.sub(r"[^\W\d_][^\W\d_']*", lambda word: _cased(word.group(), text[: word.start()]), text)


def _cased(word: str, before: str) -> str:
    if word in _ACRONYMS:
        return word
    is_suffix = before.endswith(("'", *"0123456789"))
    is_small = word.lower() in _SMALL_WORDS and before.endswith(" ")
    return word.lower() if is_suffix or is_small else word.capitalize()


def derive_categories(titles: Sequence[str], min_titles: int = _MIN_TITLES) -> list[str]:
    """Sort titles into kinds of things by their head noun, `Other` where there is none.

    English puts the noun last ("Red Retrospot Cake Tin"), before what only describes ("Jumbo Bag Red Retrospot"). A
    noun that ends `min_titles` titles or more, descriptions left out, is a category; a title belongs to the last such
    noun in it.
    """
    words = [_nouns(title) for title in titles]
    endings = Counter(nouns[-1] for nouns in words if nouns)
    kinds = {noun for noun, count in endings.items() if count >= min_titles}
    return [next((noun.capitalize() for noun in reversed(nouns) if noun in kinds), OTHER) for nouns in words]


def _nouns(title: str) -> list[str]:
    # Two letters are units and shorthand: cm, pc, dz.
    words = (_singular(word) for word in re.findall(r"[a-z]{3,}", title.lower()))
    return [word for word in words if word not in _NOT_A_KIND]


def _singular(word: str) -> str:
    if word.endswith(("ss", "us", "is", "as")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1]
