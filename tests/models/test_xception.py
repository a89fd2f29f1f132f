import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception import get_xception_based_model


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_xception_has_the_assignments_parameters():
    with torch.device("meta"):
        model, original = get_xception_based_model("none"), timm.create_model("legacy_xception")
    assert count(original) == 22_855_952
    assert count(model) == 23_128_786 == 22_855_952 + 272_834
    widths = [(layer.in_features, layer.out_features) for layer in model.fc if isinstance(layer, nn.Linear)]
    assert widths == [(2048, 1000), (1000, 256), (256, 64), (64, 2)]


@pytest.mark.parametrize("size", [7, 64])
def test_xception_takes_any_size_that_leaves_a_pixel(size):
    model = get_xception_based_model("none").eval()
    assert model(torch.zeros(1, 3, size, size)).shape == (1, 2)


def test_features_are_those_of_timms_model_with_the_same_weights(tmp_path):
    torch.manual_seed(0)
    original = timm.create_model("legacy_xception").eval()
    save_file(original.state_dict(), tmp_path / "imagenet.safetensors")
    model = get_xception_based_model(tmp_path / "imagenet.safetensors").eval()
    assert str(model.origin).startswith("imagenet.safetensors, SHA-256 ")
    pictures = torch.randn(2, 3, 64, 64)
    features = original.forward_features(pictures)
    torch.testing.assert_close(model.forward_features(pictures), features)
    torch.testing.assert_close(model(pictures), model.fc(features.mean(dim=(2, 3))))


def test_the_whole_model_comes_back_from_a_file(tmp_path):
    torch.manual_seed(0)
    model = get_xception_based_model("none")
    torch.save(model.state_dict(), tmp_path / "whole.pth")
    again = get_xception_based_model(str(tmp_path / "whole.pth"))
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file(SimpleNet(50).state_dict(), tmp_path / "simplenet.safetensors")
    with pytest.raises(CourseError, match=r"does not fit this Xception:\n  conv1\.weight: missing"):
        get_xception_based_model(tmp_path / "simplenet.safetensors")
