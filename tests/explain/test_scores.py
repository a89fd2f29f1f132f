import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from course_utils.errors import CourseError
from course_utils.explain import (
    attribution_by_part,
    centre_maps,
    difference,
    random_maps,
    score_maps,
    summarise,
)

SIZE = 8


def masks(count):
    """Of each picture the upper left quarter."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[:4, :4] = True
    return [mask] * count


def groups(count):
    return [f"person {number}" for number in range(count)]


def score(maps, masks):
    return score_maps({"ours": maps}, masks, groups(len(masks)))


def test_scores_of_maps_that_find_all_nothing_and_half():
    inside = np.array(masks(1)[0], float)
    half = np.zeros((SIZE, SIZE))
    half[0, 0], half[7, 7] = 2, 2
    table = score(np.array([inside, 1 - inside, half, inside - 5]), masks(4))
    assert table["area"].tolist() == [0.25] * 4
    assert table["pointing"].tolist() == [1, 0, 0.5, 0.25]  # the last has no attribution that is not negative
    assert table["share"].tolist() == [1, 0, 0.5, 0.25]
    # Of the 16 pixels inside, one is the highest and the others tie with the 47 zeros outside.
    assert table["auroc"].tolist() == pytest.approx([1, 0, (0.5 + 47 + 15 * 47 / 2) / (16 * 48), 0.5])
    assert table["picture"].tolist() == [0, 1, 2, 3]


def test_auroc_of_pixels_is_scikit_learns():
    random = np.random.default_rng(0)
    maps = random.integers(0, 9, (5, SIZE, SIZE))  # ties
    where = list(random.random((5, SIZE, SIZE)) < 0.3)
    expected = [roc_auc_score(mask.ravel(), found.ravel()) for mask, found in zip(where, maps, strict=True)]
    assert score(maps, where)["auroc"].tolist() == pytest.approx(expected)


def test_pictures_without_a_mask_are_left_out_and_counted():
    empty, full = np.zeros((SIZE, SIZE), bool), np.ones((SIZE, SIZE), bool)
    table = score(torch.rand(12, SIZE, SIZE), [None, empty, full, *masks(9)])
    assert table["auroc"].isna().tolist() == [True] * 3 + [False] * 9
    summary = summarise(table).set_index("measure")
    assert list(summary.index) == ["pointing", "share", "auroc"]
    row = summary.loc["auroc"]
    assert (row["explanation"], row["pictures"], row["left_out"], row["groups"]) == ("ours", 9, 3, 9)
    assert row["value"] == pytest.approx(table["auroc"].mean())
    assert row["low"] <= row["value"] <= row["high"]


def test_maps_by_chance_score_as_chance_and_the_middle_finds_what_is_there():
    middle = np.zeros((32, 32), bool)
    middle[10:22, 10:22] = True
    shape = (200, 32, 32)
    explanations = {"random": random_maps(shape), "centre": centre_maps(shape)}
    table = score_maps(explanations, [middle] * 200, groups(200))
    summary = summarise(table).set_index(["explanation", "measure"])
    area = middle.mean()
    assert summary.loc[("random", "share"), "value"] == pytest.approx(area, abs=0.01)
    assert summary.loc[("random", "pointing"), "low"] < area < summary.loc[("random", "pointing"), "high"]
    assert summary.loc[("random", "auroc"), "value"] == pytest.approx(0.5, abs=0.01)
    assert summary.loc[("centre", "pointing"), "value"] == 1
    assert summary.loc[("centre", "auroc"), "value"] > 0.95
    gained = difference(table, "centre", "random")
    by_picture = table.pivot(index="picture", columns="explanation", values="auroc")
    assert gained.value == pytest.approx((by_picture["centre"] - by_picture["random"]).mean())
    assert gained.low > 0


def test_the_middle_is_a_gaussian_that_reaches_down_to_the_corners():
    maps = centre_maps((2, 64, 32))
    assert maps.shape == (2, 64, 32) and np.array_equal(maps[0], maps[1])
    assert np.array_equal(maps[0], maps[0][::-1, ::-1])
    # A quarter of a side from the middle is one standard deviation.
    assert maps[0, 16, 16] / maps[0, 32, 16] == pytest.approx(np.exp(-0.5), rel=0.05)
    assert np.array_equal(random_maps((2, 3, 3), seed=1), random_maps((2, 3, 3), seed=1))
    assert not np.array_equal(random_maps((2, 3, 3), seed=1), random_maps((2, 3, 3), seed=2))


@pytest.mark.parametrize(
    ("maps", "mask", "said"),
    [
        (np.zeros((1, 8, 8)), np.zeros((8, 8), np.uint8), "uint8.*bool"),
        (np.zeros((1, 8, 8)), np.zeros((4, 4), bool), r"\(4, 4\).*\(8, 8\)"),
        (np.full((1, 8, 8), np.nan), np.zeros((8, 8), bool), "Map 0.*64"),
        (np.zeros((1, 3, 8, 8)), np.zeros((8, 8), bool), "3 x 8 x 8"),
        (np.zeros((2, 8, 8)), np.zeros((8, 8), bool), r"1 masks, 1 groups.*2 pictures \(ours\)"),
    ],
)
def test_what_cannot_be_scored_is_said(maps, mask, said):
    with pytest.raises(CourseError, match=said):
        score(maps, [mask])


def test_attribution_by_part_is_shares_that_add_up():
    parts = np.zeros((2, SIZE, SIZE), int)
    parts[:, :2], parts[:, 6:] = 1, 3
    maps = np.zeros((2, SIZE, SIZE))
    maps[0, 0, 0], maps[0, 7, 0], maps[0, 4, 4] = 3, 1, -7
    table = attribution_by_part(torch.from_numpy(maps), parts, ["rest", "brow", "ear", "mouth"])
    first = table[table["picture"] == 0].set_index("part")
    assert first["attribution"].to_dict() == {"rest": 0, "brow": 0.75, "ear": 0, "mouth": 0.25}
    assert first["area"].to_dict() == {"rest": 0.5, "brow": 0.25, "ear": 0, "mouth": 0.25}
    second = table[table["picture"] == 1]  # says nothing, and is scored as uniform
    pd.testing.assert_series_equal(second["attribution"], second["area"], check_names=False)
    assert table.groupby("picture")["attribution"].sum().tolist() == pytest.approx([1, 1])
    with pytest.raises(CourseError, match=r"without a name are \[3\]"):
        attribution_by_part(maps, parts, ["rest", "brow"])
    with pytest.raises(CourseError, match="need a part for every pixel"):
        attribution_by_part(maps[:1], parts, ["rest", "brow", "ear", "mouth"])
