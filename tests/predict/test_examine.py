import csv
import json
from fractions import Fraction

import av
import numpy as np
import pytest
from drawn import draw_face
from faces_on_black import SIZE, TileFinder, on_black, release_on, usual
from PIL import Image
from predicted import predictions
from scipy.special import expit

from course_utils.data.pictures import digest, fit_square
from course_utils.data.video import write_video
from course_utils.errors import CourseError
from course_utils.predict.examine import Examiner
from course_utils.predict.findings import Examined, Moment, Opinion, Person, Report
from course_utils.predict.report import _page, predict
from course_utils.predict.tested import CARD, load_tested


@pytest.fixture
def examiner(released, tmp_path):
    def examiner_of(**options):
        return Examiner([load_tested(released[1] / CARD)], TileFinder(), tmp_path / "out", **options)

    return examiner_of


@pytest.fixture(scope="module")
def face(released):
    return usual(released)


@pytest.fixture
def telling(released, tmp_path):
    """A detector whose scores have weight."""
    tables = {"val": predictions(split="val"), "test": predictions()}
    return release_on(released[2], tmp_path / "telling", tables=tables)


def one(examiner, file):
    (found,) = predict([file], examiner).files
    return found


def test_a_face_is_found_cropped_as_in_the_test_and_scored(examiner, released, face, tmp_path):
    detector = released[0]
    on_black(face, (50, 70)).save(tmp_path / "a.png")
    found = one(examiner(), tmp_path / "a.png")
    ((person,), (opinion,)) = found.people, found.people[0].opinions
    assert person.box == pytest.approx([50 + 19.2, 70 + 9.6, 146 - 19.2, 166 - 9.6], abs=3)
    assert opinion.outside == []
    crop = np.asarray(fit_square(face, SIZE))
    assert opinion.ratio == pytest.approx(float(detector.card.ratio.of(detector.scores([crop]))[0]), abs=0.1)
    for file in (found.drawn, person.crop, opinion.explanation):
        assert Image.open(tmp_path / "out" / file).size


def test_all_that_was_said_can_be_checked_later(examiner, face, tmp_path):
    on_black(face, (50, 70)).save(tmp_path / "ein Bild ü.png")
    (tmp_path / "b.jpg").write_text("no")
    predict([tmp_path / "ein Bild ü.png", tmp_path / "b.jpg"], examiner())
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["files"][0]["sha256"] == digest(tmp_path / "ein Bild ü.png")
    assert report["cards"][0]["weights_sha256"] and report["versions"]["torch"]
    rows = list(csv.DictReader((tmp_path / "out/report.csv").open(encoding="utf-8")))
    assert [row["path"] for row in rows] == [str(tmp_path / "ein Bild ü.png"), str(tmp_path / "b.jpg")]
    assert "ein Bild ü.png" in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_a_probability_needs_a_prior(examiner, face, tmp_path):
    on_black(face, (50, 70)).save(tmp_path / "a.png")
    (opinion,) = one(examiner(), tmp_path / "a.png").people[0].opinions
    assert opinion.probability is None
    (with_prior,) = one(examiner(prior=0.2), tmp_path / "a.png").people[0].opinions
    odds = 10**with_prior.ratio * 0.2 / 0.8
    assert with_prior.probability == pytest.approx(odds / (1 + odds))
    with pytest.raises(CourseError, match="prior"):
        examiner(prior=1.0)


def test_what_was_not_tested_gets_no_number(examiner, tmp_path):
    noise = np.random.default_rng(0).integers(30, 255, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    found = one(examiner(prior=0.5), tmp_path / "a.png")
    (opinion,) = found.people[0].opinions
    assert opinion.outside
    assert opinion.ratio is None and opinion.probability is None
    assert found.first_line().startswith("Outside what was tested")


def test_no_answer_calls_anything_real(examiner, tmp_path):
    for seed in range(6):
        on_black(draw_face(seed), (50, 70)).save(tmp_path / f"{seed}.png")
    files = predict([tmp_path / f"{seed}.png" for seed in range(6)], examiner()).files
    lines = [found.first_line() for found in files]
    assert not any("real" in line or "authentic" in line or "genuine" in line for line in lines)
    assert all("tested" in line for line in lines)


def test_a_detector_that_guessed_in_its_test_has_nothing_to_say(telling, released, face, tmp_path):
    tables = {"val": predictions(separation=0, split="val"), "test": predictions(separation=0)}
    guesser = release_on(released[2], tmp_path / "guesser", title="Guesser", tables=tables)
    on_black(face, (50, 70)).save(tmp_path / "a.png")
    (found,) = predict([tmp_path / "a.png"], Examiner([guesser], TileFinder(), tmp_path / "out")).files
    assert found.people[0].opinions[0].weightless
    assert found.first_line().endswith("where Guesser did no better than chance: nothing can be said.")
    assert "always: in its test" in (tmp_path / "out/index.html").read_text()
    both = Examiner([guesser, telling], TileFinder(), tmp_path / "out")
    assert "Guesser" not in one(both, tmp_path / "a.png").first_line()


def test_no_face_forty_faces_and_a_huge_picture(examiner, face, tmp_path):
    Image.new("RGB", (300, 200)).save(tmp_path / "none.png")
    places = [(120 * x, 120 * y) for x in range(8) for y in range(5)]
    on_black(face, *places, size=(960, 600)).save(tmp_path / "many.png")
    on_black(face, (4000, 4000), size=(8000, 8000)).save(tmp_path / "huge.png")
    names = ("none.png", "many.png", "huge.png")
    none, many, huge = predict([tmp_path / name for name in names], examiner()).files
    assert none.first_line() == "No face was found, so that nothing was examined."
    assert len(many.people) == 40
    assert len(huge.people) == 1
    assert max(Image.open(tmp_path / "out" / huge.drawn).size) <= 1024


def test_two_people_of_a_clip_are_followed_with_a_time_line_each(telling, face, tmp_path):
    frames = np.stack(
        [np.asarray(on_black(face, (10 + n, 20), (180, 150 - n), size=(300, 260))) for n in range(20)]
    )
    write_video(tmp_path / "a.mp4", frames, Fraction(10), crf=5)
    found = one(Examiner([telling], TileFinder(), tmp_path / "out", frames=10), tmp_path / "a.mp4")
    assert (found.kind, found.frames, found.looked_at) == ("clip", 20, 10)
    assert [person.frames for person in found.people] == [10, 10]
    for person in found.people:
        (opinion,) = person.opinions
        assert [moment.frame for moment in opinion.moments] == np.linspace(0, 19, 10).round().tolist()
        assert opinion.moments[-1].seconds == pytest.approx(1.9)
    assert (tmp_path / "out/index.html").read_text().count("<polyline") == 2


def test_a_moving_picture_counts_as_a_clip(examiner, face, tmp_path):
    frames = [on_black(face, (50 + n, 70), size=(200, 200)) for n in range(5)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    found = one(examiner(), tmp_path / "a.gif")
    assert (found.kind, found.looked_at, found.people[0].frames) == ("moving picture", 5, 5)


def test_sound_alone_and_damage_are_named_and_the_others_examined(examiner, face, tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    whole = on_black(face, (50, 70))
    whole.save(tmp_path / "a.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    names = ("sound.mp4", "half.png", "a.png")
    sound, half, good = predict([tmp_path / name for name in names], examiner()).files
    assert sound.first_line() == "Not examined: there is no picture in it, only sound or nothing."
    assert half.first_line().startswith("Not examined: the picture is truncated")
    assert good.people


def test_faces_found_by_another_detector_are_refused(released, tmp_path):
    class Other(TileFinder):
        name = "another"

    with pytest.raises(CourseError, match="found by another here"):
        Examiner([released[0]], Other(), tmp_path)
    with pytest.raises(CourseError, match="No detector"):
        Examiner([], TileFinder(), tmp_path)


def test_a_time_line_tells_scores_near_one_apart(telling, tmp_path):
    scores = (0.5, 1.0, 0.0, expit(4), expit(-4))
    moments = [Moment(frame=n, seconds=n, score=score) for n, score in enumerate(scores)]
    opinion = Opinion(detector="Meso-4", outside=[], ratio=1.0, moments=moments)
    person = Person(box=[0, 0, 1, 1], frame=0, frames=5, crop="a.jpg", opinions=[opinion])
    clip = Examined(path="a.mp4", sha256="0", kind="clip", people=[person])
    about = {"course": "1", "versions": {}, "date": "", "device": "", "faces": "", "prior": None}
    page = _page(Report(**about, cards=[telling.card], files=[clip]))
    assert 'points="0.0,45.0 160.0,0.0 320.0,90.0 480.0,22.5 640.0,67.5"' in page
