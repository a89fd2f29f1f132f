import pytest
import torch
from torch import nn

from course_utils import precision
from course_utils.errors import CourseError
from course_utils.precision import Precision, choose

PICTURES = torch.zeros(2, 3, 8, 8)
CPU = torch.device("cpu")


def convolution():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))


def test_the_trial_changes_neither_model_nor_generators():
    model = convolution().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    chosen = choose(model, PICTURES, "auto")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training
    assert torch.equal(torch.get_rng_state(), generator)
    assert set(chosen.trial) == {"float32", "bf16"} and min(chosen.trial.values()) > 0


@pytest.mark.parametrize(
    ("seconds", "name"), [({"float32": 1.0, "bf16": 0.5}, "bf16"), ({"float32": 1.0, "bf16": 0.9}, "float32")]
)
def test_auto_takes_bf16_only_where_it_is_clearly_faster(monkeypatch, seconds, name):
    monkeypatch.setattr(precision, "_seconds_a_step", lambda model, batch, tried: seconds[tried.name])
    assert choose(convolution(), PICTURES, "auto").name == name


def test_bf16_computes_in_bfloat16_and_keeps_the_weights():
    model = convolution()
    chosen = choose(model, PICTURES, "bf16")
    assert chosen.trial == {}
    with chosen.autocast(CPU):
        assert model(PICTURES).dtype == torch.bfloat16
    with choose(model, PICTURES, "float32").autocast(CPU):
        assert model(PICTURES).dtype == torch.float32
    assert model[0].weight.dtype == torch.float32


def test_only_convolutions_on_pictures_get_the_other_layout():
    chosen = choose(convolution(), PICTURES, "float32")
    assert chosen.channels_last
    assert chosen.arrange(PICTURES).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(chosen.arrange(PICTURES), PICTURES)
    assert not choose(nn.Linear(8, 2), PICTURES, "float32").channels_last
    assert not choose(nn.Conv3d(3, 4, 3), PICTURES[:, :, None], "float32").channels_last


def test_a_choice_survives_a_checkpoint():
    chosen = Precision("bf16", True, {"float32": 2.0, "bf16": 1.0})
    assert Precision(**chosen.as_dict()) == chosen


def test_an_unknown_precision_is_named():
    with pytest.raises(CourseError, match=r"fp16.*bf16"):
        choose(convolution(), PICTURES, "fp16")
