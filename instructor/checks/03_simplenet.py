"""The questions of notebook 03."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="training-parts",
        number=5,
        title="Optimizer and loss",
        points=5,
        kind="code",
        rubric=(
            Criterion(points=2, text="Adam over all parameters of the model"),
            Criterion(points=1, text="with the learning rate that was given"),
            Criterion(points=2, text="a loss for two classes that takes logits and integer labels"),
        ),
    ),
    Question(
        id="plausible",
        number=6,
        title="Do the numbers make sense?",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="a judgement that fits the student's own numbers"),
            Criterion(
                points=2,
                text="a number that would have shown a fault, with the value it would have had (ln 2, share of the larger class, …)",
            ),
        ),
    ),
    Question(
        id="curves",
        number=7,
        title="Read the curves",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="whether training learns, judged against ln 2 and the share of the larger class",
            ),
            Criterion(
                points=2, text="whether and until when validation follows, as the student's figure shows it"
            ),
            Criterion(
                points=2,
                text="what to change first, with a reason from the figure; either outcome can earn this",
            ),
        ),
    ),
    Question(
        id="best-epoch",
        number=8,
        title="The epoch that may be reported",
        points=5,
        kind="code",
        rubric=(
            Criterion(points=2, text="the epoch is the best on validation, not on test"),
            Criterion(points=1, text="of equals, the earliest"),
            Criterion(points=1, text="epochs are counted from 1"),
            Criterion(points=1, text="both accuracies are those of that epoch"),
        ),
    ),
    Question(
        id="proportion",
        number=9,
        title="Fakes for each real picture",
        points=3,
        kind="code",
        rubric=(
            Criterion(points=2, text="fakes over reals, not the share of fakes"),
            Criterion(points=1, text="works for any dataset of (picture, label)"),
        ),
    ),
    Question(
        id="soft-scores",
        number=10,
        title="Soft scores and true labels",
        points=8,
        kind="code",
        rubric=(
            Criterion(points=3, text="scores are probabilities that sum to 1, not logits"),
            Criterion(points=2, text="the first is the score of real, the second of fake"),
            Criterion(points=1, text="in the order of the dataset, with its labels"),
            Criterion(points=1, text="the model is in evaluation mode"),
            Criterion(points=1, text="no gradients are recorded"),
        ),
    ),
    Question(
        id="roc-and-det",
        number=11,
        title="ROC by either score, and DET",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="why the two AUROCs sum to 1: the order of all pairs is turned round"),
            Criterion(points=2, text="0.080 is as informative as 0.920, with the sign reversed"),
            Criterion(points=1, text="0.5 is the number that says random"),
            Criterion(
                points=2, text="missed fakes at 10 % false alarms, read from the student's own DET curve"
            ),
            Criterion(points=1, text="compared with the 90 % that a guesser misses"),
        ),
    ),
    Question(
        id="prediction",
        number=12,
        title="Predict before you run",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="a number"),
            Criterion(points=2, text="a reason from what the network can see, whether or not the run agrees"),
        ),
    ),
    Question(
        id="synthetic-curves",
        number=13,
        title="Curves on synthetic faces",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="where the student's curves lie with respect to ln 2 and 50 %"),
            Criterion(
                points=3,
                text="whether training itself fails or only validation and test do, and what follows from that",
            ),
        ),
    ),
    Question(
        id="best-on-synthetic",
        number=14,
        title="Best epoch on synthetic faces",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="validation and test accuracy at the epoch that validation chooses"),
            Criterion(points=2, text="the interval, and whether it contains a guesser's accuracy"),
        ),
    ),
    Question(
        id="synthetic-proportion",
        number=15,
        title="Proportion of the synthetic test set",
        points=2,
        kind="words",
        rubric=(
            Criterion(points=1, text="the proportion, and that 50 % is what guessing achieves there"),
            Criterion(
                points=1, text="with 700 against 1400, 50 % is worse than always answering real (67 %)"
            ),
        ),
    ),
    Question(
        id="random-classifier",
        number=16,
        title="What a random classifier looks like",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="its score does not depend on the picture: accuracy, ROC and AUROC of it"
            ),
            Criterion(points=1, text="the range of its AUROC on a test set of this size, read from the band"),
            Criterion(
                points=2,
                text="a verdict on the student's own detector that the band and the interval carry; either can earn this",
            ),
        ),
    ),
    Question(
        id="does-it-make-sense",
        number=17,
        title="Does it make sense, and what decides it?",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=1, text="a judgement from the pictures the student looked at"),
            Criterion(
                points=3,
                text="network or training: the comparison of reference runs that decides it, and what it leaves open",
            ),
            Criterion(points=2, text="a shortcut, and a test for it"),
        ),
    ),
]
