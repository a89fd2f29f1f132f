"""Reenactments: the target's own face with the expression of another clip (Face2Face, NeuralTextures).

Both take the target, whose pictures are forged, the source, whose expression they get, and `album`: other
pictures of the target's person that mouths are taken from, the target itself where None. They return the
forged frames (N x H x W x 3 uint8) and the masks of what changed (N x H x W uint8, 0 or 255, see
`warping.changed`). A shorter source is looped. They are analogues: classical image processing that leaves the
*kind* of artefact of the method they are named after, and not that method.

An expression is a difference from the person's neutral face, which a source of one frame hardly tells; for
stills, give a source of several photographs and put the one that drives first.
"""

from collections.abc import Callable

import numpy as np
from scipy.spatial import Delaunay

from course_utils.data.forgery import expression, warping
from course_utils.data.forgery.template import CHIN, LIPS, MOUTH, NOSE_BASE, TEMPLATE
from course_utils.data.forgery.warping import Footage

RANK = 8  # NeuralTextures: mouths are mixed from this many pictures of the album
TEXTURE = 64  # pixels a side of such a picture
FITTED = 64  # frames of the album that they are fitted to, at most
RIDGE = 1e-2  # in template units squared: what keeps the fit of few frames tame


RING = 1.25  # Face2Face: what lies this many times as far out as the face's outline stays where it is
_RINGED_MESH = Delaunay(np.concatenate([TEMPLATE, warping.outline(TEMPLATE, RING)])).simplices


def face2face(
    target: Footage, source: Footage, album: Footage | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Move mouth, brows and chin of the target as the source's move; the person stays who it is.

    Imitates Face2Face (Thies et al. 2016, "Real-time Face Capture and Reenactment of RGB Videos"): the
    expression is carried over as an offset from the neutral face (section 6), and the mouth is retrieved from
    the frame of the target's own album that fits it best (section 7). What gives it away: skin stretched
    around mouth and brows, and a mouth whose light and sharpness are another frame's.
    """
    album = _check(target, source, album)
    wanted = expression.reenacted(target.landmarks, album.landmarks, source.landmarks)
    alike = expression.nearest(_mouths(wanted), _mouths(album.landmarks))

    def paint(number: int) -> np.ndarray:
        frame, points = target.frames[number], target.landmarks[number].astype(np.float64)
        ring = warping.outline(points, RING)
        where = warping.window(ring, frame)
        shape, start = warping.extent(where), warping.corner(where)
        moved = np.concatenate([wanted[number], ring]) - start
        patch = warping.warp(frame, np.concatenate([points, ring]), moved, _RINGED_MESH, shape)
        patch = _with_mouth(patch, moved[:68], album, alike[number])
        return warping.blend(frame, where, patch, warping.feathered(moved[68:], shape, 2))

    return warping.forge(target, paint)


def neural_textures(
    target: Footage, source: Footage, album: Footage | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the region of the target's mouth anew, with the source's expression, from a model of its album.

    Imitates NeuralTextures (Thies et al. 2019, "Deferred Neural Rendering"; Rössler et al. 2019, section 3),
    where a texture learnt from the target's video is rendered, and only around the mouth. The model here is
    linear: mouths of the album, warped to one shape, are mixed from their `RANK` principal components
    (active appearance models, Cootes et al. 2001), whose weights are regressed on the shape of the lips. What
    gives it away: a mouth region that is smoother than the skin around it and without its noise.
    """
    album = _check(target, source, album)
    wanted = expression.reenacted(target.landmarks, album.landmarks, source.landmarks)
    textures = _fitted_textures(album, _mouths(wanted))

    def paint(number: int) -> np.ndarray:
        frame, points = target.frames[number], target.landmarks[number].astype(np.float64)
        where = warping.window(points, frame)
        shape, start = warping.extent(where), warping.corner(where)
        local = _mouth_mesh(points, wanted[number]) - start
        patch = warping.warp(textures(number), _CANVAS, local, _MOUTH_MESH, shape)
        weight = warping.feathered(local[20:], shape, 0.12 * warping.face_width(points))
        # Where the region ends there is skin in both; nearer, the frame may show its own, wider mouth.
        border = local[20:], 0.8, 1.0
        patch = patch + _tone_between(frame[where], *border) - _tone_between(patch, *border)
        return warping.blend(frame, where, patch, weight)

    return warping.forge(target, paint)


def _check(target: Footage, source: Footage, album: Footage | None) -> Footage:
    """Refuse what cannot be forged with; return the album, the target itself where None."""
    warping.check(target, "target")
    warping.check(source, "source")
    if album is None:
        return target
    warping.check(album, "album")
    return album


def _mouths(landmarks: np.ndarray) -> np.ndarray:
    """Return mouths of `landmarks` (N x 68 x 2) about their middle, in template coordinates: N x 20 x 2."""
    mouths = expression.shapes_of(landmarks)[:, MOUTH]
    return mouths - mouths.mean(axis=1, keepdims=True)


def _with_mouth(patch: np.ndarray, local: np.ndarray, album: Footage, number: int) -> np.ndarray:
    """Return `patch` (h x w x 3) with an album's mouth on its `local` landmarks, in the skin's tone."""
    shape, width = patch.shape[:2], warping.face_width(local)
    face, own = warping.at_scale(album.frames[number], album.landmarks[number].astype(np.float64), width)
    mouth = warping.warp(face, _mouth_mesh(own, own), _mouth_mesh(local, local), _MOUTH_MESH, shape)
    weight = warping.feathered(_scaled(local[LIPS], 1.15), shape, 0.04 * width)
    around = local[LIPS], 1.15, 1.4
    mouth = mouth + _tone_between(patch, *around) - _tone_between(mouth, *around)
    return patch + weight[..., None] * (mouth - patch)


def _scaled(contour: np.ndarray, scale: float) -> np.ndarray:
    return warping.towards(contour, contour.mean(axis=0), scale)


def _tone_between(picture: np.ndarray, contour: np.ndarray, inner: float, outer: float) -> np.ndarray:
    """Return the mean colour (3) between a contour (P x 2) scaled by `inner` and by `outer`."""
    within, whole = (warping.polygon(_scaled(contour, s), picture.shape[:2]) for s in (inner, outer))
    return warping.moments(picture, whole - within)[0]


def _mouth_mesh(face: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """Return the 20 points of the mouth of `lips`, and 14 around it that belong to `face`: 34 x 2."""
    middle = face[LIPS].mean(axis=0)
    below = warping.towards(face[CHIN], middle, 0.8)
    above = warping.towards(face[NOSE_BASE], middle, 0.85)
    return np.concatenate([lips[MOUTH], below, above[::-1]])


# The canonical mouth: the mean face's, opened so that its inside has pixels, on TEXTURE x TEXTURE pixels.
_OPENED = TEMPLATE.copy()
_OPENED[[55, 56, 57, 58, 59, 65, 66, 67], 1] += 0.25
_CANVAS = _mouth_mesh(TEMPLATE, _OPENED)
_MOUTH_MESH = Delaunay(_CANVAS).simplices
_CANVAS_SCALE = (TEXTURE - 1) / np.ptp(_CANVAS[:, 0])  # pixels for the distance between the eyes
_CANVAS = (_CANVAS - _CANVAS.min(axis=0)) / np.ptp(_CANVAS, axis=0) * (TEXTURE - 1)


def _fitted_textures(album: Footage, wanted: np.ndarray) -> Callable[[int], np.ndarray]:
    """Fit the album's mouths; return what draws frame n of the `wanted` mouths (N x 20 x 2) on the canvas."""
    chosen = np.unique(np.linspace(0, len(album.frames) - 1, FITTED).astype(int))
    seen = np.stack([_canonical(album.frames[n], album.landmarks[n]).ravel() for n in chosen])
    mean = seen.mean(axis=0)
    # Few frames, many pixels: the components come from the small matrix of products between frames.
    mixtures = np.linalg.eigh((seen - mean) @ (seen - mean).T)[1][:, ::-1][:, :RANK]  # frames x RANK
    components = mixtures.T @ (seen - mean)
    lips = _mouths(album.landmarks[chosen]).reshape(len(chosen), -1)
    usual = lips.mean(axis=0)
    lips = lips - usual
    slope = np.linalg.solve(lips.T @ lips + RIDGE * np.eye(lips.shape[1]), lips.T @ mixtures)
    weights = (wanted.reshape(len(wanted), -1) - usual) @ slope
    weights = np.clip(weights, mixtures.min(axis=0), mixtures.max(axis=0))  # no mouth beyond those seen

    def draw(number: int) -> np.ndarray:
        texture = mean + weights[number] @ components
        return np.clip(np.rint(texture), 0, 255).astype(np.uint8).reshape(TEXTURE, TEXTURE, 3)

    return draw


def _canonical(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the mouth of a frame warped to the canonical one: TEXTURE x TEXTURE x 3 uint8."""
    width = _CANVAS_SCALE * warping.face_width(TEMPLATE)
    face, own = warping.at_scale(frame, points.astype(np.float64), width)
    return warping.warp(face, _mouth_mesh(own, own), _CANVAS, _MOUTH_MESH, (TEXTURE, TEXTURE))
