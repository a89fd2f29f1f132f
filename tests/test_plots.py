"""What a reader of the figures would miss: the picture, its alternative text, and true numbers in it."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image
from predicted import predictions
from sklearn.metrics import roc_auc_score

from course_utils import plots
from course_utils.calibration import expected_calibration_error
from course_utils.errors import CourseError
from course_utils.history import Run
from course_utils.intervals import Interval
from course_utils.plots.choices import Choice
from course_utils.plots.maps import plot_reconstructions
from course_utils.plots.style import CLASS_COLOURS, CURVE_STYLES, SPLIT_STYLES, show
from course_utils.robustness import robustness
from course_utils.subgroups import errors_by

RUN = Run(
    model="SimpleNet",
    dataset="made_up",
    optimizer={"name": "Adam"},
    train_loss=[0.7, 0.5, 0.3],
    train_acc=[50, 70, 90],
    val_loss=[0.7, 0.6, 0.7],
    val_acc=[50, 70, 65],
    test_loss=[0.7, 0.6, 0.7],
    test_acc=[51, 69, 66],
)
CUES = pd.DataFrame(
    {
        "shortcut": ["file size", "spectrum"],
        "auroc": [0.5, 0.7],
        "low": [0.45, 0.6],
        "high": [0.55, 0.8],
        "found": [False, True],
    }
)


def degraded(models: tuple[str, ...] = ("SimpleNet", "Xception")) -> pd.DataFrame:
    """Return predictions that get worse from one corruption to the next, at one severity each."""
    kinds = [("none", "", np.nan), *((f"corruption {number}", "times", number) for number in range(1, 4))]
    tables = [
        predictions(separation=2 - number / 2, model=model).assign(corruption=name, unit=unit, severity=times)
        for number, (name, unit, times) in enumerate(kinds)
        for model in models
    ]
    return pd.concat(tables, ignore_index=True)


RANDOM = np.random.default_rng(0).random((2, 3, 9, 9))
EXPLAINED = pd.DataFrame(
    {
        "explanation": ["saliency", "at random"],
        "measure": "pointing game",
        "value": [0.6, 0.3],
        "low": [0.5, 0.2],
        "high": [0.7, 0.4],
        "baseline": [False, True],
    }
)
PICTURE = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
FOUND = {
    "Harris, cosine": [(PICTURE, True), (PICTURE, False), (PICTURE, True)],
    "guess": [(PICTURE, False)] * 3,
}
CHOICES = {
    "machine": Choice(
        pd.DataFrame({"rbf": [0.7, 0.6], "linear": [0.5, 0.55]}, pd.Index([0.2, 3], name="C")),
        "rbf",
        0.2,
        Interval(0.7, 0.62, 0.77, 40),
    ),
    "forest": Choice(
        pd.DataFrame({"forest": [0.5, 0.8]}, pd.Index([10, 500], name="trees")),
        "forest",
        500,
        Interval(0.8, np.nan, np.nan, 3),
    ),
}


def plot_shifted() -> str:
    """Draw forty features of which the eighth is two standard deviations lower in fakes."""
    labels = np.repeat([0, 1], 100)
    features = np.random.default_rng(0).normal(size=(200, 40))
    features[labels == 1, 7] -= 2
    return plots.plot_by_class(
        features, labels, np.arange(1, 41), title="Made up", along="feature", quantity="number"
    )


DRAWN = {
    "history": lambda: plots.plot_history([RUN]),
    "histories": lambda: plots.plot_history([RUN, RUN], ["first", "second"]),
    "roc": lambda: plots.plot_roc({"one": predictions(), "two": predictions(separation=2)}),
    "both directions": lambda: plots.plot_roc_both_directions(predictions()),
    "random": lambda: plots.plot_random_classifier(predictions(separation=0)),
    "det": lambda: plots.plot_det({"one": predictions()}),
    "histogram": lambda: plots.plot_score_histogram(predictions(), 0.5),
    "balance": lambda: plots.plot_class_balance(predictions()),
    "accuracies": lambda: plots.plot_accuracies({"a": 0.5, "b": 1.0}, "Coins", 0.5),
    "by class": plot_shifted,
    "choices": lambda: plots.plot_choices(CHOICES, constant=0.5),
    "shortcuts": lambda: plots.plot_shortcuts(CUES, "One cue at a time"),
    "reliability": lambda: plots.plot_reliability({"one": predictions(), "two": predictions(separation=2)}),
    "robustness": lambda: plots.plot_robustness(robustness(degraded())),
    "subgroups": lambda: plots.plot_subgroups(errors_by(predictions(), "method", 0.5), "method"),
    "maps": lambda: plots.plot_maps(RANDOM[:2, :3], RANDOM[:2, 0] - 0.5, ["real", "fake"], "Saliency"),
    "mean maps": lambda: plots.plot_mean_maps(RANDOM[0, :2], "SimpleNet on made_up"),
    "explanation scores": lambda: plots.plot_explanation_scores(EXPLAINED, "Is it right?"),
    "rankings": lambda: plots.plot_rankings(PICTURE, FOUND, "Ten most alike", "same person"),
    "hubs": lambda: plots.plot_hubs(np.arange(1.0, 5), {"cosine": np.array([3, 2, 1, 0])}, "Hubs"),
    "grid": lambda: plots.sample_grid([np.zeros((8, 8, 3), np.uint8)], ["real"]),
}


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, in order."""
    pictures = []
    monkeypatch.setattr("course_utils.plots.style.display", pictures.append)
    return pictures


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_shown_once_with_its_sentence_as_alternative_text(shown, capsys, name):
    sentence = DRAWN[name]()
    (picture,) = shown
    metadata = picture._repr_mimebundle_()[1]
    assert metadata["image/png"]["alt"] == sentence
    assert capsys.readouterr().out == f"{sentence}\n"
    assert sentence.endswith(".")
    with Image.open(io.BytesIO(picture.data)) as drawn:
        assert drawn.width == pytest.approx(2 * metadata["image/png"]["width"], abs=1)
        assert len(drawn.convert("L").getcolors()) > 5  # not a blank page
    assert not pyplot.get_fignums()  # nothing is left for a later cell to show again


PICTURED = ("maps", "mean maps", "grid", "rankings")


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_says_whether_it_holds_numbers_alone(shown, name):
    DRAWN[name]()
    metadata = shown[0]._repr_mimebundle_()[1]["image/png"]
    assert ("shows" in metadata) == (name not in PICTURED)


def test_a_picture_is_noticed_however_it_is_drawn(shown):
    face = RANDOM[0].transpose(1, 2, 0)
    ways = [
        lambda figure: figure.subplots().imshow(face),
        lambda figure: figure.subplots().pcolormesh(face[..., 0]),
        lambda figure: figure.subplots().contourf(face[..., 0]),
        lambda figure: figure.figimage(face),
        lambda figure: figure.subplots().add_artist(AnnotationBbox(OffsetImage(face), (0.5, 0.5))),
    ]
    for way in ways:
        figure = Figure()
        way(figure)
        show(figure, "A face.")
        assert "shows" not in shown.pop()._repr_mimebundle_()[1]["image/png"]


def test_a_caption_at_the_end_of_a_cell_is_not_shown_twice(shown):
    from IPython.core.interactiveshell import InteractiveShell

    caption = DRAWN["balance"]()
    data, _ = InteractiveShell.instance().display_formatter.format(caption)
    assert data == {}


def test_sentences_hold_the_numbers(shown):
    table = predictions(separation=2, seed=1)
    area = roc_auc_score(table["label"], table["score"])
    assert f"AUROC {area:.3f}" in plots.plot_roc({"SimpleNet": table})
    both = plots.plot_roc_both_directions(table)
    assert f"AUROC {area:.3f} by the score “fake” and {1 - area:.3f} by the score “real”" in both
    assert "sum to 1.000" in both
    assert "highest, 70.0 %, at epoch 2, where test accuracy is 69.0 %" in plots.plot_history([RUN])
    assert "test 60 real and 40 fake" in plots.plot_class_balance(table)
    assert "file size 0.500; spectrum 0.700. Above the bar: spectrum" in DRAWN["shortcuts"]()
    assert "2 × real; 1 × fake" in plots.sample_grid([np.zeros((4, 4, 3))] * 3, ["real", "real", "fake"])


def test_an_interval_says_what_it_covers(shown):
    sentence = plots.plot_roc({"SimpleNet": predictions()})
    assert "over 100 groups" in sentence
    assert "not of training runs" in sentence
    few = plots.plot_roc({"SimpleNet": predictions(reals=4, fakes=3)})
    assert "too few groups" in few


def test_guessing_is_told_from_knowing(shown):
    assert "inside the range" in plots.plot_random_classifier(predictions(separation=0, seed=3))
    assert "outside the range" in plots.plot_random_classifier(predictions(separation=2))


@pytest.mark.parametrize("scores", [0.0, 0.5, "labels"])
def test_extreme_scores_are_drawn(shown, scores):
    table = predictions()
    table = table.assign(score=table["label"].astype(float) if scores == "labels" else scores)
    plots.plot_det({"extreme": table})
    plots.plot_score_histogram(table, 0.5)
    plots.plot_score_histogram(table.assign(score_kind="anomaly"), 0.5)
    assert len(shown) == 3


def test_runs_without_test_curves_or_with_one_epoch_are_drawn(shown):
    curves = ("train_loss", "train_acc", "val_loss", "val_acc")
    run = Run(model="m", dataset="d", optimizer={"name": "SGD"}, **{name: [0.5] for name in curves})
    assert "1 epoch:" in plots.plot_history([run])


def test_a_run_without_accuracy_is_its_error_alone(shown):
    errors = {"train_loss": [0.02, 0.0003], "val_loss": [0.03, 0.00041]}
    run = Run(model="CAE", dataset="maps", optimizer={"name": "Adam"}, train_acc=[], val_acc=[], **errors)
    sentence = plots.plot_history([run])
    assert "lowest, 0.00041, at epoch 2" in sentence
    assert "accuracy" not in sentence
    plots.plot_history([run, RUN])
    assert len(shown) == 2


def test_small_anomaly_scores_keep_their_digits(shown):
    table = predictions()
    table = table.assign(score=3e-4 * table["score"], score_kind="anomaly")
    assert "at the threshold 0.000123" in plots.plot_score_histogram(table, 1.23e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions_stand_under_what_was_given(shown, channels):
    given = np.full((2, channels, 8, 8), 0.5)
    made = given + np.array([0.0, 0.1]).reshape(2, 1, 1, 1)
    sentence = plot_reconstructions(given, made, ["real 0", "fake 1"], "Two")
    assert "Mean squared error: real 0 0; fake 1 0.01." in sentence
    assert len(shown) == 1


def test_pictures_of_every_form_look_the_same(shown):
    torch = pytest.importorskip("torch")
    array = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    for picture in (array, Image.fromarray(array), tensor, tensor / 255):
        plots.sample_grid([picture], ["real"])
    pixels = [np.asarray(Image.open(io.BytesIO(picture.data)), dtype=int) for picture in shown]
    for other in pixels[1:]:
        assert np.abs(other - pixels[0]).max() <= 1


def test_normalised_pictures_are_not_shown_wrongly(shown):
    with pytest.raises(CourseError, match="std"):
        plots.sample_grid([np.full((3, 8, 8), -1.0)], ["real"])


def test_every_line_differs_in_more_than_colour():
    for styles in (CURVE_STYLES, list(SPLIT_STYLES.values())):
        for key in ("color", "linestyle", "marker"):
            assert len({str(style[key]) for style in styles}) == len(styles)


def test_lines_stand_out_from_white():
    """Contrast of at least 3:1 for graphical objects (WCAG 2.1, 1.4.11)."""
    for colour in (*CLASS_COLOURS, *(style["color"] for style in [*CURVE_STYLES, *SPLIT_STYLES.values()])):
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        ]
        luminance = np.dot((0.2126, 0.7152, 0.0722), linear)
        assert 1.05 / (luminance + 0.05) >= 3, colour


def test_what_was_chosen_is_said_with_its_interval_and_what_else_was_tried(shown):
    sentence = DRAWN["choices"]()
    assert "machine: rbf, C 0.2, with 0.700 [0.620, 0.770]; all 4 settings from 50.0 % to 70.0 %" in sentence
    assert "forest: forest, trees 500, with 0.800 (too few groups" in sentence
    assert "the constant answer, 50.0 %" in sentence


def test_the_most_different_feature_is_named_beside_what_chance_gives(shown):
    sentence = DRAWN["by class"]()
    assert "farthest apart at 8 (feature)" in sentence and "lower" in sentence
    random = np.random.default_rng(1)
    largest = []
    for _ in range(300):
        two = random.normal(size=(2, 100, 40))
        largest.append(np.abs(np.subtract(*two.mean(axis=1))).max())
    told = float(sentence.split("is about ")[1].split()[0])
    assert told == pytest.approx(np.median(largest), rel=0.05)
    constant = np.ones((4, 3))
    assert "0.00 standard deviations" in plots.plot_by_class(
        constant, np.array([0, 1, 0, 1]), np.arange(3), title="Same", along="feature", quantity="number"
    )


def test_seeds_are_summed_up_with_mean_and_range():
    measured = {"one": [0.5, 0.7], "other": [0.5, 0.5]}
    sentence = plots.plot_seeds(measured, title="A", quantity="AUROC", chance=0.5, here=0.61)
    assert "one 0.600 (0.500 to 0.700); other 0.500 (0.500 to 0.500). This run: 0.610" in sentence


def test_what_more_pictures_buy_is_said_with_the_means_of_the_seeds(shown):
    trainings = pd.DataFrame(
        {"network": ["A", "A", "A"], "training_pictures": [10, 10, 1000], "value": [0.5, 0.6, 0.9]}
    )
    here = pd.DataFrame({"network": ["A"], "training_pictures": [64], "value": [0.7]})
    sentence = plots.plot_training_sizes(trainings, here, title="T", quantity="AUROC")
    assert "A 0.55 with 10, 0.90 with 1,000; this run 0.70" in sentence


def test_how_far_scores_can_be_trusted_is_said_with_numbers(shown):
    table = predictions(200, 200, separation=2)
    error = expected_calibration_error(table)
    sentence = plots.plot_reliability({"as trained": table})
    assert f"as trained {error:.3f} (chance alone would give 0.0" in sentence
    curves = robustness(degraded())
    worst = curves[(curves["model"] == "Xception") & (curves["severity"] == 3)]["auroc"].item()
    assert f"{worst:.3f} where it is lowest (corruption 3, 3)" in plots.plot_robustness(curves)
    assert plots.plot_robustness(curves).startswith("AUROC on degraded pictures")
    errors = errors_by(table, "method", 0.5)
    rate = errors[(errors["subgroup"] == "original") & (errors["error"] == "false positive rate")]
    assert f"false positive rate {100 * rate['rate'].item():.1f} % of all" in plots.plot_subgroups(
        errors, "method"
    )


def test_subgroups_without_an_interval_or_a_picture_are_drawn(shown):
    table = predictions(reals=6, fakes=0).assign(tone=["a", "b"] * 3)
    assert "miss rate: no pictures" in plots.plot_subgroups(errors_by(table, "tone", 0.5), "tone")
    one = table.assign(score=1.0, label=[0, 1] * 3)
    plots.plot_reliability({"sure": one})
    plots.plot_robustness(robustness(degraded(("One",)).query("severity != 2 and severity != 3")))
    assert len(shown) == 3


def test_the_spread_of_seeds_is_drawn_and_said(shown):
    seeds = [RUN, RUN.model_copy(update={"val_loss": [0.7, 0.5, 0.5]})]
    sentence = plots.plot_spread({"Baseline": seeds, "StaNew": [RUN] * 2}, "Baseline against StaNew")
    assert "range of 2 seeds: Baseline 0.600 (0.500 to 0.700); StaNew 0.700 (0.700 to 0.700)" in sentence
    assert len(shown) == 1


def test_a_map_is_laid_over_a_picture_where_it_is_high_and_nowhere_else():
    picture, heat = np.full((4, 4, 3), 0.5), np.zeros((4, 4))
    heat[1, 2] = 1
    laid = plots.overlay(picture, heat)
    assert (laid[heat == 0] == 0.5).all()
    assert np.abs(laid[1, 2] - 0.5).max() > 0.2
    assert laid.min() >= 0 and laid.max() <= 1


def test_sentences_on_maps_say_where_they_are_bright_and_which_sign_they_have(shown):
    heat = np.zeros((9, 9))
    heat[4, 4] = 1
    sentence = plots.plot_maps(RANDOM[:1], heat[None], ["fake"], "Saliency")
    assert "fake 100%" in sentence and "negative" not in sentence
    assert "negative" in plots.plot_maps(RANDOM[:1], heat[None] - 0.5, ["fake"], "Saliency")
    assert "brightest of reals 50% down and 50% across" in plots.plot_mean_maps([heat, heat], "x")


def test_a_ranking_s_sentence_says_where_the_relevant_are(shown):
    sentence = plots.plot_rankings(PICTURE, FOUND, "Ten most alike", "same person")
    assert "(same person). Among the first 3: Harris, cosine 2 (place 1, 3); guess none." in sentence


def test_hubs_are_counted(shown):
    lengths, found = np.array([1.0, 2, 3, 4]), np.array([7, 1, 0, 0])
    sentence = plots.plot_hubs(lengths, {"Euclid": found}, "Hubs")
    assert "found most often is found 7 times, 50% of the pictures never" in sentence
    assert f"length is {pd.Series(lengths).corr(pd.Series(found), method='spearman'):.2f}" in sentence


def test_searches_are_drawn_like_detectors(shown):
    scores = pd.Series({"Harris": Interval(0.2, 0.1, 0.3, 9), "raw pixels": Interval(0.1, 0.05, 0.2, 9)})
    kinds = {"Harris": "published", "raw pixels": "controls"}
    sentence = plots.plot_detectors(scores, kinds, "Same person", measure="mAP", guessing=0.02)
    assert sentence.startswith("Same person, mAP: Harris 0.20, raw pixels 0.10.")


def test_who_is_misled_by_ratios_is_said(shown):
    ratios, labels = np.array([-1.0, 0.5, -0.2, 1.5, 2.0]), np.array([0, 0, 1, 1, 1])
    sentence = plots.plot_tippett(ratios, labels, (-1.0, 2.0), "Ratios")
    assert "of 50.0 % of the real pictures, and against it (under 0) of 33.3 % of the fakes" in sentence
    assert sentence.endswith("limits -1.00 and +2.00.")


def test_the_innocent_are_said_for_the_fewest_and_the_most_fakes(shown):
    shares = {"likelier": [0.99, 0.5], "ten times": [np.nan, 0.25]}
    sentence = plots.plot_innocents(shares, [1, 500], "Accused")
    assert "from 1 to 500 fakes in a thousand: likelier 99.0 % to 50.0 %" in sentence
    assert "ten times (nobody is accused) to 25.0 %" in sentence


def test_a_time_line_compares_what_was_forged_with_the_rest(shown):
    seconds, values = np.arange(4) / 2, np.array([0.0, 4.0, 6.0, 2.0])
    sentence = plots.plot_time_line(seconds, values, [(0.5, 1.0)], "A clip", "logit")
    assert "4 frames, logit: mean 3.00; 5.00 where it was forged, and 1.00 elsewhere." in sentence
