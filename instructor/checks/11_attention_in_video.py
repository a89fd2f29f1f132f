"""The questions of notebook 11."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="squeeze-excitation",
        number=1101,
        title="Squeeze and excitation",
        points=6,
        kind="code",
        rubric=(
            Criterion(points=2, text="the mean over time and space, each clip for itself"),
            Criterion(points=2, text="both matrices, the ReLU between them and the sigmoid after"),
            Criterion(points=2, text="each channel times its gate, of the shape of the features"),
        ),
    ),
    Question(
        id="non-local",
        number=1102,
        title="The non-local block's affinity",
        points=10,
        kind="code",
        rubric=(
            Criterion(points=3, text="products of all queries with all keys, over time and space together"),
            Criterion(points=3, text="a softmax over the keys, with the scale before it"),
            Criterion(points=2, text="the weighted sum of the values"),
            Criterion(points=2, text="positions back in their places, for any T, H and W"),
        ),
    ),
    Question(
        id="affinity-size",
        number=1103,
        title="How many numbers an affinity has",
        points=6,
        kind="code",
        rubric=(
            Criterion(points=2, text="positions after stage 1: half the frames, a quarter of each side"),
            Criterion(points=2, text="halves rounded up, stage by stage"),
            Criterion(points=2, text="squared, and summed over blocks, also of a stage named twice"),
        ),
    ),
    Question(
        id="early-attention",
        number=1104,
        title="Why attention in early layers?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=3,
                text="traces that early positions still see, compared between far places or times; actions are of things",
            ),
            Criterion(points=1, text="a reason of another kind: parameters, computing, noise of one run"),
            Criterion(points=2, text="a comparison with as many blocks early and late, with numbers"),
        ),
    ),
    Question(
        id="always-fake",
        number=1105,
        title="A detector that calls everything fake",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="80.0 % for all, 50.0 % for alone and cross"),
            Criterion(points=2, text="SE in table I; from scratch and SE in table VI, with numbers"),
            Criterion(points=1, text="rates of both classes, the constant answer's, or AUROC"),
        ),
    ),
    Question(
        id="which-attention",
        number=1106,
        title="Which attention helps?",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="who learnt, by training loss; who generalises, by the intervals"),
            Criterion(points=2, text="attention judged by paired comparisons; either outcome can earn this"),
            Criterion(points=2, text="a standard error of about 1.3 points, and what it does to the ranking"),
            Criterion(points=2, text="the left-out forgery, here and in table VI"),
        ),
    ),
    Question(
        id="use-of-time",
        number=1107,
        title="Does it use time?",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=2, text="who loses by shuffling or stillness, by the comparisons"),
            Criterion(points=1, text="convolutions with a kernel of 3 in time see the order, gates do not"),
            Criterion(points=1, text="that one network does not use traces does not say there are none"),
            Criterion(
                points=2, text="shuffled clips are unlike training: scores move without any use of time"
            ),
        ),
    ),
    Question(
        id="where-it-looks",
        number=1108,
        title="Where does it look?",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="how even the maps are, by the shares, and that untrained ones are"),
            Criterion(points=2, text="a difference at the forgery, in many clips, by a network that detects"),
        ),
    ),
]
