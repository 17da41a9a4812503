"""What parts of a release are worth: the same training without one, measured alike."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from shortlist.offline.ranker_training import RankerSettings
from shortlist.offline.recipe import Recipe
from shortlist.offline.tower_training import TowerSettings

AS_SERVED = "as served"

ABLATIONS: Mapping[str, Callable[[Recipe], Recipe]] = {
    "a causal layer over the history": lambda recipe: replace(recipe, towers=TowerSettings(is_contextual=True)),
    "one ranker, no teachers": lambda recipe: replace(recipe, ranker=RankerSettings(teachers=1)),
}
"""How a recipe is changed, by the name of what is done without, or otherwise."""
