import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models.autoencoder import ConvolutionalAutoencoder, as_pictures


@pytest.mark.parametrize(("channels", "count"), [(1, 2_736_513), (3, 2_738_563)])
def test_it_has_the_papers_parameters(channels, count):
    with torch.device("meta"):
        model = ConvolutionalAutoencoder(channels)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_shapes_are_those_of_the_papers_table():
    shapes = []
    model = ConvolutionalAutoencoder()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda module, given, output: shapes.append(tuple(output.shape[1:])))
    assert model(torch.rand(2, 1, 128, 128)).shape == (2, 1, 128, 128)
    encoder = [(32, 64), (32, 32), (32, 32), (64, 16), (64, 16), (128, 8), (64, 8), (32, 8), (512, 1)]
    decoder = [(32, 8), (64, 8), (128, 8), (64, 16), (64, 16), (32, 32), (32, 32), (32, 64), (1, 128)]
    assert shapes == [(channels, side, side) for channels, side in encoder + decoder]


def test_neither_the_latent_nor_the_output_is_bent():
    model = ConvolutionalAutoencoder()
    assert not isinstance(model.encoder[-1], nn.LeakyReLU)
    assert not isinstance(model.decoder[-1], nn.LeakyReLU)
    bends = [layer for layer in model.modules() if isinstance(layer, nn.LeakyReLU)]
    assert [layer.negative_slope for layer in bends] == [0.2] * 16


@pytest.mark.parametrize("shape", [(2, 1, 112, 112), (2, 3, 128, 128), (2, 1, 128, 64)])
def test_other_pictures_are_refused_with_the_reason(shape):
    with pytest.raises(CourseError, match=r"takes B x 1 x 128 x 128, not 2 x .*112 would leave 7"):
        ConvolutionalAutoencoder()(torch.zeros(shape))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_can_learn_eight_maps_by_heart():
    torch.manual_seed(0)
    pictures = as_pictures(torch.rand(8, 196).half()).contiguous(memory_format=torch.channels_last)
    model = ConvolutionalAutoencoder().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=4_000)
    for _ in range(schedule.total_steps):
        error = (model(pictures) - pictures).square().mean()
        if error < 1e-4:
            break
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        schedule.step()
    assert error < 1e-4
