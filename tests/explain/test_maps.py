import copy
import warnings

import cv2
import numpy as np
import pytest
import torch
from captum.attr import Saliency
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.explain import grad_cam, gradient_saliency, last_convolution, smooth_grad
from course_utils.models.asrid import ASRID
from course_utils.models.freezing import freeze
from course_utils.models.mesonet import Meso4
from course_utils.models.simplenet import SimpleNet
from course_utils.models.timesformer import TimeSformer
from course_utils.models.video_resnet import VideoResNet3D
from course_utils.models.xception import get_xception_based_model

SIZE = 64
TARGETS = [0, 1, 0]


def trained(model):
    """Batch normalisation with statistics of its own, as after training: eval mode makes a difference."""
    model.train()
    for _ in range(3):
        model(torch.randn(4, 3, SIZE, SIZE))
    return model.eval()


@pytest.fixture(scope="module", params=["simplenet", "xception", "meso4"])
def model(request):
    torch.manual_seed(0)
    if request.param == "xception":
        return trained(get_xception_based_model("none"))
    return trained({"simplenet": SimpleNet, "meso4": Meso4}[request.param](SIZE))


@pytest.fixture(scope="module")
def pictures():
    return torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def convolution():
    """Logits that can be differentiated by hand: of a picture x, a·x and -a·x."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 2))


def close(ours, theirs):
    """To 1e-4 of the largest value, which must not be zero."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape and theirs.max() > 0
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.max())


def test_saliency_is_the_gradient_that_can_be_had_by_hand():
    model, pictures = convolution(), torch.randn(2, 3, 4, 4)
    weights = model[1].weight.detach().view(2, 3, 4, 4)
    torch.testing.assert_close(gradient_saliency(model, pictures, [1, 0]), weights.abs().amax(1)[[1, 0]])


def test_saliency_is_captums(model, pictures):
    theirs = Saliency(model).attribute(pictures.clone().requires_grad_(), target=TARGETS, abs=True)
    close(gradient_saliency(model, pictures, TARGETS), theirs.amax(dim=1))


@pytest.mark.parametrize("layer", [None, "first"])
def test_grad_cam_is_that_of_the_library(model, pictures, layer):
    """Compared before the library scales each map to 0..1, resized as it does it, by OpenCV."""
    if layer == "first":
        layer = next(name for name, part in model.named_modules() if isinstance(part, nn.Conv2d))
    ours = grad_cam(model, pictures, TARGETS, layer)
    module = model.get_submodule(layer or last_convolution(model))
    targets = [ClassifierOutputTarget(target) for target in TARGETS]
    library = GradCAM(copy.deepcopy(model), [])  # only for its arithmetic
    with GradCAM(model, [module]) as recorder:
        recorder(pictures, targets)
        kept = recorder.activations_and_grads
        maps = library.get_cam_image(
            pictures, module, targets, kept.activations[0].numpy(), kept.gradients[0].numpy()
        )
    close(ours, [cv2.resize(np.maximum(found, 0), (SIZE, SIZE)) for found in maps])


def test_grad_cam_of_a_clip_is_that_of_the_library():
    torch.manual_seed(0)
    clips = torch.randn(2, 3, 8, SIZE, SIZE)
    model = VideoResNet3D(attention="se").eval()
    module, targets = model.layer1, [ClassifierOutputTarget(target) for target in (0, 1)]
    library = GradCAM(copy.deepcopy(model), [])
    with GradCAM(model, [module]) as recorder:
        recorder(clips, targets)
        kept = recorder.activations_and_grads
        maps = library.get_cam_image(
            clips, module, targets, kept.activations[0].numpy(), kept.gradients[0].numpy()
        )
    resized = functional.interpolate(
        torch.from_numpy(maps).relu()[:, None], clips.shape[2:], mode="trilinear"
    )
    close(grad_cam(model, clips, [0, 1], "layer1"), resized[:, 0])


def test_a_model_of_single_frames_has_a_map_of_each_frame():
    torch.manual_seed(0)
    model = ASRID(attention=False).eval()
    clips = torch.randn(2, 3, 4, SIZE, SIZE)
    layer = last_convolution(model.backbone.features)
    found = grad_cam(model, clips, [1, 1], f"backbone.features.{layer}")
    # Its score is the mean over frames, so that a frame's share of it is a quarter of what it gets alone.
    alone = [
        grad_cam(model, clips[:, :, [frame]], [1, 1], f"backbone.features.{layer}") for frame in range(4)
    ]
    assert found.max() > 0
    close(found, torch.cat(alone, dim=1) / 4)


def test_grad_cam_scaled_to_0_1_is_the_librarys_picture(pictures):
    torch.manual_seed(0)
    model = trained(SimpleNet(SIZE))
    for weight in model.classifier.parameters():
        weight.data *= 10  # the library adds 1e-7 to what it divides by, so that a map must be larger
    with GradCAM(model, [model.features[6]]) as library:
        theirs = library(pictures, [ClassifierOutputTarget(target) for target in TARGETS])
    ours = grad_cam(model, pictures, TARGETS, "features.6")
    low, high = ours.amin((1, 2), keepdim=True), ours.amax((1, 2), keepdim=True)
    close((ours - low) / (high - low), theirs)


def test_the_last_convolution_takes_its_batch_norm_and_activation_with_it():
    assert last_convolution(SimpleNet()) == "features.6"
    assert last_convolution(Meso4()) == "features.12"
    with torch.device("meta"):
        xception = get_xception_based_model("none")
    assert last_convolution(xception) == "act4"
    freeze(xception, but="fc")
    assert last_convolution(xception) == "act4"
    assert last_convolution(nn.Sequential(nn.ReLU(), nn.Conv2d(3, 2, 1))) == "1"
    with pytest.raises(CourseError, match="no convolution"):
        last_convolution(convolution())


def test_smooth_grad_is_the_mean_over_noisy_pictures(pictures):
    torch.manual_seed(0)
    model = SimpleNet(SIZE)
    generator = torch.Generator().manual_seed(5)
    noisy = [pictures.clone().requires_grad_() for _ in range(4)]
    span = pictures.flatten(1).max(1).values - pictures.flatten(1).min(1).values
    total = 0
    for sample in noisy:
        noise = torch.randn(3, SIZE, SIZE, generator=generator) * 0.2 * span[:, None, None, None]
        logits = model(sample + noise)
        logits[range(3), TARGETS].sum().backward()
        total = total + sample.grad
    ours = smooth_grad(model, pictures, TARGETS, samples=4, noise=0.2, seed=5)
    close(ours, (total / 4).abs().amax(1))
    close(smooth_grad(model, pictures[1:2], [1], samples=4, noise=0.2, seed=5), ours[1:2])
    without_noise = smooth_grad(model, pictures, TARGETS, samples=1, noise=0)
    close(without_noise, gradient_saliency(model, pictures, TARGETS))
    with pytest.raises(CourseError, match="samples=0"):
        smooth_grad(model, pictures, TARGETS, samples=0)


@pytest.mark.parametrize("explain", [gradient_saliency, grad_cam])
def test_a_picture_alone_has_the_map_that_it_has_in_a_batch(model, pictures, explain, monkeypatch):
    together = explain(model, pictures, TARGETS)
    alone = [explain(model, pictures[number, None], [target]) for number, target in enumerate(TARGETS)]
    close(torch.cat(alone), together)
    monkeypatch.setattr("course_utils.explain.maps.BATCH", 2)
    close(explain(model, pictures, np.array(TARGETS)), together)


def state_of(model):
    return {
        "modes": [part.training for part in model.modules()],
        "hooks": [len(part._forward_hooks) + len(part._backward_hooks) for part in model.modules()],
        "learning": [weight.requires_grad for weight in model.parameters()],
        "gradients": [None if weight.grad is None else weight.grad.tolist() for weight in model.parameters()],
        "weights": {name: tensor.tolist() for name, tensor in model.state_dict().items()},
        "grad": torch.is_grad_enabled(),
        "random": torch.get_rng_state().tolist(),
    }


@pytest.mark.parametrize("explain", [gradient_saliency, grad_cam, smooth_grad])
@pytest.mark.parametrize("size", [SIZE, 40])
def test_the_model_stays_as_it_was_after_an_error_too(pictures, explain, size):
    model = Meso4(SIZE).train()
    model.features[2].eval()
    model.features[0].requires_grad_(False)
    model(pictures).sum().backward()
    before = state_of(model)
    given = pictures[..., :size, :size].clone()
    if size == SIZE:
        explain(model, given, TARGETS)
    else:
        with pytest.raises(CourseError):
            explain(model, given, TARGETS)
    assert state_of(model) == before
    assert torch.equal(given, pictures[..., :size, :size]) and not given.requires_grad


@pytest.mark.parametrize("explain", [gradient_saliency, grad_cam])
def test_frozen_models_and_those_in_train_mode_have_the_maps_of_eval_mode(model, pictures, explain):
    expected = explain(model, pictures, TARGETS)
    other = copy.deepcopy(model).train().requires_grad_(False)
    with torch.no_grad():
        close(explain(other, pictures, TARGETS), expected)
    assert other.training
    assert expected.device == pictures.device and expected.dtype == torch.float32
    assert not expected.requires_grad and (expected >= 0).all()


def test_a_layer_that_does_not_exist_is_answered_with_those_that_do(pictures):
    model = SimpleNet(SIZE)
    with pytest.raises(CourseError, match=r"no layer 'conv3'.*features\.0, features\.3, features\.6"):
        grad_cam(model, pictures, TARGETS, "conv3")
    with pytest.raises(CourseError, match=r"'classifier\.1' gave .*\(3, 1024\).*features\.6"):
        grad_cam(model, pictures, TARGETS, "classifier.1")
    model.unused = nn.Conv2d(3, 3, 3)
    with pytest.raises(CourseError, match="'unused' gave no tensor"):
        grad_cam(model, pictures, TARGETS, "unused")


def test_a_layer_that_returns_several_things_has_no_map():
    clips = torch.zeros(1, 3, 2, 32, 32)
    model = TimeSformer(frames=2, image_size=32, width=16, depth=1, heads=2)
    with pytest.raises(CourseError, match=r"'timesformer\.encoder\.layer\.0' gave no tensor"):
        grad_cam(model, clips, [1], "timesformer.encoder.layer.0")


@pytest.mark.parametrize("explain", [gradient_saliency, grad_cam, smooth_grad])
@pytest.mark.parametrize(
    ("size", "channels", "targets", "said"),
    [
        (SIZE, 3, [0, 1, 2], "from 0 to 2"),
        (SIZE, 3, [0, -1, 1], "from -1 to 1"),
        (SIZE, 3, [0, 1], r"\(3, 3, 64, 64\).*targets of \(2,\)"),
        (SIZE, 3, [0.2, 1.0, 1.0], "number of a class"),
        (SIZE, 1, TARGETS, "1 x 64 x 64.*channels"),
        (12, 3, TARGETS, "3 x 12 x 12"),
    ],
)
def test_what_cannot_be_explained_is_said(explain, size, channels, targets, said):
    with pytest.raises(CourseError, match=said):
        explain(SimpleNet(SIZE), torch.zeros(3, channels, size, size), targets)


def test_pictures_that_are_none_are_refused():
    model = SimpleNet(SIZE)
    with pytest.raises(CourseError, match="uint8"):
        gradient_saliency(model, torch.zeros(1, 3, SIZE, SIZE, dtype=torch.uint8), [0])
    with pytest.raises(CourseError, match=r"picture\[None\]"):
        gradient_saliency(model, torch.zeros(3, SIZE, SIZE), [0])
    with pytest.raises(CourseError, match=r"\(0, 3, 64, 64\)"):
        gradient_saliency(model, torch.zeros(0, 3, SIZE, SIZE), [])
    with pytest.raises(CourseError, match="pictures: its weights are"):
        gradient_saliency(model, torch.full((1, 3, SIZE, SIZE), torch.nan), [0])
    model.features[3].weight.data[0] = torch.nan
    with pytest.raises(CourseError, match=r"none: features\.3\.weight"):
        grad_cam(model, torch.zeros(1, 3, SIZE, SIZE), [0])


def test_nothing_is_warned_of(model, pictures):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grad_cam(model, pictures, TARGETS)
        gradient_saliency(model, pictures, torch.tensor(TARGETS, dtype=torch.uint8))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpus_maps_are_those_of_the_cpu(model, pictures):
    other = copy.deepcopy(model).cuda()
    for explain in (gradient_saliency, grad_cam):
        close(explain(other, pictures, TARGETS), explain(model, pictures, TARGETS))
