import copy

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.freezing import freeze, freeze_batch_norm, unfreeze


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2)),
    )


def step(model):
    """Learn from one batch in train mode; return the names of the tensors that this changed."""
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1)
    model.train()
    model(3 + torch.randn(8, 3, 8, 8)).square().sum().backward()
    optimizer.step()
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def test_only_the_named_part_learns_and_everything_after_unfreeze():
    model = network()
    names = set(model.state_dict())
    freeze(model, but="1")
    assert step(model) == {name for name in names if name.startswith("1.")}
    unfreeze(model)
    assert step(model) == names


def test_frozen_batch_norm_keeps_its_statistics_and_learns_its_scale():
    model = network()
    freeze_batch_norm(model)
    changed = step(model)
    assert "0.1.weight" in changed and not any("running" in name or "batches" in name for name in changed)
    assert list(model.state_dict()) == list(network().state_dict())
    evaluated = copy.deepcopy(model).eval()
    pictures = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(model.train()(pictures), evaluated(pictures))


def test_batch_norm_of_another_kind_is_frozen_and_thawed_likewise():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), BatchNormAct2d(4))
    names = set(model.state_dict())
    freeze_batch_norm(model)
    freeze_batch_norm(copy.deepcopy(model))
    assert isinstance(model[1], BatchNormAct2d)
    assert not any("running" in name for name in step(model))
    unfreeze(model)
    assert type(model[1]) is BatchNormAct2d
    assert step(model) == names


def test_freezing_twice_or_a_part_first_is_the_same():
    model = network()
    freeze_batch_norm(model)
    freeze(model, but="1.3")
    freeze(model, but="1")
    assert step(model) == {name for name in model.state_dict() if name.startswith("1.")}


@pytest.mark.parametrize("part", ["fc", "1.2"])
def test_a_part_that_cannot_learn_is_named(part):
    with pytest.raises(CourseError, match=rf"no part '{part}'.*0, 1"):
        freeze(network(), but=part)
