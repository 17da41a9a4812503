"""Readable words from the shouted, abbreviated and cut-off product types of a grocery catalogue."""

import re

_WORDS = {
    "bkd": "baked",
    "brd": "bread",
    "brkfst": "breakfast",
    "btl": "bottle",
    "btls": "bottles",
    "carb": "carbonated",
    "catfd": "cat food",
    "chix": "chicken",
    "chococlate": "chocolate",
    "ckys": "cookies",
    "cndy": "candy",
    "crkr": "crackers",
    "disposible": "disposable",
    "dnr": "dinner",
    "dnrs": "dinners",
    "dogfd": "dog food",
    "drnk": "drink",
    "drnking": "drinking",
    "drnkng": "drinking",
    "drnks": "drinks",
    "drsng": "dressing",
    "expctrnt": "expectorant",
    "fd": "food",
    "fem": "feminine",
    "flvrd": "flavored",
    "frz": "frozen",
    "frzn": "frozen",
    "gds": "goods",
    "gm": "general merchandise",
    "hygn": "hygiene",
    "liqs": "liquids",
    "lozng": "lozenge",
    "misc": "miscellaneous",
    "mlt": "multi",
    "mnrl": "mineral",
    "pckgd": "packaged",
    "pk": "pack",
    "pkg": "package",
    "pkgd": "packaged",
    "prepck": "prepacked",
    "preportnd": "preportioned",
    "prpck": "prepacked",
    "refrgratd": "refrigerated",
    "refrig": "refrigerated",
    "rts": "ready-to-serve",
    "sald": "salad",
    "sft": "soft",
    "sgl": "single",
    "sherbts": "sherbets",
    "sndwch": "sandwich",
    "sngl": "single",
    "snks": "snacks",
    "sply": "supplies",
    "sprd": "spread",
    "srv": "serve",
    "ss": "single-serve",
    "suppplies": "supplies",
    "sv": "serve",
    "sw": "sweet",
    "syrp": "syrup",
    "veg": "vegetable",
}


def readable_words(text: str) -> str:
    """Lower and spell out: `SFT DRNK MLT-PK BTL CARB (EXCP` to `soft drink multi-pack bottle carbonated`."""
    text = re.sub(r"\([^)]*$", "", text).lower()  # the source cuts at 30 characters, often inside a parenthesis
    text = re.sub(r"\b(children|men|women|dvd) s\b", r"\1's", text)
    text = re.sub(r"(?<=[a-z])\.", " ", text)
    text = re.sub(r"[a-z]+", lambda word: _WORDS.get(word.group(), word.group()), text)
    text = re.sub(r"\s*:\s*", ": ", text).replace(" )", ")")
    return " ".join(text.split()).strip(" -/,:")


def compose_title(category: str | None, kind: str | None, size: str | None, brand: str | None) -> str:
    """Compose a title such as `Ice - crushed/cubed, 22 lb (National)` from raw catalogue fields.

    A kind of one word (`PREMIUM`, a maker's name) says too little alone: its category goes in front.
    """
    name = readable_words(kind or category or "")
    context = readable_words(category or "")
    if " " not in name and name not in context:
        name = f"{context}: {name}" if context else name
    title = name[:1].upper() + name[1:]
    if size:
        title += f", {' '.join(size.lower().split())}"
    return f"{title} ({brand})" if brand else title
