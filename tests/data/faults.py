"""Damage a drawn data set in the ways in which real ones are damaged."""

import numpy as np
from drawn import draw_face
from PIL import Image


def save_oddities(folder) -> list[str]:
    """Save seven usable pictures that are no ordinary RGB JPEG; return their names."""
    face = draw_face(1)
    face.convert("L").save(folder / "grey.jpg")
    face.convert("RGBA").save(folder / "alpha.png")
    face.convert("CMYK").save(folder / "cmyk.jpg")
    face.quantize(64).save(folder / "palette.png")
    deep = np.asarray(face.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    draw_face(2).save(folder / "really_a.png")
    (folder / "really_a.png").rename(folder / "really_a.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: the stored picture lies on its side
    face.crop((0, 0, 96, 64)).rotate(90, expand=True).save(folder / "turned.jpg", exif=exif, quality=95)
    return ["alpha.png", "cmyk.jpg", "deep.png", "grey.jpg", "palette.png", "really_a.jpg", "turned.jpg"]


def save_bad(folder) -> dict[str, str]:
    """Save files that are no usable pictures; return the problem of each by name."""
    whole = (folder / "0.jpg").read_bytes()
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("<html>404 Not Found</html>")
    draw_face(3).resize((1, 1)).save(folder / "dot.jpg")
    (folder / "link.jpg").symlink_to(folder / "nowhere.jpg")
    draw_face(4).save(folder / "half.png")
    png = (folder / "half.png").read_bytes()
    (folder / "half.png").write_bytes(png[: len(png) // 2])
    draw_face(5).save(folder / "exif.png", exif=b"Exif\x00\x00MM\x00*\x00")
    return {
        "dot.jpg": "tiny",
        "empty.jpg": "empty",
        "exif.png": "damaged",
        "half.jpg": "truncated",
        "half.png": "truncated",
        "link.jpg": "missing",
        "text.jpg": "not a picture",
    }
