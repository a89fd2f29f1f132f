import numpy as np
import pytest
import torch
from drawn import draw_face
from torchvision.transforms import InterpolationMode, v2

from course_utils.data.augmentation import (
    DROPPED_PARTS,
    DropFacePart,
    PrincipalColours,
    WholePicture,
    challenge_transform,
)


def face(seed=1):
    return torch.from_numpy(np.array(draw_face(seed))).permute(2, 0, 1)


def still(frames):
    return face().expand(frames, 3, 96, 96)


@pytest.mark.parametrize("drop_parts", [0.0, 0.5])
def test_what_comes_out_is_a_square_of_bytes_whatever_comes_in(drop_parts):
    transform = challenge_transform(40, drop_parts=drop_parts)
    for seed in range(60):
        torch.manual_seed(seed)
        for shape in ((3, 30, 50), (4, 3, 64, 48), (1, 3, 40, 40)):
            found = transform(torch.randint(0, 256, shape, dtype=torch.uint8))
            assert (found.dtype, found.shape) == (torch.uint8, (*shape[:-2], 40, 40))


def test_all_frames_of_a_clip_are_treated_alike_but_for_noise():
    transform = challenge_transform(48, drop_parts=0.5)
    noise = next(index for index, one in enumerate(transform.transforms) if "Noise" in repr(one))
    without_noise = v2.Compose(transform.transforms[:noise] + transform.transforms[noise + 1 :])
    for seed in range(60):
        torch.manual_seed(seed)
        clip = without_noise(still(3))
        assert all(torch.equal(frame, clip[0]) for frame in clip)


def test_each_draw_is_another_and_the_seed_decides():
    transform = challenge_transform(48)

    def drawn(seed):
        torch.manual_seed(seed)
        return transform(still(2))

    assert torch.equal(drawn(3), drawn(3))
    assert len({drawn(seed).numpy().tobytes() for seed in range(20)}) == 20


def test_a_picture_keeps_its_proportions_and_is_filled_up_with_black():
    white = torch.full((3, 20, 40), 255, dtype=torch.uint8)
    found = WholePicture(32, InterpolationMode.BILINEAR)(white)
    assert found.shape == (3, 32, 32)
    assert (found[:, 8:24] == 255).all() and not found[:, :8].any() and not found[:, 24:].any()


def test_principal_colours_move_all_pixels_by_one_colour_along_the_picture_s_own():
    grey = torch.arange(60, 180, dtype=torch.uint8).reshape(1, 10, 12).expand(3, 10, 12)
    torch.manual_seed(0)
    shift = PrincipalColours(0.5)(grey).int() - grey.int()
    assert shift.unique().numel() == 1 and shift.any()  # grey stays grey: that is all that varies
    assert torch.equal(PrincipalColours(0.0)(face()), face())


def test_each_part_of_the_face_is_dropped_at_times_and_nothing_else():
    white = torch.full((2, 3, 100, 100), 255, dtype=torch.uint8)
    boxes = set()
    for seed in range(30):
        torch.manual_seed(seed)
        rows, columns = np.nonzero(DropFacePart()(white)[0, 0].numpy() == 0)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert len(rows) == (box[2] - box[0]) * (box[3] - box[1])
        boxes.add(tuple(round(side / 100, 2) for side in map(int, box)))
    assert boxes == set(DROPPED_PARTS.values())
    assert white.min() == 255  # what came in is as it was


def test_its_text_says_how_it_was_made():
    texts = {repr(challenge_transform(size, drop_parts=p)) for size, p in ((40, 0.0), (40, 0.5), (48, 0.5))}
    assert len(texts) == 3
