"""Draw face-like pictures in the layout of the real data sets, so that tests need no photographs.

`python tests/drawn.py FOLDER` makes the same data root for a look, or for a test of the command line.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageFilter

from course_utils import paths

SPLITS = {"train": 10, "val": 4, "test": 6}  # of each label: 40 pictures a data set
SIZE = 96  # pixels a side


def draw_face(seed: int) -> Image.Image:
    """Return a smooth, face-like RGB picture of SIZE x SIZE pixels; each seed has features of its own."""
    random = np.random.default_rng(seed)
    skin = np.array([200, 155, 125]) + random.integers(-45, 40)
    picture = Image.new("RGB", (SIZE, SIZE), tuple(int(c) for c in random.integers(30, 220, 3)))
    draw = ImageDraw.Draw(picture)
    x, y = SIZE / 2 + random.uniform(-5, 5, 2)
    wide, high = random.uniform(24, 30), random.uniform(32, 38)
    draw.ellipse((x - wide - 3, y - high - 6, x + wide + 3, y + 10), fill=tuple(skin // 4))
    draw.ellipse((x - wide, y - high, x + wide, y + high), fill=tuple(skin))
    for side in (-1, 1):
        eye = x + side * random.uniform(9, 12)
        draw.ellipse((eye - 5, y - 11, eye + 5, y - 5), fill="white")
        draw.ellipse((eye - 2.5, y - 11, eye + 2.5, y - 5), fill=(40, 30, 30))
    draw.line((x, y - 4, x - 3, y + 8, x + 2, y + 8), fill=tuple(skin * 3 // 4), width=2)
    draw.ellipse((x - 10, y + 15, x + 10, y + random.uniform(19, 23)), fill=(170, 70, 75))
    return picture.filter(ImageFilter.GaussianBlur(1))


def forge(face: Image.Image, seed: int) -> Image.Image:
    """Return `face` with the mouth of another face pasted in, hard-edged and in its own colours."""
    box = (SIZE // 4, SIZE // 2 + 4, 3 * SIZE // 4, SIZE - 14)
    forged = face.copy()
    forged.paste(draw_face(seed).crop(box), box)
    return forged


def synthesise(seed: int) -> Image.Image:
    """Return a face with the regular grid that upsampling leaves in generated pictures."""
    pixels = np.asarray(draw_face(seed)).astype(int)
    rows, columns = np.indices((SIZE, SIZE))
    grid = np.where((rows // 2 + columns // 2) % 2, 18, -18)[..., None]
    return Image.fromarray(np.clip(pixels + grid, 0, 255).astype(np.uint8))


def draw_data_root(folder: Path) -> Path:
    """Draw `fakes_dataset`, `synthetic_dataset` (40 pictures each) and a small `lfw` in `folder`."""
    for dataset in ("fakes_dataset", "synthetic_dataset"):
        draw_assignment(folder / dataset, synthetic=dataset == "synthetic_dataset")
    for person in range(12):
        for number in range(1, 4):
            name = f"Person_{'ABCDEFGHIJKL'[person]}"
            _save(draw_face(9000 + 10 * person + number), folder / "lfw" / name / f"{name}_{number:04}.jpg")
    return folder


def draw_assignment(folder: Path, synthetic: bool = False) -> Path:
    """Draw `{train,val,test}/{real,fake}/N.jpg` in `folder`, each face and each fake another one."""
    for split, count in SPLITS.items():
        for number in range(count):
            seed = zlib.crc32(f"{folder.name} {split} {number}".encode())
            _save(draw_face(seed), folder / split / "real" / f"{number}.jpg")
            fake = synthesise(seed + 1) if synthetic else forge(draw_face(seed + 1), seed + 2)
            _save(fake, folder / split / "fake" / f"{number}.jpg")
    return folder


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=92)


def few_rendered_pictures():
    """Make generated sets small: a user's own manifest goes before the shipped one of its name."""
    sizes = {
        "rendered": {"pairs": {"train": 2, "val": 1, "test": 2}, "frames": 8, "size": 96},
        "rendered_identities": {"people": 30, "photographs": 3, "size": 64},
        "rendered_fakes": {"pairs": {"train": 3, "val": 2, "test": 4}, "photographs": 1, "size": 64},
        "rendered_heads": {"films": {"train": 2, "val": 1, "test": 8}, "pictures": 2, "size": 96},
        "rendered_synthetic": {"people": {"train": 6, "val": 4, "test": 6}, "photographs": 1, "size": 64},
    }
    for name, size in sizes.items():
        manifest = yaml.safe_load((paths.manifests()[1] / f"{name}.yaml").read_text(encoding="utf-8"))
        manifest["generate"] |= size
        file = paths.manifests()[0] / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(manifest), encoding="utf-8")


if __name__ == "__main__":
    print(draw_data_root(Path(sys.argv[1])))
