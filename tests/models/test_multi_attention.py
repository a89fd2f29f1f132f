import pytest
import torch
from torch.nn import functional
from torchvision.models import mobilenet_v3_small

from course_utils.models.multi_attention import MultiAttention, TextureEnhancement, pooled


def test_features_regions_and_maps_have_their_shapes():
    layers = mobilenet_v3_small().features
    attention = MultiAttention(maps=4, width=50)
    pictures = torch.randn(2, 3, 64, 96)
    features, regions = attention(layers, pictures)
    assert (features.shape, regions.shape) == ((2, 50), (2, 4, 16))
    torch.testing.assert_close(regions.norm(dim=2), torch.ones(2, 4))
    maps = attention.maps_of(layers, pictures)
    assert maps.shape == (2, 4, 4, 6)
    assert maps.min() == 0


def test_a_map_covers_what_it_shows():
    features = torch.zeros(1, 2, 4, 4)
    features[0, 0, :2], features[0, 1, 2:] = 1, 1  # channel 0 above, channel 1 below
    maps = torch.zeros(1, 3, 4, 4)
    maps[0, 0, :2], maps[0, 1, 2:], maps[0, 2] = 0.5, 7, 1
    expected = torch.tensor([[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]])
    torch.testing.assert_close(pooled(features, maps)[0], expected)


def test_texture_is_what_a_coarse_picture_lacks():
    enhance = TextureEnhancement(3).eval()
    flat = torch.rand(1, 3, 2, 2).repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    texture, coarse = enhance(flat, torch.Size([2, 2]))
    assert texture.shape == (1, 12, 8, 8)
    torch.testing.assert_close(texture[:, :3], torch.zeros(1, 3, 8, 8), atol=1e-6, rtol=0)
    torch.testing.assert_close(functional.interpolate(coarse, size=(8, 8)), flat)


def test_regions_are_independent_where_each_stays_at_its_own_centre():
    attention = MultiAttention(maps=2, width=8)
    axes = functional.normalize(torch.eye(2, 16), dim=1)
    attention.eval().centres = axes.clone()
    at_centre, labels = axes.expand(3, 2, 16), torch.tensor([0.0, 1.0, 0.5])
    torch.testing.assert_close(attention.independence(at_centre, labels), torch.zeros(3))
    swapped = at_centre.flip(1)
    # All are the distance of two axes away, and the margins are 0.05 and 0.1; the centres, a twentieth of the
    # way nearer to one another, are still apart.
    distance = 0.95 * 2**0.5
    expected = 2 * (distance - torch.tensor([0.05, 0.1, 0.075]))
    torch.testing.assert_close(attention.independence(swapped, labels), expected)


def test_centres_that_are_one_are_driven_apart_in_training_alone():
    attention = MultiAttention(maps=3, width=8)
    regions = functional.normalize(torch.randn(4, 3, 16), dim=2).requires_grad_()
    losses = attention.independence(regions, torch.zeros(4))
    assert (losses > 6 * 0.1).all()  # three pairs, twice, each nearly 0.2 from its margin
    losses.sum().backward()
    assert regions.grad.isfinite().all() and regions.grad.any()
    torch.testing.assert_close(attention.centres, 0.05 * regions.detach().mean(dim=0))
    moved = attention.centres.clone()
    attention.eval().independence(regions, torch.zeros(4))
    assert torch.equal(attention.centres, moved)


@pytest.mark.parametrize("side", [32, 33, 112])
def test_any_size_from_32_pixels_on_will_do(side):
    features, _ = MultiAttention(2, 8)(mobilenet_v3_small().features, torch.randn(3, 3, side, side))
    assert features.isfinite().all()
