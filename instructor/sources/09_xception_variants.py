# ---
# jupyter:
#   course:
#     title: Xception variants
#     question: What do wider filters and fewer blocks buy, and what may a table of nine trainings say about it?
#     chapter: Govi et al. 2022, sections 5.3 and 5.4
#     minutes: 1
#     hours: 4
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 09 · Xception variants
#
# **The lesson in one sentence.** A network is changed in two places at once, trained once, and called better by a
# thousandth; counting says what was changed, and a second training says what the thousandth is worth.
#
# The figure that will show it is a list of trainings of four networks: the distance between two dots of one network that
# differ in nothing but the seed, beside the distance between networks.
#
# | | |
# |---|---|
# | machine | one minute |
# | you | about four hours |
# | needs | nothing |
#
# Govi, Poppi and Marinelli took Xception and made two networks of it. *MidwayXception* has wider filters, because
# Chollet's hypothesis that space and channels can be looked at one after the other seemed too strong to them.
# *LightXception* has half of the middle flow. They trained nine times, on pictures as they are and on heads cut out of
# them, and printed one table of settings and one of results. You will build the wider filter, count what it costs, write
# the three parts of their training that a library would hide, run their grid and one network more, which they left to
# the future, and read their table as a detective.

# %% tags=["parameters"]
dataset = "cvcs_dfd"  # real and fake pictures, whole
cropped = "cvcs_cropped_dfd"  # the heads in them; None takes the middle 75 % of each picture
pictures = None  # of each split at most, of as many people as there are; None takes all
experiments = "table_1 combined"  # or "excerpt", "variants", or several
results = None  # folder of finished experiments, for several runs to share; None: this run's own
share = [0, 1]  # [i, n]: this run does every n-th experiment from the i-th on
image_size = 299  # pixels, side of the pictures
epochs = None  # of each training at most; None: as their table says
patience = 5  # epochs without a better one on val before a training stops; None: never
faces = "YuNet"  # what `course predict` finds faces with: "YuNet", or "Haar"
pretrained = "none"  # "auto", "none" or the path of a file; the report does not speak of any
seeds = [0]  # each experiment is done once a seed

# %%
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.utils.class_weight import compute_class_weight
from timm.models.xception import SeparableConv2d
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms import v2

from course_utils import paths, plots
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.faces import find_detector
from course_utils.data.prepare import load_dataset
from course_utils.data.samples import class_balance
from course_utils.errors import CourseError
from course_utils.experiments import run_grid, tables_asked
from course_utils.history import Run, read_history
from course_utils.intervals import Interval, auroc_interval, compare, share_interval
from course_utils.lesson import Lesson
from course_utils.models.xception_variants import MidwaySeparableConv2d, xception_variant
from course_utils.predict.framing import framing_of
from course_utils.predict.tested import release
from course_utils.predictions import (
    log_losses,
    predictions_table,
    read_predictions,
    write_predictions,
)
from course_utils.published import published_results
from course_utils.training import ClassificationTrainer

lesson = Lesson("09_xception_variants")
read = cache(load_dataset)  # a table that several cells need is read once

# %% [markdown]
# ## 1 · How much should a filter see?
#
# An ordinary convolution looks at space and at channels at once: each filter is 3 x 3 x C. Xception's *depthwise separable*
# convolution takes the two for "entirely decoupled": one 3 x 3 filter a channel looks at space, then a 1 x 1 convolution
# mixes the channels. Between the two lies a whole row of networks: deal the C channels out to groups, and let each filter
# see all channels of its group. Groups of one channel are Xception's. One group of all channels, and nothing is decoupled.
# MidwayXception has C / 2 groups. How many channels does each of its filters see, and how far along the way is that?
#
# **Question 901 · midway-separable** (8 points, marked by checks, about 20 minutes)
#
# Write the module `MidwaySeparable(channels_in, channels_out, group_width)`: B x C x H x W in, B x D x H x W out. It has
# two layers without biases, both `nn.Conv2d`: `spatial`, C filters of 3 x 3 that see `group_width` channels each, with the
# picture kept as large as it is by a border of zeros; and `pointwise`, D filters of 1 x 1. Nothing comes between them.
#
# A tiny example: with 4 channels in, 3 out and `group_width` 2, `spatial.weight` is 4 x 2 x 3 x 3 and `pointwise.weight`
# 3 x 4 x 1 x 1. If all weights are 1, a picture of 4 channels of one pixel, with the values 1, 2, 3 and 4, becomes
# 3, 3, 7, 7 in between, and 20, 20, 20 at the end.
#
# <details><summary>Hint 1: the idea</summary>
#
# `nn.Conv2d` has an argument `groups`. It is the *number* of groups, not how many channels one has.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# Two lines in `__init__` and one in `forward`.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="midway-separable" tags=["answer"]
# Question 901 · midway-separable
class MidwaySeparable(nn.Module):
    """A separable convolution whose filters in space see `group_width` channels each."""

    def __init__(self, channels_in, channels_out, group_width):
        super().__init__()
        ### BEGIN SOLUTION
        self.spatial = nn.Conv2d(
            channels_in, channels_in, 3, padding=1, groups=channels_in // group_width, bias=False
        )
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        ### END SOLUTION

    def forward(self, features):
        """Return B x D x H x W of features B x C x H x W."""
        ### BEGIN SOLUTION
        return self.pointwise(self.spatial(features))
        ### END SOLUTION


# %%
class CourseSeparable(MidwaySeparableConv2d):
    """The library's, under the names that were asked for."""

    @property
    def spatial(self):
        """The filters in space."""
        return self.conv1


def check_midway_separable(candidate):
    """The tiny example, and Xception's own separable convolution, which is one end of the row."""
    layer = candidate(4, 3, 2)
    shapes = [tuple(layer.spatial.weight.shape), tuple(layer.pointwise.weight.shape)]
    assert shapes == [(4, 2, 3, 3), (3, 4, 1, 1)], (
        f"expected weights of 4 x 2 x 3 x 3 and 3 x 4 x 1 x 1, found {shapes}"
    )
    count = sum(parameter.numel() for parameter in layer.parameters())
    assert count == 84, f"expected 72 + 12 numbers to learn, found {count}"
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    found = layer(torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1))
    assert found.shape == (1, 3, 1, 1), (
        f"the tiny example: expected 1 x 3 x 1 x 1, found {' x '.join(map(str, found.shape))}"
    )
    assert found.flatten().tolist() == [20, 20, 20], (
        f"the tiny example: expected 20, 20, 20, found {found.flatten().tolist()}"
    )
    layer, depthwise = candidate(6, 5, 1), SeparableConv2d(6, 5, 3, padding=1)
    depthwise.conv1.weight, depthwise.pointwise.weight = (
        layer.spatial.weight,
        layer.pointwise.weight,
    )
    features = torch.linspace(-1, 1, 2 * 6 * 7 * 4).reshape(2, 6, 7, 4)
    assert torch.allclose(layer(features), depthwise(features), atol=1e-6), (
        "with groups of one channel, and the same weights, it is not timm's depthwise separable convolution"
    )


MidwaySeparable = lesson.go_on_with(
    "midway-separable", MidwaySeparable, check_midway_separable, CourseSeparable
)

# %% [markdown]
# The whole row, from Xception to an ordinary convolution, at the width of Xception's middle flow, 728 channels. Look at
# the step that MidwayXception takes.

# %%
rows = {}
for width in (1, 2, 4, 26, 182, 728):
    with torch.device("meta"):
        layer = MidwaySeparable(728, 728, width)
    rows[width] = {
        "groups": 728 // width,
        "weights in space": layer.spatial.weight.numel(),
        "weights across channels": layer.pointwise.weight.numel(),
        "way from depthwise to ordinary (%)": f"{100 * (width - 1) / 727:.2f}",
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("channels a filter sees").style.format(
    thousands=","
)

# %% [markdown]
# ## 2 · What was changed, by counting
#
# MidwayXception has a second change, which its name does not say. A block of Xception's middle flow is three times ReLU,
# separable convolution, batch normalisation; beside it runs the identity, and the two are added. In MidwayXception a 1 x 1
# convolution with batch normalisation takes the place of the identity.
#
# **Question 902 · block-cost** (8 points, marked by checks, about 25 minutes)
#
# Write `block_cost(channels, group_width, projected, height, width)` for one block of the middle flow, with `channels`
# channels throughout; `projected` says whether a 1 x 1 convolution and a batch normalisation stand beside it, or the
# identity. Return five integers: the weights of the filters in space; those of the 1 x 1 convolutions in the block's own
# path; those of the 1 x 1 convolution beside it; the parameters of all batch normalisations; and the
# multiply–accumulates of all convolutions for a picture that is `height` x `width` there. No convolution has a bias.
#
# A tiny example: `block_cost(4, 2, True, 5, 5)` gives `(216, 48, 16, 32, 7000)`.
#
# <details><summary>Hint 1: the idea</summary>
#
# A convolution that keeps the size lays each of its filters on each place once.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# One separable convolution has 9 · C · group_width weights in space and C · C across channels. A batch normalisation
# learns two numbers a channel.
#
# </details>


# %% question="block-cost" tags=["answer"]
# Question 902 · block-cost
def block_cost(channels, group_width, projected, height, width):
    """Return (in space, across channels, beside, in normalisations, multiply–accumulates)."""
    ### BEGIN SOLUTION
    in_space = 3 * 9 * channels * group_width
    across = 3 * channels * channels
    beside = channels * channels if projected else 0
    normalisations = 2 * channels * (4 if projected else 3)
    return in_space, across, beside, normalisations, (in_space + across + beside) * height * width
    ### END SOLUTION


# %%
def counted_block_cost(channels, group_width, projected, height, width):
    """Return the same by building the layers and letting torch count."""
    with torch.device("meta"):
        path = [MidwaySeparableConv2d(channels, channels, group_width) for _ in range(3)]
        skip = [nn.Conv2d(channels, channels, 1, bias=False)] if projected else []
        norms = [nn.BatchNorm2d(channels) for _ in [*path, *skip]]
        features = torch.empty(1, channels, height, width)
        with FlopCounterMode(display=False) as counter:
            for layer in (*path, *skip):
                layer(features)
    return (
        sum(layer.conv1.weight.numel() for layer in path),
        sum(layer.pointwise.weight.numel() for layer in path),
        sum(layer.weight.numel() for layer in skip),
        sum(parameter.numel() for norm in norms for parameter in norm.parameters()),
        counter.get_total_flops() // 2,
    )


def check_block_cost(candidate):
    """The tiny example, and a block of other sizes with and without a convolution beside it."""
    names = (
        "weights in space",
        "across channels",
        "beside",
        "in normalisations",
        "multiply–accumulates",
    )
    for arguments in ((4, 2, True, 5, 5), (12, 3, False, 2, 7), (12, 1, True, 3, 1)):
        found, expected = candidate(*arguments), counted_block_cost(*arguments)
        assert len(found) == 5, f"five integers are asked for; found {len(found)}"
        for name, value, wanted in zip(names, found, expected, strict=True):
            assert value == wanted, (
                f"{name}, block_cost{arguments}: expected {wanted}, found {value}"
            )


block_cost = lesson.go_on_with("block-cost", block_cost, check_block_cost, counted_block_cost)

# %% [markdown]
# Now the networks themselves. Xception has 34 separable convolutions; the middle flow, eight equal blocks of three, holds 24
# of them. The parameters of each network, by what they do, and its multiply–accumulates for a picture of 299 x 299. Before
# you read on: which row do you expect to explain the difference between the first two columns?

# %%
NETWORKS = {  # what is changed in Xception
    "Xception": {"midway": False, "light": False},
    "MidwayXception": {"midway": True, "light": False},
    "LightXception": {"midway": False, "light": True},
    "Light + Midway": {"midway": True, "light": True},
}


def counted(network, classes=2):
    """Return a network's parameters by what they do, and its multiply-accumulates at 299 x 299."""
    with torch.device("meta"):
        model = xception_variant(**NETWORKS[network], classes=classes).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, 3, 299, 299))
    kinds = {
        "filters in space": 0,
        "1 x 1 convolutions in the blocks": 0,
        "1 x 1 convolutions beside the middle flow": 0,
        "everything else": 0,
    }
    in_space, across, beside, rest = kinds
    for name, parameter in model.named_parameters():
        part, *_ = name.split(".")
        middle = part in {f"block{number}" for number in range(4, 12)}
        if parameter.shape[-2:] == (3, 3) and part not in ("conv1", "conv2"):
            kinds[in_space] += parameter.numel()
        elif name.endswith("pointwise.weight"):
            kinds[across] += parameter.numel()
        elif middle and name.endswith("skip.weight"):
            kinds[beside] += parameter.numel()
        else:
            kinds[rest] += parameter.numel()
    total = {"all parameters": sum(kinds.values())}
    return kinds | total | {"multiply–accumulates": counter.get_total_flops() // 2}


counts = pd.DataFrame({network: counted(network) for network in NETWORKS}).rename_axis(
    "number of …"
)
more = counts["MidwayXception"] - counts["Xception"]
less = counts["Xception"] - counts["LightXception"]
counts.assign(**{"Midway's more": more, "Light's less": less}).style.format("{:,.0f}")

# %% [markdown]
# The same from your count of one block: eight blocks of MidwayXception against eight of Xception's.

# %%
side = 19  # pixels, of the middle flow for a picture of 299 x 299
here, there = (
    np.array(block_cost(728, width, projected, side, side))
    for width, projected in ((2, True), (1, False))
)
words = ("in space", "across channels", "beside", "in normalisations", "multiply–accumulates")
for word, number in zip(words, 8 * (here - there), strict=True):
    print(f"eight blocks, {word}: {number:,} more")

# %% [markdown]
# **Question 903 · decoupling** (7 points, read by a person, about 20 minutes)
#
# The report says of MidwayXception: "the new network has more parameters, and we lose the decoupling hypothesis". (a) How
# many of the additional parameters, and what share, are wider filters, and where are the others? What share of the
# additional multiply–accumulates comes with the wider filters, in the middle flow? (b) Is the hypothesis lost? Say what a
# filter of MidwayXception can see that Xception's cannot, and what it still cannot see. (c) Suppose MidwayXception does
# better than Xception. Which network would you train as well before you say why?

# %% [markdown] question="decoupling" tags=["answer"]
# **Answer 903 · decoupling**
#
# <!-- BEGIN SOLUTION -->
# (a) Of 4,458,952 more, 207,432 are wider filters: 4.7 %. The 1 x 1 convolutions beside the middle flow are 8 · 728² =
# 4,239,872, that is 95.1 %, and their normalisations 11,648. In the middle flow the filters bring 157,248 of 4,397,120
# multiply–accumulates a place, 3.6 %. (b) Hardly. A filter can now respond to a pattern across two channels, e.g. an edge
# in one where the other has none, in two that the order of channels happened to put side by side. It still cannot see a
# spatial pattern across the other 726; 1 x 1 convolutions do all the mixing, as before. In weights it has gone 0.14 %
# of the way from depthwise to ordinary. (c) One with each change alone: wide filters with the identity beside them, and
# Xception's filters with 1 x 1 convolutions beside them; or Xception widened until it has as many parameters. Otherwise
# filters, skips and mere size cannot be told apart; and each from several seeds.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 3 · What is trained on, and how
#
# The report's data set mixes photographs, whose fakes come from generative networks, with frames of videos, whose fakes are
# swaps and reenactments; and it has two forms, whole pictures and heads cut out of them. Below, what this run has. How
# large is the share of fakes? What does that do to a network which answers "fake" to everything?

# %%
prepared = read(dataset)
caption = plots.plot_class_balance(prepared.samples)
if cropped is None:
    print("There are no cut-out heads: rows with a crop take the middle 75 % of each picture.")
class_balance(prepared.samples)


# %%
def as_taken(table, root, crop, side, steps=()):
    """Return pictures as the networks take them, whole or (where no heads were cut out) their middle."""
    if crop and not cropped:
        steps = [v2.CenterCrop(side), *steps]
        return PictureDataset(table, root, side * 4 // 3, v2.Compose(steps))
    return PictureDataset(table, root, side, v2.Compose(steps) if steps else None)


drawn, names = [], []
for crop in (False, True):
    source = read(cropped) if crop and cropped else prepared
    kinds = source.split("train").groupby(["dataset", "method"], sort=False).head(1)
    kinds = kinds.groupby("dataset").tail(3)
    drawn += [picture for picture, _ in as_taken(kinds, source.root, crop, 128)]
    names += [f"{'crop' if crop else 'whole'}\n{method}" for method in kinds["method"]]
caption = plots.sample_grid(drawn, names, columns=6)

# %% [markdown]
# ### Unbalanced classes
#
# The report trains with "weighted cross-entropy", so that the rarer class counts as much as the other. *Balanced* weights
# are $w_c = n / (K\, n_c)$, with n training pictures, $n_c$ of them of class c, and K = 2 classes. The loss of a batch is a
# weighted mean:
#
# $$L = \frac{\sum_i w_{y_i}\, \ell_i}{\sum_i w_{y_i}}, \qquad \ell_i = -\log \mathrm{softmax}(z_i)_{y_i}$$
#
# **Question 904 · weighted-cross-entropy** (7 points, marked by checks, about 20 minutes)
#
# Write `weighted_cross_entropy(logits, labels, training_labels)`. `logits` are B x 2, `labels` are B whole numbers 0 or 1,
# `training_labels` are those of the whole training set (n, also 0 or 1; both classes are there). Return the two weights, as
# a tensor of two, and the loss of the batch, as a tensor without dimensions. Do not use `weight=` of torch's loss: it is
# what you write.
#
# A tiny example: the training labels 0, 1, 1, 1 give the weights 2 and 2/3. Of a batch with the labels 0 and 1 and the
# logits (0, 0) and (0, ln 3) the single losses are ln 2 and ln 4/3, and the loss is
# (2 · ln 2 + 2/3 · ln 4/3) / (2 + 2/3) = 0.5918.
#
# <details><summary>Hint 1: the idea</summary>
#
# What do you divide by, so that a batch in which all losses are 1 has the loss 1, whatever its labels are?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `torch.bincount(training_labels)` has the n of both classes; `weights[labels]` is a weight a picture, B.
#
# </details>


# %% question="weighted-cross-entropy" tags=["answer"]
# Question 904 · weighted-cross-entropy
def weighted_cross_entropy(logits, labels, training_labels):
    """Return (the weights of the two classes, the weighted mean of the batch's losses)."""
    ### BEGIN SOLUTION
    counts = torch.bincount(training_labels)
    weights = len(training_labels) / (2 * counts)
    losses = -logits.log_softmax(dim=1)[torch.arange(len(labels)), labels]
    of_each = weights[labels]
    return weights, (of_each * losses).sum() / of_each.sum()
    ### END SOLUTION


# %%
def course_weighted_cross_entropy(logits, labels, training_labels):
    """Return the same from scikit-learn and torch."""
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=training_labels.numpy())
    weights = torch.tensor(weights, dtype=logits.dtype)
    return weights, functional.cross_entropy(logits, labels, weight=weights)


def check_weighted_cross_entropy(candidate):
    """The tiny example, and a batch whose classes are in another proportion than the training set's."""
    logits = torch.tensor([[0.0, 0.0], [0.0, np.log(3)]]).float()
    cases = {"the tiny example": (logits, torch.tensor([0, 1]), torch.tensor([0, 1, 1, 1]))}
    generator = torch.Generator().manual_seed(0)
    cases["five pictures"] = (
        torch.randn(5, 2, generator=generator),
        torch.tensor([0, 0, 0, 1, 0]),
        torch.tensor([1] * 7 + [0] * 3),
    )
    for name, arguments in cases.items():
        weights, loss = candidate(*arguments)
        expected, wanted = course_weighted_cross_entropy(*arguments)
        assert torch.allclose(torch.as_tensor(weights).float(), expected, atol=1e-5), (
            f"{name}: expected the weights {expected.tolist()}, found {torch.as_tensor(weights).tolist()}"
        )
        assert np.isclose(float(loss), float(wanted), atol=1e-5), (
            f"{name}: expected the loss {float(wanted):.4f}, found {float(loss):.4f}"
        )


weighted_cross_entropy = lesson.go_on_with(
    "weighted-cross-entropy",
    weighted_cross_entropy,
    check_weighted_cross_entropy,
    course_weighted_cross_entropy,
)

# %% [markdown]
# With the training set above: what each class weighs, and what two constant answers cost with and without weights. Which
# of them does the unweighted loss prefer?

# %%
labels = torch.tensor(prepared.split("train")["label"].to_numpy())
for answer, logit in {"P(fake) = 0.9": np.log(9), "P(fake) = 0.5": 0.0}.items():
    logits = torch.tensor([0.0, logit]).expand(len(labels), 2)
    weights, loss = weighted_cross_entropy(logits, labels, labels)
    plain = functional.cross_entropy(logits, labels)
    print(f"always {answer}: loss {plain:.3f}, weighted {loss:.3f}")
print(f"weights: real {weights[0]:.3f}, fake {weights[1]:.3f}")

# %% [markdown]
# ### A learning rate that falls in steps
#
# "The learning rate is not fixed: it is adaptive, with a decay of 0.05 each 5 epochs", says the report. Is that 5 % less, or
# 5 % of it? Their code says: every 5 epochs the learning rate is *multiplied* by 0.05.
#
# **Question 905 · step-decay** (3 points, marked by checks, about 10 minutes)
#
# Write `step_decay(learning_rate, epoch, every, factor)`, the learning rate *in* an epoch, which is counted from 1.
#
# A tiny example: `step_decay(0.001, 5, 5, 0.05)` is 0.001, and `step_decay(0.001, 6, 5, 0.05)` is 0.00005.
#
# <details><summary>Hint 1: the idea</summary>
#
# How many times has it been multiplied when epoch 5 begins, and when epoch 6 begins?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `//` divides and drops the rest.
#
# </details>


# %% question="step-decay" tags=["answer"]
# Question 905 · step-decay
def step_decay(learning_rate, epoch, every, factor):
    """Return the learning rate in an epoch, counted from 1."""
    ### BEGIN SOLUTION
    return learning_rate * factor ** ((epoch - 1) // every)
    ### END SOLUTION


# %%
def course_step_decay(learning_rate, epoch, every, factor):
    """Return the same from torch's scheduler, which the training below uses."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, every, gamma=factor)
    for _ in range(epoch - 1):
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]["lr"]


def check_step_decay(candidate):
    """The tiny example, and the epochs around two steps."""
    for arguments in (
        (0.001, 5, 5, 0.05),
        (0.001, 6, 5, 0.05),
        (0.01, 1, 1, 0.5),
        (0.01, 12, 4, 0.1),
        (0.01, 13, 4, 0.1),
    ):
        found, expected = candidate(*arguments), course_step_decay(*arguments)
        assert np.isclose(found, expected, rtol=1e-6), (
            f"step_decay{arguments}: expected {expected:.3g}, found {found:.3g}"
        )


step_decay = lesson.go_on_with("step-decay", step_decay, check_step_decay, course_step_decay)

# %% [markdown]
# What that makes of 0.001 over their 20 epochs, and what the other reading would. What are epochs 11 to 20 good for?

# %%
for reading, factor in {"a twentieth": 0.05, "5 % less": 0.95}.items():
    rates = ", ".join(f"{step_decay(0.001, epoch, 5, factor):.1e}" for epoch in (1, 6, 11, 16))
    print(f"{reading} each 5 epochs: {rates} from epochs 1, 6, 11 and 16 on")

# %% [markdown]
# ### Stopping early
#
# "One future purpose should be the addition of an early stopping method." With a *patience* of p, training stops after the
# first epoch that is the p-th in a row without a validation accuracy above the best one before. The best epoch is the one
# with the highest accuracy so far; of equal ones, the first.
#
# **Question 906 · early-stopping** (5 points, marked by checks, about 20 minutes)
#
# Write `early_stopping(accuracies, patience)`. `accuracies` is a list of validation accuracies, one an epoch, of a training
# that ran to its end without stopping. Return two integers, counted from 1: the epoch after which early stopping would have
# ended it (the last one if never), and the best epoch until then.
#
# A tiny example: `early_stopping([60, 70, 65, 70, 69, 80], 3)` gives `(5, 2)`: epochs 3, 4 and 5 are not above the 70 of
# epoch 2. The 80 of epoch 6 is never seen.
#
# <details><summary>Hint 1: the idea</summary>
#
# Go through the epochs as the training did, and know the best one so far. Nothing later may be looked at.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `for epoch, accuracy in enumerate(accuracies, 1)`; stop where `epoch - best == patience`.
#
# </details>


# %% question="early-stopping" tags=["answer"]
# Question 906 · early-stopping
def early_stopping(accuracies, patience):
    """Return (the epoch after which training stops, the best epoch until then), counted from 1."""
    ### BEGIN SOLUTION
    best = 1
    for epoch, accuracy in enumerate(accuracies, 1):
        if accuracy > accuracies[best - 1]:
            best = epoch
        if epoch - best == patience:
            return epoch, best
    return len(accuracies), best
    ### END SOLUTION


# %%
def course_early_stopping(accuracies, patience):
    """Return the same, from what stands still in a table of the best accuracies so far."""
    highest = pd.Series(accuracies).cummax()
    best = [list(accuracies).index(value) + 1 for value in highest]
    stops = [epoch for epoch, at in enumerate(best, 1) if epoch - at >= patience]
    stop = stops[0] if stops else len(best)
    return stop, best[stop - 1]


def check_early_stopping(candidate):
    """The tiny example, one that never stops, and one that stops early and would have come back."""
    for arguments in (
        ([60, 70, 65, 70, 69, 80], 3),
        ([60, 70, 65, 70, 69, 80], 5),
        ([50, 50, 50, 90], 2),
        ([90, 80, 70], 1),
    ):
        found, expected = tuple(candidate(*arguments)), course_early_stopping(*arguments)
        assert found == expected, f"early_stopping{arguments}: expected {expected}, found {found}"


early_stopping = lesson.go_on_with(
    "early-stopping", early_stopping, check_early_stopping, course_early_stopping
)

# %% [markdown]
# ## 4 · Two tables
#
# Their table 1 is nine settings, and their table 2 is what came out: the best accuracy on val, the accuracy on test, and
# precision and recall on test for class 0 (real) and 1 (fake). One column is missing: what share of the test set is fake?
# The table says it, if one asks it. With p the share of fakes, accuracy is $p\,r_1 + (1 - p)\,r_0$, so that
#
# $$p = \frac{\mathrm{acc} - r_0}{r_1 - r_0}$$
#
# The last columns are that share, and the mean of the two recalls, which does not depend on it.

# %%
COLUMNS = ("crop", "network", "optimizer", "learning_rate", "batch_size", "epochs")
TABLE_1 = {
    1: (False, "Xception", "Adam", 0.001, 16, 20),
    2: (True, "MidwayXception", "Adam", 0.001, 16, 20),
    3: (False, "MidwayXception", "Adam", 0.001, 16, 20),
    4: (True, "MidwayXception", "momentum", 0.001, 16, 20),
    5: (True, "MidwayXception", "momentum", 0.01, 16, 20),
    6: (True, "LightXception", "Adam", 0.001, 16, 20),
    7: (True, "Xception", "Adam", 0.001, 8, 25),
    8: (True, "Xception", "Adam", 0.001, 16, 25),
    9: (False, "Xception", "Adam", 0.001, 16, 15),
}

published = published_results()
METRICS = ("accuracy", "precision_real", "precision_fake", "recall_real", "recall_fake")


def printed(number):
    """Return a row of their table 2, and what follows from it."""
    found = {"val_accuracy": published[f"govi_{number}_val_accuracy"].value}
    found |= {metric: published[f"govi_{number}_test_{metric}"].value for metric in METRICS}
    gap = found["recall_fake"] - found["recall_real"]
    return found | {
        "share of fakes": (found["accuracy"] - found["recall_real"]) / gap,
        "mean recall": (found["recall_fake"] + found["recall_real"]) / 2,
    }


table_2 = pd.DataFrame.from_dict({number: printed(number) for number in TABLE_1}, orient="index")
short = ["acc. val", "acc. test", "prec. 0", "prec. 1", "rec. 0", "rec. 1", *table_2.columns[-2:]]
table_2 = table_2.set_axis(short, axis="columns")
table_2.insert(0, "crop", [("", "crop")[row[0]] for row in TABLE_1.values()])
table_2.insert(
    0, "network", [row[1].removesuffix("Xception") or "Xception" for row in TABLE_1.values()]
)
table_2.rename_axis("row").style.format("{:.3f}", subset=short)

# %% [markdown]
# How many test pictures there were, the report does not say. An accuracy of 0.9 has a 95 % interval, if pictures were
# independent, of about:

# %%
for pictures_tested in (500, 1500, 5000, 20000):
    half = 1.96 * np.sqrt(0.9 * 0.1 / pictures_tested)
    print(f"{pictures_tested:>6,} test pictures: ± {half:.4f}")

# %% [markdown]
# **Question 907 · rows-3-and-9** (8 points, read by a person, about 25 minutes)
#
# (a) Rows 3 and 9 have the highest test accuracy, .897 and .896. What would "always fake" get, and which class do these two
# rows fail? The report concludes that the network of row 3 "classifies lot of images as 0": is that what its recalls and
# precisions say? (b) By which measure would you rank the rows, and which comes first then? Is the difference to the second
# one to be believed? (c) How many test pictures would it take to tell .897 from .896? (d) Which row's numbers do not fit those
# of the others, and in what? (e) The report asks why whole pictures do better than heads. Name an explanation that has
# nothing to do with networks.

# %% [markdown] question="rows-3-and-9" tags=["answer"]
# **Answer 907 · rows-3-and-9**
#
# <!-- BEGIN SOLUTION -->
# (a) By most rows the share of fakes is about two thirds to 0.7, which "always fake" gets. Both rows fail class 0: only 70
# and 71 % of real pictures are called real, while 98 and 99 % of fakes are found. That is the opposite of calling a lot of
# pictures 0: with a precision of .96 for class 0 it calls few pictures real, and means it. (b) By the mean of the two
# recalls, or AUROC, which do not reward the more frequent class: row 8 is then first, .855, before row 9 (.850), 6 and 3
# (.840), all of them within .015. With one training each and a test set of unknown size, none of them may be called
# better. (c) The difference is .001. Its standard error on n independent pictures, tested on the same ones or not, is at most
# $\sqrt{2 \cdot 0.09 / n}$; 1.96 of these are .001 at n = 700,000. (Pairing helps, by how much the report's numbers do not
# say.) And another training would move both. (d) Row 7: its accuracy and recalls give a share of fakes of .54, its
# precisions about a half; it was tested on other pictures, or misprinted. In rows 1 and 8 the accuracy on val equals that
# on test to the last digit, which may be chance. (e) The test sets differ: pictures without a head found are missing from
# the cropped one, pictures with several heads count several times, each with the label of the whole. And the frames were
# shuffled: frames of one video are in train and in test, so that a background gives the answer away in whole pictures and
# is cut off in heads. Size and compression of whole pictures tell photographs from frames, which is another shortcut.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · The grid
#
# Nine trainings, and the tenth that they left to the future: both changes in one network, on heads. Each is a line of plain
# data; `run_grid` does those that are not finished yet. With several GPUs, several runs share a folder:
#
#     CUDA_VISIBLE_DEVICES=0 course run 09 --profile full --set results=/data/govi --set share=[0,2]
#
# and the same with `share=[1,2]`; a last run without `share` draws what they left there.

# %%
ROWS = {f"{number} · {row[1]}": row for number, row in TABLE_1.items()}
COMBINED = {"future work · Light + Midway": (True, "Light + Midway", "Adam", 0.001, 16, 20)}
EXPERIMENTS = {
    "table_1": ROWS,
    "combined": COMBINED,
    "excerpt": {name: ROWS[name] for name in list(ROWS) if name[0] in "136"} | COMBINED,
    "variants": {name: (True, name, "Adam", 0.001, 16, 20) for name in NETWORKS},
}
asked = {}
for table in tables_asked(experiments, EXPERIMENTS):
    asked |= EXPERIMENTS[table]
grid = {}
for seed in seeds:
    for name, row in asked.items():
        settings = dict(zip(COLUMNS, row, strict=True))
        grid[name if len(seeds) == 1 else f"{name}, seed {seed}"] = {
            **settings,
            "dataset": cropped if settings["crop"] and cropped else dataset,
            "pictures": pictures,
            "image_size": image_size,
            "epochs": min(settings["epochs"], epochs or settings["epochs"]),
            "patience": patience,
            "weights": pretrained,
            "seed": seed,
        }
print(f"{len(grid)} experiments")
pd.DataFrame.from_dict(grid, orient="index")[list(COLUMNS)].rename_axis("experiment")

# %% [markdown]
# One experiment: balanced weights, dropout of 0.5 before the classifier (it is in the networks), the learning rate a
# twentieth after each 5 epochs, the epoch chosen on val. The test set is scored after each epoch too, and chooses nothing.

# %%
OPTIMIZERS = {  # by the words of their table
    "Adam": {"name": "Adam", "params": {}},
    "momentum": {"name": "SGD", "params": {"momentum": 0.9}},
}
DECAY = {"name": "StepLR", "params": {"step_size": 5, "gamma": 0.05}}


def pictures_of(settings, split):
    """Return the pictures of a split as an experiment takes them."""
    prepared = read(settings["dataset"])
    table, most = prepared.split(split), settings["pictures"]
    if most and most < len(table):  # in turn one of each person or pair, so that all are there
        shuffled = table.sample(frac=1, random_state=0)
        turns = shuffled.groupby("group").cumcount().sort_values(kind="stable")
        table = table.loc[sorted(turns.index[:most])]
    side = settings["image_size"]
    steps = [train_transform(side)] if split == "train" else []
    return as_taken(table, prepared.root, settings["crop"], side, steps)


def experiment(settings, folder):
    """Train one network as a row of the grid says, and keep its predictions in `folder`."""
    train, validation, test = (pictures_of(settings, split) for split in ("train", "val", "test"))
    torch.manual_seed(settings["seed"])
    model = xception_variant(**NETWORKS[settings["network"]], weights=settings["weights"])
    chosen = OPTIMIZERS[settings["optimizer"]]
    trainer = ClassificationTrainer(
        model,
        train,
        validation,
        test,
        folder=folder,
        name=settings["network"],
        dataset_name=settings["dataset"],
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        optimizer={**chosen, "params": {"lr": settings["learning_rate"], **chosen["params"]}},
        scheduler=DECAY,
        class_weights="balanced",
        patience=settings["patience"],
        seed=settings["seed"],
    )
    run = trainer.fit()
    for split, part in (("val", validation), ("test", test)):
        scores = trainer.predict(part)
        table = predictions_table(part.samples, scores, model=settings["network"], run="")
        write_predictions(folder / f"{split}.parquet", table)
    return {
        "folder": folder.name,
        "best_epoch": run.best_epoch,
        "train_loss": run.train_loss[run.best_epoch - 1],
        "origin": str(model.origin),
        "precision": run.precision,
    }


grid_folder = Path(results) if results else lesson.folder / "experiments"
finished = run_grid(grid, experiment, grid_folder, share=tuple(share))
paths.write_json(lesson.folder / "finished.json", json.loads(finished.to_json(orient="index")))

# %% [markdown]
# ## 6 · What came out
#
# First what each training was and where it stopped. A training loss near ln 2 = 0.693 is a network that has learnt nothing,
# and all other numbers of its row are accidents.


# %%
def tested(row, split="test"):
    """Return an experiment's predictions of the pictures of a split."""
    return read_predictions(grid_folder / row["folder"] / f"{split}.parquet")


def history_of(row):
    """Return an experiment's curves."""
    return read_history(grid_folder / row["folder"] / "history.json")[0]


runs = {name: history_of(row) for name, row in finished.iterrows()}
done = finished[["epochs", "best_epoch", "train_loss"]].copy()
done.insert(1, "trained", [run.epochs for run in runs.values()])
rates = (
    step_decay(finished["learning_rate"].iloc[0], epoch, 5, 0.05)
    for epoch in (1, done["trained"].iloc[0])
)
print("first weights here:", "; ".join(sorted(set(finished["origin"]))))
print(
    "first row, learning rate from the first to the last epoch:", *(f"{rate:.1e}" for rate in rates)
)
done.style.format({"train_loss": "{:.3f}"})

# %% [markdown]
# Their table 2 and this run's, line by line. In brackets stand 95 % intervals over the test groups (a person, or a pair of
# people). What does "always fake" get in this run's accuracy column?


# %%
def shares(table):
    """Return accuracy, precision and recall with intervals; what nothing is called has no precision."""
    fake, called = table["label"] == 1, table["score"] >= 0.5
    among = {
        "accuracy": (fake | ~fake, fake == called),
        "precision_real": (~called, ~fake),
        "precision_fake": (called, fake),
        "recall_real": (~fake, ~called),
        "recall_fake": (fake, called),
    }
    return {
        name: share_interval(hits[rows].to_numpy(float), table.loc[rows, "group"])
        for name, (rows, hits) in among.items()
        if rows.any()
    }


def record(name, row, metric, value, split, **interval):
    """Keep a number for the report, with its published counterpart if the row has one."""
    number, _, _ = name.partition(" · ")
    row_id = f"govi_{number}_{'val' if split == 'val' else 'test'}_{metric}"
    lesson.record(
        f"{name}: {split} {metric}",
        value,
        published=row_id if row_id in published else None,
        dataset=row["dataset"],
        edition=read(row["dataset"]).edition,
        split=split,
        metric=metric,
        model=row["network"],
        weights=row["origin"],
        seed=int(row["seed"]),
        precision=row["precision"],
        **interval,
    )


lines, aurocs = {}, {}
for name, row in finished.iterrows():
    table, run = tested(row), runs[name]
    found, aurocs[name] = shares(table), auroc_interval(table)
    highest = run.val_acc[run.best_epoch - 1] / 100
    record(name, row, "accuracy", highest, "val")
    for metric, interval in {**found, "auroc": aurocs[name]}.items():
        bounds = {"interval": (interval.low, interval.high), "groups": interval.groups}
        record(name, row, metric, interval.value, "test", **bounds)
    if (number := name.partition(" · ")[0]).isdigit():
        theirs = printed(int(number))
        lines[name, "paper"] = {"accuracy, val": f"{theirs['val_accuracy']:.3f}"} | {
            metric: f"{theirs[metric]:.3f}" for metric in METRICS
        }
    lines[name, "this run"] = {"accuracy, val": f"{highest:.3f}"} | {
        metric: str(found.get(metric, "")) for metric in METRICS
    }
tables = pd.DataFrame.from_dict(lines, orient="index").rename_axis(["experiment", ""])
table = tested(finished.iloc[0])
print(
    f"paper: CVCS DFD; this run: {dataset}, {len(table)} test pictures of"
    f" {table['group'].nunique()} groups, {table['label'].mean():.3f} of them fake"
)
tables

# %% [markdown]
# Two networks are compared on the same pictures, by the difference of their AUROC. Which verdicts do you expect, given the
# training losses?

# %%
caption = plots.plot_detectors(
    pd.Series(aurocs),
    {name: "crop" if row["crop"] else "whole pictures" for name, row in finished.iterrows()},
    f"This run: {dataset}, {image_size} x {image_size} pixels",
)
for _, group in finished.groupby("dataset", sort=False):
    first, *others = (tested(row).assign(model=name) for name, row in group.iterrows())
    for other in others:
        print(compare(other, first))

# %% [markdown]
# The training with the lowest loss on val is left for `course predict` (notebook 13), with a *card*: what its scores were
# worth in this test, as a likelihood ratio that is calibrated on val, and what the test's faces were like. A face will be
# cut out as here, so a network that was shown the middle of each picture is asked about that much around a face.

# %%
candidates = {name: tested(row, "val") for name, row in finished.iterrows()}
name = min(candidates, key=lambda name: log_losses(candidates[name]).mean())
row, settings = finished.loc[name], grid[name]
weights = str(grid_folder / row["folder"] / "best.safetensors")
options = NETWORKS[row["network"]]
source = read(row["dataset"])
try:
    framing = framing_of(
        replace(source, samples=pictures_of(settings, "test").samples),
        [find_detector(faces)],
        middle=0.75 if row["crop"] and not cropped else 1.0,
    )
    asked = release(
        lesson.folder / "detectors" / "xception_variant",
        title=row["network"],
        model="xception_govi",
        options=options,
        network=xception_variant(**options, weights=weights).eval(),
        image_size=image_size,
        trained_on=f"{len(pictures_of(settings, 'train').samples):,} pictures of {row['dataset']}",
        tables={"val": candidates[name], "test": tested(row)},
        framing=framing,
    )
    print(
        f"{name}: Cllr {asked.card.cllr.value:.2f} bits in its test; 1 is what saying nothing costs"
    )
except CourseError as error:
    print(f"Nothing is left for `course predict`: {error}")

# %% [markdown]
# ## 7 · Epoch 8 or epoch 24?
#
# The report looks at row 8 again: the weights after epoch 24 have a test accuracy of .8668, those after epoch 8 of .8800,
# "therefore one future purpose should be the addition of an early stopping method". Below, for each training of this run:
# where your early stopping ends it, and the test accuracy of the epoch that val chose, of the last epoch, and of the epoch
# that looks best *on test*. In the curves, does the epoch that is best on val also look best on test?


# %%
def choices(run):
    """Return the epochs that early stopping gives, and test accuracies (%) by who chose the epoch."""
    stop, best = early_stopping(run.val_acc, patience or run.epochs)
    return {
        "stopped after": stop,
        "best by val": best,
        "test, chosen by val": run.test_acc[best - 1],
        "test, last epoch": run.test_acc[-1],
        "test, chosen on test": max(run.test_acc),
    }


caption = plots.plot_history(list(runs.values())[:2], list(runs)[:2])
chosen = pd.DataFrame.from_dict({name: choices(run) for name, run in runs.items()}, orient="index")
same = (chosen["stopped after"] == done["trained"]) & (chosen["best by val"] == done["best_epoch"])
print(f"early stopping and the trainer agree in {same.sum()} of {len(same)} trainings")
chosen.style.format("{:.1f}", subset=[name for name in chosen if name.startswith("test")])

# %% [markdown]
# A longer run of ours, made by `python instructor/longer_variants.py`, trains the four networks on more pictures and for
# longer. What choosing on test would have given it, over all of its trainings:

# %%
reference = paths.read_reference("09_variants")
longer = {
    f"{one['network']}, seed {one['seed']}": Run(
        model=one["network"],
        dataset=reference["dataset"],
        optimizer={"name": "Adam"},
        **one["curves"],
    )
    for one in reference["trainings"]
}
in_longer = pd.DataFrame.from_dict(
    {name: choices(run) for name, run in longer.items()}, orient="index"
)
gain = in_longer["test, chosen on test"] - in_longer["test, chosen by val"]
caption = plots.plot_history(list(longer.values())[:2], list(longer)[:2])
print(
    f"chosen on test instead of val: {gain.mean():.1f} points more on average, {gain.max():.1f} at most,"
    f" in {len(gain)} trainings"
)

# %% [markdown]
# **Question 908 · epoch-8-or-24** (5 points, read by a person, about 15 minutes)
#
# (a) What is wrong with comparing .8800 and .8668 in order to choose an epoch, and what can your two tables say about the
# size of the mistake? (b) Is the difference larger than what a test set of 1,500 pictures would give by chance? (c) At epoch
# 24, what is the learning rate by your `step_decay`? What does that say about epochs 20 to 25? (d) What should early
# stopping watch: accuracy or loss, and of which split?

# %% [markdown] question="epoch-8-or-24" tags=["answer"]
# **Answer 908 · epoch-8-or-24**
#
# <!-- BEGIN SOLUTION -->
# (a) The test set chose. Its accuracy then is the largest of several noisy numbers, and no longer an estimate for new
# pictures; the largest of more epochs is more wrong. The last column is never below the one that val chose; the mean
# difference, printed above for the longer run, is what the mistake was worth there. (b) One accuracy of .88 on 1,500 pictures
# has a standard error of .0084, a difference of two about .012 if they erred independently. Both err on much the same
# pictures, so it is less; and it is more if pictures come in groups. .0132 is about one to two standard errors: not shown.
# (c) 0.001 · 0.05⁴ = 6e-9: from epoch 11 on (2.5e-6) hardly anything moves but the statistics of the normalisations. So the
# weights of epoch 24 are nearly those of epoch 15, and the curve's wiggles there are no learning. (d) The validation split.
# Loss notices that a network grows too sure before accuracy does; accuracy is what is reported. Either can be defended; test
# cannot. With unbalanced classes the loss (or accuracy) should be the weighted one.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 8 · One training, or several
#
# A quick run trains each network for a few seconds and learns next to nothing. Where the longer run has several trainings of
# a network, their only difference is the seed: other first weights, other batches, other dropout. Before you look: if two
# trainings of the *same* network differ by 0.02, what may you say about two networks that differ by 0.02, each trained
# once?

# %%
rows = {
    f"{one['network']}, seed {one['seed']}": Interval(*one["auroc"])
    for one in reference["trainings"]
}
kinds = {f"{one['network']}, seed {one['seed']}": one["network"] for one in reference["trainings"]}
for name, interval in aurocs.items():
    rows[f"this run: {name}"], kinds[f"this run: {name}"] = interval, "this run"
caption = plots.plot_detectors(
    pd.Series(rows),
    kinds,
    f"The longer run: {reference['pictures']:,} pictures to learn from, {reference['epochs']} epochs",
)
print(
    f"{reference['dataset']} ({reference['description']}), {reference['image_size']} x"
    f" {reference['image_size']} pixels; {reference['precision']}, {reference['device']}, {reference['date']}"
)

# %%
by_network = pd.DataFrame(
    [
        {
            "network": one["network"],
            "seed": one["seed"],
            "AUROC": one["auroc"][0],
            "training loss": one["curves"]["train_loss"][one["best_epoch"] - 1],
            "recall, real": one["recall_real"][0],
            "recall, fake": one["recall_fake"][0],
            **{method: found[0] for method, found in one["auroc_by_method"].items()},
        }
        for one in reference["trainings"]
    ]
).groupby("network", sort=False)
spread = by_network["AUROC"].agg(["mean", "min", "max"])
within, between = (spread["max"] - spread["min"]).max(), spread["mean"].max() - spread["mean"].min()
print("trainings of each:", dict(by_network.size()))
print(f"largest distance between two seeds of one network: {within:.3f}")
print(f"largest distance between the means of two networks: {between:.3f}")
for kind in ("between_networks", "between_seeds"):
    print(kind.replace("_", " "))
    for line in reference[kind]:
        print(f"  {line}")
means = by_network.mean().drop(columns="seed").join(spread[["min", "max"]].add_prefix("AUROC, "))
means.T.rename_axis("mean over seeds").style.format("{:.3f}")

# %% [markdown]
# **Question 909 · better-network** (7 points, read by a person, about 20 minutes)
#
# (a) In the longer run: which networks have learnt, by the training loss, and which are better than guessing on test people?
# (b) Is one of the four better than Xception? Use the paired comparisons *and* the distances between seeds, and say which of
# the two covers what. (c) Count what each network costs (section 2). Which would you hand to a colleague with these pictures
# and a laptop? (d) The report ranks nine single trainings. How many of its comparisons change one thing only, and which?

# %% [markdown] question="better-network" tags=["answer"]
# **Answer 909 · better-network**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the table and the figure: learnt is a training loss clearly under 0.693; better than guessing is an interval
# above 0.5. (b) Better would need the same verdict from each seed, and a distance of the means beyond that of two seeds. The
# interval covers which people happened to be tested; the distance between seeds covers which training happened to be done;
# neither covers other data or another length of training. Where two seeds of *one* network lie as far apart as it and
# another network, a paired comparison that says "better" is right about these two trainings and says nothing about the
# networks; a network that was trained once has no spread to judge by. (c) LightXception has 31 % fewer parameters than
# Xception (14.4 against 20.8 million) and fewer multiply–accumulates: if no comparison shows it to be worse, it is the one
# to hand over. If one shows so in all seeds, say what the difference is worth. (d) 2 and 4 change the optimizer, 4 and 5
# the learning rate, 2 and 6 the network (Midway against Light), 7 and 8 the batch, 2 and 3 the crop, 1 and 3 the network, 1
# and 9 the number of epochs; 8 against 2 and 6 changes the network and the epochs, 8 against 9 the crop and the epochs.
# None compares Xception with LightXception at the same number of epochs.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - Groups of channels are a row of networks from depthwise to ordinary; MidwayXception takes the first step of it.
# - Counting finds what a name hides: 95 % of MidwayXception's additional parameters are not its wider filters.
# - A weighted loss is divided by the sum of its weights. A decay of 0.05 is not one of 5 %.
# - Accuracy, precision and recall of a row give the share of fakes in its test set, and whether the row is of one piece.
# - What test chose, test cannot measure.
# - Seeds and test groups are two kinds of chance. A difference has to be larger than both.
#
# Next: a detector that has never seen a fake.
