"""Write the trees of published data sets as their authors lay them out, with tiny films and drawn faces."""

import json
import shutil
from itertools import permutations
from pathlib import Path

from drawn import draw_face
from filmed import film

PAIRS = {"train": [["000", "003"], ["001", "870"]], "val": [["010", "011"]], "test": [["021", "020"]]}
METHODS = ("Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures")


def write_faceforensics(root: Path, qualities: tuple[str, ...] = ("c23",)) -> Path:
    """Write 8 originals, both fakes of each of the 4 pairs by 5 methods, masks, and the official lists."""
    folder = root / "faceforensics"
    fake = film(root / "fake.mp4", (8, 22))
    for split, pairs in PAIRS.items():
        for pair in pairs:
            for quality in qualities:
                for number in pair:
                    place = folder / "original_sequences/youtube" / quality / "videos" / f"{number}.mp4"
                    film(place, (4 + int(number) % 7, 20))
                for method in METHODS:
                    for target, source in permutations(pair):
                        name = f"videos/{target}_{source}.mp4"
                        _copy(fake, folder / "manipulated_sequences" / method / quality / name)
                        if method != "FaceShifter":  # it was published without
                            _copy(fake, folder / "manipulated_sequences" / method / "masks" / name)
        (folder / "splits").mkdir(exist_ok=True)
        (folder / "splits" / f"{split}.json").write_text(json.dumps(pairs))
    fake.unlink()
    return folder


def write_dfdc(root: Path) -> Path:
    """Write two parts, in each three originals with two fakes of each."""
    folder = root / "dfdc"
    for part in range(2):
        place, metadata = folder / f"dfdc_train_part_{part}", {}
        for number in range(3):
            original = f"real{'abc'[number]}{part}.mp4"
            film(place / original, (4 + number, 20))
            metadata[original] = {"label": "REAL", "split": "train"}
            for version in range(2):
                fake = f"fake{'abc'[number]}{part}{version}.mp4"
                film(place / fake, (4 + number, 21))
                metadata[fake] = {"label": "FAKE", "split": "train", "original": original}
        (place / "metadata.json").write_text(json.dumps(metadata))
    return folder


def write_celeb_df(root: Path) -> Path:
    """Write two celebrities and the fakes of both, other people, and the list of test videos."""
    folder = root / "Celeb-DF-v2"
    for name in ("id0_0000", "id0_0001", "id1_0000"):
        film(folder / "Celeb-real" / f"{name}.mp4", (6, 20))
    for name in ("id0_id1_0000", "id0_id1_0001", "id1_id0_0000"):
        film(folder / "Celeb-synthesis" / f"{name}.mp4", (7, 21))
    for name in ("00000", "00170"):
        film(folder / "YouTube-real" / f"{name}.mp4", (8, 20))
    listed = ["1 YouTube-real/00170.mp4", "1 Celeb-real/id0_0001.mp4", "0 Celeb-synthesis/id0_id1_0001.mp4"]
    (folder / "List_of_testing_videos.txt").write_text("\n".join(listed) + "\n")
    return folder


def write_catania(root: Path) -> Path:
    """Write six pictures a source, CelebA's in their own shape."""
    folder = root / "catania"
    sources = ("0-CelebA", "0-FFHQ", "1-ATTGAN", "1-GDWCT", "1-STYLEGAN", "1-STYLEGAN2", "1-StarGAN")
    for number, source in enumerate(sources):
        (folder / source).mkdir(parents=True)
        for picture in range(6):
            face = draw_face(100 * number + picture)
            face = face.resize((89, 109)) if source == "0-CelebA" else face
            face.save(folder / source / f"{picture:06}.{'png' if source == '0-FFHQ' else 'jpg'}")
    return folder


HEAD = (
    "<object><name>head</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
)
HEAD += "<difficult>0</difficult></object>"


def write_hollywood_heads(root: Path) -> Path:
    """Write frames of three films with two, one and no heads, their annotations and the three lists."""
    folder = root / "HollywoodHeads"
    for part in ("Annotations", "JPEGImages", "Splits"):
        (folder / part).mkdir(parents=True)
    heads = [[(20, 1, 48, 26), (3, 4, 24, 28)], [(10, 20, 60, 80)], []]
    for film_number, split in enumerate(("train", "val", "test"), start=1):
        names = [f"mov_{film_number:03}_{149390 + number:06}" for number in range(len(heads))]
        for name, boxes in zip(names, heads, strict=True):
            draw_face(film_number).save(folder / "JPEGImages" / f"{name}.jpeg")
            objects = "".join(HEAD.format(*box) for box in boxes) or "<object></object>"
            text = (
                f"<annotation><folder>HollywoodHeads</folder><filename>{name}.jpeg</filename><size>"
                f"<width>96</width><height>96</height><depth>3</depth></size>{objects}</annotation>"
            )
            (folder / "Annotations" / f"{name}.xml").write_text(text)
        (folder / "Splits" / f"{split}.txt").write_text("\n".join(names) + "\n")
    return folder


def _copy(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, place)
