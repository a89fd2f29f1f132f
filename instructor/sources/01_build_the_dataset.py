# ---
# jupyter:
#   course:
#     title: Build the dataset
#     question: What can a detector learn from a set of real and fake faces, and how can the set itself mislead it?
#     chapter: assignment, chapter 2; CVCS report, section 2; video paper, section IV
#     minutes: 1
#     hours: 2
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
# The figure that will show it stands near the end: the accuracy of a "detector" that knows nothing about
# faces, on labels that we draw by coin toss.
#
# | | |
# |---|---|
# | machine | under a minute |
# | you | about two hours |
# | needs | nothing from other notebooks |

# %% tags=["parameters"]
dataset = "rendered_fakes"  # any name that `course data list` shows
image_size = 128  # pixels, the side to which pictures are brought for the leak experiment
pictures_in_grid = 12  # how many pictures a figure shows
identities = 200  # how many pictures of the set the leak experiment uses
seed = 0

# %%
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
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.prepare import load_dataset
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
# Preparing opened every file once and wrote one row for each. This *sample table* is the only thing the rest
# of the course knows of a data set. Look at `label` (0 real, 1 fake), `group` and `split`: the group says
# which rows must never be parted between training and test.

# %%
columns = ["path", "label", "method", "group", "split", "width", "height"]
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
# **Question 2 · sample-grid** (5 points, read by a person, about 15 minutes)
#
# From *your own* two figures: (a) name one visible difference between the real and the fake pictures that
# comes from the manipulation, and one that may come from how the files were collected (framing, background,
# sharpness, colour), and say how you would find out which it is. (b) For crop, flip and one augmentation that
# is *not* used here, say whether it keeps the label true, and what it could destroy.

# %% [markdown] question="sample-grid" tags=["answer"]
# **Answer 2 · sample-grid**
#
# <!-- BEGIN SOLUTION -->
# (a) In composites the eyes or mouth often have another sharpness or skin tone than the cheeks around them,
# with a soft edge between: that is the manipulation. Backgrounds and framing differ too: one class may hold
# more studio backgrounds. To find out which of the two a detector uses, train it on pictures with the face
# masked out (the background alone): if it still beats chance, the collection tells the classes apart.
# (b) A flip keeps the label true, since a mirrored composite is still one; a crop of four pixels does too. JPEG
# re-compression keeps the label but can destroy the fine noise that a detector of synthetic faces needs; a
# strong blur does the same.
# <!-- END SOLUTION -->

# %% [markdown]
# ## 4 · How many of each?
#
# What accuracy does the answer "always real" reach on the test set? Work it out from the figure before the
# cell prints it. Any detector has to beat this number, not 50 %.

# %%
caption = plots.plot_class_balance(prepared.samples)

# %%
test = prepared.split("test")
share_of_real = float((test["label"] == 0).mean())
print(
    f"always answering 'real' is right for {100 * share_of_real:.1f} % of {len(test)} test pictures"
)
lesson.record(
    "accuracy of always answering real",
    share_of_real,
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
# An experiment with a known answer: each picture becomes six "frames" (shifted by a few pixels, a little
# brighter or darker). Each picture then gets a label **by coin toss**, the same for its six frames. There is
# nothing to learn, so an honest test must say 50 %. The "detector" is the plainest there is: it finds the
# most similar training frame, on a 16 x 16 thumbnail, and repeats that frame's label.
#
# What will it score when frames are split at random? And when all frames of a picture stay together?


# %%
def six_frames(picture, generator):
    """Return six 16 x 16 thumbnails of a picture, as six frames of a video would give: 6 x 768 numbers."""
    frames = []
    for _ in range(6):
        top, left = generator.integers(0, 9, size=2)
        shifted = picture[:, top : top + image_size - 8, left : left + image_size - 8].float()
        brighter = shifted * generator.uniform(0.95, 1.05)
        frames.append(v2.functional.resize(brighter, [16, 16], antialias=True).flatten())
    return torch.stack(frames)


def accuracy_of_nearest_frame(frames, labels, in_test):
    """Return the share of test frames whose most similar training frame has the same label."""
    distances = torch.cdist(frames[in_test], frames[~in_test])
    guessed = labels[~in_test][distances.argmin(dim=1)]
    return float((guessed == labels[in_test]).float().mean())


generator = np.random.default_rng(seed)
some = generator.permutation(len(pictures))[:identities]
frames = torch.cat([six_frames(pictures[i][0], generator) for i in some])
groups = torch.arange(len(some)).repeat_interleave(6)
coin = torch.from_numpy(generator.integers(0, 2, size=len(some)))[groups]

by_frame = torch.from_numpy(generator.random(len(frames)) < 0.3)
by_group = torch.from_numpy(generator.random(len(some)) < 0.3)[groups]
accuracies = {
    "split by frame": accuracy_of_nearest_frame(frames, coin, by_frame),
    "split by group": accuracy_of_nearest_frame(frames, coin, by_group),
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
# leak; the same bytes under both labels are worse. The library counts them (`course data check` does too):

# %%
from course_utils.data.check import check

report = check(manifest)
for finding in report.findings:
    print(finding)
print("nothing found" if not report.findings else f"{len(report.findings)} findings")

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
# ## 6 · The library's dataset
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
    for i in range(len(passes)):
        passes[i]
    print(f"{visit} pass: {1000 * (time.perf_counter() - started) / len(passes):.2f} ms a picture")

# %% [markdown]
# ## Recap
#
# - A manifest says what a folder means; the sample table has a row a picture; the rest of the course reads
#   only the table.
# - A dataset class fixes order, colour mode and labels, so that two machines see the same data.
# - Accuracy is measured against the larger class, not against 50 %.
# - What belongs together (frames of a video, a face and its fakes) stays in one split. Nothing in a training
#   curve warns you when it does not.
#
# Next: a trainer, and three ways to get one subtly wrong.
