"""Real recordings, and forgeries made from them, on their whole way to a prediction for each."""

import numpy as np
import pytest
import torch
import yaml

from course_utils import paths
from course_utils.data.clips import ClipDataset
from course_utils.data.faces import find_pointer, middle_face
from course_utils.data.forgery import FORGERIES, Footage, face_template, metadata_note
from course_utils.data.prepare import load_dataset
from course_utils.data.video import read_frames, write_video
from course_utils.models.timesformer import TimeSformer
from course_utils.models.video_resnet import VideoResNet3D
from course_utils.predictions import per_video, predictions_table

FRAMES = 24


def footage_of(file, detector):
    """Return the first frames of a recording, with the landmarks that the detector's five points place."""
    frames = np.stack([picture for _, picture in read_frames(file, range(FRAMES))])
    return Footage(frames, np.stack([face_template(middle_face(detector, one).points) for one in frames]))


def write_forgeries(recordings, folder):
    """Write each recording, and each forged with the next one, in the layout of FaceForensics++."""
    detector = find_pointer()
    people = {file.stem: footage_of(file, detector) for file in recordings}
    names = list(people)
    for target, source in zip(names, names[1:] + names[:1], strict=True):
        real = folder / "original_sequences" / f"{target}.mp4"
        real.parent.mkdir(parents=True, exist_ok=True)
        write_video(real, people[target].frames)
        for method, forge in FORGERIES.items():
            forged, _ = forge(people[target], people[source])
            file = folder / "manipulated_sequences" / method / f"{target}_{source}.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_video(file, forged, note=metadata_note(method, target, source))


@pytest.mark.slow
def test_recordings_and_forgeries_of_them_get_a_prediction_each(photographs, monkeypatch, tmp_path):
    root = tmp_path / "root"
    write_forgeries(sorted((photographs / "videos").glob("*.mp4")), root)
    (root / "weights").symlink_to(photographs / "weights")
    monkeypatch.setenv("COURSE_DATA_ROOT", str(root))
    manifest = {
        "name": "recorded",
        "title": "Recordings and forgeries of them",
        "description": "Made by a test.",
        "access": "Nobody's.",
        "terms": "None.",
        "may_show": "no",
        "citation": "None.",
        "frames": "every 1",
        "layout": [
            {
                "path": "original_sequences/{target}.mp4",
                "label": "real",
                "method": "original",
                "source": "{target}",
                "video": "{target}",
                "group": "{target}",
            },
            {
                "path": "manipulated_sequences/{method}/{target}_{source}.mp4",
                "label": "fake",
                "video": "{target}_{source}",
                "group": "{target}",
            },
        ],
        "labels": {"real": 0, "fake": 1},
        "splits": {"official": {"kind": "ratios", "train": 0.5, "val": 0.25, "test": 0.25}},
        "default_split": "official",
    }
    file = paths.writable_cache() / "manifests" / "recorded.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(manifest))
    prepared = load_dataset("recorded")
    assert len(prepared.samples) == FRAMES * 4 * 6
    for network, clips in (
        (VideoResNet3D(), ClipDataset(prepared.samples, prepared.root, 112, frames=16, clips="chunks")),
        (
            TimeSformer(frames=8, image_size=64, depth=2, width=48, heads=2),
            ClipDataset(
                prepared.samples, prepared.root, 64, frames=8, stride=32, clips="middle", read_size=73
            ),
        ),
    ):
        scores = []
        with torch.inference_mode():
            for index in range(len(clips)):
                logits = network.eval()(clips.batch_transform(clips[index][0][None]))
                scores.append(logits.softmax(dim=1)[0, 1].item())
        table = per_video(predictions_table(clips.samples, scores, model="network", run="untrained"))
        assert len(table) == 24
        assert table.groupby("method").size().to_dict() == {"original": 4, **dict.fromkeys(FORGERIES, 4)}
        assert table["score"].nunique() == 24
