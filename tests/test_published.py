from collections import Counter

import pytest
from predicted import predictions

from course_utils import paths
from course_utils.data.manifest import load_manifest
from course_utils.errors import CourseError
from course_utils.predictions import metrics
from course_utils.published import published_results

ROW = "{id: a, paper: p, system: s, dataset: d, split: test, metric: auroc, value: 0.5, where: Table 1}"


def test_the_assignments_numbers_are_there():
    rows = published_results()
    values = {name: row.value for name, row in rows.items() if name.startswith("curtis_")}
    assert values == {
        "curtis_simplenet_fakes_val_accuracy": 0.89,
        "curtis_simplenet_fakes_test_accuracy": 0.88,
        "curtis_simplenet_fakes_auroc": 0.919,
        "curtis_simplenet_fakes_auroc_score_real": 0.080,
        "curtis_simplenet_synthetic_val_accuracy": 0.50,
        "curtis_simplenet_synthetic_test_accuracy": 0.49,
        "curtis_xception_synthetic_val_accuracy": 0.99,
        "curtis_xception_synthetic_test_accuracy": 0.99,
        "curtis_xception_synthetic_auroc": 0.998,
    }
    assert all("Tel Aviv" in row.paper for name, row in rows.items() if name.startswith(("curtis", "other")))
    assert all(row.where for row in rows.values())


def test_table_2_of_the_attention_thesis_is_there():
    rows = [row for name, row in published_results().items() if name.startswith("santoro_")]
    methods = ["Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures", "all"]
    assert [row.method for row in rows] == methods * 2
    assert [row.value for row in rows[:6]] == [0.62, 0.62, 0.59, 0.61, 0.54, 0.60]
    assert [row.value for row in rows[6:]] == [0.51, 0.51, 0.42, 0.50, 0.50, 0.49]


def test_the_tables_of_the_study_of_attention_in_videos_are_there():
    rows = {name: row for name, row in published_results().items() if name.startswith("das_")}
    protocols = Counter(name.split("_")[1] for name in rows)
    # Table I; 18 rows of Tables II to V, without those that are printed twice; six columns of Table VI.
    assert protocols == {"all": 12, "alone": 18 * 4, "cross": 6 * 4}
    printed = {
        "das_all_nl1234_tcr": 86.72,
        "das_all_3d_resnet_tcr": 83.86,
        "das_alone_nl1234_deepfakes_tcr": 95.16,
        "das_alone_timesformer_dissociated_neuraltextures_tcr": 69.3,
        "das_alone_3d_resnet_scratch_faceswap_tcr": 59.20,
        "das_alone_nl44_face2face_tcr": 88.27,
        "das_cross_nl134_faceswap_tcr": 68.2,
        "das_cross_timesformer_deepfakes_tcr": 65.0,
    }
    assert {name: rows[name].value for name in printed} == printed
    for name, row in rows.items():
        assert (row.dataset, row.compression, row.split, row.metric) == (
            "faceforensics",
            "c40",
            "test",
            "tcr",
        )
        assert name.endswith("_tcr" if row.method == "all" else f"_{row.method.lower()}_tcr")
        assert row.where.startswith("Table")


def test_the_tables_of_the_report_on_the_merged_set_are_there():
    rows = {name: row for name, row in published_results().items() if name.startswith("govi_")}
    assert len(rows) == 2 + 9 * 6 + 1 + 2
    printed = {
        "govi_svm_test_accuracy": 0.6756,
        "govi_random_forest_test_accuracy": 0.5843,
        "govi_3_test_accuracy": 0.897,
        "govi_3_test_recall_real": 0.70,
        "govi_5_test_precision_real": 0.62,
        "govi_7_test_precision_fake": 0.696,
        "govi_9_val_accuracy": 0.893,
        "govi_8_epoch_8_test_accuracy": 0.88,
        "govi_heads_phase_2_map_50": 0.88,
    }
    assert {name: rows[name].value for name in printed} == printed
    whole = {name[5] for name, row in rows.items() if row.dataset == "cvcs_dfd" and name[5].isdigit()}
    assert whole == {"1", "3", "9"}  # Table 1: no crop


def test_the_tables_of_the_report_on_inconsistent_regions_are_there():
    rows = {name: row for name, row in published_results().items() if name.startswith("asrid_")}
    # Seven systems by three losses; two systems, two sizes, three splits, two metrics; the challenge.
    assert len(rows) == 7 * 3 + 2 * 2 * 3 * 2 + 4
    printed = {
        "asrid_stapic_average_train_log_loss": 0.578,
        "asrid_stanew_val_log_loss": 0.111,
        "asrid_dyn_mix_005_val_log_loss": 0.538,
        "asrid_stanew_small_test_log_loss": 0.541,
        "asrid_stanew_large_test_accuracy": 0.851,
        "asrid_stanew_mix_small_test_accuracy": 1.0,
        "asrid_stanew_mix_large_val_log_loss": 0.446,
        "asrid_challenge_1_test_log_loss": 0.4279,
    }
    assert {name: rows[name].value for name in printed} == printed


def test_every_row_names_a_data_set_an_edition_and_a_metric_that_exist():
    known = {*metrics(predictions(), 0.5), "auroc_score_real", "map_50"}
    for row in published_results().values():
        expects = load_manifest(row.dataset).expects  # nothing, of a set that its users make
        editions = {expected.edition for expected in expects} or {None}
        assert row.edition in editions
        assert row.metric in known


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (f"[{ROW}, {ROW}]", "two rows have the id 'a'"),
        (f"[{ROW.replace('paper: p', 'paper: q')}]", "cites 'q'"),
        (f"[{ROW.replace('0.5', 'high')}]", "results.0.value"),
        (f"[{ROW.replace('where', 'page')}]", "results.0.page"),
        ("[", "not as expected"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, monkeypatch, rows, words):
    (tmp_path / "published_results.yaml").write_text(f"papers: {{p: A paper}}\nresults: {rows}\n")
    monkeypatch.setattr("course_utils.published.manifests", lambda: [tmp_path])
    with pytest.raises(CourseError, match=words):
        published_results()


def test_a_missing_file_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.published.manifests", lambda: [tmp_path])
    with pytest.raises(CourseError, match=tmp_path.name):
        published_results()


def test_the_file_lies_beside_the_manifests():
    assert (paths.manifests()[-1] / "published_results.yaml").is_file()
