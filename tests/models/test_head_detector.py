"""EfficientDet with one class: its size, its anchors, its loss, and the detector that it becomes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from effdet import EfficientDet
from effdet.loss import DetectionLoss
from filmed import FACE, draw_frames
from PIL import Image
from torchvision.ops import box_iou

from course_utils.data.head_scenes import fit_into, normalised
from course_utils.data.heads import cut_heads
from course_utils.data.samples import sample_table
from course_utils.errors import CourseError
from course_utils.models import head_detector
from course_utils.models.freezing import freeze_batch_norm
from course_utils.models.head_detector import (
    YXYX,
    AnchorGrid,
    HeadDetector,
    HeadNetwork,
    detection_losses,
)
from course_utils.training.checkpoints import save_weights, weights_of

SIDE = 128


@pytest.fixture(scope="module")
def found():
    """A detector that has learnt the red squares of two pictures by heart, and these pictures."""
    torch.manual_seed(0)
    pictures = [draw_frames((20, 20), frames=1)[0], draw_frames((8, 22), (60, 30), frames=1)[0]]
    boxes = [
        torch.tensor([[20.0, 20, 20 + FACE, 20 + FACE]]),
        torch.tensor([[8.0, 22, 8 + FACE, 22 + FACE], [60, 30, 40 + FACE + 16, 30 + FACE - 4]]),
    ]
    grid, network = AnchorGrid(SIDE), HeadNetwork(SIDE)
    squares, scales = zip(*(fit_into(picture, SIDE) for picture in pictures), strict=True)
    batch = normalised(torch.stack(squares))
    encoded = [grid.encode(box * scale) for box, scale in zip(boxes, scales, strict=True)]
    answers, targets = map(torch.stack, zip(*encoded, strict=True))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    freeze_batch_norm(network)  # two pictures have no statistics
    for _ in range(100):
        optimizer.zero_grad()
        loss = (detection_losses(network(batch), answers, targets) / (answers.sum(dim=1) + 1)).mean()
        loss.backward()
        optimizer.step()
    return HeadDetector(network, 0.5), pictures, boxes


def test_it_has_the_published_parameters():
    assert sum(parameter.numel() for parameter in HeadNetwork(SIDE).parameters()) == 3_828_002


@pytest.mark.parametrize("size", [0, 64, 200])
def test_a_size_that_does_not_fit_is_told(size):
    with pytest.raises(CourseError, match=f"image_size={size} does not fit; expected a multiple of 128"):
        AnchorGrid(size)


def test_there_are_nine_anchors_in_each_cell_of_five_levels():
    assert len(AnchorGrid(256).boxes) == 9 * (32**2 + 16**2 + 8**2 + 4**2 + 2**2)


def test_heads_are_encoded_by_anchors_that_overlap_them_and_come_back():
    grid, boxes = AnchorGrid(SIDE), torch.tensor([[10.0, 20, 50, 70], [60, 60, 90, 100], [2, 2, 9, 9]])
    answers, targets = grid.encode(boxes)
    overlaps = box_iou(grid.boxes, boxes)
    assert set(torch.where(overlaps.amax(dim=1) >= 0.5)[0].tolist()) <= set(torch.where(answers)[0].tolist())
    assert (overlaps[answers > 0].amax(dim=1) > 0).all()
    sure = torch.where(answers > 0, 9.0, -9.0)
    again, scores = grid.decode(torch.cat([sure[:, None], targets], dim=1), 0.5)
    assert box_iou(again, boxes).amax(dim=0).min() > 0.999
    assert len(again) == len(scores) == 3


def test_a_scene_without_heads_has_no_answers():
    answers, targets = AnchorGrid(SIDE).encode(torch.empty(0, 4))
    assert not answers.any() and not targets.any()


def test_the_loss_is_that_of_effdet():
    torch.manual_seed(0)
    network, grid = HeadNetwork(SIDE).eval(), AnchorGrid(SIDE)
    boxes = [torch.tensor([[10.0, 20, 50, 70], [60, 60, 90, 100]]), torch.tensor([[30.0, 3, 60, 44]])]
    pictures = torch.randn(2, 3, SIDE, SIDE)
    labels = grid._labeler.batch_label_anchors(
        [box[:, YXYX] for box in boxes], [torch.ones(len(box)) for box in boxes]
    )
    expected, _, _ = DetectionLoss(network.config)(*EfficientDet.forward(network, pictures), *labels)
    answers, targets = map(torch.stack, zip(*map(grid.encode, boxes), strict=True))
    losses = detection_losses(network(pictures), answers, targets)
    torch.testing.assert_close(losses.sum() / (answers.sum() + 1), expected)


def test_it_learns_two_pictures_by_heart(found):
    detector, pictures, boxes = found
    for picture, there in zip(pictures, boxes, strict=True):
        faces = detector.detect(picture)
        assert len(faces) == len(there)
        overlaps = box_iou(torch.tensor(np.array([face.box for face in faces])), there)
        assert overlaps.amax(dim=0).min() > 0.5
        assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


@pytest.mark.parametrize("form", [(64, 96), (96, 31), (20, 300), (500, 400)])
def test_boxes_lie_in_the_picture_whatever_its_form(found, form):
    eager = HeadDetector(found[0].network, 0.02)
    random = np.random.default_rng(0).integers(0, 256, (*form, 3), dtype=np.uint8)
    grey = np.repeat(random[..., :1], 3, axis=2)
    for picture in (random, grey):
        for face in eager.detect(picture):
            x0, y0, x1, y1 = face.box
            assert 0 <= x0 < x1 <= form[1] and 0 <= y0 < y1 <= form[0]


def test_threads_find_the_same(found):
    detector, pictures, _ = found
    alone = [[face.box.tolist() for face in detector.detect(picture)] for picture in pictures * 4]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: [face.box.tolist() for face in detector.detect(p)], pictures * 4))
    assert together == alone


def test_saved_weights_are_the_same_detector_and_say_where_they_are_from(found, tmp_path):
    detector, pictures, _ = found
    save_weights(tmp_path / "mine.safetensors", weights_of(detector.network))
    again = HeadDetector(HeadNetwork(SIDE, tmp_path / "mine.safetensors"), 0.5)
    assert "mine.safetensors, SHA-256" in again.name and again.name != detector.name
    for picture in pictures:
        for face, other in zip(detector.detect(picture), again.detect(picture), strict=True):
            np.testing.assert_allclose(face.box, other.box, atol=1e-3)


def test_heads_are_cut_with_it(found, tmp_path):
    detector, pictures, _ = found
    for name, picture in zip(("one", "two"), pictures, strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    Image.new("RGB", (96, 64)).save(tmp_path / "nobody.png")
    row = {
        "dataset": "d",
        "label": 1,
        "method": "m",
        "group": "g",
        "split": "test",
        "width": 96,
        "height": 64,
    }
    table = sample_table([{**row, "path": f"{name}.png"} for name in ("one", "two", "nobody")])
    heads, headless, _ = cut_heads(table, tmp_path, tmp_path / "crops", lambda: detector, progress=False)
    assert heads["path"].str.split("/").str[0].value_counts().to_dict() == {"two.png": 2, "one.png": 1}
    assert headless == [("nobody.png", f"{detector.name} found no head")]
    assert heads["label"].eq(1).all()


def test_the_shipped_detector_finds_drawn_heads_also_from_behind():
    from course_utils.data.rendered.scene import render_scene

    detector, seen, hits = head_detector.find_head_detector(), [], 0
    for seed in range(3_000_000, 3_000_008):
        picture, heads = render_scene(seed, (180, 320))
        faces = detector.detect(picture)
        boxes = torch.tensor(np.array([face.box for face in faces])).reshape(-1, 4)
        for box, pose in heads:
            hits += bool((box_iou(boxes, torch.tensor([box])) > 0.5).any())
            seen.append(pose)
    assert {"Frontal", "Rear"} < set(seen)
    assert hits >= 0.6 * len(seen)
    assert detector is head_detector.find_head_detector()


def test_without_its_weights_the_shipped_detector_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.paths.repository", lambda: tmp_path)
    with pytest.raises(CourseError, match=r"reference_runs/08_head_detector\.json, .* is not here"):
        head_detector.find_head_detector()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_network_on_a_gpu_finds_what_it_finds_on_a_processor():
    from course_utils.data.rendered.scene import render_scene

    picture, _ = render_scene(3_000_000, (180, 320))
    detector = head_detector.find_head_detector()
    expected = [face.box for face in detector.detect(picture)]
    detector.network.cuda()
    try:
        found = [face.box for face in detector.detect(picture)]
    finally:
        detector.network.cpu()
    np.testing.assert_allclose(found, expected, atol=0.5)
