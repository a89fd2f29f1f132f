import numpy as np
import pandas as pd
import pytest

from course_utils.data.samples import SAMPLE_COLUMNS, class_balance, read_samples, sample_table, write_samples
from course_utils.data.splits import RatioSplit, leaks
from course_utils.errors import CourseError


def row(path: str, **changes: object) -> dict:
    columns = {
        "path": path,
        "dataset": "d",
        "label": 0,
        "method": "original",
        "group": path,
        "split": "train",
    }
    return {**columns, "width": 10, "height": 20, **changes}


def test_a_table_comes_back_as_it_was_written(tmp_path):
    table = sample_table([row("b.jpg", label=1, x0=1.5), row("a.jpg", split="test", mask="m/a.png")])
    write_samples(tmp_path / "samples.parquet", table)
    again = read_samples(tmp_path / "samples.parquet")
    pd.testing.assert_frame_equal(table, again)
    assert list(again.columns) == list(SAMPLE_COLUMNS)
    assert again["path"].tolist() == ["a.jpg", "b.jpg"]
    assert np.isnan(again["x0"][0])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label": 2}, "column label, row 0: .*2.*0, 1"),
        ({"split": "holdout"}, "column split, row 0: 'holdout'; expected one of train, val, test"),
        ({"path": "../other/a.jpg"}, "column path, row 0: .* leads out"),
        ({"path": "/etc/passwd"}, "column path, row 0: .* leads out"),
    ],
)
def test_a_wrong_table_is_refused_naming_file_and_column(tmp_path, changes, told):
    table = sample_table([row("a.jpg")]).assign(**changes)
    with pytest.raises(CourseError, match=told):
        write_samples(tmp_path / "samples.parquet", table)
    table.to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(CourseError, match=told):
        read_samples(tmp_path / "samples.parquet")


def test_a_file_without_the_columns_or_that_is_no_parquet_is_refused(tmp_path):
    sample_table([row("a.jpg")]).drop(columns=["group"]).to_parquet(tmp_path / "lacks.parquet")
    with pytest.raises(CourseError, match=r"lacks.parquet lacks the column\(s\) group"):
        read_samples(tmp_path / "lacks.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(CourseError, match=r"broken\.parquet is not a readable sample table"):
        read_samples(tmp_path / "broken.parquet")


def test_class_balance_counts_every_split_even_the_empty():
    table = sample_table([row("a", label=1), row("b"), row("c"), row("d", split="test")])
    balance = class_balance(table)
    assert balance.loc["train", ["real", "fake"]].tolist() == [2, 1]
    assert balance.loc["train", "fake_percent"] == pytest.approx(33.3)
    assert balance.loc["val", ["real", "fake"]].tolist() == [0, 0]


def test_leaks_are_the_groups_in_more_than_one_split():
    table = sample_table(
        [row("a", group="x"), row("b", group="x", split="test"), row("c", group="y"), row("d", group="y")]
    )
    assert leaks(table).index.tolist() == ["x"]
    assert leaks(table).loc["x"].to_dict() == {"train": 1, "val": 0, "test": 1}


def test_ratios_deal_groups_out_by_their_names_alone():
    rule = RatioSplit(kind="ratios", train=0.6, val=0.2, test=0.2)
    groups = [f"person {number}" for number in range(4000)]
    splits = [rule.split_of({"group": group}) for group in groups]
    # 4000 draws: the standard deviation of a share is under 0.8 percent.
    assert splits.count("train") / 4000 == pytest.approx(0.6, abs=0.03)
    assert splits.count("val") / 4000 == pytest.approx(0.2, abs=0.03)
    assert [rule.split_of({"group": group}) for group in groups[::-1]] == splits[::-1]
    other = rule.model_copy(update={"seed": 1})
    assert [other.split_of({"group": group}) for group in groups] != splits
