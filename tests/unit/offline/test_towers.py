import numpy as np

from shortlist.offline.catalogues import catalogue_of
from shortlist.offline.interactions import Interactions
from shortlist.offline.tower_examples import PERIOD_DAYS, TowerExamples
from shortlist.offline.tower_training import TowerSettings, train_towers
from support.tiny_logs import DAY_S, START_S, tiny_log

LOG = tiny_log()
TRAIN = Interactions.of(LOG, START_S + 120 * DAY_S)
CATALOGUE = catalogue_of(LOG.items, TRAIN.vocabulary)


def test_training_learns_and_one_seed_gives_one_curve() -> None:
    settings = TowerSettings(dimension=16, epochs=3, patience=3)
    first = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    again = train_towers(TRAIN, CATALOGUE, settings, seed=3)
    assert first.curve == again.curve
    assert first.curve[-1]["loss"] < first.curve[0]["loss"]


def test_a_batch_lies_within_one_week_and_every_example_is_in_one() -> None:
    examples = TowerExamples.of(TRAIN, CATALOGUE)
    batches = examples.batches(np.arange(len(examples)), 4, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(examples)))
    assert all(len(batch) <= 4 and len(np.unique(examples.periods[batch])) == 1 for batch in batches)


def test_the_columns_of_a_week_end_before_its_first_example() -> None:
    examples = TowerExamples.of(TRAIN, CATALOGUE)
    begins = TRAIN.times.min() + examples.periods * PERIOD_DAYS * DAY_S
    assert (examples.requests.at_s >= begins).all()
    assert (examples.requests.at_s < begins + PERIOD_DAYS * DAY_S).all()
