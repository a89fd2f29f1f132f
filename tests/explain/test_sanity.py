import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from course_utils.errors import CourseError
from course_utils.explain import grad_cam, gradient_saliency, randomised, rank_correlation
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception import get_xception_based_model


def changed(model, other):
    return {
        name.rpartition(".")[0]
        for name, tensor in model.state_dict().items()
        if not torch.equal(tensor, other.state_dict()[name])
    }


def test_weights_are_drawn_anew_from_the_output_downwards():
    model = SimpleNet(64)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert changed(model, randomised(model, layers=2)) == {"classifier.5", "classifier.3"}
    assert changed(model, randomised(model, layers=4)) == {
        "classifier.5", "classifier.3", "classifier.1", "features.6"
    }  # fmt: skip
    assert len(changed(model, randomised(model))) == 6
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    for layers in (0, 7):
        with pytest.raises(CourseError, match="has 6 layers"):
            randomised(model, layers=layers)


def test_the_seed_decides_and_leaves_the_generator_alone():
    model = SimpleNet(64)
    state = torch.get_rng_state()
    first, again, other = randomised(model, 1), randomised(model, 1), randomised(model, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert not changed(first, again) and len(changed(first, other)) == 6


def test_a_randomised_xception_still_has_maps_of_numbers():
    torch.manual_seed(0)
    model = get_xception_based_model("none")
    for _ in range(2):
        model(torch.randn(2, 3, 64, 64))
    other = randomised(model)
    assert {name for name in changed(model, other) if "bn" not in name and ".rep." not in name} >= {
        "conv1",
        "fc.6",
    }
    pictures = torch.randn(2, 3, 64, 64)
    for explain in (gradient_saliency, grad_cam):
        maps = explain(other, pictures, [0, 1])
        assert maps.isfinite().all() and maps.any()


def test_rank_correlation_is_pearsons_of_the_ranks():
    maps, others = np.random.default_rng(0).random((2, 3, 9, 9))
    expected = [
        np.corrcoef(rankdata(one.ravel()), rankdata(other.ravel()))[0, 1]
        for one, other in zip(maps, others, strict=True)
    ]
    np.testing.assert_allclose(rank_correlation(maps, others), expected)
    np.testing.assert_allclose(rank_correlation(torch.from_numpy(maps), np.exp(maps)), 1)
    np.testing.assert_allclose(rank_correlation(maps, -maps), -1)
    assert np.isnan(rank_correlation(maps, np.zeros_like(maps))).all()
    with pytest.raises(CourseError, match="same size"):
        rank_correlation(maps, others[:2])
