"""Several data sets as one: every picture once, nobody in two splits, the same table each time."""

import shutil

import numpy as np
import pandas as pd
import pytest
from command_line import course
from filmed import RedFinder
from PIL import Image
from published import write_catania, write_faceforensics

from course_utils import paths
from course_utils.data import crops, used
from course_utils.data.check import check
from course_utils.data.derive import crop, merge, read_ratios
from course_utils.data.manifest import load_manifest, may_show
from course_utils.data.own import prepare_folder
from course_utils.data.pack import pack, unpack
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.splits import DealtSplit, leaks, shared_people
from course_utils.errors import CourseError

RATIOS = DealtSplit(kind="dealt", train=0.6, val=0.2, test=0.2)


@pytest.fixture
def folders(course_environment):
    """A function that saves coloured pictures 0.png, 1.png, … and gives them a name as a data set."""

    def save(name, pictures=30, labels=("real", "fake")):
        colours = np.random.default_rng(sum(name.encode()))
        for label in labels:
            folder = course_environment / name / label
            folder.mkdir(parents=True)
            for number in range(pictures):
                colour = tuple(int(value) for value in colours.integers(0, 255, 3))
                Image.new("RGB", (32, 32), colour).save(folder / f"{number}.png")
        for label in {"real", "fake"} - set(labels):
            (course_environment / name / label).mkdir()
        return prepare_folder(course_environment / name, progress=False)

    return save


@pytest.fixture
def sources(folders):
    return folders("first"), folders("second")


def merged(name="both", sources=("first", "second"), rule=RATIOS):
    return merge(name, sources, rule, progress=False)


def table_of(name):
    return (paths.writable_cache() / name / "samples.parquet").read_bytes()


def test_every_picture_is_there_once_and_says_where_it_is_from(sources):
    both = merged()
    assert both.samples["dataset"].value_counts().to_dict() == {"first": 60, "second": 60}
    assert both.samples["path"].is_unique
    for source in sources:
        for row in source.samples.itertuples():
            mine = both.samples.set_index("path").loc[f"{source.name}/{row.path}"]
            assert (both.root / mine.name).read_bytes() == (source.root / row.path).read_bytes()
            assert (mine["label"], mine["method"], mine["width"]) == (row.label, row.method, row.width)
    assert not any(file.suffix == ".png" for file in both.root.iterdir())  # linked, not copied


def test_groups_stay_whole_and_those_of_one_name_apart(sources):
    both = merged()
    assert both.samples["group"].nunique() == 60  # "0" to "29" of each
    assert leaks(both.samples).empty
    shares = both.samples.groupby(["dataset", "split"])["group"].nunique().unstack()
    assert shares.to_dict("list") == {"test": [6, 6], "train": [18, 18], "val": [6, 6]}
    homes = both.samples.groupby("group")["split"].first()
    alike = [homes[f"first/{number}"] == homes[f"second/{number}"] for number in range(30)]
    assert 0 < sum(alike) < 30


def test_twice_or_the_other_way_round_gives_the_same_bytes(sources):
    merged()
    first = table_of("both")
    merged()
    assert table_of("both") == first
    merged("other", ("second", "first"))
    assert table_of("other") == first


def test_it_has_a_name_from_then_on_and_passes_the_check(sources, capsys):
    both = merged()
    pd.testing.assert_frame_equal(load_dataset("both").samples, both.samples)
    report = check(load_manifest("both"), progress=False)
    assert (report.ok, report.findings) == (True, [])
    assert report.counts.to_numpy().sum() == 120
    (sources[0].root / "real" / "3.png").unlink()
    assert [(f.kind, f.path) for f in check(load_manifest("both"), progress=False).findings] == [
        ("missing", "first/real/3.png")
    ]
    assert capsys.readouterr().out == ""


def test_a_picture_that_two_sources_share_is_found_across_splits(sources):
    for number in range(30):
        shutil.copy(sources[0].root / "real" / f"{number}.png", sources[1].root / "real" / f"{number}.png")
    prepare(load_manifest("second"), progress=False)
    merged()
    kinds = {finding.kind for finding in check(load_manifest("both"), progress=False).findings}
    assert kinds == {"duplicate", "duplicate across splits"}


def test_a_source_that_is_prepared_anew_is_followed_and_few_groups_move(sources):
    before = merged().samples.set_index("path")["split"]
    Image.new("RGB", (40, 40)).save(sources[0].root / "real" / "new.png")
    (sources[0].root / "fake" / "3.png").unlink()
    assert len(load_dataset("both").samples) == 120  # nothing is looked for yet
    prepare(load_manifest("first"), progress=False)
    again = load_dataset("both")
    after = again.samples.set_index("path")["split"]
    assert set(after.index) ^ set(before.index) == {"first/real/new.png", "first/fake/3.png"}
    both = before.index.intersection(after.index)
    moved = {path.rpartition("/")[2] for path in both[before[both] != after[both]]}
    assert len(moved) <= 3  # one a cut, and the one that has no fake any more
    assert leaks(again.samples).empty


def test_what_was_merged_can_be_merged_but_nothing_comes_twice(folders, sources):
    folders("third")
    merged()
    three = merged("all_three", ("both", "third"))
    assert three.samples["dataset"].value_counts().to_dict() == {"first": 60, "second": 60, "third": 60}
    assert all((three.root / path).is_file() for path in three.samples["path"])
    with pytest.raises(CourseError, match="first is in it twice, from both and from first"):
        merged("again", ("both", "first"))
    assert not (paths.manifests()[0] / "again.yaml").exists()  # the name is free still


def test_it_may_be_shown_only_where_all_it_is_made_of_may(sources):
    merged()
    merged_from = [paths.manifests()[0] / f"{name}.yaml" for name in ("both", "first", "second")]
    for number, manifest in enumerate(merged_from):
        assert not may_show("both"), merged_from[:number]
        manifest.write_text(manifest.read_text().replace("may_show: unknown", "may_show: yes"))
    assert may_show("both")
    assert {
        "both",
        "first",
        "second",
    } <= used.names  # what a notebook that opened it is said to have worked with


def test_a_pack_of_it_holds_the_pictures_themselves(sources, course_environment, monkeypatch):
    both = merged()
    own = paths.manifests()[0] / "both.yaml"
    own.write_text(own.read_text().replace("may_show: unknown", "may_show: yes"))
    pack(load_dataset("both"), course_environment / "both.zip", progress=False)
    monkeypatch.setenv("COURSE_CACHE", str(course_environment / "other"))
    unpack(course_environment / "both.zip", progress=False)
    student = prepare(load_manifest("both"), progress=False)
    pd.testing.assert_frame_equal(student.samples, both.samples)
    assert not (student.root / "first").is_symlink()
    assert check(load_manifest("both"), progress=False).ok


@pytest.mark.parametrize(
    ("name", "named", "told"),
    [
        ("both", ("first",), "two data sets or more"),
        ("both", ("first", "second", "first"), "first is named twice: .* not merged with itself"),
        ("both", ("first", "thrid"), "no data set 'thrid'.*There are: .*first"),
        ("both", ("first", "faceforensics"), "faceforensics was not found"),
        ("first", ("first", "second"), "cannot be made of itself"),
        ("lfw", ("first", "second"), "a data set lfw already"),
        ("../both", ("first", "second"), "no name for a data set"),
    ],
)
def test_a_wrong_name_or_source_is_told(sources, name, named, told):
    with pytest.raises(CourseError, match=told):
        merged(name, named)


def test_the_same_command_may_be_typed_again_but_the_name_means_one_thing(sources):
    merged()
    merged()
    with pytest.raises(CourseError, match=r"a data set both already, and it is another"):
        merged(rule=DealtSplit(kind="dealt"))


def test_data_sets_that_are_made_of_each_other_are_refused(folders, sources):
    merged()
    manifest = paths.manifests()[0] / "both.yaml"
    manifest.write_text(manifest.read_text().replace("- second", "- deeper"))
    deeper = manifest.read_text().replace("name: both", "name: deeper").replace("- deeper", "- both")
    manifest.with_name("deeper.yaml").write_text(deeper)
    with pytest.raises(CourseError, match="both, which is made of deeper, which is made of both:"):
        load_dataset("both")


@pytest.mark.parametrize(
    "words", ["0.7,0.3", "0.7,0.2,0.2", "1,0,0", "a,b,c", "nan,0.5,0.5", "1.2,-0.1,-0.1", ""]
)
def test_ratios_that_are_none_are_refused(words):
    with pytest.raises(CourseError, match=r"are no ratios; expected .* such as 0\.7,0\.15,0\.15"):
        read_ratios(words)


def test_a_split_or_a_whole_of_one_class_is_refused_with_the_counts(folders, capsys):
    folders("few", pictures=1)
    folders("others", pictures=1)
    with pytest.raises(CourseError, match=r"both: no picture in val is real \(train: .*there are 2: give"):
        merged(sources=("few", "others"))
    folders("real_only", labels=["real"])
    folders("real_too", labels=["real"])
    with pytest.raises(CourseError, match="none of its 60 pictures is fake"):
        merged(sources=("real_only", "real_too"))
    folders("fake_only", labels=["fake"])
    merged(sources=("real_only", "fake_only"))
    told = capsys.readouterr().out
    assert "knows the label: all of fake_only is fake; all of real_only is real." in told


def test_where_no_links_can_be_made_it_is_said(sources, monkeypatch):
    def refuse(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.symlink_to", refuse)
    with pytest.raises(CourseError, match=r"a link to the pictures of first, cannot be made.*COURSE_CACHE"):
        merged()


def test_the_published_one_is_made_of_catania_and_faceforensics(course_environment, monkeypatch):
    root = course_environment / "data"
    monkeypatch.setenv("COURSE_DATA_ROOT", str(root))
    monkeypatch.setattr(crops, "find_detector", RedFinder)
    write_catania(root)
    write_faceforensics(root)
    with pytest.raises(CourseError, match=r"cvcs_dfd is not made yet.*catania and faceforensics"):
        load_manifest("cvcs_dfd").data_folder()
    dataset = load_dataset("cvcs_dfd")
    assert set(dataset.samples["dataset"]) == {"catania", "faceforensics"}
    assert {"STYLEGAN2", "NeuralTextures", "original"} <= set(dataset.samples["method"])
    assert leaks(dataset.samples).empty
    assert shared_people(dataset.samples).empty
    masks = dataset.samples["mask"].dropna()
    assert len(masks) > 0
    assert all((dataset.root / mask).is_file() for mask in masks)
    assert dataset.manifest.may_show == "no"
    told = dataset.samples.query("dataset == 'faceforensics'").iloc[0]
    assert told["target"].startswith("faceforensics/")


def test_what_is_merged_is_shown_no_more_than_its_sources():
    for name in ("cvcs_dfd", "cvcs_cropped_dfd", "rendered_merged"):
        manifest = load_manifest(name)
        assert all(load_manifest(source).may_show == manifest.may_show for source in manifest.sources)


def test_the_command_prints_each_sources_classes_and_refuses_in_words(sources):
    words = ["--from", "first", "--from", "second", "--ratios"]
    code, out, _ = course("data", "merge", "both", *words, "0.6,0.2,0.2")
    assert code == 0
    assert "first in both" in out
    assert "120 samples" in out
    assert course("data", "check", "both")[0] == 0
    code, _, err = course("data", "merge", "more", *words, "1")
    assert code == 2
    assert "are no ratios" in err


def test_what_is_cropped_of_a_merged_set_keeps_its_splits(sources, monkeypatch):
    monkeypatch.setattr("course_utils.data.prepare.find_detector", RedFinder)
    both = merged()
    heads = crop("heads", "both", progress=False)
    homes = both.samples.set_index("path")["split"]
    assert (heads.samples["split"] == heads.samples["path"].str.rpartition("/")[0].map(homes)).all()
    assert len(heads.samples) + len(heads.left_out) == 120
