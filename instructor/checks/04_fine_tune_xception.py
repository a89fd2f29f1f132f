"""The questions of notebook 04."""

from functools import cache
from itertools import pairwise

import numpy as np
import timm
import torch
from torch import nn

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import close, decide, each, numbers, part


def draw_convolutions(generator: np.random.Generator) -> Data:
    sizes = [
        [int(generator.choice([1, 3, 5, 7])), *generator.permutation(np.arange(2, 40))[:4].tolist()]
        for _ in range(5)
    ]
    return {"sizes": [*sizes, [5, 3, 1, 4, 6]]}  # a pair is not always the cheaper one


def probe_separable_cost(answer, inputs):
    return {"costs": tried(lambda: [[float(cost) for cost in answer(*size)] for size in inputs["sizes"]])}


def judge_separable_cost(inputs: Data, outputs: Data) -> list[Verdict]:
    names = (
        "The parameters of the normal convolution",
        "The parameters of the pair",
        "The multiply–accumulates of the normal convolution",
        "The multiply–accumulates of the pair",
    )
    expected = []
    for kernel, channels_in, channels_out, height, width in inputs["sizes"]:
        normal = nn.Conv2d(channels_in, channels_out, kernel, bias=False)
        pair = (
            nn.Conv2d(channels_in, channels_in, kernel, groups=channels_in, bias=False),
            nn.Conv2d(channels_in, channels_out, 1, bias=False),
        )
        weights = [normal.weight.numel(), sum(layer.weight.numel() for layer in pair)]
        # Each weight is used once for each place of the output.
        expected.append([*weights, *(count * height * width for count in weights)])

    def cost(place: int) -> Verdict:
        found = numbers(part(outputs, "costs"))[:, place].tolist()
        wanted = [one[place] for one in expected]
        return decide(found == wanted, f"{names[place]} are not right.", f"expected {wanted}, found {found}")

    return each(*(lambda place=place: cost(place) for place in range(4)))


def draw_networks(generator: np.random.Generator) -> Data:
    channels = generator.permutation(np.arange(5, 40))[:4].tolist()
    return {"networks": [[channels[0], channels[1], 24], [channels[2], channels[3], 36]]}


def probe_features(answer, inputs):
    import torch
    from torch import nn

    class Network(nn.Module):
        """A network with timm's `forward_features`, and nothing that says how many features there are."""

        calls = 0  # of the class, so that those of a copy are noted too

        def __init__(self, middle, channels):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, middle, 3, stride=2), nn.BatchNorm2d(middle), nn.ReLU())
            self.last = nn.Sequential(nn.Conv2d(middle, channels, 3), nn.BatchNorm2d(channels), nn.ReLU())
            self.fc = nn.Linear(channels, 2)

        def forward_features(self, pictures):
            Network.calls += 1
            return self.last(self.first(pictures))

        def forward(self, pictures):
            return self.fc(self.forward_features(pictures).mean(dim=(2, 3)))

    def found(middle, channels, size):
        return float(answer(Network(middle, channels), size))

    def changed(training):
        middle, channels, size = inputs["networks"][0]
        network = Network(middle, channels).train(training)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        Network.calls = 0
        answer(network, size)
        after = network.state_dict()
        return {
            "state": [name for name, value in before.items() if not torch.equal(value, after[name])],
            "mode": any(module.training != training for module in network.modules()),
            "calls": Network.calls,
        }

    return {
        "features": tried(lambda: [found(*network) for network in inputs["networks"]]),
        "changed": tried(lambda: [changed(True), changed(False)]),
    }


def judge_features(inputs: Data, outputs: Data) -> list[Verdict]:
    expected = [channels for _, channels, _ in inputs["networks"]]

    def features() -> Verdict:
        found = part(outputs, "features")
        mistake = "This is not the number of channels that reach the classifier."
        return decide(found == expected, mistake, f"expected {expected}, found {found}")

    def unchanged() -> Verdict:
        changed = part(outputs, "changed")
        if not all(one["calls"] for one in changed):
            return decide(False, "No picture was sent through the model.")
        if any(one["mode"] for one in changed):
            return decide(False, "The model is not in the mode in which it was before.")
        state = [one["state"] for one in changed]
        return decide(
            state == [[], []], "The black picture changed the model's statistics.", f"changed: {state}"
        )

    return each(features, unchanged)


def draw_layers(generator: np.random.Generator) -> Data:
    return {"widths": generator.permutation(np.arange(2, 12))[:4].tolist()}


def probe_parameters(answer, inputs):
    from torch import nn

    a, b, c, d = inputs["widths"]

    def nested():
        """Layers in layers, with biases and without buffers."""
        inner = nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Sequential(nn.Linear(b, c, bias=False)))
        return float(answer(nn.Sequential(nn.Conv2d(3, a, 3), inner, nn.Linear(c, d))))

    def buffered():
        """Weights, and statistics that are no parameters."""
        return float(answer(nn.Sequential(nn.Conv2d(a, b, 3, bias=False), nn.BatchNorm2d(b, affine=False))))

    return {"nested": tried(nested), "buffered": tried(buffered)}


def judge_parameters(inputs: Data, outputs: Data) -> list[Verdict]:
    a, b, c, d = inputs["widths"]
    expected = {"nested": (27 + 1) * a + (a + 1) * b + b * c + (c + 1) * d, "buffered": 9 * a * b}

    def count(name: str, mistake: str) -> Verdict:
        found = part(outputs, name)
        return decide(found == expected[name], mistake, f"expected {expected[name]}, found {found}")

    return each(
        lambda: count(
            "nested", "Not all weights and biases are counted once, in layers inside of layers too."
        ),
        lambda: count("buffered", "What is counted holds more than parameters, or less: buffers are none."),
    )


WIDTHS = [[2048, 1000], [1000, 256], [256, 64], [64, 2]]


def draw_head(generator: np.random.Generator) -> Data:
    return {"seed": int(generator.integers(2**31))}


def probe_xception(answer, inputs):
    import functools

    import torch
    from torch import nn

    def linear():
        return [layer for layer in model().fc.modules() if isinstance(layer, nn.Linear)]

    @functools.cache
    def model():
        return answer().eval()

    def logits():
        """What the head makes of features, if its weights are drawn anew, and what the model puts out last."""
        torch.manual_seed(inputs["seed"])
        layers = linear()
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(1.5 * torch.randn(layer.weight.shape) / layer.in_features**0.5)
                bias = torch.randn(layer.out_features)
                if layer.bias is not None:
                    layer.bias.copy_(bias)
            last = []
            layers[-1].register_forward_hook(lambda module, given, output: last.append(output))
            head = model().fc(torch.randn(3, layers[0].in_features))
            output = model()(torch.randn(1, 3, 64, 64))
        return {
            "head": head.tolist(),
            "biases": [layer.bias is not None for layer in layers],
            "nothing_after": torch.equal(output, last[-1]),
        }

    def rest():
        state = model().state_dict()
        return {name: list(value.shape) for name, value in state.items() if not name.startswith("fc.")}

    return {
        "widths": tried(lambda: [[layer.in_features, layer.out_features] for layer in linear()]),
        "logits": tried(logits),
        "parameters": tried(lambda: sum(parameter.numel() for parameter in model().parameters())),
        "rest": tried(rest),
    }


def judge_xception(inputs: Data, outputs: Data) -> list[Verdict]:
    def widths() -> Verdict:
        found = part(outputs, "widths")
        return decide(
            found == WIDTHS,
            "The linear layers of `fc` do not have the widths that were asked for.",
            f"found {found}",
        )

    def activations() -> Verdict:
        logits = part(outputs, "logits")
        expected = _head(part(outputs, "widths"), logits["biases"], inputs["seed"])
        if logits["nothing_after"] is not True:
            return decide(
                False, "Something comes after the last linear layer: the model does not return logits."
            )
        return decide(
            close(logits["head"], expected, 1e-3),
            "Between the linear layers is something else than a ReLU, or something comes after the last.",
        )

    def parameters() -> Verdict:
        found = part(outputs, "parameters")
        return decide(
            found == 23_128_786, "The number of parameters is not that of the question.", f"found {found}"
        )

    def rest() -> Verdict:
        return decide(
            part(outputs, "rest") == _shapes_without_head(),
            "What is left of the network, without `fc`, is not what timm builds as `legacy_xception`.",
        )

    return each(widths, activations, parameters, rest)


@cache
def _shapes_without_head() -> dict[str, list[int]]:
    with torch.device("meta"):
        state = timm.create_model("legacy_xception").state_dict()
    return {name: list(value.shape) for name, value in state.items() if not name.startswith("fc.")}


def _head(widths: list[list[int]], biases: list[bool], seed: int) -> np.ndarray:
    """Return what a head of these widths, with ReLU between, makes of what the probe draws."""
    follow = all(one[1] == other[0] for one, other in pairwise(widths))
    if not follow or not 1 <= len(widths) <= 8 or max(map(max, widths)) > 4096:
        raise ValueError(f"widths {widths}")
    torch.manual_seed(seed)
    layers = [
        (1.5 * torch.randn(width, before) / before**0.5, torch.randn(width)) for before, width in widths
    ]
    features = torch.randn(3, widths[0][0])
    for place, ((weight, bias), biased) in enumerate(zip(layers, biases, strict=True)):
        features = (features.relu() if place else features) @ weight.T + (bias if biased else 0)
    return features.numpy()


QUESTIONS = [
    Question(
        id="separable-cost",
        number=20,
        title="The cost of a separable convolution",
        points=8,
        kind="code",
        answers="convolution_cost",
        draw=draw_convolutions,
        probe=probe_separable_cost,
        judge=judge_separable_cost,
        rubric=(
            Criterion(points=2, text="parameters of a normal convolution, without biases"),
            Criterion(points=2, text="parameters of the depthwise and the pointwise one together"),
            Criterion(points=2, text="multiply–accumulates of the normal one, from the size of the output"),
            Criterion(points=2, text="multiply–accumulates of the pair"),
        ),
    ),
    Question(
        id="pretraining",
        number=18,
        title="What was Xception trained on?",
        points=3,
        kind="words",
        rubric=(
            Criterion(
                points=1, text="ImageNet: photographs of objects in 1000 classes, and to name the class"
            ),
            Criterion(points=1, text="something it has learnt that helps here"),
            Criterion(
                points=1, text="something it has no reason to have learnt (traces of upsampling, of blending)"
            ),
        ),
    ),
    Question(
        id="building-blocks",
        number=19,
        title="Xception's building blocks",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="depthwise and pointwise convolution, and the three flows made of them"),
            Criterion(points=1, text="what the shortcut does for training"),
            Criterion(
                points=2, text="what the separation saves, in the student's numbers, and what it gives up"
            ),
        ),
    ),
    Question(
        id="features-before-head",
        number=21,
        title="Features before the head",
        points=3,
        kind="code",
        answers="features_before_head",
        draw=draw_networks,
        probe=probe_features,
        judge=judge_features,
        rubric=(
            Criterion(points=2, text="the number of channels that reach the classifier, for any such model"),
            Criterion(points=1, text="the model's mode and statistics are as before"),
        ),
    ),
    Question(
        id="parameters",
        number=22,
        title="Count parameters",
        points=2,
        kind="code",
        answers="count_parameters",
        draw=draw_layers,
        probe=probe_parameters,
        judge=judge_parameters,
        rubric=(
            Criterion(points=1, text="counts weights and biases of all layers"),
            Criterion(points=1, text="does not count buffers"),
        ),
    ),
    Question(
        id="xception-based-model",
        number=23,
        title="Attach a new head",
        points=8,
        kind="code",
        answers="get_xception_based_model",
        draw=draw_head,
        probe=probe_xception,
        judge=judge_xception,
        without=("course_utils.models.xception",),
        rubric=(
            Criterion(points=3, text="the widths 2048 → 1000 → 256 → 64 → 2 in the place of `fc`"),
            Criterion(points=2, text="ReLU between, nothing after the last layer: logits"),
            Criterion(points=2, text="23,128,786 parameters"),
            Criterion(points=1, text="the rest of the network is as timm builds it"),
        ),
    ),
    Question(
        id="more-parameters",
        number=24,
        title="Where 272,834 parameters come from",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=2, text="256,256 + 16,448 + 130, with the layers they belong to"),
            Criterion(
                points=1, text="the first layer takes the place of the old classifier, which was as large"
            ),
        ),
    ),
    Question(
        id="stages",
        number=401,
        title="What learns, and how fast",
        points=4,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="random features must not be frozen: the head sees a random projection; what the curve would show",
            ),
            Criterion(points=1, text="early layers are general and need to change little"),
            Criterion(points=1, text="not where the trace itself is of low level, as upsampling's is"),
        ),
    ),
    Question(
        id="expectation",
        number=25,
        title="Predict before you run",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="a number, and above or below SimpleNet"),
            Criterion(
                points=2,
                text="a reason from the first weights that were printed and the number of pictures, right or wrong",
            ),
        ),
    ),
    Question(
        id="xception-curves",
        number=26,
        title="Xception's curves",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=1, text="what training reaches and whether validation follows, from the figure"),
            Criterion(points=1, text="a plateau at 99 % is no fault"),
            Criterion(
                points=3,
                text="two explanations of good training and bad validation, and an observation that would decide",
            ),
        ),
    ),
    Question(
        id="xception-best-epoch",
        number=27,
        title="Xception at its best epoch",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="validation and test accuracy at the epoch that validation chooses"),
            Criterion(points=2, text="whether 0.99 lies in the interval, and the most important difference"),
        ),
    ),
    Question(
        id="xception-roc-and-det",
        number=28,
        title="Xception's ROC and DET",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=2, text="AUROC with interval, equal error rate, misses at 5 % false alarms"),
            Criterion(points=2, text="a DET curve cannot rise: along it the threshold moves one way"),
            Criterion(points=2, text="what the paired comparison adds, on the student's own numbers"),
        ),
    ),
    Question(
        id="capacity-or-pretraining",
        number=402,
        title="Capacity or pretraining?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="the same network with and without its weights: pretraining, not capacity"
            ),
            Criterion(
                points=2,
                text=(
                    "the student's three networks, as their comparisons allow, beside the reference runs, where the"
                    " length of training decides; any outcome can earn this"
                ),
            ),
            Criterion(
                points=2, text="the experiment that is missing, and the outcome that would change the verdict"
            ),
        ),
    ),
    Question(
        id="calibration",
        number=403,
        title="Are the scores probabilities?",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="too sure or not, for both detectors, from diagram and temperature"),
            Criterion(
                points=2, text="what the temperature changes and leaves, and why it is chosen on validation"
            ),
            Criterion(points=1, text="pictures and share of fakes in use differ from those measured on"),
        ),
    ),
]
