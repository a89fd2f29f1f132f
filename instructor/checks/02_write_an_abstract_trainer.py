"""The questions of notebook 02."""

from course_utils.grading.questions import Criterion, Question

QUESTIONS = [
    Question(
        id="train-one-epoch",
        number=3,
        title="Train for one epoch",
        points=15,
        kind="code",
        rubric=(
            Criterion(points=4, text="the weights after an epoch are those of one optimizer step a batch"),
            Criterion(points=3, text="gradients of earlier steps are forgotten"),
            Criterion(
                points=3, text="the loss is an average over samples, also when the last batch is smaller"
            ),
            Criterion(points=2, text="the accuracy is over samples and in percent"),
            Criterion(points=2, text="the model is in training mode, whatever mode it was in before"),
            Criterion(points=1, text="batches are shuffled and have the size asked for"),
        ),
    ),
    Question(
        id="evaluate-model-on-dataloader",
        number=4,
        title="Evaluate on a dataset",
        points=10,
        kind="code",
        rubric=(
            Criterion(
                points=3, text="the loss is an average over samples, also when the last batch is smaller"
            ),
            Criterion(points=2, text="the accuracy is over samples and in percent"),
            Criterion(points=3, text="the model is in evaluation mode"),
            Criterion(points=1, text="no gradients are recorded"),
            Criterion(points=1, text="nothing about the model changes: weights and statistics are as before"),
        ),
    ),
    Question(
        id="which-bug",
        number=201,
        title="Which bug?",
        points=9,
        kind="words",
        rubric=(
            Criterion(points=1, text="A is named: no eval()"),
            Criterion(
                points=2,
                text="why: only validation is worse and wobbles, since dropout and batch statistics are active there",
            ),
            Criterion(points=1, text="B is named: mean of batch means"),
            Criterion(
                points=2,
                text="why: only the reported training loss jumps, since the lone sample of the last batch weighs a third",
            ),
            Criterion(points=1, text="C is named: no zero_grad"),
            Criterion(
                points=2,
                text="why: old gradients are applied again at every step, so that the loss overshoots and grows",
            ),
        ),
    ),
]
