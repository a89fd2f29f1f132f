"""The questions of notebook 05."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="saliency-idea",
        number=29,
        title="What a saliency map shows",
        points=4,
        kind="words",
        rubric=(
            Criterion(points=2, text="the derivative of the class score by each pixel, with the formula"),
            Criterion(points=1, text="reaction to a small change, not contribution"),
            Criterion(points=1, text="why the logit: softmax saturates and mixes in the other class"),
        ),
    ),
    Question(
        id="saliency",
        number=31,
        title="Saliency by one backward pass",
        points=10,
        kind="code",
        rubric=(
            Criterion(points=3, text="the derivative of each picture's own class logit by its pixels"),
            Criterion(points=2, text="absolute value, then the maximum over channels"),
            Criterion(points=1, text="B x H x W, for any batch, also of one"),
            Criterion(points=2, text="evaluation mode meanwhile, and the mode as before afterwards"),
            Criterion(points=2, text="no gradient is left on parameters or on the caller's samples"),
        ),
    ),
    Question(
        id="saliency-maps",
        number=32,
        title="Read the saliency maps",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="what the maps of both networks follow, from the student's figures"),
            Criterion(points=2, text="the difference of the means, weighed against chance differences"),
            Criterion(points=2, text="parts of the face from the table, share against area, in both classes"),
            Criterion(points=2, text="a detector near 0.5 has maps as well; what they then say"),
        ),
    ),
    Question(
        id="grad-cam-idea",
        number=30,
        title="What Grad-CAM shows",
        points=4,
        kind="words",
        rubric=(
            Criterion(points=2, text="the weights as mean derivative of the score by a map, and the ReLU"),
            Criterion(points=1, text="what is gained and lost against saliency"),
            Criterion(points=1, text="the size of one place in pixels, for both networks"),
        ),
    ),
    Question(
        id="grad-cam",
        number=33,
        title="Grad-CAM",
        points=10,
        kind="code",
        rubric=(
            Criterion(
                points=3, text="weights: the mean over places of the logit's derivative by the layer's maps"
            ),
            Criterion(points=3, text="the weighted sum of the maps, then ReLU"),
            Criterion(points=2, text="each sample's own class; any layer that puts out maps"),
            Criterion(points=2, text="hook removed, mode and gradients as before, after an error too"),
        ),
    ),
    Question(
        id="grad-cam-visualization",
        number=34,
        title="Lay the map over the picture",
        points=8,
        kind="code",
        rubric=(
            Criterion(points=2, text="H x W x 3 floats from 0 to 1, of the picture without normalisation"),
            Criterion(
                points=2, text="the map of the true class at the last convolution, enlarged bilinearly"
            ),
            Criterion(points=2, text="divided by its maximum, also where that is zero"),
            Criterion(points=1, text="the true label as an integer"),
            Criterion(points=1, text="the item is drawn by torch's generator"),
        ),
    ),
    Question(
        id="grad-cam-maps",
        number=35,
        title="Read the overlays",
        points=8,
        kind="words",
        rubric=(
            Criterion(points=2, text="what comes from the layer's resolution, and what was learnt"),
            Criterion(points=3, text="overlays are no evidence of a working detector; the AUROCs are"),
            Criterion(points=3, text="parts of the face, fakes against reals, from the student's table"),
        ),
    ),
    Question(
        id="right-or-pretty",
        number=501,
        title="Right, or pretty?",
        points=8,
        kind="words",
        rubric=(
            Criterion(
                points=3,
                text="which explanations beat the spot in the middle by more than the interval; any outcome can earn this",
            ),
            Criterion(
                points=2, text="wrong explanation or detector that looks elsewhere, and a test to tell"
            ),
            Criterion(points=1, text="which maps depend least on the weights"),
            Criterion(points=2, text="what an overlay can and cannot prove"),
        ),
    ),
    Question(
        id="which-map",
        number=502,
        title="Which mistake?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="A: no absolute value; mostly positive, strong negative derivatives lost"
            ),
            Criterion(
                points=2,
                text="B: a sum over channels; strong negative pixels beside strong positive ones, as fine as O1",
            ),
            Criterion(points=2, text="C: no ReLU; coarse as O2 and equal to it where positive"),
        ),
    ),
    Question(
        id="robust",
        number=503,
        title="Other pictures, other fakes",
        points=5,
        kind="words",
        rubric=(
            Criterion(points=2, text="which degradation costs which detector most, judged by intervals"),
            Criterion(points=2, text="what the table across data sets shows, and what below 0.5 would mean"),
            Criterion(points=1, text="an order of networks need not hold on a third set"),
        ),
    ),
    Question(
        id="who-pays",
        number=504,
        title="Who pays for the errors?",
        points=6,
        kind="words",
        rubric=(
            Criterion(
                points=2, text="differences between groups, false positives and misses apart, by intervals"
            ),
            Criterion(points=1, text="who is hurt by which error"),
            Criterion(
                points=2, text="no difference found is no proof of fairness, with the numbers of people"
            ),
            Criterion(points=1, text="where a real data set would bring one in, and how to look beforehand"),
        ),
    ),
]
