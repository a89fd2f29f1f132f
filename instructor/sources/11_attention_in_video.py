# ---
# jupyter:
#   course:
#     title: Attention in video models
#     question: Which attention helps to detect forged videos, where in the network, and does a video network use time at all?
#     chapter: Das et al. 2021
#     minutes: 2
#     hours: 4
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Attention in video models
#
# **The lesson in one sentence.** A network that is given video need not use time, attention that costs more need not see
# more, and a table of percentages says neither unless it is asked.
#
# The figure that will show it is a list of video networks, each tested three times: on clips as they were filmed, on the
# same frames shuffled, and on one frame that stands still.
#
# | | |
# |---|---|
# | machine | two minutes |
# | you | about four hours |
# | needs | nothing |
#
# All detectors so far looked at single pictures. Das, Das and Dantcheva (2021) gave clips of 16 frames to a 3D ResNet,
# put two kinds of attention at different places in it, compared it with a transformer for video, and tested all of them
# on forgeries that they had not been trained on. You will build both kinds of attention, count what they cost, run the
# comparison as one grid of experiments, and then ask the question that no table of the paper answers.

# %% tags=["parameters"]
dataset = "rendered"  # videos of real people and forgeries of them
compression = "c40"  # of the videos; None where there is none, or for all
frames = "every 1"  # of each video; None takes the data set's own choice
experiments = "paper"  # or "table_1" to "table_6", "excerpt", "time", "motion", "alone", or several
results = None  # folder of finished experiments, for several runs to share; None: this run's own
share = [0, 1]  # [i, n]: this run does every n-th experiment from the i-th on
clip_frames = 16  # of a clip for the 3D ResNets
image_size = 112  # pixels, side of its frames
depth = 18  # of the 3D ResNets: 18, 34 or 50
stem = "pooled"  # "hara", as published, or "pooled" or "torchvision", which pretrained weights fit
timesformer_frames = 8  # of a clip for TimeSformer
timesformer_size = 224  # pixels, side of its frames, a multiple of 16
timesformer_stride = 32  # frames from one to the next
blocks = 12  # of TimeSformer
width = 768  # numbers a token
heads = 12
xception_frames = 32  # of each video, for Xception
xception_size = 299  # pixels, side of its frames
faces = "YuNet"  # what `course predict` finds faces with: "YuNet", or "Haar"
pretrained = "auto"  # "auto", "none" or the path of a file
epochs = 10
batch_size = 16  # clips
learning_rate = 0.001  # the paper's
seed = 0

# %%
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset
from torch.utils.flop_counter import FlopCounterMode

from course_utils import paths, plots
from course_utils.data import protocols
from course_utils.data.clips import ORDERS, ClipDataset
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.faces import find_detector
from course_utils.data.prepare import load_dataset
from course_utils.detectors import score_pictures
from course_utils.experiments import run_grid, tables_asked
from course_utils.intervals import Interval, accuracy_interval, auroc_interval, compare
from course_utils.lesson import Lesson
from course_utils.models.timesformer import TimeSformer
from course_utils.models.video_resnet import SqueezeExcitation, VideoResNet3D
from course_utils.models.xception import get_xception_based_model
from course_utils.predict.framing import framing_of
from course_utils.predict.tested import release
from course_utils.predictions import (
    log_losses,
    per_video,
    predictions_table,
    read_predictions,
    write_predictions,
)
from course_utils.published import published_results
from course_utils.training import ClassificationTrainer

lesson = Lesson("11_attention_in_video")
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")  # the paper's four

# %% [markdown]
# ## 1 · Clips
#
# Below, the same frames of one video and of forgeries of it. A detector of pictures sees one column at a time. Is there
# anything that a row tells and a column does not: a seam that trembles, a mouth that jumps, a texture that stands still
# while the head turns?

# %%
prepared = load_dataset(dataset, frames=frames)
samples = protocols.all_methods(prepared.samples, methods=METHODS, compression=compression)
filmed = samples["test"]["target"].iloc[0]
of_one = samples["test"][samples["test"]["target"] == filmed].sort_values(
    ["label", "method", "frame"]
)
drawn, names = [], []
for method, rows in of_one.groupby("method", sort=False):
    clip = ClipDataset(rows, prepared.root, 128, frames=8, clips="middle", read_size=129)[1][0]
    drawn += list(clip.transpose(0, 1))
    names += [
        f"{'real' if method == 'original' else f'fake: {method}'}\nframe {i}" for i in range(8)
    ]
caption = plots.sample_grid(drawn, names, columns=8)

# %% [markdown]
# A test video becomes clips by a rule, and its score is their mean. The paper's rule for the 3D ResNet: cut the video
# into chunks of 250 frames, the chunks into clips of 16; the mean over the clips of a chunk is its score, the mean over
# chunks the video's. For TimeSformer: one clip in the middle of the video, cut out at the top left, in the centre and at
# the bottom right.

# %%
for title, clips in {
    "3D ResNet": ClipDataset(
        samples["test"], prepared.root, image_size, frames=clip_frames, clips="chunks"
    ),
    "TimeSformer": ClipDataset(
        samples["test"],
        prepared.root,
        timesformer_size,
        frames=timesformer_frames,
        stride=timesformer_stride,
        clips="middle",
        read_size=timesformer_size * 8 // 7,
    ),
}.items():
    videos = clips.samples.groupby(["method", "video", "compression"]).ngroups
    print(
        f"{title}: {len(clips)} clips of {clips.frames} frames from {videos} test videos;"
        f" stride asked for {clips.stride}, got {sorted(clips.samples['stride'].unique().tolist())};"
        f" {int(clips.samples['looped'].sum())} clips are of videos too short for one, and looped"
    )

# %% [markdown]
# ## 2 · Attention to channels: squeeze and excitation
#
# After a stage of a 3D ResNet a clip is C channels of T x H x W numbers. *Squeeze*: the mean of each channel over all of
# time and space. *Excite*: two small matrices turn the C means into C gates from 0 to 1, and each channel is multiplied
# by its gate:
#
# $$z_c = \frac{1}{THW}\sum_{t,h,w} x_{cthw}, \qquad g = \sigma\left(W_2\,\mathrm{ReLU}(W_1 z)\right), \qquad
# y_{cthw} = g_c\, x_{cthw}$$
#
# **Question 1101 · squeeze-excitation** (6 points, marked by checks, about 20 minutes)
#
# Write `squeeze_excitation(features, reduce, expand)`. `features` is B x C x T x H x W, `reduce` is $W_1$, R x C, and
# `expand` is $W_2$, C x R. Return B x C x T x H x W.
#
# A tiny input: one clip, two channels, one frame of one pixel, the values 1 and 2; `reduce` [[1, 1]], `expand`
# [[0], [ln 3]]. The means are 1 and 2, $W_1 z = 3$, the gates are $\sigma(0) = 0.5$ and $\sigma(3 \ln 3) = 27/28$. The
# output is 0.5 and 1.929.
#
# <details><summary>Hint 1: the idea</summary>
#
# The gate of a clip is B x C. To multiply it with B x C x T x H x W it needs three more dimensions of size one.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `features.mean(dim=(2, 3, 4))` is B x C, and `means @ reduce.T` is B x R.
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="squeeze-excitation" tags=["answer"]
# Question 1101 · squeeze-excitation
def squeeze_excitation(features, reduce, expand):
    """Return the features, each channel at the strength of its gate: B x C x T x H x W."""
    ### BEGIN SOLUTION
    means = features.mean(dim=(2, 3, 4))
    gates = torch.sigmoid(torch.relu(means @ reduce.T) @ expand.T)
    return features * gates[:, :, None, None, None]
    ### END SOLUTION


# %%
def course_squeeze_excitation(features, reduce, expand):
    """Return the same from the library's block, with these matrices."""
    block = SqueezeExcitation(max(16, features.shape[1]))
    block.gate[0].weight = nn.Parameter(reduce)
    block.gate[2].weight = nn.Parameter(expand)
    with torch.no_grad():
        return block(features)


def check_squeeze_excitation(candidate):
    """The tiny example, and two clips against the library's block."""
    features = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1, 1)
    found = candidate(
        features, torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0], [np.log(3)]]).float()
    )
    assert found.shape == features.shape, (
        f"expected the shape of the features, 1 x 2 x 1 x 1 x 1, found {' x '.join(map(str, found.shape))}"
    )
    assert torch.allclose(found.flatten(), torch.tensor([0.5, 54 / 28]), atol=1e-5), (
        f"expected 0.5 and {54 / 28:.3f} for the tiny input, found {found.flatten().tolist()}"
    )
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 32, 3, 4, 5, generator=generator)
    reduce = torch.randn(2, 32, generator=generator)
    expand = torch.randn(32, 2, generator=generator)
    expected = course_squeeze_excitation(features, reduce, expand)
    assert torch.allclose(candidate(features, reduce, expand), expected, atol=1e-5), (
        "two clips of 32 channels: the numbers differ. Is the mean over time and space, each clip for itself?"
    )


squeeze_excitation = lesson.go_on_with(
    "squeeze-excitation", squeeze_excitation, check_squeeze_excitation, course_squeeze_excitation
)

# %% [markdown]
# What can this attention not say? It gives a channel one weight for the whole clip. Shuffle the frames, or the pixels:
# the gates stay as they are.

# %%
generator = torch.Generator().manual_seed(seed)
features = torch.randn(1, 32, 4, 6, 6, generator=generator)
matrices = torch.randn(2, 32, generator=generator), torch.randn(32, 2, generator=generator)
order = torch.randperm(4, generator=generator)
as_filmed = squeeze_excitation(features, *matrices)
shuffled = squeeze_excitation(features[:, :, order], *matrices)
print(
    f"largest difference once the frames are back in order: {(shuffled - as_filmed[:, :, order]).abs().max():.1e}"
)

# %% [markdown]
# ## 3 · Attention to places: the non-local block
#
# A non-local block (Wang et al. 2018) lets every position of the clip take from every other, near or far, in its own
# frame or another. Three 1 x 1 x 1 convolutions make of the features queries $\theta$, keys $\phi$ and values $g$, each
# B x C' x T x H x W. Over all N = T·H·W positions,
#
# $$a_{ij} = \frac{\exp(s\,\theta_i \cdot \phi_j)}{\sum_{j'} \exp(s\,\theta_i \cdot \phi_{j'})}, \qquad
# y_i = \sum_j a_{ij}\, g_j$$
#
# and y, through a fourth convolution, is added to the features. The paper has s = 1 (its equation 5).
#
# **Question 1102 · non-local** (10 points, marked by checks, about 30 minutes)
#
# Write `non_local(queries, keys, values, scale)`: all three are B x C x T x H x W; return y, of the same shape. Form the
# affinity a, B x N x N: it is the lesson. (The library never does, and the next question is why.)
#
# A tiny input: one clip of two frames of one pixel, one channel; queries 1 and 0, keys 0 and ln 3, values 4 and 8, s = 1.
# The first position weighs the two by 1/4 and 3/4 and gets 7; the second weighs them alike and gets 6.
#
# <details><summary>Hint 1: the idea</summary>
#
# Flatten T, H and W to N. Products of all queries with all keys, a softmax over the keys, the weighted sum of the values,
# and back to T x H x W.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `queries.flatten(2).transpose(1, 2) @ keys.flatten(2)` is B x N x N, with a row a query. The result, B x N x C, is
# turned to B x C x N before it is reshaped.
#
# </details>


# %% question="non-local" tags=["answer"]
# Question 1102 · non-local
def non_local(queries, keys, values, scale):
    """Return what each position takes from all, B x C x T x H x W."""
    ### BEGIN SOLUTION
    products = queries.flatten(2).transpose(1, 2) @ keys.flatten(2)
    affinity = (scale * products).softmax(dim=-1)
    taken = affinity @ values.flatten(2).transpose(1, 2)
    return taken.transpose(1, 2).reshape(values.shape)
    ### END SOLUTION


# %%
def course_non_local(queries, keys, values, scale):
    """Return the same from torch's fused kernel, which goes through the affinity by parts."""
    tokens = [part.flatten(2).transpose(1, 2).unsqueeze(1) for part in (queries, keys, values)]
    taken = functional.scaled_dot_product_attention(*tokens, scale=scale)
    return taken.squeeze(1).transpose(1, 2).reshape(values.shape)


def check_non_local(candidate):
    """The tiny example, and two clips against the fused kernel."""

    def two_frames(first, second):
        return torch.tensor([first, second], dtype=torch.float32).reshape(1, 1, 2, 1, 1)

    found = candidate(two_frames(1, 0), two_frames(0, np.log(3)), two_frames(4, 8), 1.0)
    assert found.shape == (1, 1, 2, 1, 1), (
        f"expected the shape of the values, 1 x 1 x 2 x 1 x 1, found {' x '.join(map(str, found.shape))}"
    )
    assert not torch.allclose(found.flatten(), torch.tensor([5.0, 7.0]), atol=1e-4), (
        "the softmax runs over the queries; each query's weights over the keys sum to 1"
    )
    assert torch.allclose(found.flatten(), torch.tensor([7.0, 6.0]), atol=1e-4), (
        f"expected 7 and 6 for the tiny input, found {found.flatten().tolist()}"
    )
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = torch.randn(3, 2, 8, 3, 4, 5, generator=generator)
    expected = course_non_local(queries, keys, values, 0.5)
    assert torch.allclose(candidate(queries, keys, values, 0.5), expected, atol=1e-5), (
        "two clips, eight channels, 3 x 4 x 5 positions, scale 0.5: the numbers differ. Positions must come"
        " back in the order in which they were flattened, and the scale goes before the softmax."
    )


non_local = lesson.go_on_with("non-local", non_local, check_non_local, course_non_local)

# %% [markdown]
# Now your function on a real block: the one after stage 1 of a 3D ResNet, on a clip of the test set, against what the
# library's block computes without ever forming the affinity.

# %%
torch.manual_seed(seed)
network = VideoResNet3D(attention="non_local").eval()
some = ClipDataset(of_one, prepared.root, 64, frames=8, clips="chunks")
batch = some.batch_transform(some[0][0].unsqueeze(0))
with torch.inference_mode():
    inside = network.layer1(network.stem(batch))
    block = network.attention[0][0]
    by_hand = non_local(block.theta(inside), block.phi(inside), block.g(inside), block.scale)
    taken = []
    block.out.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    changed = block(inside) - inside
positions = inside[0, 0].numel()
print(f"{positions:,} positions after stage 1 of a clip of 8 x 64²")
print(f"largest difference from the library's: {(by_hand - taken[0]).abs().max():.1e}")
print(
    f"a fresh block changes the features by at most {changed.abs().max():.1e}: why does it begin as nothing?"
)

# %% [markdown]
# ### What it costs
#
# The published stem halves time and quarters height and width; each of stages 2, 3 and 4 halves all three, rounding up.
# A clip of 16 x 112² leaves 8 x 28² = 6272 positions after stage 1, and 1 x 4² = 16 after stage 4. The affinity of one
# block has N² numbers.
#
# **Question 1103 · affinity-size** (6 points, marked by checks, about 15 minutes)
#
# Write `affinity_size(frames, side, stages)`: how many numbers do the affinities of non-local blocks after these stages
# have, for one clip of `frames` x `side`²? `stages` is a list of 1 to 4; one that is named four times has four blocks (the
# paper's "4,4" is `[4, 4, 4, 4]`).
#
# A tiny input: `affinity_size(16, 112, [4])` is 16² = 256, and `affinity_size(16, 112, [1, 4])` is 39,338,240.
#
# <details><summary>Hint 1: the idea</summary>
#
# The stem is two halvings of height and width (a convolution, then a pooling) and one of time.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# `-(-n // 2)` is half of n, rounded up.
#
# </details>


# %% question="affinity-size" tags=["answer"]
# Question 1103 · affinity-size
def affinity_size(frames, side, stages):
    """Return how many numbers the affinities of a clip have, all blocks together."""

    ### BEGIN SOLUTION
    def half(number):
        return -(-number // 2)

    time, space = half(frames), half(half(side))
    positions = {1: time * space**2}
    for stage in (2, 3, 4):
        time, space = half(time), half(space)
        positions[stage] = time * space**2
    return sum(positions[stage] ** 2 for stage in stages)
    ### END SOLUTION


# %%
def course_affinity_size(frames, side, stages):
    """Return the same from the shapes that the library's network has."""
    with torch.device("meta"):
        network = VideoResNet3D().eval()
        features = network.stem(torch.empty(1, 3, frames, side, side))
        positions = {}
        for stage in (1, 2, 3, 4):
            features = getattr(network, f"layer{stage}")(features)
            positions[stage] = features[0, 0].numel()
    return sum(positions[stage] ** 2 for stage in stages)


def check_affinity_size(candidate):
    """The tiny example, all stages, odd sizes, and a stage that is named four times."""
    for arguments in (
        (16, 112, [4]),
        (16, 112, [1, 4]),
        (16, 112, [4, 4, 4, 4]),
        (5, 50, [1, 2, 3]),
    ):
        found, expected = candidate(*arguments), course_affinity_size(*arguments)
        assert found == expected, (
            f"affinity_size{arguments}: expected {expected:,}, found {found:,}"
        )


affinity_size = lesson.go_on_with(
    "affinity-size", affinity_size, check_affinity_size, course_affinity_size
)

# %% [markdown]
# With it, the price of each placement that the paper tried, for a clip of 16 x 112²: what it adds to the network's
# 33,204,930 parameters, how much memory the affinity takes as 4-byte numbers if it is formed, and how much computing is
# added. Fused or not, the computing is the same; what the fused kernel saves is the memory.


# %%
def multiply_accumulates(model, shape):
    """Return the multiply-accumulates of one input, counted on torch's meta device, in units of 10⁹."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, *shape, device="meta"))
    return counter.get_total_flops() / 2e9


PLACEMENTS = [[], [1, 2], [3, 4], [1, 2, 3], [4, 4, 4, 4], [1, 2, 4], [1, 3, 4], [1, 2, 3, 4]]
rows = {}
for stages in PLACEMENTS:
    with torch.device("meta"):
        model = VideoResNet3D(attention="non_local" if stages else "none", after=stages).eval()
    rows[", ".join(map(str, stages)) or "no attention"] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "affinity if formed (MB a clip)": affinity_size(16, 112, stages) * 4 / 1e6,
        "multiply-accumulates (10⁹ a clip)": multiply_accumulates(model, (3, 16, 112, 112)),
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("non-local after").style.format(
    {"parameters": "{:,.0f}", **dict.fromkeys(list(rows["no attention"])[1:], "{:,.1f}")}
)

# %% [markdown]
# **Question 1104 · early-attention** (6 points, read by a person, about 15 minutes)
#
# Wang et al. made the non-local block to recognise actions (is somebody swimming?), and put it late in the network, where
# positions are few. Das et al. find it best after every stage, the first included, where it costs most. (a) Give a reason
# why attention between early positions might matter for forgeries and not for actions. What would a position after stage
# 1 have to compare itself with? (b) Give a reason that has nothing to do with forgeries. (c) Which comparison, in your
# table of costs or in the paper's tables, would tell the two apart?

# %% [markdown] question="early-attention" tags=["answer"]
# **Answer 1104 · early-attention**
#
# <!-- BEGIN SOLUTION -->
# (a) An action is a matter of things: bodies, water, a ball. They are known after stage 4, in a few positions. A forgery
# is a matter of small traces: sharpness, noise, a seam. After stage 1 a position still sees them, and the question "does
# this patch of cheek have the texture of the forehead, and of itself eight frames later?" is a comparison between far
# positions at high resolution. After stage 4 the traces are pooled away. (b) More blocks are more parameters and more
# computing, and a network that starts from pretrained weights may gain from any fresh layers; or the difference between
# placements is within the noise of one training run, since the paper reports one. (c) The same number of blocks early and
# late: 1, 2 against 3, 4 in table II (90.45 and 90.48 on Deepfakes) speaks against (a), and 1, 2, 4 against 1, 2, 3 says
# that stage 4 matters. "4, 4" has four blocks, as many as 1, 2, 3, 4, but all late: 91.11 against 95.16. Several seeds
# would be needed for each.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · A transformer for video
#
# TimeSformer (Bertasius et al. 2021) cuts each of T frames into N patches and has a token for each, and a class token.
# *Joint* attention lets every token ask all tokens of all frames. *Divided* attention (the paper's "dissociated") has two
# steps: a patch asks its own place in all frames, then all patches of its frame. How many products of a query with a key
# does a block form, for 8 frames of 224², which have 14 x 14 patches each?


# %%
def products_a_block(frames, patches):
    """Return the number of products query x key in one block and head, by the kind of attention."""
    return {
        "joint": (1 + frames * patches) ** 2,
        "divided": patches * frames**2 + frames * (1 + patches) ** 2,
        "space only": frames * (1 + patches) ** 2,
    }


rows = {}
for kind, count in products_a_block(8, 14 * 14).items():
    with torch.device("meta"):
        model = TimeSformer(kind.replace(" ", "_")).eval()
    rows[kind] = {
        "products a block and head": count,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("attention").style.format("{:,.0f}")

# %% [markdown]
# Divided attention forms an eighth of the products, and has more parameters: the step over time has its own projections.
# Which of the two would you expect to notice a mouth that is pasted a little differently into every frame?
#
# ## 5 · Protocols
#
# The paper asks three questions of each network.
#
# | protocol | trained on originals and | tested on originals and |
# |---|---|---|
# | all | all four forgeries | all four |
# | alone | one forgery | the same one |
# | cross | three forgeries | the fourth |
#
# It prints the true classification rate (TCR), the percentage of videos that are called right. There are four times as
# many fakes as originals to train on in "all", so the loss counts each original as much as four fakes. Nothing of the
# kind is done to the test set.
#
# **Question 1105 · always-fake** (5 points, read by a person, about 15 minutes)
#
# The test split of FaceForensics++ has 140 originals and 140 fakes by each method. (a) What TCR does a detector get in
# each of the three protocols that calls every video fake? (b) Which printed rows are close to that? Look at tables I and
# VI in the list below. (c) What should be printed beside TCR, or in its place, so that no reader has to do (a)?

# %%
published = published_results()
das = [row for row in published.values() if row.id.startswith("das_")]
shown = pd.DataFrame(
    [{"where": r.where, "system": r.system, "tested on": r.method, "TCR": r.value} for r in das]
)
shown[shown["where"].str.startswith(("Table I,", "Table VI,"))].style.hide(axis="index").format(
    {"TCR": "{:.2f}"}
)

# %% [markdown] question="always-fake" tags=["answer"]
# **Answer 1105 · always-fake**
#
# <!-- BEGIN SOLUTION -->
# (a) All: 560 of 700 videos are fake, so 80.0 %. Alone and cross: 140 of 280, so 50.0 %. (b) In table I the 3D ResNet with
# SE has exactly 80.0, and Xception 81.0, non-local 4,4 81.79 and TimeSformer 82.3 are within three points of it; the first
# rows, at 56 to 70, are below it. In table VI the 3D ResNet from scratch (50.3 to 54.3) and the one with SE (52.5 to 55.4)
# are next to a coin. So "SE does not help" may be "this run with SE did not train". (c) What a constant answer gets, the
# rate among originals and among fakes apart, or a measure that does not depend on how many fakes there are: AUROC, with
# its interval over videos.
# <!-- END SOLUTION -->

# %% [markdown]
# ### The grid
#
# A table of the paper is a protocol and some systems; an experiment is plain data. `run_grid` does those that are not
# finished yet and writes one file for each, so that a run that is killed goes on where it stopped. On a machine with four
# GPUs, four runs share a folder:
#
#     CUDA_VISIBLE_DEVICES=0 course run 11 --profile full --set results=/data/das --set share=[0,4]
#
# and so on up to `share=[3,4]`; a last run without `share` reads what they left there and draws it.

# %%
CLIPS_3D = {
    "network": "3d_resnet",
    "depth": depth,
    "stem": stem,
    "clip": [clip_frames, image_size, 1],
}
CLIPS_TRANSFORMER = {
    "network": "timesformer",
    "size": [blocks, width, heads],
    "clip": [timesformer_frames, timesformer_size, timesformer_stride],
}


def with_non_local(*stages):
    """Return a 3D ResNet with non-local blocks after some stages."""
    return {**CLIPS_3D, "attention": "non_local", "after": list(stages), "weights": pretrained}


SYSTEMS = {
    "xception": {
        "network": "xception",
        "clip": [xception_frames, xception_size, 1],
        "weights": pretrained,
    },
    "3d_resnet": {**CLIPS_3D, "weights": pretrained},
    "3d_resnet_scratch": {**CLIPS_3D, "weights": "none"},
    "se": {**CLIPS_3D, "attention": "se", "after": [1, 2, 3, 4], "weights": pretrained},
    "nl12": with_non_local(1, 2),
    "nl34": with_non_local(3, 4),
    "nl123": with_non_local(1, 2, 3),
    "nl44": with_non_local(4, 4, 4, 4),
    "nl124": with_non_local(1, 2, 4),
    "nl134": with_non_local(1, 3, 4),
    "nl1234": with_non_local(1, 2, 3, 4),
    "timesformer": {**CLIPS_TRANSFORMER, "attention": "joint", "weights": pretrained},
    "timesformer_dissociated": {**CLIPS_TRANSFORMER, "attention": "divided", "weights": pretrained},
    "timesformer_scratch": {**CLIPS_TRANSFORMER, "attention": "joint", "weights": "none"},
    "3d_resnet_still": {**CLIPS_3D, "weights": pretrained, "order": "still"},
    "timesformer_still": {
        **CLIPS_TRANSFORMER,
        "attention": "joint",
        "weights": pretrained,
        "order": "still",
    },
}
TITLES = {
    "xception": "Xception, by frame",
    "3d_resnet": "3D ResNet",
    "3d_resnet_scratch": "3D ResNet, from scratch",
    "se": "3D ResNet + SE",
    "timesformer": "TimeSformer, joint",
    "timesformer_dissociated": "TimeSformer, divided",
    "timesformer_scratch": "TimeSformer, from scratch",
    "3d_resnet_still": "3D ResNet, trained on still clips",
    "timesformer_still": "TimeSformer, trained on still clips",
    **{name: f"3D ResNet + NL {','.join(name[2:])}" for name in SYSTEMS if name.startswith("nl")},
}
PLACED = ["nl12", "nl34", "nl123", "nl44", "nl124", "nl1234"]
COMPARED = ["3d_resnet", "se", "nl1234", "timesformer", "timesformer_dissociated"]
TABLES = {  # parts of a table: a protocol, its systems, and the forgeries that are tested one by one
    "table_1": [
        ("all", ["xception", "3d_resnet", "se", "nl124", "nl44", "nl1234", "timesformer"], [None])
    ],
    "table_2": [("alone", PLACED, METHODS)],
    "table_3": [("alone", ["timesformer", "timesformer_dissociated"], METHODS)],
    "table_4": [("alone", ["xception", "3d_resnet", "se", "nl1234", "timesformer"], METHODS)],
    "table_5": [
        (
            "alone",
            ["3d_resnet_scratch", "3d_resnet", "nl1234", "timesformer_scratch", "timesformer"],
            METHODS,
        )
    ],
    "table_6": [
        (
            "cross",
            ["3d_resnet", "3d_resnet_scratch", "se", "nl134", "nl1234", "timesformer"],
            METHODS,
        )
    ],
    "excerpt": [("all", COMPARED, [None]), ("cross", ["3d_resnet", "nl1234"], ["Face2Face"])],
    "time": [("all", [*COMPARED, "3d_resnet_still", "timesformer_still"], [None])],
    "motion": [("motion", ["3d_resnet", "timesformer"], [None])],
    "alone": [("alone", COMPARED, ["Deepfakes"])],
}
TABLES["paper"] = [part for number in range(1, 7) for part in TABLES[f"table_{number}"]]
COMMON = {
    "dataset": dataset,
    "compression": compression,
    "frames": frames,
    "epochs": epochs,
    "batch_size": batch_size,
    "learning_rate": learning_rate,
    "seed": seed,
}
grid, about = {}, {}
for table in tables_asked(experiments, TABLES):
    for protocol, systems, methods in TABLES[table]:
        for system in systems:
            for method in methods:
                name = " · ".join(filter(None, (protocol, TITLES[system], method)))
                about[name] = {"system": system, "title": TITLES[system]}
                grid[name] = {"protocol": protocol, "method": method, **SYSTEMS[system], **COMMON}
print(f"{len(grid)} experiments")


# %% [markdown]
# Each batch holds originals and the fakes made of them side by side, at the same frames. What they have in common (the
# person, the light, the pose) then says nothing about the label, and a network finds what differs sooner. (Shiohara and
# Yamasaki 2022 train so; Das et al. do not say.)
#
# One experiment: take the protocol's samples, train, choose the epoch on the validation videos, score the test videos as
# they were filmed, shuffled and standing still, and keep the predictions. Everything later is computed from these.


# %%
class MovingOrStill(Dataset):
    """Each clip twice: as it was filmed (0), and its middle frame standing still (1)."""

    def __init__(self, clips):
        self.clips = clips, clips.reordered("still")
        self.labels = np.repeat([0, 1], len(clips))
        both = pd.concat([clips.samples] * 2, ignore_index=True)
        self.samples = both.assign(
            label=self.labels, method=np.where(self.labels, "still", "moving")
        )
        self.batch_transform = clips.batch_transform
        self.content = f"moving or still: {clips.content}"
        self.together = np.tile(np.arange(len(clips)), 2)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        label = int(self.labels[index])
        return self.clips[label][index % len(self.clips[0])][0], label


def samples_of(protocol, method):
    """Return the sample tables of a protocol by split."""
    if protocol == "motion":
        originals = prepared.samples[prepared.samples["label"] == 0]
        if compression:
            originals = originals[originals["compression"] == compression]
        return {split: originals[originals["split"] == split] for split in ("train", "val", "test")}
    if protocol == "cross":
        return protocols.leave_one_out(
            prepared.samples, method, methods=METHODS, compression=compression
        )
    chosen = METHODS if protocol == "all" else [method]
    return protocols.all_methods(prepared.samples, methods=chosen, compression=compression)


@cache
def clips_of(protocol, method, network, clip, split, order="as filmed"):
    """Return the clips (or single frames) of a split, as this network takes them."""
    table = samples_of(protocol, method)[split]
    of_clip, side, stride = clip
    training = split == "train"
    if network == "xception":
        augmentation = train_transform(side) if training else None
        few = protocols.few_frames(table, of_clip)
        return PictureDataset(few, prepared.root, side, augmentation)
    test_rule, read_size, padding = (
        ("chunks", side, 4) if network == "3d_resnet" else ("middle", side * 8 // 7, 0)
    )
    clips = ClipDataset(
        table,
        prepared.root,
        side,
        frames=of_clip,
        stride=stride,
        clips="random" if training else test_rule,
        transform=train_transform(side, padding) if training else None,
        read_size=read_size,
        side_by_side=training,
        order=order,
    )
    return MovingOrStill(clips) if protocol == "motion" else clips


def build(settings):
    """Return the network of an experiment."""
    if settings["network"] == "xception":
        return get_xception_based_model(settings["weights"])
    if settings["network"] == "3d_resnet":
        return VideoResNet3D(
            settings["depth"],
            settings["stem"],
            settings.get("attention", "none"),
            settings.get("after", ()),
            weights=settings["weights"],
        )
    of_clip, side, _ = settings["clip"]
    layers, numbers, rows_of_heads = settings["size"]
    return TimeSformer(
        settings["attention"],
        of_clip,
        side,
        depth=layers,
        width=numbers,
        heads=rows_of_heads,
        weights=settings["weights"],
    )


def videos_scored(trainer, clips, name, order):
    """Return predictions of `clips`, a row a video; `order` tells them from those of other orders."""
    table = predictions_table(clips.samples, trainer.predict(clips), model=name, run=order)
    return per_video(table, chunks=clips.samples.get("chunk"))


def experiment(settings, folder):
    """Train one network by one protocol, and keep its predictions in `folder`."""
    which = settings["protocol"], settings["method"], settings["network"], tuple(settings["clip"])
    trained_on = settings.get("order", "as filmed")
    train, validation, test = (
        clips_of(*which, split, trained_on) for split in ("train", "val", "test")
    )
    torch.manual_seed(seed)
    model = build(settings)
    trainer = ClassificationTrainer(
        model,
        train,
        validation,
        None,
        folder=folder,
        name=settings["network"],
        dataset_name=dataset,
        epochs=epochs,
        batch_size=batch_size,
        optimizer={"name": "AdamW", "params": {"lr": learning_rate, "weight_decay": 0.05}},
        scheduler={"name": "CosineAnnealingLR", "params": {"T_max": epochs}},
        class_weights="balanced",
        monitor="val_loss",
        seed=seed,
    )
    run = trainer.fit()
    if isinstance(validation, ClipDataset):
        scored = videos_scored(trainer, validation, settings["network"], trained_on)
        write_predictions(folder / "val.parquet", scored)
    orders = ORDERS if trained_on == "as filmed" and isinstance(test, ClipDataset) else [trained_on]
    for order in orders:
        torch.manual_seed(seed)
        clips = test if order == trained_on else test.reordered(order)
        scored = videos_scored(trainer, clips, settings["network"], order)
        write_predictions(folder / f"{order}.parquet", scored)
    return {
        "folder": folder.name,
        "tested": list(orders),
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
# For each experiment: the paper's TCR, this run's, the TCR of calling everything fake, and the AUROC over videos. In
# brackets stand 95 % intervals over the pairs of people of the test set. First look at the last two columns: a training
# loss near ln 2 = 0.693 is a network that has learnt nothing, and its AUROC an accident.


# %%
def tested(row, order):
    """Return an experiment's predictions of the test videos, their frames in this order."""
    return read_predictions(grid_folder / row["folder"] / f"{order}.parquet")


rows = {}
for name, row in finished.iterrows():
    predictions = tested(row, row["tested"][0])
    right, auroc = accuracy_interval(predictions, 0.5), auroc_interval(predictions)
    tcr = Interval(100 * right.value, 100 * right.low, 100 * right.high, right.groups)
    system, method = about[name]["system"], grid[name]["method"]
    row_id = "_".join(filter(None, ("das", row["protocol"], system, (method or "").lower(), "tcr")))
    for metric, found in (("tcr", tcr), ("auroc", auroc)):
        lesson.record(
            f"{name}: {metric}",
            found.value,
            published=row_id if metric == "tcr" and row_id in published else None,
            dataset=dataset,
            edition=prepared.edition,
            compression=compression,
            method=method or "all",
            split="test",
            metric=metric,
            interval=(found.low, found.high),
            groups=found.groups,
            model=system,
            weights=row["origin"],
            seed=seed,
            precision=row["precision"],
        )
    rows[name] = {
        "TCR, paper": f"{published[row_id].value:.2f}" if row_id in published else "",
        "TCR, this run": f"{tcr.value:.1f} [{tcr.low:.1f}, {tcr.high:.1f}]",
        "all called fake": f"{100 * predictions['label'].mean():.1f}",
        "AUROC, this run": str(auroc),
        "training loss": f"{row['train_loss']:.3f}",
    }
print(
    f"paper: FaceForensics++, c40; this run: {dataset}, {compression}, {auroc.groups} pairs of people in test"
)
print("first weights here:", "; ".join(sorted(set(finished["origin"]))))
pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")

# %% [markdown]
# Two networks are compared on the same videos, by the difference of their AUROC. Each line compares with the first.

# %%
by_protocol = finished.groupby(["protocol", finished["method"].fillna("")], sort=False)
for (protocol, method), group in by_protocol:
    first, *others = (
        tested(row, row["tested"][0]).assign(model=about[name]["title"])
        for name, row in group.iterrows()
    )
    print(" · ".join(filter(None, (protocol, method))))
    for other in others:
        print("  ", compare(other, first))

# %% [markdown]
# Of the 3D ResNets that learnt from all forgeries, the one with the lowest loss on validation is left for `course predict`
# (notebook 13), which can ask it about any clip; of the TimeSformers likewise. A *card* goes with each: what its scores were
# worth in a test, as a likelihood ratio that is calibrated on the validation videos, and what the test's faces were like. A
# test is worth something for what is asked in the same way. `course predict` takes one clip after the other and the middle
# of the picture; TimeSformer was tested on one clip in three crops, so it is scored once more.

# %%
KEPT = {  # model, its options in an experiment's settings, and the share of a frame's side that it is shown
    "3d_resnet": ("r3d_18", ("depth", "stem", "attention", "after"), 1),
    "timesformer": ("timesformer", ("attention",), 7 / 8),
}


def as_asked(network, settings, split):
    """Return a network's predictions of a split's videos, clips one after the other."""
    of_clip, side, stride = settings["clip"]
    clips = ClipDataset(
        samples_of("all", None)[split],
        prepared.root,
        side,
        frames=of_clip,
        stride=stride,
        clips="chunks",
        chunk=len(samples[split]),  # more frames than a video has: it is one chunk
        read_size=round(side / KEPT[settings["network"]][2]),
    )
    scores = score_pictures(network.to(device), clips, batch_size=batch_size)
    network.cpu()
    table = predictions_table(clips.samples, scores, model=settings["network"], run="as asked")
    return per_video(table)


device = "cuda" if torch.cuda.is_available() else "cpu"
of_videos = samples["test"].groupby(["method", "compression", "video"], dropna=False)
step = int(of_videos["frame"].diff().median())  # frames of the film from a row to the next
for kind, (model_name, options_of, middle) in KEPT.items():
    candidates = {
        name: read_predictions(grid_folder / row["folder"] / "val.parquet")
        for name, row in finished.iterrows()
        if (row["network"], row["protocol"], row["tested"][0]) == (kind, "all", "as filmed")
    }
    if not candidates:
        continue
    name = min(candidates, key=lambda name: log_losses(candidates[name]).mean())
    settings, row = grid[name], finished.loc[name]
    of_clip, side, stride = settings["clip"]
    network = build({**settings, "weights": str(grid_folder / row["folder"] / "best.safetensors")})
    options = {key: settings[key] for key in options_of if key in settings}
    tables = {"val": candidates[name], "test": tested(row, "as filmed")}
    if kind == "timesformer":
        options |= {"frames": of_clip}
        options |= dict(zip(("depth", "width", "heads"), settings["size"], strict=True))
        tables = {split: as_asked(network.eval(), settings, split) for split in ("val", "test")}
    asked = release(
        lesson.folder / "detectors" / kind,
        title=about[name]["title"],
        model=model_name,
        options=options,
        network=network.eval(),
        image_size=side,
        frames=of_clip,
        stride=stride * step,
        trained_on=f"{samples['train'].groupby(['method', 'video']).ngroups:,} clips of {dataset}",
        tables=tables,
        framing=framing_of(
            replace(prepared, samples=samples["test"]), [find_detector(faces)], middle=middle
        ),
    )
    print(
        f"{name}: Cllr {asked.card.cllr.value:.2f} bits in its test; 1 is what saying nothing costs"
    )

# %% [markdown]
# A quick run trains each network for a few seconds on a few dozen people. A longer run of ours, on other drawn people,
# made by `python instructor/longer_video.py`, asks for one forgery only, and has more people to learn from. How many
# videos do you think it takes, for a network of 33 million numbers that begins at random? Table V has an opinion. Rows of a
# colour differ by their seed alone. Is any kind of attention farther from no attention than seeds are from one another?

# %%
reference = paths.read_reference("11_video")
of_seeds = reference["runs"]
detection, of_network = {}, {}
for title in of_seeds[0]["auroc"]["alone"]:
    for run in of_seeds:
        name = f"{title}, seed {run['seed']}"
        detection[name] = Interval(*run["auroc"]["alone"][title]["as filmed"])
        of_network[name] = title
caption = plots.plot_detectors(
    pd.Series(detection),
    of_network,
    f"The longer run, on Deepfakes alone: {reference['training_people']} people, {reference['epochs']} epochs",
)
print(f"{reference['dataset']}, {reference['compression']}")
for run in of_seeds:
    print(f"seed {run['seed']} ({run['device']}, {run['date']}); AUROC over the same people:")
    for line in run["between_networks"]:
        print(f"  {line}")
losses = {f"seed {run['seed']}": run["training_loss"]["alone"] for run in of_seeds}
pd.DataFrame(losses).rename_axis("training loss (guessing: 0.693)").style.format("{:.3f}")

# %% [markdown]
# **Question 1106 · which-attention** (8 points, read by a person, about 25 minutes)
#
# (a) In your own run and in the longer one: which networks learnt their training set (guessing has a loss of 0.693),
# and which are better than guessing on test people? (b) Does either kind of attention help the 3D ResNet? Judge by the
# paired comparisons, not by the order of the numbers. (c) Table I ranks NL 1,2,3,4 (86.72) above NL 1,2,4 (85.85) above
# no attention (83.86), each from one training run on 700 test videos. How large is the standard error of such a
# percentage, if videos were independent, and what follows? (d) What happens to detection when the tested forgery was
# left out of training, here and in table VI?

# %% [markdown] question="which-attention" tags=["answer"]
# **Answer 1106 · which-attention**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the training losses and AUROCs: in a quick run most stay at 0.69 and their intervals hold 0.5; where the
# loss falls and the AUROC does not rise, the network has learnt its people by heart. In the longer run the three 3D
# ResNets learn with every seed and are better than guessing on people they never saw, and neither TimeSformer learns
# anything. Table V does not say why: from scratch TimeSformer loses two points there on Deepfakes (88.6, not 90.7), and the
# 3D ResNet 33 (58.8, not 91.8). (b) Only a difference whose interval leaves out 0 counts; in a quick run none can be
# expected. In the longer run none of six does. SE is 0.048 above no attention with the first seed, and 0.021 and 0.025
# below it with the others: whoever had trained once could have told either story. The non-local blocks are above it each
# time, by 0.005 to 0.036, while the seeds of no attention alone lie 0.045 apart.
# (c) $\sqrt{0.85 \cdot 0.15 / 700} = 1.3$ points, and more in truth, because the 700 videos are of 140 people. A difference
# of two such numbers has about 1.9, less where both err on the same videos. 86.72 against 85.85 is well inside; against
# 83.86 at its edge; 80.0 against 86.72 outside. Another training run adds its own spread, which the paper does not print.
# (d) It falls: in table VI to 60–78 from 73–95 in table IV, against a coin's 50. In your run: read whether the interval of
# the left-out forgery holds 0.5.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 7 · Does it use time?
#
# None of the papers asked. Give each network the same frames shuffled, or the middle frame all the time. A network whose
# score does not care has not used time, whatever its convolutions could do. One whose AUROC falls reacts to motion; whether
# motion *helped* is another question, and its answer is a network that was trained on still clips from the start
# (experiments "time"). How would a detector of single frames come out in this test?

# %%
orders, kinds, lines = {}, {}, []
for name, row in finished.iterrows():
    title = about[name]["title"] + (", cross" if row["protocol"] == "cross" else "")
    by_order = {order: tested(row, order).assign(model=title) for order in row["tested"]}
    first, *others = by_order.values()
    lines += [str(compare(first, other)) for other in others]
    for order, predictions in by_order.items():
        orders[f"{title}, {order}"], kinds[f"{title}, {order}"] = auroc_interval(predictions), order
if orders:
    caption = plots.plot_detectors(
        pd.Series(orders), kinds, "This run: the same networks on three orders of frames"
    )
print(*lines, sep="\n")

# %% [markdown]
# A test that finds nothing shows something only if it could have found it. So the longer run begins with a *positive
# control*, a task that nothing but time can solve: does this clip of a real person move, or does its middle frame stand
# still? No single frame tells. The same networks are trained on it, on clips of originals.

# %%
rows, kinds = {}, {}
run = of_seeds[0]
for title, orders in run["auroc"]["motion"].items():
    rows[f"{title}: moving or still?"] = Interval(*orders["as filmed"])
    kinds[f"{title}: moving or still?"] = "positive control"
for title, orders in run["auroc"]["alone"].items():
    for order, numbers in orders.items():
        rows[f"{title}: real or fake? {order}"] = Interval(*numbers)
        kinds[f"{title}: real or fake? {order}"] = f"detection, {order}"
caption = plots.plot_detectors(
    pd.Series(rows), kinds, f"The longer run, seed {run['seed']}: can it see time, and does it?"
)
for title, loss in run["training_loss"]["motion"].items():
    print(f"moving or still, {title}: training loss {loss:.3f} at the chosen epoch")
for run in of_seeds:
    print(f"seed {run['seed']}:")
    for line in run["between_orders"]:
        print(f"  {line}")

# %% [markdown]
# **Question 1107 · use-of-time** (6 points, read by a person, about 20 minutes)
#
# (a) Which networks can see time, by the positive control, and which lose by shuffling or by standing still, by the
# comparisons? What may be said of a network that fails the positive control? (b) SE gates do not change when frames are
# shuffled (section 2). Why can the AUROC of the 3D ResNet with SE change all the same? (c) A network loses nothing on still
# clips. Does that show that the forgeries have no traces in time? (d) A network loses much on shuffled clips. Name a way in
# which this can happen although it found no trace of forgery in time.

# %% [markdown] question="use-of-time" tags=["answer"]
# **Answer 1107 · use-of-time**
#
# <!-- BEGIN SOLUTION -->
# (a) Those whose interval in the positive control lies above 0.5 can; those lose whose interval of the difference leaves out
# 0. In the longer run that is one comparison of thirty (SE, second seed, by 0.014), and of thirty intervals of 95 % one or
# two leave out 0 where nothing is. Of a network that fails the positive control nothing may be said: it did not learn long
# enough to see anything. (b) The convolutions before and after the gates have a kernel of 3 in time: they see neighbouring
# frames, and shuffling changes these. (c) No. It shows that this network, with this
# training, did not use them: traces in single frames may have been learnt first and have sufficed, or the clips were
# sampled too sparsely to show a tremor. A network that is trained on differences of frames, or one trained on still clips
# that does worse, would show traces in time. (d) Shuffled clips are unlike anything in training: features that stand for
# smooth motion are gone and all scores shift or become noisy, reals' and fakes' alike. The network then reacts to time,
# without having used it to tell fakes.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 8 · Where does it look?
#
# Above: a real clip. Below: a forgery of it. First the 3D ResNet with non-local blocks: where does a position near the
# mouth, in the middle frame, look in the other frames? The brightest place of all frames is drawn in full strength, so
# that frames can be compared. Then TimeSformer: what its class token looks at.


# %%
def trained(network, attention):
    """Return the name and the network, with its best weights, of the first such experiment; or None."""
    for name, row in finished.iterrows():
        if row["network"] == network and row.get("attention") == attention:
            settings = {
                **grid[name],
                "weights": str(grid_folder / row["folder"] / "best.safetensors"),
            }
            return name, build(settings).eval(), settings
    print(f"no experiment of this run trains a {network} with {attention} attention")
    return None


def over_frames(clips, heat):
    """Return each clip's frames under their maps: the highest value of a clip is drawn in full strength.

    `clips` are uint8 B x 3 x T x H x W, `heat` is B x T' x h x w, of every T / T'-th frame.
    """
    side = clips.shape[-2:]
    pictures = []
    for clip, maps in zip(clips, heat, strict=True):
        large = functional.interpolate(maps[:, None].float(), size=side, mode="bilinear")[:, 0]
        chosen = clip[:, torch.linspace(0, clip.shape[1] - 1, len(maps)).round().long()]
        for picture, one in zip(chosen.transpose(0, 1), large / large.max(), strict=True):
            pictures.append(plots.overlay(picture.permute(1, 2, 0).numpy() / 255, one.numpy()))
    return pictures


def two_clips(settings):
    """Return a test clip of an original and one of its forgery: dataset and indices."""
    clips = clips_of("all", None, settings["network"], tuple(settings["clip"]), "test")
    wanted = clips.samples["method"].isin(["original", "Face2Face"]) & (
        clips.samples["target"] == filmed
    )
    first = clips.samples[wanted].drop_duplicates("method").sort_values("label")
    return clips, torch.stack([clips[index][0] for index in first.index]), first["method"].tolist()


if found := trained("3d_resnet", "non_local"):
    name, network, settings = found
    clips, chosen, methods = two_clips(settings)
    stage = min(settings["after"])
    with torch.inference_mode():
        inputs = clips.batch_transform(chosen)
        sizes = []
        layer = getattr(network, f"layer{stage}")
        hook = layer.register_forward_hook(lambda _, __, output: sizes.append(output.shape[2:]))
        scores = network(inputs).softmax(dim=1)[:, 1]
        hook.remove()
        times, height, across = sizes[0]
        position = (times // 2, int(0.7 * height), across // 2)
        maps = network.attention_of(inputs, [position], stage)[:, 0]
    titles = [
        f"{'real' if method == 'original' else 'fake'} {number + 1}/{times}"
        for method in methods
        for number in range(times)
    ]
    caption = plots.sample_grid(over_frames(chosen, maps), titles, columns=max(4, times))
    print(
        f"{name}, stage {stage}, from row {position[1]} and column {position[2]} of {height} x {across}"
    )
    for method, score, heat in zip(methods, scores, maps, strict=True):
        shares = " ".join(f"{share:.0%}" for share in heat.sum(dim=(1, 2)).tolist())
        print(f"{method}: P(fake) {score:.2f}; share of attention by frame: {shares}")

# %%
if found := trained("timesformer", "joint") or trained("timesformer", "divided"):
    name, network, settings = found
    clips, chosen, methods = two_clips(settings)
    with torch.inference_mode():
        inputs = clips.batch_transform(chosen)
        scores = network(inputs).softmax(dim=1)[:, 1]
        maps = network.class_attention(inputs).mean(dim=1)
    titles = [
        f"{'real' if method == 'original' else 'fake'} {number + 1}/{maps.shape[1]}"
        for method in methods
        for number in range(maps.shape[1])
    ]
    caption = plots.sample_grid(over_frames(chosen, maps), titles, columns=8)
    for method, score, heat in zip(methods, scores, maps, strict=True):
        shares = " ".join(f"{share:.0%}" for share in heat.sum(dim=(1, 2)).tolist())
        print(
            f"{name}, {method}: P(fake) {score:.2f}; attention of the class token by frame: {shares}"
        )

# %% [markdown]
# **Question 1108 · where-it-looks** (3 points, read by a person, about 10 minutes)
#
# (a) Is the attention of the two networks spread evenly over frames and places, and what would an untrained network's look
# like? (b) What would have to differ between the two rows before you would say that a network looks at the forgery, and
# which number above tells you whether to read the maps at all?

# %% [markdown] question="where-it-looks" tags=["answer"]
# **Answer 1108 · where-it-looks**
#
# <!-- BEGIN SOLUTION -->
# (a) Read from the shares by frame: an even share is one over the number of frames. In a fresh TimeSformer keys and
# queries hardly differ, and its maps are even. In a fresh non-local block with s = 1 the products are sums of 32 terms, so
# large that the softmax gives nearly all to one position, mostly the one that asks. Neither is a finding. (b) The fake's
# map would have to be brighter where the forgery is (for Face2Face: the mouth), in most clips and not in one; the AUROC of
# the network says whether it tells fakes at all, and where its interval holds 0.5 the maps are of a network that guesses.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Recap
#
# - Squeeze-and-excitation weighs channels for the whole clip; a non-local block lets every position take from every other.
# - The affinity of a block after stage 1 is 6272² numbers; fused attention never forms it, and computes the same.
# - Divided attention forms an eighth of joint attention's products, and has more parameters.
# - A percentage of right answers means little without what a constant answer gets: 80.0 in table I, 50.0 in table VI.
# - A network that is given video need not use time. Shuffled and still clips show whether its scores care, and a network
#   trained on still clips whether time helped.
# - With another seed the better kind of attention may be the worse one.
# - Attention maps of a network that guesses are maps of a network that guesses.
#
# Next: frames that do not fit together, and detectors that vote.
