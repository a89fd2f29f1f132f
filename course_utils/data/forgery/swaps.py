"""Identity swaps: another person's face in the target's pictures (FaceSwap, Deepfakes, FaceShifter).

Each function takes the target, whose pictures are forged, and the source, whose face they get, and returns
the forged frames (N x H x W x 3 uint8) and the masks of what changed (N x H x W uint8, 0 or 255, see
`warping.changed`). Each frame takes the source's frame most like it in pose and expression, mirrored where
that is more like, so the two may have any lengths. Where glasses are known (see `Footage`), the target keeps
its own, in front of the face, and the source takes its off. They are analogues: classical image processing
that leaves the *kind* of artefact of the method they are named after, and not that method.
"""

import cv2
import numpy as np

from course_utils.data.forgery import expression, warping
from course_utils.data.forgery.template import MESH, MIRRORED, MOUTH_INSIDE
from course_utils.data.forgery.warping import Footage

# Deepfakes: the network of FaceForensics++ draws 64 pixels a side, which its pictures (about 200 pixels of
# face) show two to three times enlarged. The same factor here, at whatever size the face has.
ENLARGED = 2.5
DRAWN = 16, 64  # pixels a side, at least and at most
# The square of the mean face that the network draws, in template coordinates: ear to ear, brows to chin.
_CORNER, _SIDE = (-1.3, -0.65), 2.6
BANDS = 4  # FaceShifter: levels of the Laplacian pyramid
DIMMEST = 16  # FaceShifter: added to levels before their ratio is taken, lest noise in the dark counts


def face_swap(target: Footage, source: Footage) -> tuple[np.ndarray, np.ndarray]:
    """Lay the source's face over the target's, triangle by triangle, with its mean colour shifted.

    Imitates FaceSwap (Kowalski 2018; Rössler et al. 2019, "FaceForensics++", section 3): a fitted mesh
    textured with the source, colour correction and blending. The mesh is open at the mouth, whose inside
    stays the target's. What gives it away: an edge along jaw and brows, skin in which light and tone do not
    match, features of one face stretched over the shape of another.
    """
    faces = _faces(target, source)

    def paint(number: int) -> np.ndarray:
        frame, points = target.frames[number], target.landmarks[number].astype(np.float64)
        where = warping.window(points, frame)
        patch, local = _overlaid(*faces[number], points, where)
        below = frame[where]
        feather = 0.05 * warping.face_width(points)
        weight = warping.feathered(warping.outline(local, 0.99), below.shape[:2], feather)
        weight *= 1 - warping.polygon(local[MOUTH_INSIDE], below.shape[:2])
        weight *= 1 - warping.glasses_in(target, number)[where]
        shift = warping.moments(below, weight)[0] - warping.moments(patch, weight)[0]
        return warping.blend(frame, where, patch + 0.75 * shift, weight)

    return warping.forge(target, paint)


def deepfakes(target: Footage, source: Footage) -> tuple[np.ndarray, np.ndarray]:
    """Draw the source's face small, match its colours, and lay it back by one affine map in a smooth mask.

    Imitates the autoencoder swap known as Deepfakes (Rössler et al. 2019, section 3): a face of few pixels
    is enlarged and warped back. What gives it away is what Li & Lyu 2019 ("Exposing DeepFake Videos By
    Detecting Face Warping Artifacts") and Li et al. 2020 ("Face X-ray") look for: less resolution inside the
    mask than around it, and a blending boundary.
    """
    faces = _faces(target, source)

    def paint(number: int) -> np.ndarray:
        frame, points = target.frames[number], target.landmarks[number].astype(np.float64)
        where = warping.window(points, frame)
        side = round(np.clip(warping.face_width(points) / ENLARGED, *DRAWN))
        small, own = _drawn_small(*faces[number], side)
        local = points - warping.corner(where)
        shape = warping.extent(where)
        fit = warping.affine(own, local)
        patch = warping.warp_affine(small, fit, shape, cv2.INTER_CUBIC)
        feather = 0.1 * warping.face_width(points)
        drawn = warping.outline(cv2.transform(own[None], fit)[0])
        weight = np.minimum(
            *(warping.feathered(hull, shape, feather) for hull in (warping.outline(local, 0.98), drawn))
        )
        weight *= 1 - warping.glasses_in(target, number)[where]
        return warping.blend(frame, where, warping.colours_of(frame[where], patch, weight), weight)

    return warping.forge(target, paint)


def face_shifter(target: Footage, source: Footage) -> tuple[np.ndarray, np.ndarray]:
    """Swap the face and keep the target's attributes: its colours, its light, no seam.

    Imitates FaceShifter (Li et al. 2020, "Advancing High Fidelity Identity Swapping for Forgery Detection"),
    which integrates the identity into the target's attributes level by level. Here: Reinhard colour transfer
    in L*a*b*, then a multi-band blend of the light (Burt & Adelson 1983, "A Multiresolution Spline") whose
    coarsest band stays the target's. What gives it away is no edge, only the features themselves and their
    fine texture.
    """
    faces = _faces(target, source)

    def paint(number: int) -> np.ndarray:
        frame, points = target.frames[number], target.landmarks[number].astype(np.float64)
        where = warping.window(points, frame, margin=0.1)
        patch, local = _overlaid(*faces[number], points, where)
        below = warping.without_glasses(target, number)[where]
        width = warping.face_width(points)
        weight = warping.feathered(warping.outline(local, 0.94), below.shape[:2], 0.1 * width)
        weight *= 1 - warping.feathered(local[MOUTH_INSIDE], below.shape[:2], 1)
        patch = warping.colours_of(below, patch, weight)
        # Only the light is blended by bands: what a band adds or takes would saturate dark skin.
        mixed = below + weight[..., None] * (patch - below)
        grey, *both = (cv2.cvtColor(np.float32(p), cv2.COLOR_RGB2GRAY) for p in (mixed, below, patch))
        mixed *= ((multiband(*both, weight) + DIMMEST) / (grey + DIMMEST))[..., None]
        edge = warping.feathered(warping.outline(local, 1.0), below.shape[:2], 0.1 * width)
        edge *= 1 - warping.glasses_in(target, number)[where]
        return warping.blend(frame, where, mixed, edge)

    return warping.forge(target, paint)


def multiband(below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return two grey pictures (h x w float32) blended band by band under `weight` (h x w): h x w float32.

    A band of coarse detail passes over a wide border, one of fine detail over a narrow one (Burt & Adelson
    1983, section 3). What is coarser than all bands is `below`'s alone.
    """
    levels = min(BANDS, int(np.log2(min(weight.shape))) - 1)
    difference, stack = above - below, []
    for _ in range(levels):
        coarse = cv2.pyrDown(difference)
        stack.append(weight * (difference - cv2.pyrUp(coarse, dstsize=difference.shape[1::-1])))
        difference, weight = coarse, cv2.pyrDown(weight)
    total = np.zeros_like(difference)
    for band in reversed(stack):
        total = cv2.pyrUp(total, dstsize=band.shape[1::-1]) + band
    return below + total


def _faces(target: Footage, source: Footage) -> list[tuple[np.ndarray, np.ndarray]]:
    """Check both; return for each frame of the target the picture and landmarks of the source most like it.

    The source's mirror images are among them, as networks that swap faces are trained on those, too: who only
    ever looks left can be laid over who looks right.
    """
    warping.check(target, "target")
    warping.check(source, "source")
    mirrored = source.landmarks[:, MIRRORED] * (-1, 1) + (source.frames.shape[2] - 1, 0)
    landmarks = np.concatenate([source.landmarks, mirrored])
    alike = expression.nearest(expression.upright(target.landmarks), expression.upright(landmarks))
    seen = len(source.frames)
    pictures = {n: warping.without_glasses(source, n) for n in set((alike % seen).tolist())}
    return [(pictures[n] if n < seen else pictures[n - seen][:, ::-1], landmarks[n]) for n in alike.tolist()]


def _overlaid(
    face: np.ndarray, own: np.ndarray, points: np.ndarray, where: warping.Window
) -> tuple[np.ndarray, np.ndarray]:
    """Return a face with its `own` landmarks laid on the target's `points`, and these within the window."""
    face, own = warping.at_scale(face, own, warping.face_width(points))
    local = points - warping.corner(where)
    return warping.warp(face, own, local, MESH, warping.extent(where)), local


def _drawn_small(face: np.ndarray, own: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a face with its `own` landmarks upright on `side` x `side` pixels, and its landmarks there."""
    face, own = warping.at_scale(face, own, side)
    upright = (expression.upright(own[None])[0] - _CORNER) * (side / _SIDE)
    small = warping.warp_affine(face, warping.affine(own, upright), (side, side), cv2.INTER_LINEAR)
    return small, upright
