import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.data.datasets import PictureDataset, batches
from course_utils.data.prepare import load_dataset
from course_utils.errors import CourseError
from course_utils.intervals import auroc_interval
from course_utils.robustness import (
    BLUR,
    CORRUPTIONS,
    JPEG,
    NOISE,
    RESIZE,
    DegradedPictures,
    predict_degraded,
    robustness,
)


@pytest.fixture
def pictures(course_environment):
    prepared = load_dataset("assignment_fakes")
    return PictureDataset(prepared.split("test"), prepared.root, 64)


def brightness(dataset) -> np.ndarray:
    return np.array([dataset[i][0].float().mean().item() / 255 for i in range(len(dataset))])


def sharpness(dataset) -> np.ndarray:
    pictures = torch.stack([dataset[i][0] for i in range(len(dataset))]).float()
    return (pictures.diff(dim=3).abs().mean(dim=(1, 2, 3)) / 255).numpy()


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_stronger_is_further_from_the_picture_and_still_a_picture(pictures, corruption):
    original, _ = pictures[3]
    distances = []
    for severity in corruption.severities:
        degraded = DegradedPictures(pictures, corruption, severity)
        picture, label = degraded[3]
        assert (picture.dtype, picture.shape, label) == (torch.uint8, original.shape, pictures[3][1])
        distances.append((picture.float() - original.float()).square().mean().item())
    assert distances[0] > 0 and distances == sorted(distances)
    assert torch.equal(pictures[3][0], original)  # the kept picture is left alone


def test_jpeg_is_that_of_pillow(pictures):
    buffer = io.BytesIO()
    Image.fromarray(pictures[0][0].permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=30)
    expected = np.asarray(Image.open(buffer)).transpose(2, 0, 1)
    assert np.array_equal(DegradedPictures(pictures, JPEG, 30)[0][0].numpy(), expected)


@pytest.mark.parametrize("sigma", [0.5, 1, 2])
def test_blur_has_the_deviation_it_says(sigma):
    dot = np.zeros((41, 41, 3), np.uint8)
    dot[20, 20] = 255
    spread = BLUR.degrade(np.repeat(dot[:, 20:21], 41, axis=1), sigma, None)[:, 20, 0].astype(float)
    distance = np.arange(41) - 20
    assert np.sqrt(np.average(distance**2, weights=spread)) == pytest.approx(sigma, rel=0.1)


def test_noise_has_the_deviation_it_says_and_no_drift(pictures):
    grey = np.full((256, 256, 3), 128, np.uint8)
    noisy = NOISE.degrade(grey, 10, np.random.default_rng(0)).astype(float)
    assert noisy.mean() == pytest.approx(128, abs=0.1)
    assert noisy.std() == pytest.approx(10, rel=0.02)
    black = NOISE.degrade(np.zeros_like(grey), 10, np.random.default_rng(0))
    assert black.max() < 100  # no wrapping round below black


def test_down_and_up_again_of_a_flat_picture_changes_nothing():
    flat = np.full((50, 30, 3), 77, np.uint8)
    assert np.array_equal(RESIZE.degrade(flat, 25, None), flat)


def test_noise_belongs_to_a_picture_and_not_to_its_neighbours(pictures):
    alone = PictureDataset(pictures.samples.iloc[[5]], pictures.root, 64)
    one, other, more = (
        DegradedPictures(dataset, NOISE, deviation)[index][0]
        for dataset, index, deviation in ((pictures, 5, 5), (alone, 0, 5), (pictures, 5, 10))
    )
    assert torch.equal(one, other)
    assert not torch.equal(one, DegradedPictures(pictures, NOISE, 5, seed=1)[5][0])
    original = pictures[5][0].float()
    inside = ((original > 50) & (original < 205)).flatten()
    pair = torch.stack([(one - original).flatten()[inside], (more - original).flatten()[inside]])
    assert torch.corrcoef(pair)[0, 1] > 0.95  # the same noise, twice as strong


def test_one_table_has_all_models_at_all_severities_and_is_the_same_again(pictures):
    models = {"bright": brightness, "sharp": lambda dataset: 1 - sharpness(dataset)}
    corruptions = (JPEG.at(80, 20), BLUR)
    table = predict_degraded(pictures, models, corruptions)
    assert len(table) == len(pictures) * 2 * (1 + 2 + 4)
    found = robustness(table, {"bright": 0.5, "sharp": 0.9})
    assert found["severity"].iloc[:2].isna().all()
    assert found["corruption"].tolist() == ["none"] * 2 + ["JPEG"] * 4 + ["Gaussian blur"] * 8
    assert found["severity"].tolist()[2:] == [80, 80, 20, 20, 0.5, 0.5, 1, 1, 2, 2, 3, 3]
    assert found["model"].tolist() == ["bright", "sharp"] * 7
    for row in found.itertuples():
        severity = table["severity"].isna() if np.isnan(row.severity) else table["severity"] == row.severity
        part = table[(table["corruption"] == row.corruption) & severity & (table["model"] == row.model)]
        interval = auroc_interval(part)
        assert (row.auroc, row.auroc_low, row.auroc_high) == (interval.value, interval.low, interval.high)
        called = part["score"] >= (0.5 if row.model == "bright" else 0.9)
        assert row.accuracy == pytest.approx((called == part["label"]).mean())
        clean = found[(found["corruption"] == "none") & (found["model"] == row.model)]["auroc"].item()
        assert row.auroc_change == pytest.approx(row.auroc - clean)
        assert row.auroc_change_low <= row.auroc_change <= row.auroc_change_high
    assert predict_degraded(pictures, models, corruptions).equals(table)


def test_the_undegraded_pictures_are_those_of_the_dataset(pictures):
    table = predict_degraded(pictures, {"bright": brightness}, ())
    assert np.array_equal(table["score"], brightness(pictures))


def test_degraded_pictures_go_through_the_loader_like_any_dataset(pictures):
    degraded = DegradedPictures(pictures, NOISE, 10)
    (inputs, labels), *_ = batches(degraded, 4, shuffle=False, seed=0)
    assert inputs.shape == (4, 3, 64, 64)
    assert degraded.batch_transform(inputs).abs().max() <= 1
    assert labels.tolist() == pictures.labels[:4].tolist()


def test_logits_of_a_model_are_refused(pictures):
    with pytest.raises(CourseError, match="softmax"):
        predict_degraded(pictures, {"logits": lambda dataset: 9 * np.ones(len(dataset))})
