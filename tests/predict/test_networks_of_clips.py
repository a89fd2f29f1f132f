"""Networks of clips, and an anomaly's, asked about files like those of pictures."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from faces_on_black import TileFinder, on_black, release_on, usual
from PIL import Image
from predicted import predictions

from course_utils.data.clips import ClipDataset
from course_utils.data.pictures import fit_square
from course_utils.data.video import write_video
from course_utils.models.asrid import ASRID
from course_utils.models.attention_anomaly import AttentionAnomaly
from course_utils.models.timesformer import TimeSformer
from course_utils.models.video_resnet import VideoResNet3D
from course_utils.predict.examine import Examiner
from course_utils.predict.tested import CARD, load_tested

SIZE = 48
TABLES = {"val": predictions(split="val", seed=1), "test": predictions()}


def of_clips(released, folder, **about):
    """Release a network of clips with random weights, as if tested on a data set."""
    return release_on(released[2], folder, image_size=SIZE, tables=TABLES, title=folder.name, **about)


@pytest.fixture
def resnet(released, tmp_path):
    torch.manual_seed(0)
    return of_clips(
        released,
        tmp_path / "resnet",
        model="r3d_18_se",
        network=VideoResNet3D(attention="se", after=[1]).eval(),
        options={"after": [1]},
        frames=4,
        stride=2,
    )


@pytest.fixture
def asrid(released, tmp_path):
    torch.manual_seed(0)
    return of_clips(
        released,
        tmp_path / "asrid",
        model="asrid_dyn_mix",
        network=ASRID(mix=True, strength=0.2, layers=1).eval(),
        options={"layers": 1},
        frames=6,
    )


@pytest.fixture
def clip(released, tmp_path):
    """A clip of 20 frames, its frames, and the face in them."""
    face = usual(released)
    frames = [on_black(face, (10 + 4 * number, 20), size=(300, 260)) for number in range(20)]
    write_video(tmp_path / "a.mp4", np.stack([np.asarray(one) for one in frames]), Fraction(10), crf=1)
    return tmp_path / "a.mp4", face


def test_frames_are_chosen_as_clips_are_cut_for_a_test(resnet, asrid):
    card = resnet.card
    assert [place.tolist() for place in card.places(20, 8)] == [[0, 2, 4, 6], [13, 15, 17, 19]]
    assert [place.tolist() for place in card.places(20, 4)] == [[6, 8, 10, 12]]  # the middle
    assert [place.tolist() for place in card.places(5, 48)] == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert [place.tolist() for place in card.places(3, 48)] == [[0, 1, 2, 0]]
    assert [place.tolist() for place in asrid.card.places(11, 48)] == [[0, 2, 4, 6, 8, 10]]
    assert [place.tolist() for place in asrid.card.places(3, 48)] == [[0, 1, 2]]


def test_a_clip_is_scored_as_by_its_network_on_crops_of_the_test(resnet, asrid, clip, tmp_path):
    file, face = clip
    network = load_tested(tmp_path / "resnet" / CARD).network  # built with its options again
    still = np.stack([np.asarray(fit_square(face, SIZE))] * 6)
    found = Examiner([resnet, asrid], TileFinder(), tmp_path / "out", frames=8).examine(file, "a")
    (person,) = found.people
    (by_resnet, by_asrid) = person.opinions
    assert found.looked_at == len({0, 2, 4, 6, 13, 15, 17, 19} | {0, 4, 8, 11, 15, 19})
    assert [moment.frame for moment in by_resnet.moments] == [4, 17]
    assert [moment.frame for moment in by_asrid.moments] == [11]
    batch = resnet.batch([still[:4]])
    with torch.inference_mode():
        expected = network(batch).softmax(dim=1)[0, 1].item()
    assert by_resnet.moments[0].score == pytest.approx(expected, abs=0.02)
    assert by_asrid.moments[0].score == pytest.approx(asrid.scores([still])[0], abs=0.02)
    mean = np.mean([moment.score for moment in by_resnet.moments])
    assert by_resnet.ratio == pytest.approx(float(resnet.card.ratio.of([mean])[0]))
    for opinion in (by_resnet, by_asrid):
        assert not opinion.outside
        assert Image.open(tmp_path / "out" / opinion.explanation).size == (SIZE, SIZE)


def test_a_timesformer_is_built_for_its_size_and_shows_which_pixels_count(released, clip, tmp_path):
    torch.manual_seed(0)
    sizes = {"frames": 4, "depth": 1, "width": 32, "heads": 1}
    detector = of_clips(
        released,
        tmp_path / "timesformer",
        model="timesformer",
        network=TimeSformer(image_size=SIZE, **sizes).eval(),
        options=sizes,
        frames=4,
        stride=5,
    )
    file, face = clip
    asked = [load_tested(tmp_path / "timesformer" / CARD)]
    found = Examiner(asked, TileFinder(), tmp_path / "out").examine(file, "a")
    (opinion,) = found.people[0].opinions
    still = np.stack([np.asarray(fit_square(face, SIZE))] * 4)
    assert opinion.moments[0].score == pytest.approx(detector.scores([still])[0], abs=0.02)
    _, strength = asked[0].explain(still)
    batch = detector.batch([still]).requires_grad_()
    (gradient,) = torch.autograd.grad(detector.network(batch)[0, 1], batch)
    assert strength.shape == (SIZE, SIZE)
    assert strength.max() == pytest.approx(gradient.abs().max().item(), rel=1e-4)


def test_of_a_picture_a_network_of_clips_says_nothing(resnet, released, tmp_path):
    on_black(usual(released), (50, 70)).save(tmp_path / "a.png")
    found = Examiner([resnet, released[0]], TileFinder(), tmp_path / "out").examine(tmp_path / "a.png", "a")
    of_clips, of_pictures = found.people[0].opinions
    assert of_clips.outside == ["it is a picture, and what was tested are clips"]
    assert of_clips.ratio is None and of_clips.explanation is None
    assert of_pictures.ratio is not None


def test_a_face_that_is_gone_from_most_frames_of_every_clip_gets_no_number(asrid, released, tmp_path):
    shown = [np.asarray(on_black(usual(released), (50, 70), size=(300, 260)))] * 4
    frames = np.stack([*shown, *[np.zeros_like(shown[0])] * 16])
    write_video(tmp_path / "b.mp4", frames, Fraction(10), crf=1)
    found = Examiner([asrid], TileFinder(), tmp_path / "out").examine(tmp_path / "b.mp4", "b")
    (opinion,) = found.people[0].opinions
    assert "not to be seen through as many frames" in opinion.outside[0]


def test_an_anomaly_is_asked_like_a_detector_and_shows_where_it_errs(released, tmp_path):
    torch.manual_seed(0)
    sizes = {"patches": "P8S8", "depth": 1, "width": 64, "heads": 1}
    detector = release_on(
        released[2],
        tmp_path / "anomaly",
        model="attention_anomaly",
        network=AttentionAnomaly(**sizes).eval(),
        options=sizes,
        image_size=112,
        tables=TABLES,
    )
    face = usual(released)
    on_black(face, (50, 70)).save(tmp_path / "a.png")
    asked = [load_tested(tmp_path / "anomaly" / CARD)]
    found = Examiner(asked, TileFinder(), tmp_path / "out").examine(tmp_path / "a.png", "a")
    (opinion,) = found.people[0].opinions
    crop = np.asarray(fit_square(face, 112))
    assert opinion.ratio == pytest.approx(float(detector.card.ratio.of(detector.scores([crop]))[0]), abs=0.1)
    _, errors = asked[0].explain(crop)
    assert errors.shape == (112, 112) and errors.min() >= 0 < errors.max()


def test_what_a_data_set_shows_a_network_is_what_it_is_shown_here(resnet, released, tmp_path):
    """The clip of a `ClipDataset` and the crops of a card become the same batch."""
    face = fit_square(usual(released), SIZE)
    (tmp_path / "v").mkdir()
    for number in range(4):
        face.save(tmp_path / "v" / f"{number}.png")
    samples = released[2].split("test").iloc[[0] * 4].reset_index(drop=True)
    samples = samples.assign(path=[f"v/{number}.png" for number in range(4)], video="v", frame=range(4))
    clips = ClipDataset(samples, tmp_path, SIZE, frames=4, clips="chunks", chunk=4)
    expected = clips.batch_transform(clips[0][0][None])
    torch.testing.assert_close(resnet.batch([np.stack([np.asarray(face)] * 4)]), expected)
