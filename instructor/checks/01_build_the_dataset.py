"""The questions of notebook 01."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="faces-dataset",
        number=1,
        title="The dataset by hand",
        points=10,
        kind="code",
        rubric=(
            Criterion(points=2, text="the length is the number of pictures in both folders"),
            Criterion(
                points=2, text="real pictures first, then fakes, each sorted by file name, on any machine"
            ),
            Criterion(points=2, text="labels are the integers 0 for real and 1 for fake"),
            Criterion(points=2, text="grey, transparent and palette files come out as RGB"),
            Criterion(points=2, text="the transform is applied where there is one, and its result returned"),
        ),
    ),
    Question(
        id="sample-grid",
        number=2,
        title="Look at the pictures",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=1,
                text="a visible difference that plausibly comes from the manipulation, from the student's figure",
            ),
            Criterion(points=1, text="one that may come from the collection instead"),
            Criterion(
                points=1,
                text="a test that would tell the two apart (mask the face, re-encode alike, cross-dataset, …)",
            ),
            Criterion(
                points=2,
                text="crop, flip and a third augmentation: whether the label stays true, and what each could destroy",
            ),
        ),
    ),
    Question(
        id="leak",
        number=101,
        title="Why splitting by picture leaks",
        points=5,
        kind="words",
        rubric=(
            Criterion(
                points=1,
                text="the difference of the two bars in percentage points, as the student's run shows it",
            ),
            Criterion(
                points=2,
                text="the reason: a near-copy of each test frame is in training, so its label is looked up",
            ),
            Criterion(
                points=1,
                text="the leak that remains: the source person's face is in training as an original or in another fake",
            ),
            Criterion(points=1, text="the rule: split by pair (or by identity), originals included"),
        ),
    ),
    Question(
        id="shortcut",
        number=102,
        title="Is there a shortcut?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=1,
                text="whether a cue's interval lies above 0.55, as the student's figure shows it; either can earn this",
            ),
            Criterion(
                points=2,
                text="for the strongest cue: forgery's trace or collection's, and an experiment that would decide",
            ),
            Criterion(
                points=2,
                text="which cues rose in the planted set, and that no curve shows it when test pictures carry the same mark",
            ),
            Criterion(
                points=1, text="what saving again mends and what it may leave, judged by the intervals"
            ),
        ),
    ),
]
