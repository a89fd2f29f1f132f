"""The questions of notebook 10."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.grading.questions import Criterion, Data, Question, Verdict, tried
from course_utils.grading.verdicts import Names, alike, close, decide, each, numbers, part, respect

SIZES = {
    "several": (3, 4, 6, 5),
    "one_head": (2, 1, 5, 3),
    "one_picture": (1, 3, 4, 2),
    "two_tokens": (2, 2, 2, 3),
}
"""Pictures, heads, tokens, and numbers a token, of each case."""


def draw_attention(generator: np.random.Generator) -> Data:
    cases = {
        name: {
            "queries": generator.normal(0, 1, size).tolist(),
            "keys": generator.normal(0, 1, size).tolist(),
        }
        for name, size in SIZES.items()
    }
    return {"cases": cases, "scale": round(float(generator.uniform(0.3, 0.8)), 3)}


def probe_attention_row(answer, inputs):
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        """Notes the bytes of the largest tensor that is formed; a view forms nothing."""

        bytes = 0

        def __torch_dispatch__(self, function, types, arguments=(), settings=None):
            found = function(*arguments, **(settings or {}))
            for one in found if isinstance(found, (tuple, list)) else [found]:
                if isinstance(one, torch.Tensor):
                    self.bytes = max(self.bytes, one.untyped_storage().nbytes())
            return found

    def row(case):
        found = torch.as_tensor(
            answer(torch.tensor(case["queries"]), torch.tensor(case["keys"]), inputs["scale"])
        )
        return {"shape": list(found.shape), "values": found.detach().flatten().tolist()}

    def largest():
        queries, keys = torch.ones(1, 2, 96, 3), torch.ones(1, 2, 96, 3)
        with Largest() as formed:
            answer(queries, keys, inputs["scale"])
        return formed.bytes / (queries.element_size() * 2 * 96 * 96)

    return {
        "rows": {name: tried(lambda case=case: row(case)) for name, case in inputs["cases"].items()},
        "largest": tried(largest),
    }


PRODUCTS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "": lambda q, k, s: (s * q[:, :, :1] @ k.transpose(2, 3))[:, :, 0],
    "The scale is left out.": lambda q, k, s: (q[:, :, :1] @ k.transpose(2, 3))[:, :, 0],
    "The products are divided by the scale.": lambda q, k, s: (q[:, :, :1] @ k.transpose(2, 3))[:, :, 0] / s,
    "The scale is of the course's making; the one that is given was asked for.": lambda q, k, s: (
        (q[:, :, :1] @ k.transpose(2, 3))[:, :, 0] / q.shape[-1] ** 0.5
    ),
    "These are the tokens' queries on the class token's key, not the other way round.": lambda q, k, s: (
        s * k[:, :, :1] @ q.transpose(2, 3)
    )[:, :, 0],
    "This is the row of the last token, not that of the class token.": lambda q, k, s: (
        s * q[:, :, -1:] @ k.transpose(2, 3)
    )[:, :, 0],
}

ROWS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda row: row.softmax(dim=-1)[..., 1:],
    "The class token is dropped before the softmax, so that it takes no share.": lambda row: row[
        ..., 1:
    ].softmax(dim=-1),
    "The class token's own weight is still there.": lambda row: row.softmax(dim=-1),
    "The last token is dropped, not the class token.": lambda row: row.softmax(dim=-1)[..., :-1],
}

HEADS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda weights: weights.mean(dim=1),
    "This is a sum over the heads, not their mean.": lambda weights: weights.sum(dim=1),
    "This is a maximum over the heads, not their mean.": lambda weights: weights.amax(dim=1),
    "This is one head alone.": lambda weights: weights[:, 0],
    "The heads are not averaged.": lambda weights: weights,
}


def _rows(case: Data, scale: float) -> dict[Names, Tensor]:
    """Return the heatmaps of all known ways, by the mistake in the products, in the drop, and in the mean."""
    queries, keys = torch.tensor(case["queries"]), torch.tensor(case["keys"])
    known = {}
    for mistake, product in PRODUCTS.items():
        products = product(queries, keys, scale)
        for drop, row in ROWS.items():
            known[mistake, drop, "The mean over heads comes before the softmax."] = row(products.mean(dim=1))
            for heads, mean in HEADS.items():
                known[mistake, drop, heads] = mean(row(products))
    unscaled = (queries[:, :, :1] @ keys.transpose(2, 3))[:, :, 0]
    products = scale * unscaled
    kept = products.softmax(dim=-1)[..., 1:].mean(dim=1)
    to_one = "What is left is made to sum to 1; the class token's share is only to be dropped."
    known["", to_one, ""] = kept / kept.sum(dim=1, keepdim=True)
    known["The scale comes after the softmax.", "", ""] = scale * unscaled.softmax(dim=-1)[..., 1:].mean(
        dim=1
    )
    known["There is no softmax.", "", ""] = products[..., 1:].mean(dim=1)
    known["The softmax is not over the tokens.", "", ""] = products.softmax(dim=1)[..., 1:].mean(dim=1)
    return known


def judge_attention_row(inputs: Data, outputs: Data) -> list[Verdict]:
    @cache
    def recognised(name: str) -> Names | None:
        return alike(part(outputs["rows"], name)["values"], _rows(inputs["cases"][name], inputs["scale"]))

    def heads() -> Verdict:
        several = recognised("several")
        mean = respect(several, 2)
        if not mean.earned:
            return mean
        for name, (pictures, _, tokens, _) in SIZES.items():
            # Whether the right weight is dropped is another criterion.
            kept = tokens if several[1] == "The class token's own weight is still there." else tokens - 1
            if part(outputs["rows"], name)["shape"] != [pictures, kept]:
                return decide(
                    False, "The heatmaps are not B x (T - 1) for any number of pictures, heads and tokens."
                )
        others = [respect(recognised(name), 2) for name in SIZES]
        return next((verdict for verdict in others if not verdict.earned), mean)

    def one_row() -> Verdict:
        share = float(part(outputs, "largest"))
        mistake = "The attention of all tokens to all is formed on the way; one row of it is needed."
        if recognised("several") is None:
            return decide(False, "What is formed is no row of attention.")
        return decide(0 < share < 1, mistake, f"largest tensor: {share:.2f} of B x heads x T x T")

    return each(
        lambda: respect(recognised("several"), 0),
        lambda: respect(recognised("several"), 1),
        heads,
        one_row,
    )


LAYERS = [
    ["ConvTranspose2d", 512, 32, 8, 1, 0],
    ["Conv2d", 32, 64, 3, 1, 1],
    ["Conv2d", 64, 128, 3, 1, 1],
    ["ConvTranspose2d", 128, 64, 4, 2, 1],
    ["Conv2d", 64, 64, 3, 1, 1],
    ["ConvTranspose2d", 64, 32, 4, 2, 1],
    ["Conv2d", 32, 32, 3, 1, 1],
    ["ConvTranspose2d", 32, 32, 4, 2, 1],
    ["ConvTranspose2d", 32, 1, 4, 2, 1],
]
"""Kind, channels in and out, kernel, stride and padding."""


def draw_latents(generator: np.random.Generator) -> Data:
    return {
        "latents": generator.normal(0, 1, (2, 512, 1, 1)).tolist(),
        "seed": int(generator.integers(2**31)),
    }


def probe_decoder(answer, inputs):
    import torch
    from torch import nn

    latents = torch.tensor(inputs["latents"])

    def convolutions(decoder):
        kinds = nn.Conv2d, nn.ConvTranspose2d
        return [layer for layer in decoder.modules() if isinstance(layer, kinds)]

    def layers():
        return [
            [
                type(layer).__name__,
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size[0],
                layer.stride[0],
                layer.padding[0],
            ]
            for layer in convolutions(answer())
        ]

    def drawn():
        """Every 41st number of what the decoder makes of the latents, with weights drawn anew."""
        decoder = answer().eval()
        torch.manual_seed(inputs["seed"])
        with torch.no_grad():
            for layer in convolutions(decoder):
                fan = layer.weight[0].numel() if isinstance(layer, nn.Conv2d) else layer.weight[:, 0].numel()
                fan = fan / layer.stride[0] ** 2
                layer.weight.copy_(1.4 * torch.randn(layer.weight.shape) / max(fan, 1) ** 0.5)
                layer.bias.copy_(0.3 * torch.randn(layer.bias.shape))
            found = decoder(latents)
        return found.flatten()[::41].tolist()

    return {
        "layers": tried(layers),
        "parameters": tried(lambda: sum(parameter.numel() for parameter in answer().parameters())),
        "shapes": tried(lambda: [list(answer()(some).shape) for some in (latents, latents[:1])]),
        "drawn": tried(drawn),
    }


BETWEEN: dict[str, nn.Module] = {
    "": nn.LeakyReLU(0.2),
    "Between the layers is a ReLU, or nothing leaks.": nn.ReLU(),
    "The LeakyReLU has another slope.": nn.LeakyReLU(0.01),
    "Nothing comes between the layers.": nn.Identity(),
}

AFTER: dict[str, nn.Module] = {
    "": nn.Identity(),
    "Something comes after the last layer.": nn.LeakyReLU(0.2),
    "A sigmoid comes after the last layer.": nn.Sigmoid(),
    "A tanh comes after the last layer.": nn.Tanh(),
}


def judge_decoder(inputs: Data, outputs: Data) -> list[Verdict]:
    def layers() -> Verdict:
        found, count = part(outputs, "layers"), part(outputs, "parameters")
        mistake = "The layers are not those of the table."
        if sorted(map(str, found)) == sorted(map(str, LAYERS)):
            mistake = "The layers are those of the table, in another order."
        right = found == LAYERS and count == 1_368_001
        return decide(right, mistake, f"{count} parameters, layers {found}")

    def shapes() -> Verdict:
        found = part(outputs, "shapes")
        mistake = "Latents B x 512 x 1 x 1 do not become pictures B x 1 x 128 x 128, for any B."
        return decide(found == [[2, 1, 128, 128], [1, 1, 128, 128]], mistake, f"found {found}")

    def activations() -> Verdict:
        drawn = numbers(part(outputs, "drawn"))
        made = _convolutions(part(outputs, "layers"), inputs["seed"])
        for between, activation in BETWEEN.items():
            for after, last in AFTER.items():
                steps = [step for layer in made for step in (layer, activation)][:-1]
                with torch.no_grad():
                    expected = last(nn.Sequential(*steps)(torch.tensor(inputs["latents"])))
                if close(drawn, expected.flatten()[::41].numpy(), 1e-3):
                    return decide(not between and not after, f"{between} {after}".strip())
        return decide(
            False, "A LeakyReLU with slope 0.2 does not follow every layer but the last, and no other."
        )

    return each(layers, shapes, activations)


def _convolutions(found: list[list], seed: int) -> list[nn.Module]:
    """Return the layers that were found, with the weights that the probe draws."""
    sizes = [numbers(layer[1:]) for layer in found]
    follow = all(one[1] == other[0] for one, other in pairwise(sizes))
    if not follow or not 1 <= len(found) <= 12 or max(size.max() for size in sizes) > 512:
        raise ValueError(f"layers {found}")
    torch.manual_seed(seed)
    made = []
    for kind, channels, wanted, kernel, stride, padding in found:
        transposed = kind == "ConvTranspose2d"
        layer = (nn.ConvTranspose2d if transposed else nn.Conv2d)(channels, wanted, kernel, stride, padding)
        made.append(layer)
    torch.manual_seed(seed)
    with torch.no_grad():
        for layer in made:
            fan = layer.in_channels * layer.kernel_size[0] ** 2 / layer.stride[0] ** 2
            layer.weight.copy_(1.4 * torch.randn(layer.weight.shape) / max(fan, 1) ** 0.5)
            layer.bias.copy_(0.3 * torch.randn(layer.bias.shape))
    return made


def draw_errors(generator: np.random.Generator) -> Data:
    """Errors that differ, and errors with ties; shares between two numbers of errors, so that rounding is no matter."""
    plain, ties = [], []
    for count in generator.permutation(np.arange(7, 60))[:6].tolist():
        allowed = int(generator.integers(1, max(2, count // 3)))
        share = round((allowed + float(generator.uniform(0.3, 0.7))) / count, 6)
        plain.append({"errors": generator.gamma(2, 1, count).tolist(), "share": share})
    for count in generator.permutation(np.arange(9, 40))[:4].tolist():
        allowed = int(generator.integers(2, count // 3 + 1))
        steps = generator.permutation(np.arange(count, dtype=float))
        # The largest that may not be called fake is as large as the smallest that might.
        order = np.argsort(-steps)
        steps[order[allowed - 1]] = steps[order[allowed]]
        ties.append({"errors": steps.tolist(), "share": round((allowed + 0.5) / count, 6)})
    none = {"errors": generator.gamma(2, 1, 12).tolist(), "share": 0.0}
    return {"plain": plain, "ties": [*ties, none]}


def probe_threshold(answer, inputs):
    import numpy

    def thresholds(cases):
        """As hexadecimal text: a threshold may be infinite, and its last digit counts."""
        found = [answer(numpy.array(case["errors"]), case["share"]) for case in cases]
        return [float(threshold).hex() for threshold in found]

    return {kind: tried(lambda kind=kind: thresholds(inputs[kind])) for kind in ("plain", "ties")}


def judge_threshold(inputs: Data, outputs: Data) -> list[Verdict]:
    def judged(kind: str) -> list[tuple[bool, bool, str]]:
        """Of each case: whether no more are called fake than may be, and whether no lower threshold does so."""
        found = [float.fromhex(threshold) for threshold in part(outputs, kind)]
        rows = []
        for case, threshold in zip(inputs[kind], found, strict=True):
            errors = np.sort(numbers(case["errors"]))[::-1]
            spared = errors[int(case["share"] * len(errors))]  # the largest error that is not called fake
            few = bool(np.mean(errors >= threshold) <= case["share"])
            higher = errors[errors > spared]
            lowest = threshold <= (higher.min() if len(higher) else np.inf)
            rows.append((few, bool(lowest), f"above {spared}, found {threshold}"))
        return rows

    def first_wrong(kind: str, *places: int) -> str | None:
        return next((row[2] for row in judged(kind) if not all(row[place] for place in places)), None)

    def few() -> Verdict:
        wrong = first_wrong("plain", 0)
        mistake = "More than the allowed share of the reals is at or above the threshold."
        return decide(wrong is None, mistake, wrong or "")

    def lowest() -> Verdict:
        wrong = first_wrong("plain", 1)
        return decide(wrong is None, "A lower threshold would do as well.", wrong or "")

    def special() -> Verdict:
        wrong = first_wrong("ties", 0, 1)
        mistake = "Where errors are equal, or none may be called fake, it is not the lowest threshold that is allowed."
        return decide(wrong is None, mistake, wrong or "")

    return each(few, lowest, special)


QUESTIONS = [
    Question(
        id="attention-row",
        number=1001,
        title="One row of attention",
        points=8,
        kind="code",
        answers="attention_row",
        draw=draw_attention,
        probe=probe_attention_row,
        judge=judge_attention_row,
        without=("course_utils.models.face_vit",),
        rubric=(
            Criterion(points=3, text="the scaled softmax of the class token's products with all keys"),
            Criterion(points=2, text="the class token's own weight is dropped after the softmax, not before"),
            Criterion(points=2, text="the mean over heads, B x (T - 1), for any number of either"),
            Criterion(points=1, text="one row is formed, not the attention of all tokens"),
        ),
    ),
    Question(
        id="why-attention",
        number=1002,
        title="Why would attention differ on a fake?",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=3, text="two reasons, each with the forgeries that it should show in most"),
            Criterion(points=2, text="a reason against: recognisers learn to look past such traces"),
            Criterion(points=1, text="what the student's own maps follow"),
        ),
    ),
    Question(
        id="decoder",
        number=1003,
        title="The autoencoder's decoder",
        points=10,
        kind="code",
        answers="build_decoder",
        draw=draw_latents,
        probe=probe_decoder,
        judge=judge_decoder,
        without=("course_utils.models.autoencoder",),
        rubric=(
            Criterion(points=4, text="the layers of the table, in order: 1,368,001 parameters"),
            Criterion(points=3, text="B x 512 x 1 x 1 becomes B x 1 x 128 x 128"),
            Criterion(points=3, text="LeakyReLU (0.2) after every layer but the last"),
        ),
    ),
    Question(
        id="threshold-on-reals",
        number=1004,
        title="A threshold without a fake",
        points=8,
        kind="code",
        answers="threshold_on_reals",
        draw=draw_errors,
        probe=probe_threshold,
        judge=judge_threshold,
        without=("course_utils.anomaly",),
        rubric=(
            Criterion(points=4, text="at most the allowed share of the reals is at or above it"),
            Criterion(points=2, text="the lowest such threshold"),
            Criterion(points=2, text="ties, and a share of none"),
        ),
    ),
    Question(
        id="attention-or-rgb",
        number=1005,
        title="Attention or RGB?",
        points=8,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="the order in the student's own run, by the paired comparison; either can earn this",
            ),
            Criterion(points=2, text="below 0.5: forged frames are easier to draw, being smoother"),
            Criterion(points=2, text="what averaging over a video removes, and what all its frames share"),
            Criterion(points=2, text="which split, and whether the leaking one flatters this method here"),
        ),
    ),
    Question(
        id="controls",
        number=1006,
        title="What the controls say",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=3, text="the claim that each control would refute"),
            Criterion(points=2, text="which claims survive, from the student's own comparisons"),
            Criterion(points=2, text="a conclusion that says no more than the table does"),
            Criterion(points=1, text="what an AUROC of 0.62 means where fakes are rare"),
        ),
    ),
]
