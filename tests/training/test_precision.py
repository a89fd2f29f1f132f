import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.training import precision
from course_utils.training.precision import Precision, choose

PICTURES = torch.zeros(2, 3, 8, 8)
CPU = torch.device("cpu")


def convolution():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))


def test_the_trial_changes_neither_model_nor_generators(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16_units", lambda device: True)
    model = convolution().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    choose(model, PICTURES, "auto")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize(
    ("faster", "name"),
    [
        (2.0, "bf16"),
        (0.8, "bf16"),  # a trial disturbed a little
        (0.3, "float32"),
    ],
)
def test_a_trial_overrules_the_hardware_only_when_it_is_clear(monkeypatch, faster, name):
    monkeypatch.setattr(precision, "has_bf16_units", lambda device: True)
    monkeypatch.setattr(precision, "_trial", lambda *arguments: {"float32": faster, "bf16": 1.0})
    assert choose(convolution(), PICTURES, "auto").name == name


def test_what_the_device_would_only_imitate_is_not_even_tried(monkeypatch):
    def minutes(*arguments):
        raise AssertionError("a step in imitated bfloat16 can take minutes")

    monkeypatch.setattr(precision, "has_bf16_units", lambda device: False)
    monkeypatch.setattr(precision, "_trial", minutes)
    assert choose(convolution(), PICTURES, "auto") == Precision("float32", channels_last=True)


def test_a_surprising_trial_is_repeated_and_the_fastest_steps_count(monkeypatch):
    trials = iter([{"float32": 1.0, "bf16": 4.0}, {"float32": 1.1, "bf16": 1.2}])
    monkeypatch.setattr(precision, "has_bf16_units", lambda device: True)
    monkeypatch.setattr(precision, "_trial", lambda *arguments: next(trials))
    assert choose(convolution(), PICTURES, "auto").name == "bf16"


def test_bf16_computes_in_bfloat16_and_keeps_the_weights():
    model = convolution()
    chosen = choose(model, PICTURES, "bf16")
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
    chosen = Precision("bf16", True)
    assert Precision(**chosen.as_dict()) == chosen


def test_3d_convolutions_on_a_processor_are_float32(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16_units", lambda device: True)
    clips = torch.zeros(2, 3, 4, 8, 8)
    network = nn.Sequential(nn.Conv3d(3, 4, 3))
    assert choose(network, clips, "auto") == Precision("float32", channels_last=False)
    with pytest.raises(CourseError, match="3D convolutions, whose bf16 gradients are wrong on a processor"):
        choose(network, clips, "bf16")
