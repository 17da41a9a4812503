import numpy as np
import torch

from shortlist.offline.distil import STEPS_TIMES, scores_of, steps_of, teaching_loss, train_from_teachers
from shortlist.offline.ranker_training import RankerSettings, train_ranker
from support.own_lists import catalogue, lists

LENGTH = 6

LEARNT = lists(40)


def test_every_step_of_teachers_and_learner_is_counted() -> None:
    settings = RankerSettings(steps=3, batch=4, teachers=2)
    told: list[int] = []
    train_from_teachers(LEARNT, catalogue(), LENGTH, settings, 1, lambda: told.append(1))
    assert len(told) == steps_of(settings) == 3 * (2 + STEPS_TIMES)


def test_a_single_teacher_is_served_itself() -> None:
    settings = RankerSettings(steps=3, batch=4, teachers=1)
    alone = train_from_teachers(LEARNT, catalogue(), LENGTH, settings, seed=5)
    same = train_ranker(LEARNT, catalogue(), LENGTH, settings, seed=5)
    torch.testing.assert_close(scores_of(alone.ranker, LEARNT, LENGTH), scores_of(same.ranker, LEARNT, LENGTH))


def test_the_learner_comes_nearer_to_its_teachers_than_a_teacher_is_to_the_others() -> None:
    settings = RankerSettings(steps=60, batch=16, teachers=3)
    teachers = [
        scores_of(train_ranker(LEARNT, catalogue(), LENGTH, settings, seed).ranker, LEARNT, LENGTH)
        for seed in (1, 2, 3)
    ]
    mean = torch.stack(teachers).mean(dim=0)
    learner = scores_of(train_from_teachers(LEARNT, catalogue(), LENGTH, settings, 1).ranker, LEARNT, LENGTH)
    held = torch.from_numpy(LEARNT.candidates.rows > 0)
    losses = [float(teaching_loss(scores, mean, held)) for scores in teachers]
    assert float(teaching_loss(learner, mean, held)) < np.mean(losses)


def test_the_loss_is_least_at_the_teachers_own_scores_and_ignores_padding() -> None:
    taught = torch.tensor([[1.0, 0.0, -1.0, 99.0]])
    held = torch.tensor([[True, True, True, False]])
    least = teaching_loss(taught, taught, held)
    assert least < teaching_loss(torch.tensor([[0.0, 0.0, 0.0, 99.0]]), taught, held)
    torch.testing.assert_close(least, teaching_loss(torch.tensor([[3.0, 2.0, 1.0, -50.0]]), taught, held))
