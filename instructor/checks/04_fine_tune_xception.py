"""The questions of notebook 04."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="separable-cost",
        number=20,
        title="The cost of a separable convolution",
        points=8,
        kind="code",
        rubric=(
            Criterion(points=2, text="parameters of a normal convolution, without biases"),
            Criterion(points=2, text="parameters of the depthwise and the pointwise one together"),
            Criterion(points=2, text="multiply–accumulates of the normal one, from the size of the output"),
            Criterion(points=2, text="multiply–accumulates of the pair"),
        ),
    ),
    Question(
        id="pretraining",
        number=18,
        title="What was Xception trained on?",
        points=3,
        kind="words",
        rubric=(
            Criterion(
                points=1, text="ImageNet: photographs of objects in 1000 classes, and to name the class"
            ),
            Criterion(points=1, text="something it has learnt that helps here"),
            Criterion(
                points=1, text="something it has no reason to have learnt (traces of upsampling, of blending)"
            ),
        ),
    ),
    Question(
        id="building-blocks",
        number=19,
        title="Xception's building blocks",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="depthwise and pointwise convolution, and the three flows made of them"),
            Criterion(points=1, text="what the shortcut does for training"),
            Criterion(
                points=2, text="what the separation saves, in the student's numbers, and what it gives up"
            ),
        ),
    ),
    Question(
        id="features-before-head",
        number=21,
        title="Features before the head",
        points=3,
        kind="code",
        rubric=(
            Criterion(points=2, text="the number of channels that reach the classifier, for any such model"),
            Criterion(points=1, text="the model's mode and statistics are as before"),
        ),
    ),
    Question(
        id="parameters",
        number=22,
        title="Count parameters",
        points=2,
        kind="code",
        rubric=(
            Criterion(points=1, text="counts weights and biases of all layers"),
            Criterion(points=1, text="does not count buffers"),
        ),
    ),
    Question(
        id="xception-based-model",
        number=23,
        title="Attach a new head",
        points=8,
        kind="code",
        rubric=(
            Criterion(points=3, text="the widths 2048 → 1000 → 256 → 64 → 2 in the place of `fc`"),
            Criterion(points=2, text="ReLU between, nothing after the last layer: logits"),
            Criterion(points=2, text="23,128,786 parameters"),
            Criterion(points=1, text="the rest of the network is as timm builds it"),
        ),
    ),
    Question(
        id="more-parameters",
        number=24,
        title="Where 272,834 parameters come from",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=2, text="256,256 + 16,448 + 130, with the layers they belong to"),
            Criterion(
                points=1, text="the first layer takes the place of the old classifier, which was as large"
            ),
        ),
    ),
    Question(
        id="stages",
        number=401,
        title="What learns, and how fast",
        points=4,
        kind="words",
        rubric=(
            Criterion(
                points=2,
                text="random features must not be frozen: the head sees a random projection; what the curve would show",
            ),
            Criterion(points=1, text="early layers are general and need to change little"),
            Criterion(points=1, text="not where the trace itself is of low level, as upsampling's is"),
        ),
    ),
    Question(
        id="expectation",
        number=25,
        title="Predict before you run",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="a number, and above or below SimpleNet"),
            Criterion(
                points=2,
                text="a reason from the first weights that were printed and the number of pictures, right or wrong",
            ),
        ),
    ),
    Question(
        id="xception-curves",
        number=26,
        title="Xception's curves",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=1, text="what training reaches and whether validation follows, from the figure"),
            Criterion(points=1, text="a plateau at 99 % is no fault"),
            Criterion(
                points=3,
                text="two explanations of good training and bad validation, and an observation that would decide",
            ),
        ),
    ),
    Question(
        id="xception-best-epoch",
        number=27,
        title="Xception at its best epoch",
        points=3,
        kind="words",
        rubric=(
            Criterion(points=1, text="validation and test accuracy at the epoch that validation chooses"),
            Criterion(points=2, text="whether 0.99 lies in the interval, and the most important difference"),
        ),
    ),
    Question(
        id="xception-roc-and-det",
        number=28,
        title="Xception's ROC and DET",
        points=6,
        kind="words",
        rubric=(
            Criterion(points=2, text="AUROC with interval, equal error rate, misses at 5 % false alarms"),
            Criterion(points=2, text="a DET curve cannot rise: along it the threshold moves one way"),
            Criterion(points=2, text="what the paired comparison adds, on the student's own numbers"),
        ),
    ),
    Question(
        id="capacity-or-pretraining",
        number=402,
        title="Capacity or pretraining?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="the same network with and without its weights: pretraining, not capacity"
            ),
            Criterion(
                points=2,
                text=(
                    "the student's three networks, as their comparisons allow, beside the reference runs, where the"
                    " length of training decides; any outcome can earn this"
                ),
            ),
            Criterion(
                points=2, text="the experiment that is missing, and the outcome that would change the verdict"
            ),
        ),
    ),
    Question(
        id="calibration",
        number=403,
        title="Are the scores probabilities?",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="too sure or not, for both detectors, from diagram and temperature"),
            Criterion(
                points=2, text="what the temperature changes and leaves, and why it is chosen on validation"
            ),
            Criterion(points=1, text="pictures and share of fakes in use differ from those measured on"),
        ),
    ),
]
