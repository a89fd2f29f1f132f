# ---
# jupyter:
#   course:
#     title: Build the dataset
#     question: What can a detector learn from a set of real and fake faces, and how can the set itself mislead it?
#     chapter: assignment, chapter 2; Govi et al. 2022, section 2; Das et al. 2021, section IV
#     minutes: 2
#     hours: 3
#     needs: []
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Build the dataset
#
# **The lesson in one sentence.** A detector learns whatever tells the two classes apart *in the files it is
# given*, so the person who builds the dataset decides, often without noticing, what is learnt.
#
# Two figures will show it: the accuracy of a "detector" that knows nothing about faces, on labels that we
# draw by coin toss; and how far the size of a file, or its mean colour, tells real from fake.
#
# | | |
# |---|---|
# | machine | two minutes, and two more the first time, while the data are drawn |
# | you | about three hours |
# | needs | nothing from other notebooks |

# %% tags=["parameters"]
dataset = "rendered"  # any name that `course data list` shows
image_size = 128  # pixels, the side to which pictures are brought for the leak experiment
pictures_in_grid = 12  # how many pictures a figure shows
identities = 200  # how many videos (or pictures) at most the leak experiment uses
seed = 0

# %%
import dataclasses
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from course_utils import plots
from course_utils.audit import audit
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.prepare import load_dataset
from course_utils.data.splits import tell_leak
from course_utils.lesson import Lesson

lesson = Lesson("01_build_the_dataset")

# %% [markdown]
# ## 1 · What is there?
#
# A data set on disk is only a folder. What turns it into a data set is a *manifest*: a page that says where
# the files lie, which part of a path is the label, under which terms they may be used, and how many to expect.
# Before the cell below runs: what would you want to know about a folder of faces before you train on it?

# %%
prepared = load_dataset(dataset)
manifest = prepared.manifest
print(manifest.title)
print("layout: ", ", ".join(line.path for line in manifest.layout))
print("terms:  ", " ".join(manifest.terms.split()))
print("access: ", " ".join(manifest.access.split()))

# %% [markdown]
# Preparing opened every file once and wrote one row for each picture; of a video, one for each of the frames that
# the manifest asks for, after cutting out the face: a square 1.3 times as large as the box that a detector found
# on the *original*, at the same place in every fake made from it. This *sample table* is the only thing the rest
# of the course knows of a data set. Look at `label` (0 real, 1 fake), `group` and `split`: the group says which
# rows must never be parted between training and test.

# %%
columns = ["label", "method", "compression", "video", "frame", "group", "split"]
prepared.samples[columns].groupby(["split", "label"]).head(1).sort_values(["split", "label"])

# %% [markdown]
# A file that cannot be read is never replaced by another in silence. It is left out, and listed:

# %%
print(f"{len(prepared.samples)} samples; {len(prepared.left_out)} files left out")
for left_out in prepared.left_out:
    print(left_out)

# %% [markdown]
# ## 2 · Exercise: the dataset by hand
#
# **Question 1 · faces-dataset** (10 points, marked by checks, about 25 minutes)
#
# Write the class `FacesDataset(root_path, transform)`. `root_path` is one split, a folder that holds `real/`
# and `fake/`; item `i` is a pair `(picture, label)`.
#
# - `len(dataset)` is the number of pictures in both folders.
# - The order must not depend on the machine: all real pictures first, then all fake ones, each sorted by
#   file name. (`os.listdir` and `Path.iterdir` give whatever order the disk likes.)
# - A picture is RGB, whatever its file is: some are grey, some have transparency.
# - `transform`, where there is one, is applied to the picture.
# - The label is the integer 0 for real and 1 for fake.
#
# A tiny input and what is expected of it:
#
# ```text
# train/real/b.png   train/real/a.png   train/fake/c.png
#
# len(FacesDataset("train", None))     3
# labels of items 0, 1, 2              0, 0, 1       (a.png, b.png, c.png)
# FacesDataset("train", None)[2][0]    <PIL.Image.Image mode=RGB …>
# ```
#
# <details><summary>Hint 1: the idea</summary>
#
# Look at the folders once, in `__init__`, and keep a list of paths and a list of labels. Open a picture only
# when it is asked for, in `__getitem__`: the pictures of a large set do not fit in memory.
#
# </details>
# <details><summary>Hint 2: the shape</summary>
#
# ```python
# self.paths = sorted(real_folder.iterdir()) + sorted(fake_folder.iterdir())
# self.labels = [0] * number_of_reals + [1] * number_of_fakes
# picture = Image.open(path).convert(...)
# ```
#
# </details>

# %% [markdown]
# ### Your helpers
# Functions and imports that several of your answers use go into this cell.

# %% tags=["helpers"]
# your helpers


# %% question="faces-dataset" tags=["answer"]
# Question 1 · faces-dataset
class FacesDataset(Dataset):
    """Pictures of one split: item i is (picture, label), label 0 real and 1 fake."""

    def __init__(self, root_path, transform=None):
        self.root_path = Path(root_path)
        self.transform = transform
        ### BEGIN SOLUTION
        real = sorted((self.root_path / "real").iterdir())
        fake = sorted((self.root_path / "fake").iterdir())
        self.paths = real + fake
        self.labels = [0] * len(real) + [1] * len(fake)
        ### END SOLUTION

    def __len__(self):
        ### BEGIN SOLUTION
        return len(self.paths)
        ### END SOLUTION

    def __getitem__(self, index):
        ### BEGIN SOLUTION
        picture = Image.open(self.paths[index]).convert("RGB")
        if self.transform is not None:
            picture = self.transform(picture)
        return picture, self.labels[index]
        ### END SOLUTION


# %% [markdown]
# The visible check draws four small files and looks at what your class makes of them. Read it: a check is
# also a statement of what was asked. The grader's own checks draw other files.


# %%
def check_faces_dataset(candidate):
    """Three kinds of file, one of them grey, one transparent, in an order that is not sorted."""
    with tempfile.TemporaryDirectory() as folder:
        modes = {"real/b.png": "L", "real/a.png": "RGBA", "fake/d.png": "RGB", "fake/c.png": "P"}
        for name, mode in modes.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            Image.new(mode, (8, 6)).save(path)
        items = candidate(folder, None)
        assert len(items) == 4, f"there are 4 pictures in both folders; len() says {len(items)}"
        labels = [items[i][1] for i in range(4)]
        assert labels == [0, 0, 1, 1], f"expected [0, 0, 1, 1] (real first), found {labels}"
        assert all(type(label) is int for label in labels), "a label should be a plain int"
        modes = [items[i][0].mode for i in range(4)]
        assert modes == ["RGB"] * 4, f"every picture should be RGB; found {modes}"
        widths = [candidate(folder, lambda picture: picture.size)[i][0] for i in range(4)]
        assert widths == [(8, 6)] * 4, "return what transform makes of the picture"


# %% [markdown]
# One line decides how the notebook goes on: with your class, if it passed, else with the course's. Either way
# the cells below run.


# %%
def course_faces_dataset(root_path, transform=None):
    """Return torchvision's dataset of a folder; it sorts classes by name, so labels are turned."""
    return ImageFolder(root_path, transform, target_transform=lambda number: 1 - number)


FacesDataset = lesson.go_on_with(
    "faces-dataset", FacesDataset, check_faces_dataset, course_faces_dataset
)

# %% [markdown]
# ## 3 · Look before you count
#
# Reals in the upper rows, fakes below. For half a minute, look for a rule that tells them apart. Then ask of
# your rule: is it about the *manipulation*, or about how these files were collected?

# %%
train = prepared.split("train")
picked = np.random.default_rng(seed)
half = pictures_in_grid // 2
reals, fakes = (np.flatnonzero(train["label"] == label) for label in (0, 1))
indices = [*picked.choice(reals, half, replace=False), *picked.choice(fakes, half, replace=False)]
pictures = PictureDataset(train, prepared.root, image_size)
caption = plots.sample_grid([pictures[i][0] for i in indices], ["real"] * half + ["fake"] * half)

# %% [markdown]
# Before training, each picture is changed a little at every visit: a crop at a random place (after padding
# with 4 pixels), and a mirror image half of the time. Below, the first real and the first fake picture,
# each six times. Which of these changes keeps the label true, and which would not?

# %%
augment = train_transform(image_size)
torch.manual_seed(seed)
repeated = [augment(pictures[i][0]) for i in (indices[0], indices[half]) for _ in range(6)]
caption = plots.sample_grid(repeated, ["real, augmented"] * 6 + ["fake, augmented"] * 6)

# %% [markdown]
# One group, whole: every method and compression that it has, at one moment. What was changed in each of the fakes,
# and what does the stronger compression (c40, where there is one) do to the traces of it?

# %%
kinds = ["label", "method", "compression"]
richest = train.groupby("group")[kinds].value_counts().groupby("group").size().idxmax()
together = train[train["group"] == richest]
together = together[together["target"] == together["target"].min()].sort_values("frame")
one_each = together.groupby(kinds, sort=True).nth(0).sort_values(["compression", "label", "method"])
words = ["real", "fake"]
titles = [f"{words[row.label]} {row.compression}\n{row.method}" for row in one_each.itertuples()]
caption = plots.sample_grid([pictures[i][0] for i in one_each.index], titles)

# %% [markdown]
# **Question 2 · sample-grid** (5 points, read by a person, about 15 minutes)
#
# From *your own* figures: (a) name one visible difference between the real and the fake pictures that
# comes from the manipulation, and one that may come from how the files were collected (framing, background,
# sharpness, colour), and say how you would find out which it is. (b) For crop, flip and one augmentation that
# is *not* used here, say whether it keeps the label true, and what it could destroy.

# %% [markdown] question="sample-grid" tags=["answer"]
# **Answer 2 · sample-grid**
#
# <!-- BEGIN SOLUTION -->
# (a) In the fakes the inner face, or the eyes and mouth, often have another sharpness or skin tone than the cheeks
# around them, with a soft edge between: that is the manipulation. Where the two classes were photographed on
# different occasions, backgrounds and framing differ too (not where every fake has its original beside it). To find
# out which of the two a detector uses, train it on pictures with the face masked out (the background alone): if it
# still beats chance, the collection tells the classes apart.
# (b) A flip keeps the label true, since a mirrored composite is still one; a crop of four pixels does too. JPEG
# re-compression keeps the label but can destroy the fine noise that a detector of synthetic faces needs; a
# strong blur does the same.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · How many of each?
#
# What accuracy does a detector reach on the test set that looks at nothing and always gives the same answer? Work
# it out from the figure before the cell prints it. Any detector has to beat this number, not 50 %.

# %%
caption = plots.plot_class_balance(prepared.samples)

# %%
test = prepared.split("test")
shares = {word: float((test["label"] == label).mean()) for label, word in enumerate(words)}
for word, share in shares.items():
    print(
        f"always answering '{word}' is right for {100 * share:.1f} % of {len(test)} test pictures"
    )
lesson.record(
    "accuracy of the better constant answer",
    max(shares.values()),
    dataset=dataset,
    edition=prepared.edition,
    split="test",
    metric="accuracy",
    groups=test["group"].nunique(),
    model="constant",
)

# %% [markdown]
# ## 5 · Copies, and why splitting by picture leaks
#
# Two frames of one video differ by a blink. If one is in training and the other in test, the test asks what
# the model *remembers*, not what it has *learnt*. Nothing in a training curve shows this. How large can the
# effect be?
#
# An experiment with a known answer: six frames each of some real videos. (A set of single pictures has no videos:
# there, a picture is shifted by a few pixels and lit a little differently, six times.) Each video gets a label **by
# coin toss**, the same for its six frames. There is nothing to learn, so an honest test must say 50 %. The "detector"
# is the plainest there is: it finds the most similar training frame, on a 16 x 16 thumbnail, and repeats that
# frame's label. So that luck does not decide, the coins are tossed two hundred times.
#
# What will it score when frames are split at random? And when all frames of a video stay together?


# %%
def six_thumbnails(rows):
    """Return 16 x 16 thumbnails of six frames, or of one picture moved and lit six times: 6 x 768."""
    frames = []
    for row in np.resize(rows, 6):
        frame = everything[row][0].float()
        if len(rows) == 1:
            top, left = generator.integers(0, 9, size=2)
            frame = frame[:, top : top + image_size - 8, left : left + image_size - 8]
            frame = frame * generator.uniform(0.95, 1.05)
        frames.append(v2.functional.resize(frame, [16, 16], antialias=True).flatten())
    return torch.stack(frames)


def accuracy_of_nearest_frame(in_test):
    """Return how often, over all coin tosses, the most similar training frame has the test frame's label."""
    nearest = torch.cdist(frames[in_test], frames[~in_test]).argmin(dim=1)
    guessed, true = coins[:, groups[~in_test][nearest]], coins[:, groups[in_test]]
    return float((guessed == true).float().mean())


generator = np.random.default_rng(seed)
samples = prepared.samples
everything = PictureDataset(samples, prepared.root, image_size)
scene = samples["path"].where(samples["video"] == "", samples["video"])
real = samples.assign(scene=scene)[samples["label"] == 0].drop_duplicates(["scene", "frame"])
scenes = [rows[:6] for rows in real.groupby("scene").indices.values()]
some = [scenes[i] for i in generator.permutation(len(scenes))[:identities]]
frames = torch.cat([six_thumbnails(real.index[rows]) for rows in some])
groups = torch.arange(len(some)).repeat_interleave(6)
coins = torch.from_numpy(generator.integers(0, 2, size=(200, len(some))))

by_frame = torch.from_numpy(generator.random(len(frames)) < 0.3)
by_group = torch.from_numpy(generator.permutation(len(some)) < 0.3 * len(some))[groups]
accuracies = {
    "split by frame": accuracy_of_nearest_frame(by_frame),
    "split by video": accuracy_of_nearest_frame(by_group),
}

# %% [markdown]
# In the figure, compare the height of each bar with the dashed line, the accuracy of a coin.

# %%
caption = plots.plot_accuracies(
    accuracies, title="Labels drawn by coin toss: accuracy of the nearest frame", chance=0.5
)
for name, accuracy in accuracies.items():
    lesson.record(
        f"nearest frame on coin-toss labels, {name}",
        accuracy,
        dataset=dataset,
        edition=prepared.edition,
        metric="accuracy",
        split=name,
        groups=len(some),
        model="1-nearest neighbour",
    )

# %% [markdown]
# Is anything like this in the data set at hand? Two files with the same bytes in two splits are the plainest
# leak; the same bytes under both labels are worse. The library counts them (`course data check` does too).

# %%
from course_utils.data.check import check

report = check(manifest)
for finding in report.findings:
    print(finding)
print("nothing found" if not report.findings else f"{len(report.findings)} findings")

# %% [markdown]
# People leak as well. A fake shows two: its target, whose picture it was, and its source, whose face or expression
# was put in. What if fakes are dealt out by their target alone, which is the first number in the name of a fake of
# FaceForensics++? Compare with the split that this data set comes with.

# %%
targets = sorted(set(samples["target"]) - {""})
dealt = generator.choice(["train", "val", "test"], size=len(targets), p=[0.7, 0.15, 0.15])
by_target = samples.assign(split=samples["target"].map(dict(zip(targets, dealt, strict=True))))
nobody = "nobody is known to be in two splits"
print("split by target:  ", tell_leak(by_target.dropna(subset="split")) or nobody)
print("split of this set:", tell_leak(samples) or nobody)

# %% [markdown]
# **Question 101 · leak** (5 points, read by a person, about 15 minutes)
#
# (a) From your two bars: by how many percentage points did the split by frame overstate this detector, and
# why is it not a little but so much? (b) FaceForensics++ names a fake `033_097.mp4` when the face of video 097
# was put into video 033. A colleague splits the fakes at random by their first number. Say which leak remains,
# and which rule closes it.

# %% [markdown] question="leak" tags=["answer"]
# **Answer 101 · leak**
#
# <!-- BEGIN SOLUTION -->
# (a) The honest score is near 50 %, and the split by frame reports nearly 100 %: about 50 points too many. For
# nearly every test frame another frame of the same picture is in training, at almost no distance, so the
# nearest frame is of the same picture and its label is simply looked up. (b) The face of 097 also appears in
# its own original 097 and in 097_033; if those are in training, test fakes show a face that was trained on.
# Splitting by *pair* closes it: 033 and 097, their originals and both fakes go to the same split.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 6 · Is there a shortcut?
#
# A detector is not asked to find forgeries. It is asked to tell two heaps of files apart, and takes the easiest way.
# In a public set of StyleGAN faces the JPEG quality alone told fake from real, because the two heaps had been saved
# by two programs. So before anyone trains, ask of every cheap cue how far it gets: the size of the file, how it was
# saved, width and height, mean colour, a 16 x 16 thumbnail, the strength of fine and coarse waves (the spectrum).
#
# For each, `audit` trains a logistic regression in five folds that no group straddles, and reports the AUROC of the
# held-out pictures: the chance that a fake scores above a real. One half is what a guesser has. Which of these cues
# may well be the forgery's own trace, and which never should be?


# %%
def draw_cues(report, title):
    """Draw what an audit found of each cue, or say why it looked for none."""
    if report.note:
        print(f"{title}: {report.note}")
    else:
        plots.plot_shortcuts(report.table(), title)


found = audit(prepared)
draw_cues(found, f"One cheap cue at a time, on {dataset}")

# %%
for warning in found.warnings:
    print(f"warning: {warning}")
print(f"{len(found.warnings)} warnings")
for shortcut in found.shortcuts:
    lesson.record(
        f"{shortcut.name} alone",
        shortcut.auroc.value,
        dataset=dataset,
        edition=prepared.edition,
        split="all, five folds",
        metric="auroc",
        interval=(shortcut.auroc.low, shortcut.auroc.high),
        groups=shortcut.auroc.groups,
        model="logistic regression",
    )

# %% [markdown]
# Does an audit find what is there? We plant a shortcut. Both heaps below are *real* pictures of this set, labelled
# by coin toss; the one heap is saved with JPEG quality 90, the other with 75, a difference that nobody sees. Then
# everything is saved again with one quality, as one would do to mend it. Predict both figures: which cues go up in
# the first, and does the second bring them all down?


# %%
def saved(folder, quality_of_fakes, quality_afterwards=None):
    """Save real pictures, labelled by coin toss, and return them as a prepared data set."""
    table = real.iloc[np.concatenate(some)[:400]]
    labels = np.random.default_rng(seed).integers(0, 2, size=len(table))
    for number, (row, label) in enumerate(zip(table.index, labels, strict=True)):
        path = Path(folder, f"{number}.jpg")
        picture = v2.functional.to_pil_image(everything[row][0])
        picture.save(path, quality=quality_of_fakes if label else 90)
        if quality_afterwards:
            Image.open(path).convert("RGB").save(path, quality=quality_afterwards)
    files = [f"{number}.jpg" for number in range(len(table))]
    table = table.assign(path=files, label=labels, video="").reset_index(drop=True)
    return dataclasses.replace(prepared, name="planted", root=Path(folder), samples=table)


with tempfile.TemporaryDirectory() as folder:
    planted = audit(saved(folder, quality_of_fakes=75), progress=False)
    mended = audit(saved(folder, quality_of_fakes=75, quality_afterwards=70), progress=False)
draw_cues(planted, "Planted: two JPEG qualities, no forgery at all")

# %%
draw_cues(mended, "Mended: everything saved again with quality 70")

# %% [markdown]
# **Question 102 · shortcut** (6 points, read by a person, about 20 minutes)
#
# (a) From your first figure: is there a cue that alone tells fakes from reals in this data set (its interval lies above
# 0.55)? For the one that gets farthest, say whether it can be the forgery's own trace or must be the collection's, and
# which experiment would decide. (b) From the planted set: which cues rose, and would a network trained on it, with a
# test set made in the same way, have shown in any curve that it learnt nothing about forgery? (c) What did saving
# everything again mend, and what may it have left? Read the third figure with its intervals.

# %% [markdown] question="shortcut" tags=["answer"]
# **Answer 102 · shortcut**
#
# <!-- BEGIN SOLUTION -->
# (a) The caption lists each cue with its interval. File size, JPEG settings, resolution and mean colour say how
# pictures were collected and saved; if one of them is above, the set must be mended before anyone trains. The spectrum
# can be the forgery's own trace: blending and upsampling take away or add fine waves. What decides is to process the
# reals in the same way without forging them (warp and blend a face onto itself, or send it through the generator): if
# the cue still tells them apart, it is the trace of processing; if it vanishes, it was the collection's. (b) JPEG
# settings tell the two heaps apart without an error, file size and spectrum nearly so. No curve would show it: test
# pictures made in the same way carry the same mark, so training, validation and test all look perfect. (c) The
# settings are the same afterwards, so that cue falls to 0.5, and file size falls nearly so. But the first compression
# has rounded the waves of each block to a coarse grid, and the second rounds them to another: where the spectrum's
# interval lies above 0.5, and it may lie higher than before, that is the trace of having been saved twice, and with
# which quality first. Only going back to the originals, and saving these alike, mends the set. Where no interval
# excludes 0.5, this many pictures cannot show a remainder.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 7 · The library's dataset
#
# From the next notebook on we use the library's `PictureDataset`. It reads the sample table instead of a
# folder, so any data set with a manifest works without a change of code. Does it show the same pictures as
# the class above?

# %%
library = PictureDataset(train, prepared.root, None)
first = [int(reals[0]), int(fakes[0])]
with tempfile.TemporaryDirectory() as folder:
    for word, index in zip(["real", "fake"], first, strict=True):
        Path(folder, word).mkdir()
        shutil.copy(prepared.root / train["path"][index], Path(folder, word))
    by_hand = FacesDataset(folder, v2.PILToTensor())
    for picture, label in (by_hand[0], by_hand[1]):
        same = torch.equal(picture, library[first[label]][0])
        print(f"label {label}: the same picture, pixel for pixel: {same}")

# %% [markdown]
# It also keeps decoded pictures in memory, up to a limit. How much is the second pass over the training
# pictures worth, and for which data sets would it be worth nothing?

# %%
passes = PictureDataset(train, prepared.root, image_size)
for visit in ("first", "second"):
    started = time.perf_counter()
    for i in range(min(len(passes), 500)):
        passes[i]
    seconds = time.perf_counter() - started
    print(f"{visit} pass: {1000 * seconds / min(len(passes), 500):.2f} ms a picture")

# %% [markdown]
# ## Recap
#
# - A manifest says what a folder means; the sample table has a row a picture; the rest of the course reads
#   only the table.
# - A dataset class fixes order, colour mode and labels, so that two machines see the same data.
# - Accuracy is measured against the larger class, not against 50 %.
# - What belongs together (frames of a video, a face and its fakes) stays in one split. Nothing in a training
#   curve warns you when it does not.
# - Before anyone trains, cheap cues are asked how far they get. What they reach, a network reaches too, without
#   having learnt anything about forgery.
#
# Next: a trainer, and three ways to get one subtly wrong.
