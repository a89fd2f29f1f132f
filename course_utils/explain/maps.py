"""Maps of what decides a classifier's score of one class: a number a pixel, B x H x W.

Clips, B x C x T x H x W, get a number a pixel of each frame, B x T x H x W.

All of them look at the logit S_c of class c, before the softmax, in eval mode, and leave the model as it was:
its mode, its hooks, its gradients, and what of it learns.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.errors import CourseError

BATCH = 32  # pictures at a time, whatever number is asked for: what fits into a small GPU's memory
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.SiLU, nn.GELU)

Targets = Tensor | np.ndarray | Sequence[int]


def gradient_saliency(model: nn.Module, pictures: Tensor, targets: Targets) -> Tensor:
    """Return |∂S_c/∂I|, the largest over the channels of a pixel.

    Source: Simonyan et al. 2014, "Deep Inside Convolutional Networks", section 3.1.

    Args:
        model: returns logits, B x classes.
        pictures: B x C x H x W, or clips B x C x T x H x W, as the model takes them.
        targets: class of each picture whose score is explained (B integers).

    Returns:
        B x H x W, or B x T x H x W, 0 or more, on the pictures' device.

    Raises:
        CourseError: the model cannot take the pictures, a target is no class of it, or it computes something
            that is no number.
    """
    return _batch_by_batch(
        model, pictures, targets, lambda batch, classes: _strength(_gradient(model, batch, classes))
    )


def smooth_grad(
    model: nn.Module,
    pictures: Tensor,
    targets: Targets,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
) -> Tensor:
    """Return `gradient_saliency` of the gradient's mean over noisy versions of each picture.

    Source: Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", section 3.

    Args:
        model: as in `gradient_saliency`.
        pictures: likewise.
        targets: likewise.
        samples: noisy versions of a picture.
        noise: standard deviation of the noise, as a share of the picture's range (its brightest value minus
            its darkest).
        seed: of the noise. It is the same for all pictures, so that a picture's map depends on no other.

    Returns:
        B x H x W, 0 or more, on the pictures' device.

    Raises:
        CourseError: as `gradient_saliency`; or `samples` is less than one.
    """
    if samples < 1:
        raise CourseError(f"smooth_grad averages over samples={samples} noisy pictures; 1 or more is needed.")

    def one_batch(batch: Tensor, classes: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        pixels = tuple(range(1, batch.ndim))
        deviation = noise * (batch.amax(pixels, keepdim=True) - batch.amin(pixels, keepdim=True))
        total = torch.zeros_like(batch)
        for _ in range(samples):
            drawn = torch.randn(batch.shape[1:], generator=generator).to(batch)
            total += _gradient(model, batch + deviation * drawn, classes)
        return _strength(total / samples)

    return _batch_by_batch(model, pictures, targets, one_batch)


def grad_cam(model: nn.Module, pictures: Tensor, targets: Targets, layer: str | None = None) -> Tensor:
    """Return ReLU(Σ_k α_k A^k) of a layer's feature maps A^k, resized to the picture.

    α_k is the mean over all positions of ∂S_c/∂A^k. Source: Selvaraju et al. 2017, "Grad-CAM", equations 1
    and 2; resizing is linear, in time too. Up to the layer nothing is differentiated, which saves time and
    memory.

    Args:
        model: as in `gradient_saliency`.
        pictures: likewise.
        targets: likewise.
        layer: name of the layer in the model, as in ``dict(model.named_modules())``; None takes
            `last_convolution`.

    Returns:
        B x H x W, 0 or more, in units of the score (not scaled to 0..1), on the pictures' device.

    Raises:
        CourseError: as `gradient_saliency`; or there is no such layer (says which there are), or its output
            is no stack of maps.
    """
    name = last_convolution(model) if layer is None else layer

    def one_batch(batch: Tensor, classes: Tensor) -> Tensor:
        features, gradients = _features_and_gradients(model, name, batch, classes)  # B x K x (t x) h x w
        weights = gradients.mean(dim=tuple(range(2, features.ndim)), keepdim=True)  # equation 1
        maps = (weights * features).sum(dim=1, keepdim=True).relu()  # B x 1 x (t x) h x w, equation 2
        if batch.ndim > maps.ndim:  # the model takes a clip's frames one by one: B·T x 1 x h x w
            maps = maps.unflatten(0, (len(batch), -1)).transpose(1, 2)
        mode = "bilinear" if maps.ndim == 4 else "trilinear"
        return functional.interpolate(maps, batch.shape[2:], mode=mode)[:, 0]

    return _batch_by_batch(model, pictures, targets, one_batch)


def last_convolution(model: nn.Module) -> str:
    """Return the name of the layer whose maps Grad-CAM explains: what comes out of the last convolution.

    Where batch normalisation follows the convolution directly, it and the activation after it are part of
    it: before it a channel's zero is arbitrary, and equation 2 multiplies by the channel. So it is
    "features.6" for SimpleNet and "act4" for Xception (whose last convolution is "conv4.pointwise"). Layers
    are taken in the order in which the model lists them.

    Raises:
        CourseError: the model has no convolution.
    """
    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    convolutions = [place for place, (_, module) in enumerate(leaves) if isinstance(module, CONVOLUTIONS)]
    if not convolutions:
        raise CourseError(
            f"{type(model).__name__} has no convolution, so that Grad-CAM has no maps to weigh."
        )
    (name, _), *following = leaves[convolutions[-1] :]
    if following and isinstance(following[0][1], nn.BatchNorm2d | nn.BatchNorm3d):
        (name, _), *following = following
        if following and isinstance(following[0][1], ACTIVATIONS):
            name = following[0][0]
    return name


def _gradient(model: nn.Module, batch: Tensor, classes: Tensor) -> Tensor:
    """Return ∂S_c/∂I, B x C x H x W."""
    with torch.enable_grad():
        batch = batch.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(_scores(model, batch, classes).sum(), batch)
    return gradient


def _features_and_gradients(
    model: nn.Module, layer: str, batch: Tensor, classes: Tensor
) -> tuple[Tensor, Tensor]:
    """Return a layer's feature maps A and ∂S_c/∂A, both B x K x h x w."""
    module = dict(model.named_modules()).get(layer)
    if module is None:
        raise CourseError(f"{type(model).__name__} has no layer {layer!r}. {_convolutions_in_words(model)}")
    kept = []

    def keep(_module: nn.Module, _inputs: tuple, output: Tensor | tuple) -> Tensor | None:
        if not isinstance(output, Tensor):
            return None
        torch.set_grad_enabled(True)  # from here on; no_grad() puts it back at its end
        kept.append(output.detach().requires_grad_())
        return kept[-1].clone()  # the next layer may write over its input

    handle = module.register_forward_hook(keep)
    try:
        with torch.no_grad():
            scores = _scores(model, batch, classes)
    finally:
        handle.remove()
    if not kept or kept[-1].ndim not in (4, 5):
        given = f"numbers of the shape {tuple(kept[-1].shape)}" if kept else "no tensor"
        raise CourseError(
            f"Layer {layer!r} gave {given}; Grad-CAM needs feature maps, B x channels x rows x columns."
            f" {_convolutions_in_words(model)}"
        )
    (gradients,) = torch.autograd.grad(scores, kept[-1], torch.ones_like(scores))
    return kept[-1].detach(), gradients


def _strength(gradient: Tensor) -> Tensor:
    return gradient.abs().amax(dim=1)


def _scores(model: nn.Module, batch: Tensor, classes: Tensor) -> Tensor:
    """Return the logit of each picture's class (B)."""
    try:
        logits = model(batch)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        shape = " x ".join(map(str, batch.shape[1:]))
        raise CourseError(
            f"{type(model).__name__} cannot take pictures of {shape} (channels x height x width):"
            f" {str(error).splitlines()[0]}. Give them the size and the channels that it was built for."
        ) from error
    if logits.ndim != 2 or classes.min() < 0 or classes.max() >= logits.shape[1]:
        raise CourseError(
            f"The targets run from {classes.min()} to {classes.max()}, and {type(model).__name__} returned"
            f" logits of {tuple(logits.shape)}, pictures and classes: a target is a class, counted from 0."
        )
    if not logits.isfinite().all():
        wrong = [name for name, weight in model.named_parameters() if not weight.isfinite().all()]
        where = f"weights that are none: {', '.join(wrong[:5])}" if wrong else "the pictures: its weights are"
        raise CourseError(
            f"{type(model).__name__} computed logits that are no finite numbers, from {where}. Load good"
            " weights, or train it again at a lower learning rate."
        )
    return logits.gather(1, classes[:, None])[:, 0]


def _batch_by_batch(
    model: nn.Module,
    pictures: Tensor,
    targets: Targets,
    one_batch: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Return the maps that `one_batch` makes of pictures and classes on the model's device, in eval mode."""
    classes = torch.as_tensor(targets)
    fits = pictures.ndim in (4, 5) and len(pictures) > 0 and classes.shape == (len(pictures),)
    if not fits or not pictures.is_floating_point():
        raise CourseError(
            "Expected are B x C x H x W pictures (or clips, B x C x T x H x W), normalised floats, and B"
            " targets; these are"
            f" pictures of {tuple(pictures.shape)}, {pictures.dtype}, and targets of {tuple(classes.shape)}."
            " A single picture is picture[None]."
        )
    if classes.is_floating_point():
        raise CourseError(f"The targets are {classes.dtype}; a target is the number of a class, 0 or 1.")
    like = next(model.parameters())
    with _evaluating(model):
        maps = [
            one_batch(batch.to(like), chosen.to(like.device, torch.int64)).detach().float()
            for batch, chosen in zip(pictures.split(BATCH), classes.split(BATCH), strict=True)
        ]
    return torch.cat(maps).to(pictures.device)


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model in eval mode, and every part of it back into the mode it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _convolutions_in_words(model: nn.Module) -> str:
    names = [name for name, module in model.named_modules() if isinstance(module, CONVOLUTIONS)]
    listed = ", ".join(names) if len(names) <= 12 else f"…, {', '.join(names[-12:])}"
    return f"Its {len(names)} convolutions are {listed}; all layers are in model.named_modules()."
