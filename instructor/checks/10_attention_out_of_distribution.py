"""The questions of notebook 10."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="attention-row",
        number=1001,
        title="One row of attention",
        points=8,
        kind="code",
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
