import itertools

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.xception import SeparableConv2d
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception_variants import LEFT_OUT, MidwaySeparableConv2d, xception_variant

MIDWAY_AND_LIGHT = list(itertools.product([False, True], repeat=2))


def by_hand(width, beside, middle, classes):
    """Count the parameters of figure 8 of the report (Chollet 2017, figure 5), layer by layer."""

    def separable(channels, filters):  # with its batch normalisation
        return 9 * channels * width + channels * filters + 2 * filters

    def projection(channels, filters):
        return channels * filters + 2 * filters

    stem = 27 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64
    entry = sum(
        separable(channels, filters) + separable(filters, filters) + projection(channels, filters)
        for channels, filters in ((64, 128), (128, 256), (256, 728))
    )
    a_middle_block = 3 * separable(728, 728) + beside * projection(728, 728)
    last = separable(728, 728) + separable(728, 1024) + projection(728, 1024)
    tail = separable(1024, 1536) + separable(1536, 2048) + 2048 * classes + classes
    return stem + entry + middle * a_middle_block + last + tail


@pytest.mark.parametrize(
    ("midway", "light", "classes", "published"),
    [
        (False, False, 1000, 22_855_952),
        (False, False, 2, 20_811_050),
        (True, False, 1000, 27_314_904),
        (True, False, 2, 25_270_002),
        (False, True, 1000, 16_400_048),
        (False, True, 2, 14_355_146),
        (True, True, 2, 16_609_714),
    ],
)
def test_parameters_are_those_counted_by_hand(midway, light, classes, published):
    with torch.device("meta"):
        model = xception_variant(midway=midway, light=light, classes=classes)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == by_hand(2 if midway else 1, midway, 4 if light else 8, classes) == published


def test_every_separable_convolution_of_midway_has_half_as_many_groups_as_channels():
    with torch.device("meta"):
        model = xception_variant(midway=True)
    spatial = [
        layer
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and layer.in_channels > 32
    ]
    assert len(spatial) == 34  # Chollet 2017: 36 convolutional layers, of which the stem has two
    assert all(layer.groups == layer.in_channels // 2 for layer in spatial)


@pytest.mark.parametrize("group_width", [1, 2, 8])
def test_the_separable_convolution_is_timms_at_one_end_and_ordinary_at_the_other(group_width):
    torch.manual_seed(0)
    ours, features = MidwaySeparableConv2d(8, 5, group_width), torch.randn(2, 8, 9, 7)
    expected = SeparableConv2d(8, 5, 3, padding=1)
    if group_width > 1:  # the same filters in an ordinary convolution, zero where they see nothing
        expected.conv1 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        expected.conv1.weight.data.zero_()
        for channel in range(8):
            first = channel // group_width * group_width
            expected.conv1.weight.data[channel, first : first + group_width] = ours.conv1.weight[channel]
        expected.pointwise = ours.pointwise
    else:
        expected.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(features), expected(features))
    assert ours.conv1.weight.numel() == 9 * 8 * group_width
    with pytest.raises(CourseError, match=r"6 channels .* groups of 4"):
        MidwaySeparableConv2d(6, 5, 4)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A file of timm's Xception, whose normalisations have seen some pictures, and the model."""
    torch.manual_seed(0)
    original = timm.create_model("legacy_xception")
    with torch.no_grad():
        original.train()(torch.randn(4, 3, 96, 96))
    path = tmp_path_factory.mktemp("weights") / "imagenet.safetensors"
    save_file(original.state_dict(), path)
    return path, original.eval()


@pytest.mark.parametrize(("midway", "light"), MIDWAY_AND_LIGHT)
def test_with_xceptions_weights_a_variant_starts_as_xception(imagenet, midway, light):
    path, original = imagenet
    model = xception_variant(midway=midway, light=light, weights=path).eval()
    expected = timm.create_model("legacy_xception").eval()
    expected.load_state_dict(original.state_dict())
    if light:
        for number in LEFT_OUT:
            setattr(expected, f"block{number}", nn.Identity())
    pictures = torch.randn(2, 3, 96, 96)
    features = expected.forward_features(pictures)
    # A new batch normalisation beside each middle block divides by sqrt(1 + 1e-5).
    close = {"rtol": 1e-3, "atol": 1e-3 * features.abs().max().item()} if midway else {}
    torch.testing.assert_close(model.forward_features(pictures), features, **close)
    assert model(pictures).shape == (2, 2)
    assert str(model.origin).startswith("imagenet.safetensors, SHA-256 ")


@pytest.mark.parametrize(("midway", "light"), MIDWAY_AND_LIGHT)
def test_a_variant_comes_back_from_its_own_file(tmp_path, midway, light):
    model = xception_variant(midway=midway, light=light)
    save_file(model.state_dict(), tmp_path / "best.safetensors")
    again = xception_variant(midway=midway, light=light, weights=tmp_path / "best.safetensors").state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in model.state_dict().items())


def test_weights_of_another_variant_or_network_are_refused(tmp_path):
    save_file(xception_variant(light=True).state_dict(), tmp_path / "light.safetensors")
    with pytest.raises(CourseError, match=r"block8\.rep\.1\.conv1\.weight: missing in the file"):
        xception_variant(midway=True, weights=tmp_path / "light.safetensors")
    save_file(SimpleNet(50).state_dict(), tmp_path / "simplenet.safetensors")
    with pytest.raises(CourseError, match=r"does not fit this Xception:\n  conv1\.weight: missing"):
        xception_variant(light=True, weights=tmp_path / "simplenet.safetensors")


def test_only_training_drops_out():
    torch.manual_seed(0)
    model, pictures = xception_variant(light=True), torch.randn(2, 3, 64, 64)
    model.eval()
    torch.testing.assert_close(model(pictures), model(pictures), rtol=0, atol=0)
    for layer in model.modules():
        if not isinstance(layer, nn.BatchNorm2d):
            layer.training = True
    assert not torch.equal(model(pictures), model(pictures))
