import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from drawn import draw_face
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from course_utils.data.clips import ClipDataset
from course_utils.data.datasets import SeededItems, batches, train_transform
from course_utils.data.samples import sample_table
from course_utils.errors import CourseError
from course_utils.predictions import per_video, predictions_table
from course_utils.training import ClassificationTrainer

SIDE = 16
STEP = 6  # grey levels from one frame to the next


def table_of(lengths):
    """Return the sample table of videos of so many frames; those whose names begin with "f" are fakes."""
    common = {"dataset": "d", "compression": "c23", "split": "test", "width": SIDE, "height": SIDE}
    rows = []
    for video, length in lengths.items():
        fake = video.startswith("f")
        told = {"label": int(fake), "method": "FaceSwap" if fake else "original", "video": video}
        for frame in range(length):
            path = f"{video}/{frame:05}.jpg"
            rows.append({**common, **told, "path": path, "frame": frame, "group": video})
    return sample_table(rows)


def write_videos(folder, **lengths):
    """Write frames whose grey tells their number; return their table."""
    for video, length in lengths.items():
        (folder / video).mkdir()
        for frame in range(length):
            Image.new("L", (SIDE, SIDE), STEP * frame).save(folder / video / f"{frame:05}.jpg", quality=95)
    return table_of(lengths)


def numbers(clip):
    """Return the numbers of the frames that `clip` (3 x T x H x W) shows."""
    return (clip.float().mean(dim=(0, 2, 3)) / STEP).round().int().tolist()


def all_numbers(dataset):
    return [numbers(dataset[index][0]) for index in range(len(dataset))]


def test_an_item_is_a_clip_of_one_video_in_order_and_its_label(tmp_path):
    samples = write_videos(tmp_path, real=12, fake=12).sample(frac=1, random_state=0)
    dataset = ClipDataset(samples, tmp_path, 8, frames=4)
    assert len(dataset) == 2
    labels = dict(zip(dataset.samples["video"], dataset.labels.tolist(), strict=True))
    assert labels == {"real": 0, "fake": 1}
    for index in range(2):
        clip, label = dataset[index]
        assert (clip.dtype, tuple(clip.shape), clip.is_contiguous()) == (torch.uint8, (3, 4, 8, 8), True)
        assert label == dataset.labels[index]
        assert all(after - before == 1 for before, after in pairwise(numbers(clip)))


def test_videos_of_one_name_and_another_method_or_quality_are_others(tmp_path):
    samples = table_of({"a": 5})
    three = [samples, samples.assign(method="FaceSwap", label=1), samples.assign(compression="c40")]
    assert len(ClipDataset(pd.concat(three), tmp_path, 8, frames=4)) == 3


def test_a_random_clip_begins_anywhere_and_stays_inside(tmp_path):
    dataset = ClipDataset(write_videos(tmp_path, real=12), tmp_path, 8, frames=3, stride=2)
    drawn = {tuple(numbers(SeededItems(dataset)[0, seed][0])) for seed in range(80)}
    assert drawn == {(start, start + 2, start + 4) for start in range(8)}


def test_chunks_are_cut_into_clips_one_after_the_other(tmp_path):
    samples = write_videos(tmp_path, real=23)
    dataset = ClipDataset(samples, tmp_path, 8, frames=3, clips="chunks", chunk=10)
    starts = [0, 3, 6, 10, 13, 16, 20]  # frames 9 and 19 fill no clip
    assert all_numbers(dataset) == [[start, start + 1, start + 2] for start in starts]
    assert dataset.samples["chunk"].tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert dataset.samples["frame"].tolist() == starts
    strided = ClipDataset(samples, tmp_path, 8, frames=3, stride=2, clips="chunks", chunk=11)
    assert all_numbers(strided) == [[0, 2, 4], [6, 8, 10], [11, 13, 15], [17, 19, 21]]


def test_as_published_a_chunk_has_250_frames_and_a_clip_16(tmp_path):
    samples = table_of({"a": 520, "b": 250, "c": 258, "d": 270})
    clips = ClipDataset(samples, tmp_path, 112, clips="chunks").samples
    counts = {video: part["chunk"].value_counts().to_dict() for video, part in clips.groupby("video")}
    # The 8 frames that are left of c fill no clip; the 20 of a and d fill one.
    assert counts == {"a": {0: 15, 1: 15, 2: 1}, "b": {0: 15}, "c": {0: 15}, "d": {0: 15, 1: 1}}


def test_timesformers_clip_lies_in_the_middle_and_is_cut_out_three_times(tmp_path):
    (tmp_path / "real").mkdir()
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE))
    for frame in range(21):
        pixels = (STEP * frame + ramp).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "real" / f"{frame:05}.jpg", quality=100)
    settings = {"frames": 3, "stride": 4, "clips": "middle", "read_size": SIDE}
    dataset = ClipDataset(table_of({"real": 21}), tmp_path, 10, **settings)
    assert dataset.samples["crop"].tolist() == ["top left", "centre", "bottom right"]
    for corner, (clip, _) in zip((0, 3, 6), dataset, strict=True):
        assert clip.shape == (3, 3, 10, 10)
        brightness = ramp[corner : corner + 10, corner : corner + 10].mean()
        shown = clip.float().mean(dim=(0, 2, 3)) - brightness
        torch.testing.assert_close(shown, STEP * torch.tensor([6.0, 10, 14]), atol=1.5, rtol=0)


def test_a_stride_is_lowered_until_a_clip_fits_and_the_table_says_so(tmp_path):
    samples = write_videos(tmp_path, long=30, short=12, shorter=4)
    dataset = ClipDataset(samples, tmp_path, 8, frames=4, stride=8, clips="middle", read_size=10)
    told = dataset.samples.drop_duplicates("video").set_index("video")
    assert told["stride"].to_dict() == {"long": 8, "short": 3, "shorter": 1}
    assert not told["looped"].any()
    assert all_numbers(dataset)[::3] == [[2, 10, 18, 26], [1, 4, 7, 10], [0, 1, 2, 3]]
    chunked = ClipDataset(samples, tmp_path, 8, frames=4, stride=8, clips="chunks", chunk=14)
    assert chunked.samples.groupby("video")["stride"].first().to_dict() == {
        "long": 4,
        "short": 3,
        "shorter": 1,
    }
    assert all_numbers(chunked)[:3] == [[0, 4, 8, 12], [14, 18, 22, 26], [0, 3, 6, 9]]


@pytest.mark.parametrize("clips", ["random", "chunks", "middle"])
def test_a_video_with_fewer_frames_than_a_clip_starts_again(tmp_path, clips):
    samples = write_videos(tmp_path, real=3, fake=1)
    dataset = ClipDataset(samples, tmp_path, 8, frames=7, stride=2, clips=clips, read_size=10)
    shown = dict(zip(dataset.samples["video"], all_numbers(dataset), strict=True))
    assert shown == {"real": [0, 1, 2, 0, 1, 2, 0], "fake": [0] * 7}
    assert dataset.samples["looped"].all()
    assert (dataset.samples["stride"] == 1).all()


def test_frames_without_a_face_are_passed_over(tmp_path):
    samples = write_videos(tmp_path, real=9)
    dataset = ClipDataset(samples[samples["frame"] % 3 > 0], tmp_path, 8, frames=3, clips="chunks")
    assert all_numbers(dataset) == [[1, 2, 4], [5, 7, 8]]


@pytest.fixture
def faces(tmp_path):
    """A video of a face that stands still, so that whatever differs between its frames was drawn."""
    for video in ("real", "fake"):
        (tmp_path / video).mkdir()
        for frame in range(12):
            draw_face(1).save(tmp_path / video / f"{frame:05}.jpg")
    return table_of({"real": 12, "fake": 12})


def test_the_augmentation_is_the_same_in_all_frames_of_a_clip(faces, tmp_path):
    dataset = ClipDataset(faces, tmp_path, 32, frames=6, transform=train_transform(32))
    drawn = [SeededItems(dataset)[0, seed][0] for seed in range(20)]
    for clip in drawn:
        assert (clip == clip[:, :1]).all()
    assert len({clip.numpy().tobytes() for clip in drawn}) > 15
    kinds = [v2.RandomCrop(32), v2.RandomHorizontalFlip(1), v2.RandomResizedCrop(32), v2.RandomRotation(20)]
    for transform in kinds:
        dataset.transform = transform
        clip = dataset[0][0]
        assert (clip == clip[:, :1]).all()


def test_a_random_clip_is_cut_by_its_transform_or_else_in_the_centre(faces, tmp_path):
    whole = ClipDataset(faces, tmp_path, 40, frames=2)[0][0]
    dataset = ClipDataset(faces, tmp_path, 32, frames=2, read_size=40)
    assert torch.equal(dataset[0][0], whole[..., 4:36, 4:36])
    dataset.transform = train_transform(32, padding=0)
    crops = [whole[..., y : y + 32, x : x + 32] for y in range(9) for x in range(9)]
    allowed = {crop.numpy().tobytes() for crop in crops + [crop.flip(-1) for crop in crops]}
    drawn = {SeededItems(dataset)[0, seed][0].numpy().tobytes() for seed in range(30)}
    assert drawn <= allowed
    assert len(drawn) > 20


def test_the_same_seed_gives_the_same_clips_in_any_number_of_workers(tmp_path):
    samples = write_videos(tmp_path, **{name: 20 for name in ("ra", "rb", "rc", "fa", "fb")})
    dataset = ClipDataset(samples, tmp_path, 8, frames=4, transform=train_transform(8), order="shuffled")

    def epoch(number, workers=0):
        loader = batches(dataset, 2, shuffle=True, seed=1, epoch=number, workers=workers)
        return [[part.clone() for part in batch] for batch in loader]

    first = epoch(0)
    assert [tuple(clips.shape) for clips, _ in first] == [(2, 3, 4, 8, 8)] * 2 + [(1, 3, 4, 8, 8)]
    torch.testing.assert_close(first, epoch(0, workers=2), rtol=0, atol=0)
    assert not all(torch.equal(one[0], other[0]) for one, other in zip(first, epoch(1), strict=True))


def test_shuffled_is_a_permutation_and_still_one_frame_of_the_same_clip(tmp_path):
    samples = write_videos(tmp_path, real=30)
    clips = ClipDataset(samples, tmp_path, 8, frames=8, stride=2)
    made = {order: SeededItems(clips.reordered(order)) for order in ("as filmed", "shuffled", "still")}
    moved = 0
    for seed in range(10):
        filmed, shuffled, still = (numbers(items[0, seed][0]) for items in made.values())
        assert sorted(shuffled) == filmed
        assert still == [filmed[4]] * 8
        moved += shuffled != filmed
    assert moved >= 9


def test_an_original_and_its_fakes_stand_side_by_side_at_the_same_frames(tmp_path):
    lengths = {f"{kind}{number}": 30 for kind in ("real", "fake") for number in range(5)}
    samples = write_videos(tmp_path, **lengths)
    samples["target"] = samples["video"].str[-1]
    clips = ClipDataset(samples, tmp_path, 8, frames=4, side_by_side=True)
    starts = []
    for batch, labels in batches(clips, 2, shuffle=True, seed=0):
        assert sorted(labels.tolist()) == [0, 1]
        assert numbers(batch[0]) == numbers(batch[1])
        starts.append(numbers(batch[0])[0])
    assert len(set(starts)) > 1


def test_what_was_drawn_for_a_clip_does_not_depend_on_the_order_of_its_frames(faces, tmp_path):
    clips = [
        SeededItems(ClipDataset(faces, tmp_path, 32, 4, transform=train_transform(32), order=order))[0, 5][0]
        for order in ("as filmed", "shuffled", "still")
    ]
    assert torch.equal(clips[0], clips[1])  # all frames are alike
    assert torch.equal(clips[0], clips[2])


def test_the_batch_transform_normalises_each_channel(faces, tmp_path):
    batch = torch.randint(0, 256, (2, 3, 5, 4, 4), dtype=torch.uint8)
    before = batch.clone()
    dataset = ClipDataset(faces, tmp_path, 32)
    torch.testing.assert_close(dataset.batch_transform(batch), batch / 127.5 - 1)
    assert dataset.batch_transform(batch).is_contiguous()
    mean, deviation = [0.432, 0.395, 0.377], [0.228, 0.221, 0.217]  # of Kinetics-400, as torchvision has them
    own = ClipDataset(faces, tmp_path, 32, normalise=(mean, deviation))
    mean, deviation = (torch.tensor(values)[:, None, None, None] for values in (mean, deviation))
    torch.testing.assert_close(own.batch_transform(batch), (batch / 255 - mean) / deviation)
    assert torch.equal(batch, before)


def test_decoded_frames_stay_in_memory_and_do_not_travel(tmp_path):
    samples = write_videos(tmp_path, real=12)
    dataset = ClipDataset(samples, tmp_path, 64, frames=4, clips="chunks")
    first = all_numbers(dataset)
    (tmp_path / "real" / "00005.jpg").unlink()
    assert all_numbers(dataset) == first
    assert len(pickle.dumps(dataset)) < 30_000
    with pytest.raises(CourseError, match=r"00005\.jpg"):
        all_numbers(ClipDataset(samples, tmp_path, 64, frames=4, clips="chunks"))


def test_a_videos_score_is_the_mean_over_its_chunks_and_a_chunks_over_its_clips(tmp_path):
    samples = table_of({"real": 26, "fake": 10})
    clips = ClipDataset(samples, tmp_path, 8, frames=4, clips="chunks", chunk=20).samples
    scores = pd.Series(np.linspace(0.1, 0.9, len(clips)))
    table = predictions_table(clips, scores, model="r3d", run="quick")
    found = per_video(table, chunks=clips["chunk"]).set_index("video")["score"]
    real, fake = (scores[(clips["video"] == video).to_numpy()].to_numpy() for video in ("real", "fake"))
    assert (len(real), len(fake)) == (6, 2)
    assert found["real"] == pytest.approx((real[:5].mean() + real[5]) / 2, abs=1e-12)
    assert found["fake"] == pytest.approx(fake.mean(), abs=1e-12)
    plain = per_video(table).set_index("video")["score"]
    assert plain["real"] == pytest.approx(real.mean(), abs=1e-12)


def test_a_network_learns_from_random_clips_and_judges_whole_videos(tmp_path):
    samples = write_videos(tmp_path, real=10, fa=8, fb=9, fc=7)
    for file in tmp_path.glob("real/*.jpg"):
        Image.new("L", (SIDE, SIDE), 250).save(file)
    train = ClipDataset(samples, tmp_path, 8, frames=4, transform=train_transform(8, padding=1))
    test = ClipDataset(samples, tmp_path, 8, frames=4, clips="chunks", chunk=5)
    torch.manual_seed(0)
    trainer = ClassificationTrainer(
        nn.Sequential(nn.Conv3d(3, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 2)),
        train,
        test,
        None,
        folder=tmp_path / "run",
        name="network",
        dataset_name="clips",
        epochs=15,
        batch_size=2,
        optimizer={"name": "Adam", "params": {"lr": 0.05}},
        class_weights="balanced",
    )
    trainer.fit()
    assert trainer.class_weights.tolist() == pytest.approx([2, 2 / 3])  # three fake videos for a real one
    table = predictions_table(test.samples, trainer.predict(test), model="network", run="clips")
    videos = per_video(table, chunks=test.samples["chunk"])
    assert dict(zip(videos["video"], videos["score"] > 0.5, strict=True)) == {
        "real": False,
        "fa": True,
        "fb": True,
        "fc": True,
    }


def test_the_three_crops_are_averaged(tmp_path):
    samples = table_of({"real": 26, "fake": 10})
    clips = ClipDataset(samples, tmp_path, 8, frames=4, clips="middle", read_size=10).samples
    scores = [0.1, 0.2, 0.6, 0.9, 0.6, 0.9]
    table = predictions_table(clips, scores, model="TimeSformer", run="quick")
    assert sorted(per_video(table)["score"]) == pytest.approx([0.3, 0.8])


def test_a_run_on_other_clips_is_another_run(tmp_path):
    samples = table_of({"real": 26, "fake": 10})
    choices = [
        {},
        {"frames": 8},
        {"stride": 2},
        {"order": "shuffled"},
        {"clips": "chunks"},
        {"clips": "chunks", "chunk": 20},
        {"read_size": 12},
    ]
    told = [ClipDataset(samples, tmp_path, 8, **choice).content for choice in choices]
    told.append(ClipDataset(samples[samples["frame"] % 2 == 0], tmp_path, 8).content)
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"clips": "all"}, "clips='all' is not known. Use one of random, chunks, middle"),
        ({"order": "reversed"}, "order='reversed' is not known. Use one of as filmed, shuffled, still"),
        ({"frames": 0}, "at least one frame"),
        ({"stride": 0}, "strides are at least 1"),
        ({"clips": "chunks", "chunk": 15}, "No clip of 16 frames fits into a chunk of 15"),
        ({"clips": "middle"}, "three crops as large as the frames are the same"),
        ({"read_size": 6}, "cannot be cut out of frames of 6"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path, settings, words):
    with pytest.raises(CourseError, match=words):
        ClipDataset(table_of({"real": 20}), tmp_path, 8, **settings)


def test_pictures_that_belong_to_no_video_are_refused(tmp_path):
    with pytest.raises(CourseError, match="3 of 3 samples belong to none"):
        ClipDataset(table_of({"real": 3}).assign(video=""), tmp_path, 8)


def test_a_video_too_short_for_a_clip_is_filled_up_where_that_is_asked_for(tmp_path):
    samples = write_videos(tmp_path, real=3, fake=9)
    dataset = ClipDataset(samples, tmp_path, 8, frames=6, clips="chunks", pad=True)
    short, label, count = dataset[dataset.samples.index[dataset.samples["video"] == "real"][0]]
    assert (tuple(short.shape), label, count) == ((3, 6, 8, 8), 0, 3)
    assert numbers(short[:, :3]) == [0, 1, 2]
    assert not short[:, 3:].any()
    assert not dataset.samples["looped"].any()
    long, _, count = dataset[dataset.samples.index[dataset.samples["video"] == "fake"][0]]
    assert (numbers(long), count) == ([0, 1, 2, 3, 4, 5], 6)
    assert "filled up" in dataset.content


def test_a_batch_of_videos_of_all_lengths_says_how_long_each_is(tmp_path):
    samples = write_videos(tmp_path, real=1, fake=2, five=5)
    dataset = ClipDataset(samples, tmp_path, 8, frames=4, pad=True)
    ((clips, labels, counts),) = batches(dataset, 3, shuffle=False, seed=0)
    assert clips.shape == (3, 3, 4, 8, 8)
    lengths = dict(zip(dataset.samples["video"], counts.tolist(), strict=True))
    assert lengths == {"real": 1, "fake": 2, "five": 4}
    assert labels.tolist() == dataset.labels.tolist()


def test_frames_one_by_one_are_clips_of_one(tmp_path):
    samples = write_videos(tmp_path, real=3, fake=2)
    dataset = ClipDataset(samples, tmp_path, 8, frames=1, clips="chunks", chunk=1, pad=True)
    assert sorted(number for clip in all_numbers(dataset) for number in clip) == [0, 0, 1, 1, 2]
    assert {dataset[index][2] for index in range(5)} == {1}
