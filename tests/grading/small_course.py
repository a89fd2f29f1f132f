"""A private assignment of three questions that needs no torch, and what students hand in for it."""

from pathlib import Path

import nbformat

from course_utils.grading.assignment import Assignment, load_assignment

NAME = "90_small"
SOURCE = '''\
# ---
# jupyter:
#   course:
#     title: Small
#     minutes: 10
#     hours: 1
# ---

# %% tags=["parameters"]
width = 3

# %%
import math

# %% [markdown]
# **Question 9001 · mean** (3 points)

# %% [markdown]
# ### Your helpers

# %% tags=["helpers"]
# your helpers

# %% question="mean" tags=["answer"]
# Question 9001 · mean
def mean(values):
    """Return the mean, and how many there are."""
    ### BEGIN SOLUTION
    return sum(values) / len(values), len(values)
    ### END SOLUTION

# %% question="hue" tags=["answer"]
# Question 9002 · hue
def hue(red, green, blue):
    """Return the hue, 0 to 1."""
    ### BEGIN SOLUTION
    angle = math.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)
    return angle / (2 * math.pi) % 1
    ### END SOLUTION

# %% [markdown] question="why" tags=["answer"]
# **Answer 9003 · why**
#
# <!-- BEGIN SOLUTION -->
# Because.
# <!-- END SOLUTION -->
'''
CHECKS = """
from course_utils.grading.questions import Criterion, Question, Verdict


def draw_mean(random):
    return {"values": random.normal(0, 1, 5).tolist()}


def probe_mean(answer, inputs):
    value, count = answer(inputs["values"])
    return {"value": value, "count": count}


def judge_mean(inputs, outputs):
    values = inputs["values"]
    right = abs(outputs["value"] - sum(values) / len(values)) < 1e-9
    return [
        Verdict(float(right), "The mean is right." if right else "The mean is wrong.", f"{outputs['value']}"),
        Verdict(float(outputs["count"] == len(values)), "The count."),
    ]


def draw_hue(random):
    return {"colour": [0.75, 0.25, 0.25]}


def probe_hue(answer, inputs):
    return {"hue": answer(*inputs["colour"])}


def judge_hue(inputs, outputs):
    return [Verdict(float(abs(outputs["hue"]) < TOLERANCE), "The hue.")]


TOLERANCE = 1e-6
QUESTIONS = [
    Question(
        id="mean", number=9001, title="Mean", points=3, kind="code", answers="mean",
        rubric=(Criterion(points=2, text="the mean"), Criterion(points=1, text="the count")),
        draw=draw_mean, probe=probe_mean, judge=judge_mean,
    ),
    Question(
        id="hue", number=9002, title="Hue", points=2, kind="code", answers="hue", without=("colorsys",),
        rubric=(Criterion(points=2, text="the hue"),), draw=draw_hue, probe=probe_hue, judge=judge_hue,
    ),
    Question(
        id="why", number=9003, title="Why?", points=1, kind="words",
        rubric=(Criterion(points=1, text="a reason"),),
    ),
]
"""
MEAN = "def mean(values):\n    return sum(values) / len(values), len(values)"
HUE = (
    "def hue(red, green, blue):\n    x = 2 * red - green - blue\n"
    "    return math.atan2(math.sqrt(3) * (green - blue), x) / (2 * math.pi) % 1"
)


def write_assignment(folder: Path, checks: str = CHECKS) -> Assignment:
    """Write the private instructor folder of this assignment, and load it."""
    for kind, text in (("sources", SOURCE), ("checks", checks)):
        file = folder / kind / f"{NAME}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return load_assignment(NAME, folder)


def hand_in(folder: Path, assignment: Assignment, student: str, **answers: str) -> Path:
    """Write a student's notebook with these answers by question; without one, the blank is untouched.

    ``helpers`` goes into the cell of that name, ``png`` (base64) is the output of a cell.
    """
    node = nbformat.from_dict(assignment.blank)
    for cell in node.cells:
        question = cell.metadata.get("question")
        if "helpers" in cell.metadata.get("tags", []) and "helpers" in answers:
            cell.source = f"# your helpers\n{answers['helpers']}"
        elif question == "why" and "why" in answers:
            cell.source = f"**Answer 9003 · why**\n\n{answers['why']}"
        elif question in answers:
            cell.source = f"{cell.source.splitlines()[0]}\n{answers[question]}"
        if question == "mean" and "png" in answers:
            cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": answers["png"]})]
    file = folder / student / f"{NAME}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, file)
    return file
