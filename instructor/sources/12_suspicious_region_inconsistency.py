# ---
# jupyter:
#   course:
#     title: Suspicious regions that do not fit together (ASRID)
#     question: What is a loss of 0.45 worth, which parts of a detector earn it, and what does a single training run show?
#     chapter: Wang, Guo & Zhang
#     minutes: 2
#     hours: 4
#     needs: []
#     after: ["04", "10", "11"]
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Suspicious regions that do not fit together
#
# **The lesson in one sentence.** A loss means something beside that of the best constant answer, and a difference of two
# losses beside the spread of training runs.
#
# The figure that will show it has a line a detector and around each the band in which its training runs lie.
#
# | | |
# |---|---|
# | machine | two minutes |
# | you | about four hours |
# | needs | nothing; what notebooks 04, 10 and 11 left is taken where it fits |
#
# Wang, Guo and Zhang wrote a detector for the Deepfake Detection Challenge (DFDC), which judges a video twice: by what
# each frame looks like (*static*), and by how the frames follow one another (*dynamic*). They took it apart in a table,
# part by part. You will build its loss, take LogLoss apart, repeat the table with more than one training run a row, and
# put detectors together as the challenge's winners did.

# %% tags=["parameters"]
dataset = "rendered"  # videos; "dfdc" for the report's
methods = None  # forgeries, a list; None for all
compression = None  # of the videos; None where there is none, or for all
frames = (
    None  # of each video; None takes the data set's own choice, for dfdc every tenth, at most 30
)
experiments = "report"  # or "ablation", "sizes", "batches", "maps", "excerpt", or several
results = None  # folder of finished experiments, for several runs to share; None: this run's own
share = [0, 1]  # [i, n]: this run does every n-th experiment from the i-th on
repeats = 3  # training runs of each, with seeds of their own
clip_frames = 30  # of a video, at most
image_size = 380  # pixels, side of a frame
layers = 6  # of the dynamic head's encoder
maps = 4  # attention maps over a frame, in the variant that has them
faces = "YuNet"  # what `course predict` finds faces with: "YuNet", or "Haar"
pretrained = "auto"  # "auto", "none" or the path of a file
epochs = 20
batch_size = 6  # videos
accumulation = 4  # batches a step: the report's four GPUs took a step every 24 videos
learning_rate = 0.001  # of the heads
backbone_rate = 0.0001  # of MobileNet
weight_decay = 0.01

# %%
import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from course_utils import paths, plots
from course_utils.data import protocols
from course_utils.data.augmentation import DropFacePart, challenge_transform
from course_utils.data.clips import ClipDataset
from course_utils.data.faces import find_detector
from course_utils.data.prepare import load_dataset
from course_utils.ensembles import mean_of_logits, stack
from course_utils.errors import CourseError
from course_utils.experiments import run_grid, tables_asked
from course_utils.history import Run, read_history
from course_utils.intervals import auroc_interval, compare, mean_interval
from course_utils.lesson import Lesson
from course_utils.models.asrid import ASRID, VARIANTS
from course_utils.predict.framing import framing_of
from course_utils.predict.tested import release
from course_utils.predictions import (
    CLIP,
    log_losses,
    metrics,
    per_video,
    predictions_table,
    read_predictions,
    write_predictions,
)
from course_utils.published import published_results
from course_utils.training import InconsistencyTrainer
from course_utils.training.settings import seed_of

lesson = Lesson("12_suspicious_region_inconsistency")
published = published_results()

# %% [markdown]
# ## 1 · Few people, many pictures
#
# A training set of videos has many frames and few people in them. A network can learn these people by heart, and the
# report's answer is that of the challenge's winners: never show the same frame twice. Below, one frame of one video as
# the augmentation leaves it: compressed, noisy, blurred, turned, in other colours, in grey, smaller, larger. All frames
# of a video are treated alike. What would happen otherwise, to a detector that looks for frames that do not fit together?

# %%
prepared = load_dataset(dataset, frames=frames)
whole = protocols.all_methods(prepared.samples, methods=methods, compression=compression)
samples = {split: protocols.few_frames(table, clip_frames) for split, table in whole.items()}
one = ClipDataset(samples["train"], prepared.root, 128, frames=1, clips="chunks", chunk=1)[0][0]
torch.manual_seed(0)
augmentation = challenge_transform(128)
drawn = [one[:, 0]] + [augmentation(one.transpose(0, 1))[0] for _ in range(11)]
caption = plots.sample_grid(drawn, ["as it was", *["augmented"] * 11])

# %% [markdown]
# Two more ideas from the challenge. The winner also blacked out eyes, nose or mouth, so that no single part of the face
# may decide. The third laid a fake over a real picture, with a weight, and gave the mixture that weight for a label.

# %%
first = samples["train"].drop_duplicates(["target", "label"])
couple = first[first["target"] == first["target"].iloc[0]].sort_values("label")
real, fake = (
    frame[0].squeeze(1)
    for frame in ClipDataset(couple, prepared.root, 128, frames=1, clips="chunks", chunk=1)
)
dropped = [DropFacePart()(real) for _ in range(3)]
mixed = [torch.lerp(real.float(), fake.float(), weight).byte() for weight in (0.25, 0.5, 0.75)]
caption = plots.sample_grid(
    [*dropped, *mixed], ["a part dropped"] * 3 + [f"label {weight}" for weight in (0.25, 0.5, 0.75)]
)

# %% [markdown]
# ## 2 · The detector
#
# MobileNetV3-Small makes 1000 numbers of each frame. Then, variant by variant:
#
# - **Baseline**: one linear layer makes a logit of each frame; the video's is their mean. **StaPic** is the same network,
#   trained on single pictures from anywhere instead of whole videos.
# - **StaNew**: the frames of a video attend to one another first (ten heads), and the head has two layers.
# - **+ Mix**: what MobileNet made and what attention made of it go on side by side, normalised.
# - **Dyn**: beside the static head a transformer's encoder reads the frames in their order and gives a logit of its own.
#
# Which part has most of the parameters? Guess before you run the cell.

# %%
with torch.device("meta"):
    sizes = {}
    for name, options in VARIANTS.items():
        model = ASRID(**options)
        sizes[name] = {
            part: sum(parameter.numel() for parameter in module.parameters())
            for part, module in model.named_children()
        }
pd.DataFrame(sizes).T.fillna(0).astype(int).assign(all=lambda table: table.sum(axis=1))

# %% [markdown]
# Attention does not know an order: shuffle the frames, and each takes the same from the others as before. The dynamic
# head must know it, and is told by numbers that are added to each frame's: the *positional encoding* (Vaswani et al.
# 2017). Of frame t, counted from 0, and of d numbers a frame,
#
# $$e_{t,2i} = \sin\left(t / 10000^{2i/d}\right), \qquad e_{t,2i+1} = \cos\left(t / 10000^{2i/d}\right)$$
#
# **Question 1201 · positional-encoding** (6 points, marked by checks, about 20 minutes)
#
# Write `positional_encoding(frames, width)`, which returns a tensor frames x width; `width` is even.
#
# A tiny input: `positional_encoding(2, 4)` is [0, 1, 0, 1] for the first frame and [sin 1, cos 1, sin 0.01, cos 0.01]
# = [0.841, 0.540, 0.010, 1.000] for the second.
#
# <details><summary>Hint 1: the idea</summary>
#
# One angle for each frame and each *pair* of columns. Sines go into the even columns, cosines into the odd ones.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `torch.arange(frames)[:, None] * speeds` is frames x width/2, and `encoding[:, 0::2]` are the even columns.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="positional-encoding" tags=["answer"]
# Question 1201 · positional-encoding
def positional_encoding(frames, width):
    """Return the sinusoidal encoding of so many positions, frames x width."""
    ### BEGIN SOLUTION
    speeds = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(frames)[:, None] * speeds
    encoding = torch.zeros(frames, width)
    encoding[:, 0::2] = angles.sin()
    encoding[:, 1::2] = angles.cos()
    return encoding
    ### END SOLUTION


# %%
def course_positional_encoding(frames, width):
    """Return the library's."""
    from course_utils.models import asrid

    return asrid.positional_encoding(frames, width)


def check_positional_encoding(candidate):
    """The tiny example, and thirty frames against the library's."""
    found = torch.as_tensor(candidate(2, 4)).float()
    assert found.shape == (2, 4), (
        f"expected 2 x 4 for two frames of four numbers, found {tuple(found.shape)}"
    )
    assert torch.allclose(found[0], torch.tensor([0.0, 1.0, 0.0, 1.0]), atol=1e-5), (
        f"the first frame should have [0, 1, 0, 1]: frames count from 0, sine and cosine take turns;"
        f" found {found[0].tolist()}"
    )
    expected = [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)]
    assert torch.allclose(found[1], torch.tensor(expected), atol=1e-5), (
        f"expected {[round(number, 3) for number in expected]} for the second frame, found {found[1].tolist()}"
    )
    assert torch.allclose(
        torch.as_tensor(candidate(30, 12)).float(), course_positional_encoding(30, 12), atol=1e-4
    ), "30 frames of 12 numbers: the numbers differ. Is the exponent 2i / width, with i from 0?"


positional_encoding = lesson.go_on_with(
    "positional-encoding",
    positional_encoding,
    check_positional_encoding,
    course_positional_encoding,
)
encoding = positional_encoding(30, 1000)
closeness = encoding[:1] @ encoding.T / 500
print("likeness of frame 0 to frames 0, 1, 2, 5, 10 and 29, 1 for the same:")
print("  ".join(f"{closeness[0, frame].item():.2f}" for frame in (0, 1, 2, 5, 10, 29)))

# %% [markdown]
# **Question 1202 · static-dynamic-loss** (9 points, marked by checks, about 30 minutes)
#
# Each head has a loss of its own, and one weight w = 1 - *strength* joins them:
# $L = (1 - s)\, L_\text{static} + s\, L_\text{dynamic}$, with s = 0.2 or 0.05. At test, the two *logits* are joined in the
# same way, before the sigmoid.
#
# Write `static_dynamic_loss(frame_logits, counts, dynamic_logits, labels, strength)`, for B videos:
#
# - `frame_logits`, B x T, the static head's, of which only the first `counts[b]` belong to video b (the rest fills up
#   the batch and holds anything);
# - `dynamic_logits`, B; `labels`, B, 0 real and 1 fake, floats;
# - return `(loss, probabilities)`: the mean over videos of L, where each part is the binary cross-entropy of a logit; and
#   P(fake) of each video, B.
#
# A tiny input: one fake video of one frame, filled up to two: frame logits [[ln 3, 5]], counts [1], dynamic logit -ln 3,
# s = 0.5. The static logit is ln 3, a probability of 0.75, and costs 0.288; the dynamic one, 0.25, costs 1.386. The loss is
# 0.837, the joint logit 0, the probability 0.5.
#
# <details><summary>Hint 1: the idea</summary>
#
# A mask says which frames are there: sum the logits under the mask, and divide by the counts.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `torch.arange(T) < counts[:, None]` is B x T. `functional.binary_cross_entropy_with_logits(logits, labels)` is the mean
# over videos of the loss of logits; it takes no probabilities.
#
# </details>


# %% question="static-dynamic-loss" tags=["answer"]
# Question 1202 · static-dynamic-loss
def static_dynamic_loss(frame_logits, counts, dynamic_logits, labels, strength):
    """Return the joint loss of both heads, and P(fake) of each video."""
    ### BEGIN SOLUTION
    there = torch.arange(frame_logits.shape[1]) < counts[:, None]
    static_logits = frame_logits.masked_fill(~there, 0).sum(dim=1) / counts
    static_loss = functional.binary_cross_entropy_with_logits(static_logits, labels)
    dynamic_loss = functional.binary_cross_entropy_with_logits(dynamic_logits, labels)
    loss = (1 - strength) * static_loss + strength * dynamic_loss
    joint = (1 - strength) * static_logits + strength * dynamic_logits
    return loss, joint.sigmoid()
    ### END SOLUTION


# %%
def course_static_dynamic_loss(frame_logits, counts, dynamic_logits, labels, strength):
    """Return the same, video by video."""
    losses, probabilities = [], []
    for logits, count, dynamic, label in zip(
        frame_logits, counts, dynamic_logits, labels, strict=True
    ):
        both = torch.stack([logits[: int(count)].mean(), dynamic])
        weights = torch.tensor([1 - strength, strength])
        losses.append(weights @ functional.softplus((1 - 2 * label) * both))
        probabilities.append((weights @ both).sigmoid())
    return torch.stack(losses).mean(), torch.stack(probabilities)


def check_static_dynamic_loss(candidate):
    """The tiny example, and four videos of all lengths."""
    three = math.log(3)
    given = torch.tensor([[three, 5.0]]), torch.tensor([1]), torch.tensor([-three])
    loss, probabilities = candidate(*given, torch.tensor([1.0]), 0.5)
    assert abs(float(loss) - 0.8370) < 1e-3, (
        f"expected a loss of 0.837 for the tiny input, found {float(loss):.3f}. Do frames count that only fill up?"
    )
    assert abs(float(probabilities[0]) - 0.5) < 1e-4, (
        f"expected P(fake) = 0.5 for the tiny input, found {float(probabilities[0]):.3f}"
    )
    generator = torch.Generator().manual_seed(0)
    given = [
        3 * torch.randn(4, 5, generator=generator),
        torch.tensor([5, 1, 3, 2]),
        3 * torch.randn(4, generator=generator),
        torch.tensor([0.0, 1.0, 1.0, 0.0]),
        0.2,
    ]
    expected_loss, expected = course_static_dynamic_loss(*given)
    loss, probabilities = candidate(*given)
    assert abs(float(loss) - float(expected_loss)) < 1e-4, (
        f"four videos: expected a loss of {float(expected_loss):.4f}, found {float(loss):.4f}. Is each loss of"
        " its own logit, static with 1 - strength, and the whole a mean over videos?"
    )
    assert torch.allclose(torch.as_tensor(probabilities).float(), expected, atol=1e-4), (
        "four videos: the probabilities differ. Join logits, not probabilities, and take the sigmoid last."
    )


static_dynamic_loss = lesson.go_on_with(
    "static-dynamic-loss",
    static_dynamic_loss,
    check_static_dynamic_loss,
    course_static_dynamic_loss,
)

# %% [markdown]
# Your loss on a real batch, against what the library's trainer computes. The model is fresh: what loss do you expect?

# %%
torch.manual_seed(0)
model = ASRID(**VARIANTS["Dyn+Mix"], layers=layers)
few = ClipDataset(samples["test"], prepared.root, 64, frames=6, clips="chunks", pad=True)
clips, labels, counts = zip(*(few[index] for index in (0, len(few) // 2)), strict=True)
batch = few.batch_transform(torch.stack(clips)), torch.tensor(labels), torch.tensor(counts)
with torch.no_grad():
    scores = model.scores(batch[0], batch[2])
    loss, probabilities = static_dynamic_loss(
        scores.frames, batch[2], scores.dynamic, batch[1].float(), model.strength
    )
print(f"loss {float(loss):.4f}, by the library's scores largest difference of P(fake)", end=" ")
print(f"{(torch.as_tensor(probabilities) - scores.video.sigmoid()).abs().max():.1e}")

# %% [markdown]
# ## 3 · LogLoss
#
# The challenge was ranked by
#
# $$\mathrm{LogLoss} = -\frac1n\sum_{i=1}^n \left[y_i \log \hat y_i + (1 - y_i) \log(1 - \hat y_i)\right]$$
#
# over n *videos*: $y_i$ is 1 for a fake, $\hat y_i$ the predicted probability. The report remarks that "if a model always
# output 0.5, this LogLoss is around 0.69". What does a mistake cost that a detector is sure of?

# %%
pd.DataFrame(
    {
        "cost if the video is real": [-math.log(1 - p) for p in (0.01, 0.1, 0.5, 0.9, 0.99, 0.999)],
        "cost if it is fake": [-math.log(p) for p in (0.01, 0.1, 0.5, 0.9, 0.99, 0.999)],
    },
    index=pd.Index([0.01, 0.1, 0.5, 0.9, 0.99, 0.999], name="predicted P(fake)"),
).round(3)

# %% [markdown]
# A probability of exactly 0 or 1 that is wrong would cost infinitely much. So probabilities are *clipped*: moved into
# [clip, 1 - clip]. A clip of 1e-15 lets a single such video cost 34.5; with 0.01 it costs 4.6, and every right and sure
# answer costs 0.01 more. A detector that knows how often it is surely wrong can choose.
#
# **Question 1203 · log-loss** (8 points, marked by checks, about 25 minutes)
#
# Write `log_loss_by_video(probabilities, labels, videos, clip)`. The first three are arrays with an entry a *frame*:
# P(fake), the label 0 or 1, and the name of the video. A video's probability is the mean over its frames; it is clipped;
# and every video counts the same, however many frames it has. Return a float, in nats.
#
# A tiny input: video "a" is real and has two frames of 0.5, "b" is fake and has one of 0.75. Their costs are 0.693 and
# 0.288, the LogLoss is 0.490.
#
# <details><summary>Hint 1: the idea</summary>
#
# First a table of videos, then the formula. Where you clip decides what is clipped: frames, or videos?
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `pd.DataFrame({...}).groupby("video").mean()` has a row a video. `np.clip(p, clip, 1 - clip)`.
#
# </details>


# %% question="log-loss" tags=["answer"]
# Question 1203 · log-loss
def log_loss_by_video(probabilities, labels, videos, clip):
    """Return the LogLoss of videos whose frames were scored."""
    ### BEGIN SOLUTION
    scored = pd.DataFrame({"video": videos, "probability": probabilities, "label": labels})
    by_video = scored.groupby("video").mean()
    fake = by_video["probability"].clip(clip, 1 - clip)
    costs = by_video["label"] * np.log(fake) + (1 - by_video["label"]) * np.log(1 - fake)
    return float(-costs.mean())
    ### END SOLUTION


# %%
def course_log_loss_by_video(probabilities, labels, videos, clip):
    """Return the same by the library's predictions tables."""
    rows = pd.DataFrame({"label": labels, "video": videos, "group": videos})
    rows = rows.assign(path=rows["video"] + "/0.jpg", dataset="", method="", compression="")
    rows = rows.assign(frame=0, target="", source="", split="test")
    table = predictions_table(rows, np.asarray(probabilities), model="", run="")
    return float(log_losses(per_video(table), clip).mean())


def check_log_loss(candidate):
    """The tiny example, one half, a sure mistake, and videos of unequal length."""
    found = candidate([0.5, 0.5, 0.75], [0, 0, 1], ["a", "a", "b"], 1e-6)
    assert abs(found - 0.4904) < 1e-3, f"expected 0.490 for the tiny input, found {found:.3f}"
    half = candidate([0.5] * 4, [0, 1, 1, 1], list("abcd"), 1e-6)
    assert abs(half - math.log(2)) < 1e-6, f"one half everywhere costs 0.693, found {half:.3f}"
    sure = candidate([1.0], [0], ["a"], 0.01)
    assert abs(sure + math.log(0.01)) < 1e-6, (
        f"a sure mistake costs 4.605 with a clip of 0.01, found {sure:.3f}"
    )
    given = (
        np.array([1.0, 0.0, 0.2, 0.9, 0.6]),
        np.array([1, 1, 1, 0, 0]),
        np.array(["b", "b", "b", "a", "c"]),
    )
    expected = course_log_loss_by_video(*given, 0.1)
    assert abs(candidate(*given, 0.1) - expected) < 1e-6, (
        f"three videos of unequal length: expected {expected:.4f}, found {candidate(*given, 0.1):.4f}. First the"
        " mean over a video's frames, then the clip, then a mean in which each video counts the same."
    )


log_loss_by_video = lesson.go_on_with(
    "log-loss", log_loss_by_video, check_log_loss, course_log_loss_by_video
)

# %% [markdown]
# One half is not the best that a detector can say which has not looked. If most videos are fake, it may say so.
#
# **Question 1204 · best-constant** (5 points, marked by checks, about 15 minutes)
#
# Write `best_constant(labels)`: of all constant probabilities, the one with the lowest LogLoss on videos with these labels
# (0 or 1). Return `(probability, log_loss, accuracy)`: the probability, what it costs, and the accuracy (0 to 1) of calling
# everything by the more frequent class.
#
# A tiny input: `[1, 1, 1, 0]` gives 0.75, 0.562 and 0.75. With labels of one class the loss is 0.
#
# <details><summary>Hint 1: the idea</summary>
#
# The derivative of $-q \log p - (1 - q) \log(1 - p)$ with respect to p is zero at one place. q is the share of fakes.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# The loss there is the entropy of q. $0 \log 0$ counts as 0; `np.log(0)` does not.
#
# </details>


# %% question="best-constant" tags=["answer"]
# Question 1204 · best-constant
def best_constant(labels):
    """Return the best constant P(fake), its LogLoss, and the accuracy of the more frequent class."""
    ### BEGIN SOLUTION
    fakes = float(np.mean(labels))
    shares = [share for share in (fakes, 1 - fakes) if share > 0]
    return fakes, -sum(share * math.log(share) for share in shares), max(fakes, 1 - fakes)
    ### END SOLUTION


# %%
def course_best_constant(labels):
    """Return the same from scikit-learn's loss."""
    from sklearn.metrics import log_loss

    fakes = float(np.mean(labels))
    cost = log_loss(labels, np.full(len(labels), fakes), labels=[0, 1])
    return fakes, float(cost), max(fakes, 1 - fakes)


def check_best_constant(candidate):
    """The tiny example, mostly reals, and one class alone."""
    probability, cost, accuracy = candidate([1, 1, 1, 0])
    assert abs(probability - 0.75) < 1e-9, (
        f"the best constant for [1, 1, 1, 0] is 0.75, found {probability}"
    )
    assert abs(cost - 0.5623) < 1e-3, f"it costs 0.562, found {cost:.3f}"
    assert abs(accuracy - 0.75) < 1e-9, (
        f"calling all fake is right for three of four, found {accuracy}"
    )
    assert abs(candidate([0, 0, 0, 0, 1])[2] - 0.8) < 1e-9, (
        "with more reals than fakes, calling all real is right more often"
    )
    assert abs(candidate([1, 1])[1]) < 1e-9, "with fakes alone the constant 1 costs nothing"


best_constant = lesson.go_on_with(
    "best-constant", best_constant, check_best_constant, course_best_constant
)

# %% [markdown]
# Now the report's own numbers. Its data are random videos of DFDC's training set, in which 100,000 of 119,154 videos are
# fake (Dolhansky et al. 2020, section 3). The challenge's test videos were half real and half fake. The report does not say
# how many of its videos are fake, or that classes were balanced.

# %%
shares = {
    "half are fake": [1, 0],
    "DFDC's training set": [1] * 100_000 + [0] * 19_154,
    f"{dataset}, test": list(
        samples["test"].drop_duplicates(["method", "compression", "video"])["label"]
    ),
}
constants = {name: best_constant(labels) for name, labels in shares.items()}
rows = [
    {"": f"constant: {name}", "LogLoss": f"{cost:.4f}", "accuracy": f"{accuracy:.3f}"}
    for name, (_, cost, accuracy) in constants.items()
]
for system, name in (("stanew", "StaNew"), ("stanew_mix", "StaNew + Mix")):
    for size in ("small", "large"):
        printed = [
            published[f"asrid_{system}_{size}_test_{what}"].value
            for what in ("log_loss", "accuracy")
        ]
        told = {"LogLoss": f"{printed[0]:.3f}", "accuracy": f"{printed[1]:.3f}"}
        rows.append({"": f"report: {name}, {size} data", **told})
for place in (1, 2, 3):
    cost = published[f"asrid_challenge_{place}_test_log_loss"].value
    rows.append({"": f"challenge: place {place}", "LogLoss": f"{cost:.4f}", "accuracy": ""})
pd.DataFrame(rows).set_index("")

# %% [markdown]
# **Question 1205 · published-losses** (7 points, read by a person, about 25 minutes)
#
# (a) The report's best test loss on large data is 0.449, the challenge's winner had 0.428. May one say that the report comes
# close to the winner? (b) Suppose the report's test videos were a random part of DFDC's training set. What do its losses and
# accuracies on large data then say about the detector? (c) Suppose instead they were half real and half fake: what then?
# (d) Table 4 has an accuracy of 1.000 on a small test set, of about 70 videos. What is the 95 % interval of such a number,
# if videos were independent, and which number would have settled (b) and (c)?

# %% [markdown] question="published-losses" tags=["answer"]
# **Answer 1205 · published-losses**
#
# <!-- BEGIN SOLUTION -->
# (a) No. The two losses are of different videos with different shares of fakes, and the winner's test had people and
# methods that no training set had. The constant costs 0.693 on the one; on the other perhaps 0.441. (b) Calling every video
# fake with probability 0.839 would cost 0.441 and be right for 83.9 %. The report's 0.449 and 0.518 are above that loss and
# its 85.4 % and 85.1 % a point above that accuracy: by its loss the detector would be no better than an answer that looks
# at nothing. (It could still rank videos well and be badly calibrated.) (c) Then the constant costs 0.693 and is right for
# half, and both numbers would show a detector that has learnt a lot. (d) None wrong of 70: by the exact interval up to 5 %
# may be wrong (0.949 to 1), by the rule of three 3/70 = 4.3 % one-sided; and less surely, because several of them are fakes
# of one original. The share of fakes in each split, or AUROC, or the rates of both classes, would have settled it.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · A batch of pictures, a batch of videos
#
# The static detector can learn from single frames drawn from all over the training set. The dynamic one needs whole videos,
# and a batch of as many frames then comes from few of them. Below, a thousand batches of each kind: how many people are in
# one, and how far do the batch's share of fakes and its mean brightness scatter?

# %%
train = samples["train"]
pictures = ClipDataset(train, prepared.root, 16, frames=1, clips="chunks", chunk=1)
brightness = np.array([pictures[index][0].float().mean().item() for index in range(len(pictures))])
frame_table = pictures.samples.assign(brightness=brightness, number=range(len(pictures)))
members = [
    part["number"].to_numpy()
    for _, part in frame_table.groupby(["method", "compression", "video"], dropna=False)
]
random = np.random.default_rng(0)
size = batch_size * clip_frames


def batch_of_videos():
    """Return the frames of `batch_size` videos."""
    return np.concatenate(
        [members[video] for video in random.permutation(len(members))[:batch_size]]
    )


def batch_of_pictures():
    """Return as many frames from anywhere."""
    return random.permutation(len(frame_table))[:size]


rows = {}
for name, draw in {"by picture": batch_of_pictures, "by video": batch_of_videos}.items():
    batches = [frame_table.iloc[draw()] for _ in range(1000)]
    rows[name] = {
        "frames": np.mean([len(one) for one in batches]),
        "people": np.mean([one["target"].nunique() for one in batches]),
        "share of fakes, deviation": np.std([one["label"].mean() for one in batches]),
        "brightness, deviation": np.std([one["brightness"].mean() for one in batches]),
    }
scatter = pd.DataFrame(rows).T
effects = (
    scatter.loc["by video"].filter(like="deviation")
    / scatter.loc["by picture"].filter(like="deviation")
) ** 2
for what, effect in effects.items():
    print(
        f"{what.split(',')[0]}: {size} frames by video say as much as {size / effect:.0f} by picture"
    )
scatter.round(3)

# %% [markdown]
# **Question 1206 · batch-diversity** (5 points, read by a person, about 15 minutes)
#
# (a) Why is the number in the printed lines near the number of videos in a batch, for the share of fakes? (b) What does this
# do to the gradient of a step, and to batch normalisation, which uses the batch's own mean in training? (c) The report finds
# batches of 2 videos worse than batches of 6. Gradient accumulation takes a step every 24 videos. Which of the two effects
# in (b) does it mend?

# %% [markdown] question="batch-diversity" tags=["answer"]
# **Answer 1206 · batch-diversity**
#
# <!-- BEGIN SOLUTION -->
# (a) All frames of a video have one label: they are one draw, however many. The variance of the share is that of as many
# draws as there are videos. (For brightness it is a little more than that, because frames of a video differ a little.)
# (b) The gradient is a mean over frames that are alike, so it scatters as if there were so few; the learning rate or the
# number of steps must make up for it. Batch normalisation takes mean and deviation of few people's frames for those of
# all; at test it uses averages over many batches, and so sees other inputs than in training. (c) The gradient's: summed over
# batches it is that of 24 videos. Not batch normalisation's, which still sees 2 or 6 at a time.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 5 · The experiments
#
# Each row of the report's table 2 is a dictionary of options, and each is trained `repeats` times. The report derives the
# seed of a run from its configuration, so that nobody can choose one that suits them; so does this grid, and the number of
# the repeat is a part of the configuration. What is finished is kept: a run that is killed goes on where it stopped.

# %%
SYSTEMS = {
    "StaPic": {"options": VARIANTS["Baseline"], "sampling": "pictures"},
    **{name: {"options": options} for name, options in VARIANTS.items()},
    "Dyn+Mix, strength 0.05": {"options": {"mix": True, "strength": 0.05}},
    "StaNew+Mix, maps": {"options": {"mix": True, "maps": maps}},
    "StaNew, a quarter": {"options": VARIANTS["StaNew"], "part": 0.25},
    "StaNew+Mix, a quarter": {"options": VARIANTS["StaNew+Mix"], "part": 0.25},
    "StaNew, batch 2": {"options": VARIANTS["StaNew"], "batch_size": 2},
}
ROWS = {  # names of the report's numbers, of which small data are the ablation's
    "StaPic": "stapic",
    "Baseline": "baseline",
    "StaNew": "stanew",
    "StaNew+Mix": "stanew_mix",
    "Dyn": "dyn",
    "Dyn+Mix": "dyn_mix",
    "Dyn+Mix, strength 0.05": "dyn_mix_005",
}
TABLES = {
    "ablation": list(ROWS),
    "sizes": ["StaNew, a quarter", "StaNew", "StaNew+Mix, a quarter", "StaNew+Mix"],
    "batches": ["StaNew, batch 2", "StaNew"],
    "maps": ["StaNew+Mix", "StaNew+Mix, maps"],
    "excerpt": ["StaPic", "Baseline", "StaNew", "Dyn+Mix", "StaNew+Mix, maps"],
}
TABLES["report"] = [
    name for table in ("ablation", "sizes", "batches", "maps") for name in TABLES[table]
]
COMMON = {
    "sampling": "videos",
    "part": 1.0,
    "batch_size": batch_size,
    "accumulation": accumulation,
    "dataset": dataset,
    "methods": methods,
    "compression": compression,
    "frames": frames,
    "clip_frames": clip_frames,
    "image_size": image_size,
    "layers": layers,
    "weights": pretrained,
    "epochs": epochs,
    "learning_rate": learning_rate,
    "backbone_rate": backbone_rate,
    "weight_decay": weight_decay,
}
wanted = dict.fromkeys(
    name for table in tables_asked(experiments, TABLES) for name in TABLES[table]
)
grid = {
    f"{name} · {repeat}": {**COMMON, **SYSTEMS[name], "repeat": repeat}
    for name in wanted
    for repeat in range(1, repeats + 1)
}
print(f"{len(grid)} training runs")


@cache
def videos(split, part, sampling):
    """Return the videos of a split, or their frames one by one, as ASRID takes them."""
    table = protocols.part_of_training(samples, part)[split]
    if split != "train":
        return ClipDataset(
            table, prepared.root, image_size, frames=clip_frames, clips="chunks", pad=True
        )
    if sampling == "pictures":  # each frame is a video of its own
        table = table.assign(video=table["video"] + "/" + table["frame"].astype(str))
    return ClipDataset(
        table,
        prepared.root,
        image_size,
        frames=clip_frames if sampling == "videos" else 1,
        transform=challenge_transform(image_size),
        read_size=image_size * 5 // 4,  # something to compress and to resize
        pad=True,
    )


def options_of(settings):
    """Return what the network of an experiment is built with."""
    depth = {"layers": settings["layers"]} if settings["options"].get("strength") else {}
    return {**settings["options"], **depth}


def build(settings, weights):
    """Return the network of an experiment."""
    torch.manual_seed(seed_of(settings))
    return ASRID(**options_of(settings), weights=weights)


def experiment(settings, folder):
    """Train one network, and keep its predictions of the validation and test videos in `folder`."""
    train, validation, test = (
        videos(split, settings["part"], settings["sampling"]) for split in ("train", "val", "test")
    )
    frames_a_video = clip_frames if settings["sampling"] == "pictures" else 1
    model = build(settings, settings["weights"])
    trainer = InconsistencyTrainer(
        model,
        train,
        validation,
        None,
        folder=folder,
        name="asrid",
        dataset_name=dataset,
        epochs=settings["epochs"],
        batch_size=settings["batch_size"] * frames_a_video,
        accumulation=settings["accumulation"],
        optimizer={
            "name": "AdamW",
            "params": {"lr": settings["learning_rate"], "weight_decay": settings["weight_decay"]},
        },
        learning_rates={"backbone": settings["backbone_rate"]},
        scheduler={
            "name": "CosineAnnealingWarmRestarts",
            "params": {"T_0": max(1, math.ceil(settings["epochs"] / 2))},
        },
        monitor="val_loss",
        seed=seed_of(settings),
    )
    run = trainer.fit()
    tables = {}
    for split, data in (("val", validation), ("test", test)):
        scored = predictions_table(
            data.samples, trainer.predict(data), model="asrid", run=folder.name
        )
        tables[split] = per_video(scored)
        write_predictions(folder / f"{split}.parquet", tables[split])
    best = run.best_epoch - 1
    return {
        "folder": folder.name,
        "seed": trainer.seed,
        "best_epoch": run.best_epoch,
        "train_loss": run.train_loss[best],
        "train_accuracy": run.train_acc[best] / 100,
        **{
            f"{split}_{name}": metrics(table, 0.5)[metric]
            for split, table in tables.items()
            for name, metric in (("loss", "log_loss"), ("accuracy", "accuracy"), ("auroc", "auroc"))
        },
        "origin": str(model.origin),
        "precision": run.precision,
    }


grid_folder = Path(results) if results else lesson.folder / "experiments"
finished = run_grid(grid, experiment, grid_folder, share=tuple(share))
finished.insert(0, "system", [name.split(" · ")[0] for name in finished.index])
paths.write_json(lesson.folder / "finished.json", json.loads(finished.to_json(orient="index")))

# %% [markdown]
# ## 6 · What came out
#
# First the last row of the table: what costs a detector that has not looked? Then, row by row: the mean over the training
# runs and, in brackets, the lowest and the highest. Training loss is of augmented videos, before the epoch's end; the epoch
# is chosen by validation.


# %%
def mean_and_range(values):
    """Write the mean of some numbers, and their range where there are several."""
    values = np.asarray(values, dtype=float)
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{values.mean():.3f} [{values.min():.3f}, {values.max():.3f}]"


def as_table(finished):
    """Return a row a system: the report's validation loss, and losses and accuracies of the runs."""
    rows = {}
    for system, runs in finished.groupby("system", sort=False):
        row_id = f"asrid_{ROWS.get(system)}_val_log_loss"
        rows[system] = {
            "val loss, report": f"{published[row_id].value:.3f}" if row_id in published else ""
        }
        for split in ("train", "val", "test"):
            for what in ("loss", "accuracy"):
                rows[system][f"{split} {what}"] = mean_and_range(runs[f"{split}_{what}"])
        rows[system]["test AUROC"] = mean_and_range(runs["test_auroc"])
    return pd.DataFrame(rows).T


table = as_table(finished)
by_split = {
    split: best_constant(videos(split, 1.0, "videos").labels) for split in ("train", "val", "test")
}
constant = {f"{split} loss": f"{cost:.3f}" for split, (_, cost, _) in by_split.items()}
constant |= {f"{split} accuracy": f"{right:.3f}" for split, (_, _, right) in by_split.items()}
table.loc["constant answer"] = pd.Series(
    {"val loss, report": "", "test AUROC": "0.500", **constant}
)
groups = samples["test"]["group"].nunique()
for system, runs in finished.groupby("system", sort=False):
    for split, metric in (("val", "log_loss"), ("test", "log_loss"), ("test", "accuracy")):
        row_id = f"asrid_{ROWS.get(system)}_{'small_' * (split == 'test')}{split}_{metric}"
        column = "loss" if metric == "log_loss" else metric
        lesson.record(
            f"{system}: {split} {metric.replace('_', ' ')}, mean of {len(runs)} runs",
            runs[f"{split}_{column}"].mean(),
            published=row_id if row_id in published else None,
            dataset=dataset,
            edition=prepared.edition,
            compression=compression,
            split=split,
            metric=metric,
            groups=samples[split]["group"].nunique(),
            model=system,
            weights=runs["origin"].iloc[0],
            precision=runs["precision"].iloc[0],
        )
print(f"report: DFDC; this run: {dataset}, {groups} test groups; first weights:", end=" ")
print("; ".join(sorted(set(finished["origin"]))))
table

# %% [markdown]
# The report compares pairs of curves, one run each: sampling by picture with sampling by video (its figures 5 and 6),
# all strategies (8), the baseline with attention (9), direct with mixed features (10), dynamic with static (11), small with
# large data (12), batches of 2 and 6 (13), two strengths. Here are those whose runs are at hand. Look at the bands: where
# two overlap, one run of each may come out either way.

# %%
FIGURES = {
    "Sampling by picture or by video": ["StaPic", "Baseline"],
    "All strategies": ["Baseline", "StaNew", "StaNew+Mix", "Dyn", "Dyn+Mix"],
    "Baseline against attention": ["Baseline", "StaNew"],
    "Direct against mixed": ["StaNew", "StaNew+Mix"],
    "Static against dynamic": ["StaNew", "Dyn"],
    "Small against large data": ["StaNew, a quarter", "StaNew"],
    "Batches of 2 against larger ones": ["StaNew, batch 2", "StaNew"],
    "Dynamic strength": ["Dyn+Mix", "Dyn+Mix, strength 0.05"],
    "Maps over each frame": ["StaNew+Mix", "StaNew+Mix, maps"],
}


def draw_figures(curves, origin):
    """Draw the comparisons of which two systems or more are there."""
    for title, names in FIGURES.items():
        there = {name: curves[name] for name in names if name in curves}
        if len(there) > 1:
            plots.plot_spread(there, f"{title} ({origin})")


curves = {}
for _, row in finished.iterrows():
    curves.setdefault(row["system"], []).extend(
        read_history(grid_folder / row["folder"] / "history.json")
    )
draw_figures(curves, "this run")

# %% [markdown]
# A quick run trains each system once, for seconds, and a single run has no band. A longer run of ours
# (`python instructor/longer_asrid.py`) has several of each.

# %%
reference = paths.read_reference("12_asrid")
longer = pd.DataFrame(reference["runs"])
print(
    f"{reference['dataset']}, {reference['epochs']} epochs, {reference['image_size']}², {reference['device']},"
    f" {reference['date']}"
)
shared = {"dataset": reference["dataset"], "optimizer": {"name": "AdamW"}, "model": "asrid"}
draw_figures(
    {
        system: [Run.model_validate({**shared, **one}) for one in runs["curves"]]
        for system, runs in longer.groupby("system", sort=False)
    },
    "longer run",
)
print(f"the constant answer costs on its test videos: {reference['constant_test_loss']:.3f}")
as_table(longer)

# %% [markdown]
# **Question 1207 · ablation** (8 points, read by a person, about 30 minutes)
#
# Use the run that has several seeds, where there is one, else your own. (a) Which systems cost less than the constant
# answer on test videos? (b) Name one difference between two systems that is larger than the spread of their runs, and one
# that is not. (c) The report ranks StaNew (validation loss 0.111) before Dyn (0.305), Dyn + Mix (0.376) and StaNew + Mix
# (0.470), on about 140 validation videos and one run each, and calls its spreads "huge", "medium" and "small". Which of
# its conclusions would you keep? (d) It expects that "mixing will overperform the baseline on the entire data". What would
# you have to run to find out, and what may choose the epoch that you report?

# %% [markdown] question="ablation" tags=["answer"]
# **Answer 1207 · ablation**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the column of test losses beside what the constant costs: a system counts if the upper end of its range is
# below the constant's loss. In a quick run none can be expected to be, and in our longer one none is: the means of three
# runs lie between 0.502 (StaPic) and 0.589 (Dyn), the constant costs 0.500, and the mean AUROCs between 0.48 and 0.52 have
# ranges that are 0.03 to 0.12 wide. (b) Two ranges that do not overlap, or means further apart than the ranges are wide;
# with three runs a range is itself uncertain. Where all overlap, the answer is that none is. (c) That the last loss of the
# baseline jumps between 0.3 and 1 from one evaluation to the next, as it says itself: such a spread is larger than nearly
# all differences of the table, so the ranking within 0.1 to 0.5 may be one of luck. A loss of 0.111 on validation beside
# 0.541 on test (table 3) for the same small data shows how far one split can be from another. (d) Both systems on all data,
# three seeds or more each, the same videos in validation and test; the epoch is chosen on validation, and the difference of
# test losses gets an interval over groups, and its spread over seeds.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 7 · Where it looks
#
# Attention among frames: each frame takes from the others, and a column sum says how much is taken from a frame. Above a
# real clip, below a fake of the same person; under each frame the share of attention it gets (an even share is one over the
# number of frames) and the static head's logit, above 0 for fake.


# %%
def trained(system):
    """Return the network of a system's first run with its best weights, or None where there is none."""
    runs = finished[finished["system"] == system]
    if runs.empty:
        return None
    name, row = runs.index[0], runs.iloc[0]
    weights = str(grid_folder / row["folder"] / "best.safetensors")
    return build(grid[name], weights).eval()


test = videos("test", 1.0, "videos")
couple = test.samples[test.samples["target"] == test.samples["target"].iloc[0]]
couple = couple.drop_duplicates("label").sort_values("label")
clips, labels, counts = zip(*(test[index] for index in couple.index), strict=True)
clips, counts = torch.stack(clips), torch.tensor(counts)
inputs = test.batch_transform(clips)
for system in ("StaNew", "Dyn+Mix"):
    if (model := trained(system)) is None:
        continue
    with torch.inference_mode():
        scores = model.scores(inputs, counts)
        received = model.attention_of(inputs, counts).mean(dim=(1, 2))
    pictures, titles = [], []
    for clip, label, count, shares, logits in zip(
        clips, labels, counts.tolist(), received, scores.frames, strict=True
    ):
        for frame in range(min(count, 8)):
            pictures.append(clip[:, frame])
            titles.append(
                f"{'fake' if label else 'real'} {frame + 1}: {shares[frame]:.0%}\nlogit {logits[frame]:+.2f}"
            )
    caption = plots.sample_grid(pictures, titles, columns=min(8, clip_frames))
    print(f"{system}: an even share is {1 / counts[0]:.0%};", end=" ")
    print("P(fake)", ", ".join(f"{p:.2f}" for p in scores.video.sigmoid().tolist()))
    if scores.dynamic is not None:
        order = torch.randperm(int(counts.min()), generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            filmed = model.scores(inputs[:, :, : len(order)])
            shuffled = model.scores(inputs[:, :, order])
        for head in ("static", "dynamic"):
            moved = (getattr(filmed, head) - getattr(shuffled, head)).abs().max()
            print(f"frames shuffled: the {head} logits move by {moved:.1e} at most")

# %% [markdown]
# The report's figure 3 shows maps over the pixels of a face, "retrieved from" the paper of Zhao et al. (2021), which its
# code does not have: it attends among frames alone. Here is the network that has both. Each column is one map; a loss keeps
# the maps apart. Do they settle on parts of the face?

# %%
if (model := trained("StaNew+Mix, maps")) is not None:
    with torch.inference_mode():
        seen = model.regions.maps_of(model.backbone.features, inputs[:, :, 0])
    pictures, titles = [], []
    for clip, label, heats in zip(clips, labels, seen, strict=True):
        picture = clip[:, 0].permute(1, 2, 0).numpy() / 255
        large = functional.interpolate(heats[None], size=picture.shape[:2], mode="bilinear")[0]
        for number, heat in enumerate(large, start=1):
            pictures.append(plots.overlay(picture, (heat / heat.max().clamp(min=1e-6)).numpy()))
            titles.append(f"{'fake' if label else 'real'}, map {number}")
    caption = plots.sample_grid(pictures, titles, columns=maps)
    flat = functional.normalize(seen.flatten(2), dim=2)
    likeness = (flat @ flat.mT).mean(dim=0)
    off = likeness[~torch.eye(len(likeness), dtype=torch.bool)]
    print(
        f"likeness of two different maps, 1 for the same: {off.mean():.2f} on average, {off.max():.2f} at most"
    )

# %% [markdown]
# **Question 1208 · frame-attention** (4 points, read by a person, about 10 minutes)
#
# (a) How even are the shares, and what does that say about what attention adds to a mean over frames? (b) Which of the
# two heads' logits move when frames are shuffled, and why must it be so? (c) The title of the report says "suspicious
# region". Which of the two kinds of attention in this section can point at a region, and what must be true of a detector
# before its maps are worth reading?

# %% [markdown] question="frame-attention" tags=["answer"]
# **Answer 1208 · frame-attention**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the shares: where all are close to one over the number of frames, each frame takes the mean of the values,
# and attention is a linear layer on the video's mean. The frames of a video are so alike that little else can be expected.
# (b) The dynamic one's alone, which is told the positions. Attention among frames, the head of each frame and the mean over
# frames know no order: the static logit moves by rounding only. (c) The maps over pixels; attention among frames can only
# point at a frame. The detector must tell fakes from reals on test videos, by an AUROC whose interval leaves out 0.5, or its
# maps are of a network that guesses.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 8 · Together
#
# The challenge's winners put several detectors together. Two ways: the mean of their logits, and *stacking*, a logistic
# regression on the logits that is fitted on validation videos. Do you expect the weights that it finds to be better than
# equal ones, with as many validation videos as there are here?
#
# The members are this notebook's systems, and those of notebooks 04, 10 and 11 in the same run that scored the same videos
# with probabilities.


# %%
def members_of_this_run(split):
    """Return the predictions of each system's first run."""
    tables = []
    for system, runs in finished.groupby("system", sort=False):
        scored = read_predictions(grid_folder / runs["folder"].iloc[0] / f"{split}.parquet")
        tables.append(scored.assign(model=system, run=""))
    return tables


validation, tested = members_of_this_run("val"), members_of_this_run("test")
guests, refused = [], {}
for number in ("04", "10", "11"):
    for file in sorted(lesson.folder.parent.glob(f"{number}_*/**/*.parquet")):
        if file.stem in ("shuffled", "still", "val"):
            continue  # notebook 11's videos, their frames in another order, or not of the test
        guest = read_predictions(file)
        name = f"{number}: {guest['model'].iloc[0]} {len(guests)}"
        try:
            if guest.duplicated(["method", "compression", "video"]).any():  # else a row is a video
                guest = per_video(guest)
            guest = guest.assign(model=name, run="")
            guest = guest[guest["path"].isin(tested[0]["path"])].reset_index(drop=True)
            if guest.empty:
                raise CourseError("It scored other videos.")
            mean_of_logits([tested[0], guest])
        except CourseError as error:
            refused[number] = str(error).split(". ")[0]
        else:
            guests.append(guest)
print(f"{len(tested)} members of this notebook, {len(guests)} of others")
for number, why in refused.items():
    print(f"of notebook {number}, left out: {why}")

stacked, weights = stack(validation, tested)
ensembles = [
    mean_of_logits(tested, name="mean of logits"),
    *([mean_of_logits([*tested, *guests], name="mean of logits, with others")] if guests else []),
    stacked,
]
print("weights of stacking:", ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items()))

# %%
rows = {}
for one in [*tested, *guests, *ensembles]:
    costs = log_losses(one)
    rows[one["model"].iloc[0]] = {
        "LogLoss": str(mean_interval(costs, one["group"])),
        **{
            f"LogLoss, clip {clip:g}": f"{log_losses(one, clip).mean():.3f}" for clip in (0.01, 0.1)
        },
        "largest cost of a video": f"{costs.max():.1f}",
        "AUROC": str(auroc_interval(one)),
    }
print(f"clip where none is said: {CLIP:.1e}; constant answer: {by_split['test'][1]:.3f}")
pd.DataFrame(rows).T

# %% [markdown]
# The single detector to beat is the one that is best on *validation*. Its costs and an ensemble's are of the same videos,
# so that their difference has an interval of its own, below 0 where the ensemble is cheaper.

# %%
chosen = int(np.argmin([log_losses(one).mean() for one in validation]))
best = tested[chosen]
for one in ensembles:
    difference = log_losses(one) - log_losses(best)
    print(
        f"{one['model'].iloc[0]} against {best['model'].iloc[0]}: LogLoss {mean_interval(difference, one['group'])}"
    )
    print("  ", compare(one.assign(run=""), best))

# %% [markdown]
# `course predict` (notebook 13) can ask this best one about any clip. Its *card* goes with it: what it was trained on, what
# its scores were worth in the test, as a likelihood ratio that is calibrated on the validation videos, and what the test's
# faces were like.

# %%
system = best["model"].iloc[0]
settings = grid[finished.index[finished["system"] == system][0]]
asked = release(
    lesson.folder / "detectors" / "asrid",
    title=f"ASRID, {system}",
    model="asrid_stanew",  # what an ASRID is without options
    options=options_of(settings),
    network=trained(system),
    image_size=image_size,
    frames=clip_frames,
    trained_on=f"{samples['train'].groupby(['method', 'video']).ngroups:,} clips of {dataset}",
    tables={"val": validation[chosen], "test": best},
    framing=framing_of(replace(prepared, samples=samples["test"]), [find_detector(faces)]),
)
print(
    f"{asked.card.title}: Cllr {asked.card.cllr.value:.2f} bits in its test; 1 is what saying nothing costs"
)

# %% [markdown]
# **Question 1209 · together** (5 points, read by a person, about 15 minutes)
#
# (a) Is any ensemble better than the best single detector, by the intervals? (b) Why are logits averaged, and not
# probabilities: what do 0.5, 0.5 and 0.999 give in either way? (c) Are stacking's weights to be trusted? Count the
# validation *groups*. (d) How does the clip change the ranking of the table, and on which split would you choose it?

# %% [markdown] question="together" tags=["answer"]
# **Answer 1209 · together**
#
# <!-- BEGIN SOLUTION -->
# (a) One is if its interval of the difference lies below 0 (loss) or above 0 (AUROC); where both hold 0, they are not told
# apart. (b) A logit's size says how sure a detector is: the logits 0, 0 and 6.9 have the mean 2.3, a probability of 0.91;
# the probabilities' mean is 0.67. One that is sure outvotes two that do not know. That is good if its sureness is earned.
# (c) Hardly: a handful of groups stand behind them, fewer than the weights in some runs. Negative weights on detectors that
# all claim the same are a sign of fitted noise. (d) It helps those that are sure and wrong, by the column of largest costs,
# and costs those that are sure and right next to nothing; where nobody is sure it changes nothing. On validation: a clip is
# a parameter of the detector like any other.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - LogLoss is in nats a video. One half costs 0.693; the best constant costs the entropy of the classes, 0.441 where 84 % of
#   the videos are fake.
# - A confident mistake costs as much as the clip allows.
# - The frames of a video are nearly one draw: a batch of whole videos has few people in it.
# - Without positions attention knows no order; the dynamic head must be told.
# - One training run a row is a table of luck until its spread is known.
# - Detectors together: average logits; weights that are learnt need validation groups to learn from.
#
# Next: all of it, on any picture.
