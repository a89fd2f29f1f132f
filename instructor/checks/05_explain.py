"""The questions of notebook 05."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import (
    AS_ASKED,
    Names,
    Stopped,
    alike,
    decide,
    each,
    numbers,
    part,
    respect,
)
from course_utils.plots import overlay

OTHER_CLASS = "This explains another class than each picture's own."
AVERAGED = (
    "It is smaller by the size of the batch: a picture's map must not depend on how many others there are."
)


def _weights(generator: np.random.Generator, *shapes: tuple[int, ...]) -> list:
    return [generator.normal(0, 0.7, shape).tolist() for shape in shapes]


def _with_weights(model: nn.Sequential, weights: list) -> nn.Sequential:
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.tensor(values))
    return model.eval()


def _labels(generator: np.random.Generator, logits: Tensor) -> list[int]:
    """Two pictures of each class, of which the model gets some right and some wrong."""
    while True:
        labels = generator.permutation([0, 0, 1, 1])
        right = labels == logits.argmax(dim=1).numpy()
        if right.any() and not right.all():
            return labels.tolist()


def _scores(logits: Tensor, labels: Tensor) -> dict[tuple[str, str], Tensor]:
    """What may have been differentiated: the mistake in what is explained, and in whose class it is."""
    own = logits.gather(1, labels[:, None]).sum()
    return {
        ("", ""): own,
        ("", OTHER_CLASS): logits.gather(1, 1 - labels[:, None]).sum(),
        ("", "This explains the class that the model prefers, not the one that was asked for."): logits.amax(
            dim=1
        ).sum(),
        ("", "This explains class 0 for all pictures."): logits[:, 0].sum(),
        ("", "This explains class 1 for all pictures."): logits[:, 1].sum(),
        ("", "This explains the sum of both classes' logits."): logits.sum(),
        (AVERAGED, ""): own / len(logits),
        ("This is the derivative of a probability, not of the logit.", ""): logits.softmax(dim=1)
        .gather(1, labels[:, None])
        .sum(),
        ("This is the derivative of a loss, not of the logit.", ""): functional.cross_entropy(
            logits, labels, reduction="sum"
        ),
        (f"This is the derivative of a loss, not of the logit. {AVERAGED}", ""): functional.cross_entropy(
            logits, labels
        ),
    }


def _saliency_model(weights: list) -> nn.Sequential:
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3, padding=1), nn.Tanh())
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    return _with_weights(model, weights)


def draw_saliency(generator: np.random.Generator) -> Data:
    weights = _weights(generator, (4, 3, 3, 3), (4,), (3, 4, 3, 3), (3,), (2, 3), (2,))
    pictures = generator.normal(0, 1, (4, 3, 5, 7)).tolist()
    logits = _saliency_model(weights)(torch.tensor(pictures)).detach()
    return {
        "weights": weights,
        "pictures": pictures,
        "labels": _labels(generator, logits),
        "one": generator.normal(0, 1, (1, 3, 6, 4)).tolist(),
        "seed": int(generator.integers(2**31)),
    }


def probe_saliency(answer, inputs):
    import torch
    from torch import nn

    class Witness(nn.Sequential):
        """Notes the mode of each call."""

        def forward(self, batch):
            Witness.calls.append(self.training)
            return super().forward(batch)

    def situation(pictures, labels, training, gradient=None):
        layers = (nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3, padding=1), nn.Tanh())
        model = Witness(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
        Witness.calls = []  # of the class, so that those of a copy are noted too
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), inputs["weights"], strict=True):
                parameter.copy_(torch.tensor(values))
                parameter.grad = None if gradient is None else torch.full_like(parameter, gradient)
        model.train(training)
        samples = torch.tensor(pictures)
        before = samples.clone()
        maps = torch.as_tensor(answer(samples, torch.tensor(labels), model)).detach().cpu()
        kept = [
            parameter.grad is None
            if gradient is None
            else parameter.grad is not None and bool((parameter.grad == gradient).all())
            for parameter in model.parameters()
        ]
        untouched = not samples.requires_grad and samples.grad is None and torch.equal(samples, before)
        return {
            "shape": list(maps.shape),
            "values": maps.flatten().tolist(),
            "calls": Witness.calls,
            "mode_kept": all(module.training == training for module in model.modules()),
            "gradients_kept": all(kept) and all(p.requires_grad for p in model.parameters()),
            "samples_kept": untouched,
        }

    torch.manual_seed(inputs["seed"])
    pictures, labels = inputs["pictures"], inputs["labels"]
    return {
        "many": tried(lambda: situation(pictures, labels, training=True)),
        "one": tried(lambda: situation(inputs["one"], labels[:1], training=False)),
        "earlier": tried(lambda: situation(pictures, labels, training=True, gradient=0.5)),
    }


REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda g: g.abs().amax(dim=1),
    "This is the largest derivative with its sign, not the largest absolute value.": lambda g: g.amax(dim=1),
    "The absolute value is taken after the maximum, so that strong negative derivatives are lost.": lambda g: (
        g.amax(dim=1).abs()
    ),
    "Negative derivatives are cut off instead of made positive.": lambda g: g.amax(dim=1).relu(),
    "This is a sum over the channels, not their maximum.": lambda g: g.abs().sum(dim=1),
    "This is a mean over the channels, not their maximum.": lambda g: g.abs().mean(dim=1),
    "This is a sum over the channels with their signs.": lambda g: g.sum(dim=1),
    "This is a mean over the channels with their signs.": lambda g: g.mean(dim=1),
    "This is the absolute value of a sum over the channels.": lambda g: g.sum(dim=1).abs(),
    "This is the absolute value of a mean over the channels.": lambda g: g.mean(dim=1).abs(),
    "This is the length of the gradient over the channels, not their maximum.": lambda g: g.norm(dim=1),
    "This is one channel alone.": lambda g: g[:, 0].abs(),
    "The map was divided by its maximum; the derivative itself was asked for.": lambda g: (
        g.abs().amax(dim=1) / g.abs().amax(dim=(1, 2, 3))[:, None, None]
    ),
    "The maps were divided by their maximum; the derivative itself was asked for.": lambda g: (
        g.abs().amax(dim=1) / g.abs().max()
    ),
}


def judge_saliency(inputs: Data, outputs: Data) -> list[Verdict]:
    pictures = torch.tensor(inputs["pictures"]).requires_grad_()
    logits = _saliency_model(inputs["weights"])(pictures)
    known: dict[Names, Tensor] = {}
    for (what, whose), score in _scores(logits, torch.tensor(inputs["labels"])).items():
        (gradient,) = torch.autograd.grad(score, pictures, retain_graph=True)
        for mistake, reduction in REDUCTIONS.items():
            known[what or whose, mistake] = reduction(gradient)

    @cache
    def recognised() -> Names | None:
        return alike(part(outputs, "many")["values"], known)

    def shape() -> Verdict:
        found = part(outputs, "many")["shape"], part(outputs, "one")["shape"]
        mistake = "The maps are not B x H x W, for a batch of several pictures and for a batch of one."
        return decide(found == ([4, 5, 7], [1, 6, 4]), mistake, f"found {found}")

    def mode() -> Verdict:
        both = part(outputs, "many"), part(outputs, "one")
        calls = [training for one in both for training in one["calls"]]
        if not calls or any(training is not False for training in calls):
            return decide(False, "The model was not in evaluation mode when it saw the pictures.")
        kept = all(one["mode_kept"] is True for one in both)
        return decide(kept, "The model is not in the mode in which it was before.")

    def gradients() -> Verdict:
        many, earlier = part(outputs, "many"), part(outputs, "earlier")
        if not many["calls"]:
            return decide(False, "No picture was sent through the model.")
        if many["samples_kept"] is not True:
            return decide(
                False, "The caller's samples are not as they were: they ask for a gradient, or have one."
            )
        if many["gradients_kept"] is not True:
            return decide(False, "The model's parameters have gradients that were not there before.")
        if earlier["gradients_kept"] is not True:
            return Verdict(0.5, "Gradients that the parameters had before are lost or changed.")
        return Verdict(1, AS_ASKED)

    return each(
        lambda: respect(recognised(), 0),
        lambda: respect(recognised(), 1),
        shape,
        mode,
        gradients,
    )


def _grad_cam_model(weights: list) -> nn.Sequential:
    layers = (nn.Conv2d(3, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 4, 3, stride=2), nn.Tanh())
    return _with_weights(nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.Linear(36, 2)), weights)


LAYERS = ("0.2", "0.0", "0")
"""The layers at which Grad-CAM is asked for: the last convolution, the first one, and a block of layers."""


def draw_grad_cam(generator: np.random.Generator) -> Data:
    weights = _weights(generator, (3, 3, 3, 3), (3,), (4, 3, 3, 3), (4,), (2, 36), (2,))
    pictures = generator.normal(0, 1, (4, 3, 8, 8)).tolist()
    logits = _grad_cam_model(weights)(torch.tensor(pictures)).detach()
    return {
        "weights": weights,
        "pictures": pictures,
        "labels": _labels(generator, logits),
        "layers": LAYERS,
        "seed": int(generator.integers(2**31)),
    }


def probe_grad_cam(answer, inputs):
    import torch
    from torch import nn

    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    labels = torch.tensor(inputs["labels"])

    class Counted(nn.Sequential):
        calls = 0  # of the class, so that those of a copy are noted too

        def forward(self, batch):
            Counted.calls += 1
            return super().forward(batch)

    def make():
        layers = (nn.Conv2d(3, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 4, 3, stride=2), nn.Tanh())
        model = Counted(nn.Sequential(*layers), nn.Flatten(), nn.Linear(36, 2))
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), inputs["weights"], strict=True):
                parameter.copy_(torch.tensor(values))
        return model

    def maps(layer):
        model = make()
        found = answer(torch.tensor(inputs["pictures"]), labels, model, model.get_submodule(layer))
        found = torch.as_tensor(found).detach().cpu()
        return {"shape": list(found.shape), "values": found.flatten().tolist()}

    def left(training, gradient=None, size=8):
        """What is otherwise than before; pictures of another size than 8 stop the model behind the layer."""
        model = make().train(training)
        for parameter in model.parameters():
            parameter.grad = None if gradient is None else torch.full_like(parameter, gradient)
        stopped, Counted.calls = False, 0
        try:
            answer(torch.ones(4, 3, size, size), labels, model, model.get_submodule(inputs["layers"][0]))
        except RuntimeError:
            stopped = True
        modules = list(model.modules())
        return {
            "stopped": stopped,
            "calls": Counted.calls,
            "hooks": sum(len(getattr(module, kind)) for module in modules for kind in kinds),
            "mode": any(module.training != training for module in modules),
            "gradients": any(
                parameter.grad is not None
                if gradient is None
                else parameter.grad is None or bool((parameter.grad != gradient).any())
                for parameter in model.parameters()
            ),
        }

    torch.manual_seed(inputs["seed"])
    return {
        "maps": {layer: tried(lambda layer=layer: maps(layer)) for layer in inputs["layers"]},
        "left": tried(lambda: [left(True), left(False, gradient=0.5)]),
        "left_by_error": tried(lambda: left(True, size=12)),
    }


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda g: g.mean(dim=(2, 3), keepdim=True),
    "A map's weight is a sum over the places, not their mean.": lambda g: g.sum(dim=(2, 3), keepdim=True),
    "A map's weight is a maximum over the places, not their mean.": lambda g: g.amax(
        dim=(2, 3), keepdim=True
    ),
    "A map's weight is a mean of absolute values.": lambda g: g.abs().mean(dim=(2, 3), keepdim=True),
    "A map's weight is a mean of positive derivatives alone.": lambda g: g.relu().mean(
        dim=(2, 3), keepdim=True
    ),
    "Each place has a weight of its own; a map has one weight, the mean over its places.": lambda g: g,
    "The weights are means over the channels, not over the places.": lambda g: g.mean(dim=1, keepdim=True),
    "The weights are means over the batch as well.": lambda g: g.mean(dim=(0, 2, 3), keepdim=True),
}

COMBINATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "": lambda w, a: (w * a).sum(dim=1).relu(),
    "What speaks against the class is not cut off: there is no ReLU.": lambda w, a: (w * a).sum(dim=1),
    "The absolute value is taken where the ReLU belongs.": lambda w, a: (w * a).sum(dim=1).abs(),
    "The ReLU comes before the sum, not after it.": lambda w, a: (w * a).relu().sum(dim=1),
    "The ReLU is applied to the weights, not to the sum.": lambda w, a: (w.relu() * a).sum(dim=1),
    "This is a mean over the maps, not their sum.": lambda w, a: (w * a).mean(dim=1).relu(),
    "This is a mean over the maps, and there is no ReLU.": lambda w, a: (w * a).mean(dim=1),
    "This is a maximum over the maps, not their sum.": lambda w, a: (w * a).amax(dim=1).relu(),
    "The maps themselves are left out: only their weights are summed.": lambda w, a: (
        w.expand_as(a).sum(dim=1).relu()
    ),
    "The map was divided by its maximum, which was not asked for here.": lambda w, a: (
        (w * a).sum(dim=1).relu() / (w * a).sum(dim=1).relu().amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)
    ),
    "The maps were divided by their maximum, which was not asked for here.": lambda w, a: (
        (w * a).sum(dim=1).relu() / (w * a).sum(dim=1).relu().max().clamp_min(1e-12)
    ),
}


def _grad_cams(inputs: Data, layer: str) -> dict[Names, Tensor]:
    """Return the maps of all known ways, by the mistake in the weights, in the sum, and in the class."""
    model, kept = _grad_cam_model(inputs["weights"]), []
    model.get_submodule(layer).register_forward_hook(lambda module, given, output: kept.append(output))
    logits = model(torch.tensor(inputs["pictures"]))
    known: dict[Names, Tensor] = {}
    for (what, whose), score in _scores(logits, torch.tensor(inputs["labels"])).items():
        (gradient,) = torch.autograd.grad(score, kept[0], retain_graph=True)
        for mistake, pooling in POOLINGS.items():
            for other, combination in COMBINATIONS.items():
                known[f"{mistake} {what}".strip(), other, whose] = combination(
                    pooling(gradient), kept[0]
                ).detach()
    return known


def judge_grad_cam(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(layer: str) -> Names | None:
        return alike(part(outputs["maps"], layer)["values"], _grad_cams(inputs, layer))

    def classes_and_layers() -> Verdict:
        at_last_convolution = recognised(LAYERS[0])
        own_class = respect(at_last_convolution, 2)
        if not own_class.earned:
            return own_class
        sizes = {"0.2": [4, 3, 3], "0.0": [4, 8, 8], "0": [4, 3, 3]}
        same = all(
            recognised(layer) == at_last_convolution and outputs["maps"][layer]["shape"] == sizes[layer]
            for layer in LAYERS
        )
        return decide(same, "At another layer of the model, the maps are not made in the same way.")

    def nothing_left() -> Verdict:
        usual = part(outputs, "left")
        if not usual or not all(one["calls"] and not one["stopped"] for one in usual):
            return decide(False, "No picture went through the model.")
        for what, reason in (
            ("hooks", "A hook is left on the model."),
            ("mode", "The model is not in the mode in which it was before."),
            ("gradients", "The gradients of the model's parameters are not as they were."),
        ):
            if any(one[what] for one in usual):
                return decide(False, reason)
        broken = part(outputs, "left_by_error")
        if broken["hooks"] or broken["mode"] or broken["gradients"]:
            return Verdict(0.5, "After an error in the forward pass, the model is not as it was before.")
        return Verdict(1, AS_ASKED)

    return each(
        lambda: respect(recognised(LAYERS[0]), 0),
        lambda: respect(recognised(LAYERS[0]), 1),
        classes_and_layers,
        nothing_left,
    )


SHAPES = ((4, 3, 3, 3), (4,), (5, 4, 3, 3), (5,), (2, 175), (2,))


def _overlaid_model(weights: list) -> nn.Sequential:
    layers = (nn.Conv2d(3, 4, 3, stride=3), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
    return _with_weights(nn.Sequential(*layers, nn.Flatten(), nn.Linear(175, 2)), weights)


def draw_visualization(generator: np.random.Generator) -> Data:
    """Pictures of 15 x 21, three times as large as the maps, so that enlarging keeps a map's maximum."""
    while True:
        weights = _weights(generator, *SHAPES)
        pictures = generator.uniform(-1, 1, (6, 3, 15, 21))
        maps = _maps_of_classes(weights, pictures[0].tolist())
        if all(one.max() > 0 for one in maps.values()):
            break
    label = int(generator.integers(0, 2))
    silent = [np.asarray(one) for one in weights]
    # What every convolution puts out is positive, and all of it speaks against both classes: Grad-CAM is zero.
    silent = [0.1 * silent[0], 9 + silent[1], np.abs(silent[2]), 9 + silent[3], -np.abs(silent[4]), silent[5]]
    return {
        "weights": weights,
        "silent_weights": [one.tolist() for one in silent],
        "pictures": pictures.round(4).tolist(),
        "label": label,
        "seeds": generator.integers(0, 2**31, 6).tolist(),
    }


def probe_visualization(answer, inputs):
    import random

    import numpy
    import torch
    from torch import nn

    pictures = torch.tensor(inputs["pictures"])

    def make(weights):
        layers = (nn.Conv2d(3, 4, 3, stride=3), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(175, 2))
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), weights, strict=True):
                parameter.copy_(torch.tensor(values))
        return model

    def one_item(weights):
        found, label = answer([(pictures[0], inputs["label"])], make(weights))
        found = numpy.asarray(found.detach().cpu() if hasattr(found, "detach") else found)
        return {
            "kind": found.dtype.kind,
            "shape": list(found.shape),
            "values": found.astype(float).ravel().tolist(),
            "label": label if type(label) is int else repr(label),
        }

    def drawn(seed, other):
        torch.manual_seed(seed)
        random.seed(other)
        numpy.random.seed(other)
        items = [(picture, place % 2) for place, picture in enumerate(pictures)]
        found, _ = answer(items, make(inputs["weights"]))
        return numpy.asarray(found.detach().cpu() if hasattr(found, "detach") else found, dtype=float)

    def draws():
        """Whether each of torch's seeds draws one item, whatever other generators do; and how many in all."""
        first = [drawn(seed, 2 * place) for place, seed in enumerate(inputs["seeds"])]
        again = [drawn(seed, 2 * place + 1) for place, seed in enumerate(inputs["seeds"])]
        repeated = [numpy.allclose(one, other, atol=1e-6) for one, other in zip(first, again, strict=True)]
        different = {tuple(one.round(4).ravel().tolist()) for one in first}
        return {"repeated": all(repeated), "different": len(different)}

    return {
        "one": tried(lambda: one_item(inputs["weights"])),
        "silent": tried(lambda: one_item(inputs["silent_weights"])),
        "draws": tried(draws),
    }


def _maps_of_classes(weights: list, picture: list) -> dict[tuple[int, str], Tensor]:
    """Return Grad-CAM of one picture by class and layer, as coarse as the layer."""
    found = {}
    for layer in ("2", "0", "3"):
        for label in (0, 1):
            model, kept = _overlaid_model(weights), []
            model.get_submodule(layer).register_forward_hook(
                lambda module, given, out, kept=kept: kept.append(out)
            )
            logits = model(torch.tensor([picture], dtype=torch.float32))
            (gradient,) = torch.autograd.grad(logits[0, label], kept[0])
            weighted = gradient.mean(dim=(2, 3), keepdim=True) * kept[0]
            found[label, layer] = weighted.sum(dim=1).relu().detach()[0]
    return found


SCALINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda heat: heat / heat.max().clamp_min(1e-12),
    "The map is not divided by its maximum.": lambda heat: heat,
    "The map is divided by its sum, not by its maximum.": lambda heat: heat / heat.sum().clamp_min(1e-12),
    "The map goes through a sigmoid instead of being divided by its maximum.": torch.sigmoid,
}


def _pictures(sample: Tensor) -> dict[str, Tensor]:
    return {
        "": sample / 2 + 0.5,
        "The picture is still normalised.": sample,
        "The picture is stretched to its own range instead of undoing the normalisation.": (
            sample - sample.min()
        )
        / (sample.max() - sample.min()),
    }


def judge_visualization(inputs: Data, outputs: Data) -> list[Verdict]:
    sample, label = torch.tensor(inputs["pictures"][0]), inputs["label"]
    pictures = {mistake: one.permute(1, 2, 0).numpy() for mistake, one in _pictures(sample).items()}
    maps = _maps_of_classes(inputs["weights"], inputs["pictures"][0])
    size, own = (15, 21), maps[label, "2"]

    def enlarged(coarse: Tensor, **how: object) -> Tensor:
        return functional.interpolate(coarse[None, None], size=size, **how)[0, 0]

    bilinear = {"mode": "bilinear", "align_corners": False}
    heats = {
        "": enlarged(own, **bilinear),
        "The map is of another class than the true one.": enlarged(maps[1 - label, "2"], **bilinear),
        "The map is of another layer than the last convolution.": enlarged(maps[label, "0"], **bilinear),
        "The map is taken behind the last convolution, not at it.": enlarged(maps[label, "3"], **bilinear),
        "The map is enlarged without interpolation.": enlarged(own, mode="nearest"),
        "The map is enlarged with its corners on the picture's corners.": enlarged(
            own, mode="bilinear", align_corners=True
        ),
        "The map is enlarged by another interpolation.": enlarged(own, mode="bicubic", align_corners=False),
    }
    known = {
        (of_picture, of_map, of_scale): overlay(picture, scaling(heat).numpy())
        for of_picture, picture in pictures.items()
        for of_map, heat in heats.items()
        for of_scale, scaling in SCALINGS.items()
    }

    def given(name: str) -> np.ndarray:
        found = part(outputs, name)
        values = numbers(found["values"]).reshape(found["shape"])
        if found["kind"] in "iu":
            values = values / 255
        return values.transpose(1, 2, 0) if values.shape == (3, *size) else values

    @cache
    def recognised() -> Names | None:
        # A colour of the palette is one of 256: beside the edge of two, it may be the neighbour.
        return alike(given("one"), known, 0.03)

    def picture() -> Verdict:
        one = part(outputs, "one")
        values = numbers(one["values"])
        if one["shape"] != [*size, 3] or one["kind"] != "f" or values.min() < 0 or values.max() > 1:
            return decide(
                False,
                "The visualization is not H x W x 3 floats from 0 to 1.",
                f"{one['shape']}, {one['kind']}",
            )
        return respect(recognised(), 0)

    def scale() -> Verdict:
        by_maximum = respect(recognised(), 2)
        # Without a map, what is left is the picture, normalised or not.
        kinds = {(mistake,): one.clip(0, 1) for mistake, one in pictures.items()}
        try:
            blank = alike(given("silent"), kinds, 0.01) is not None
        except Stopped:
            blank = False
        if by_maximum.earned and not blank:
            return Verdict(0.5, "Where the map is zero everywhere, the picture is not shown as it is.")
        return by_maximum

    def true_label() -> Verdict:
        found = part(outputs, "one")["label"]
        mistake = "The label is not the item's true label."
        if type(found) is not int:
            mistake = "The label is no plain integer."
        return decide(type(found) is int and found == label, mistake, f"expected {label}, found {found!r}")

    def draws() -> Verdict:
        found = part(outputs, "draws")
        if found["different"] < 2:
            return decide(False, "However torch's generator is seeded, the same item is drawn.")
        return decide(
            found["repeated"] is True, "The item that is drawn does not follow from torch's generator."
        )

    return each(picture, lambda: respect(recognised(), 1), scale, true_label, draws)


QUESTIONS = [
    Question(
        id="saliency-idea",
        number=29,
        title="What a saliency map shows",
        points=4,
        kind="words",
        rubric=(
            Criterion(points=2, text="the derivative of the class score by each pixel, with the formula"),
            Criterion(points=1, text="reaction to a small change, not contribution"),
            Criterion(points=1, text="why the logit: softmax saturates and mixes in the other class"),
        ),
    ),
    Question(
        id="saliency",
        number=31,
        title="Saliency by one backward pass",
        points=10,
        kind="code",
        answers="compute_gradient_saliency_maps",
        draw=draw_saliency,
        probe=probe_saliency,
        judge=judge_saliency,
        without=(
            "course_utils.explain",
            "captum",
            "pytorch_grad_cam",
        ),
        rubric=(
            Criterion(points=3, text="the derivative of each picture's own class logit by its pixels"),
            Criterion(points=2, text="absolute value, then the maximum over channels"),
            Criterion(points=1, text="B x H x W, for any batch, also of one"),
            Criterion(points=2, text="evaluation mode meanwhile, and the mode as before afterwards"),
            Criterion(points=2, text="no gradient is left on parameters or on the caller's samples"),
        ),
    ),
    Question(
        id="saliency-maps",
        number=32,
        title="Read the saliency maps",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="what the maps of both networks follow, from the student's figures"),
            Criterion(points=2, text="the difference of the means, weighed against chance differences"),
            Criterion(points=2, text="parts of the face from the table, share against area, in both classes"),
            Criterion(points=2, text="a detector near 0.5 has maps as well; what they then say"),
        ),
    ),
    Question(
        id="grad-cam-idea",
        number=30,
        title="What Grad-CAM shows",
        points=4,
        kind="words",
        rubric=(
            Criterion(points=2, text="the weights as mean derivative of the score by a map, and the ReLU"),
            Criterion(points=1, text="what is gained and lost against saliency"),
            Criterion(points=1, text="the size of one place in pixels, for both networks"),
        ),
    ),
    Question(
        id="grad-cam",
        number=33,
        title="Grad-CAM",
        points=10,
        kind="code",
        answers="compute_grad_cam",
        draw=draw_grad_cam,
        probe=probe_grad_cam,
        judge=judge_grad_cam,
        without=(
            "course_utils.explain",
            "captum",
            "pytorch_grad_cam",
        ),
        rubric=(
            Criterion(
                points=3, text="weights: the mean over places of the logit's derivative by the layer's maps"
            ),
            Criterion(points=3, text="the weighted sum of the maps, then ReLU"),
            Criterion(points=2, text="each sample's own class; any layer that puts out maps"),
            Criterion(points=2, text="hook removed, mode and gradients as before, after an error too"),
        ),
    ),
    Question(
        id="grad-cam-visualization",
        number=34,
        title="Lay the map over the picture",
        points=8,
        kind="code",
        answers="get_grad_cam_visualization",
        draw=draw_visualization,
        probe=probe_visualization,
        judge=judge_visualization,
        without=(
            "captum",
            "pytorch_grad_cam",
        ),
        needs=("grad-cam",),
        rubric=(
            Criterion(points=2, text="H x W x 3 floats from 0 to 1, of the picture without normalisation"),
            Criterion(
                points=2, text="the map of the true class at the last convolution, enlarged bilinearly"
            ),
            Criterion(points=2, text="divided by its maximum, also where that is zero"),
            Criterion(points=1, text="the true label as an integer"),
            Criterion(points=1, text="the item is drawn by torch's generator"),
        ),
    ),
    Question(
        id="grad-cam-maps",
        number=35,
        title="Read the overlays",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="what comes from the layer's resolution, and what was learnt"),
            Criterion(points=3, text="overlays are no evidence of a working detector; the AUROCs are"),
            Criterion(points=3, text="parts of the face, fakes against reals, from the student's table"),
        ),
    ),
    Question(
        id="right-or-pretty",
        number=501,
        title="Right, or pretty?",
        points=8,
        kind="words",
        rubric=(
            Criterion(
                points=3,
                text="which explanations beat the spot in the middle by more than the interval; any outcome can earn this",
            ),
            Criterion(
                points=2, text="wrong explanation or detector that looks elsewhere, and a test to tell"
            ),
            Criterion(points=1, text="which maps depend least on the weights"),
            Criterion(points=2, text="what an overlay can and cannot prove"),
        ),
    ),
    Question(
        id="which-map",
        number=502,
        title="Which mistake?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="A: no absolute value; mostly positive, strong negative derivatives lost"
            ),
            Criterion(
                points=2,
                text="B: a sum over channels; strong negative pixels beside strong positive ones, as fine as O1",
            ),
            Criterion(points=2, text="C: no ReLU; coarse as O2 and equal to it where positive"),
        ),
    ),
    Question(
        id="robust",
        number=503,
        title="Other pictures, other fakes",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="which degradation costs which detector most, judged by intervals"),
            Criterion(points=2, text="what the table across data sets shows, and what below 0.5 would mean"),
            Criterion(points=1, text="an order of networks need not hold on a third set"),
        ),
    ),
    Question(
        id="who-pays",
        number=504,
        title="Who pays for the errors?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="differences between groups, false positives and misses apart, by intervals"
            ),
            Criterion(points=1, text="who is hurt by which error"),
            Criterion(
                points=2, text="no difference found is no proof of fairness, with the numbers of people"
            ),
            Criterion(points=1, text="where a real data set would bring one in, and how to look beforehand"),
        ),
    ),
]
