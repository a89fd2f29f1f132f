"""What every forgery is made of: faces warped by their landmarks, colours carried over, soft edges, masks."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from course_utils.data.forgery.template import OUTLINE
from course_utils.errors import CourseError

# A pixel changed materially when one of its channels differs by this many of 255 levels or more. Less is
# what rounding does, and no eye sees it.
MATERIAL = 3
SMALLEST = 8  # pixels; a narrower face is left alone
_SUBPIXEL = 4  # bits after the point in which polygons are drawn

Window = tuple[slice, slice]  # rows and columns of a picture


@dataclass(frozen=True)
class Footage:
    """Pictures of one person, in order; whatever has these attributes serves (a rendered clip does).

    Attributes:
        frames: N x H x W x 3 uint8, RGB.
        landmarks: N x 68 x 2 float, x and y in pixels in the order of iBUG-68; they may lie outside.
        glasses: N x H x W bool, where glasses are in front of the face; None where nobody knows of any.
    """

    frames: np.ndarray
    landmarks: np.ndarray
    glasses: np.ndarray | None = None

    def select(self, chosen: np.ndarray) -> "Footage":
        """Return the pictures that the mask or the indices `chosen` name."""
        glasses = None if self.glasses is None else self.glasses[chosen]
        return Footage(self.frames[chosen], self.landmarks[chosen], glasses)


def check(footage: Footage, role: str) -> None:
    """Refuse `footage` that cannot be forged with; `role` ("target", "source"…) names it in the message.

    Raises:
        CourseError: no frames, frames that are not N x H x W x 3 uint8, or landmarks that do not match them.
    """
    frames, landmarks = footage.frames, footage.landmarks
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise CourseError(
            f"The frames of the {role} must be at least one RGB picture, an array N x H x W x 3 of uint8;"
            f" these are {' x '.join(map(str, frames.shape))} of {frames.dtype}."
        )
    if landmarks.shape != (len(frames), 68, 2):
        raise CourseError(
            f"The landmarks of the {role} must be {len(frames)} x 68 x 2, one set a frame; they are"
            f" {' x '.join(map(str, landmarks.shape))}. Five points of a detector become 68 by face_template."
        )
    bad = np.flatnonzero(~np.isfinite(landmarks).all(axis=(1, 2)))
    if bad.size:
        raise CourseError(
            f"The landmarks of the {role} are not finite in frame {bad[0]} ({bad.size} of {len(frames)}"
            " frames): the face was not found there. Leave such frames out."
        )


def glasses_in(footage: Footage, number: int) -> np.ndarray:
    """Return where glasses and their soft edges are in a picture: H x W uint8, 0 or 1."""
    if footage.glasses is None:
        return np.zeros(footage.frames.shape[1:3], np.uint8)
    return cv2.dilate(footage.glasses[number].astype(np.uint8), np.ones((3, 3), np.uint8))


def without_glasses(footage: Footage, number: int) -> np.ndarray:
    """Return a picture (H x W x 3 uint8) in which glasses are painted over from beside them (Telea 2004)."""
    frame, glasses = footage.frames[number], glasses_in(footage, number)
    return cv2.inpaint(frame, glasses, 3, cv2.INPAINT_TELEA) if glasses.any() else frame


def forge(target: Footage, paint: Callable[[int], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the forged frames that `paint(number)` gives for each frame of `target`, and their masks.

    The masks (N x H x W uint8, 0 or 255) are what `changed` says; outside them a forged frame is the
    target's, bit for bit. A face outside the picture, or narrower than `SMALLEST`, is left as it is.
    """
    forged = target.frames.copy()
    masks = np.zeros(forged.shape[:3], np.uint8)
    for number, (frame, points) in enumerate(zip(target.frames, target.landmarks, strict=True)):
        width = face_width(points)
        if width < SMALLEST or 0 in extent(window(points, frame)):
            continue
        painted = paint(number)
        masks[number] = changed(frame, painted, width)
        cv2.copyTo(painted, masks[number], forged[number])
    return forged, masks


def changed(picture: np.ndarray, forged: np.ndarray, width: float) -> np.ndarray:
    """Return the mask (H x W uint8, 0 or 255) of where `forged` differs materially from `picture`.

    A material change is a block of 3 x 3 pixels or more that differ by `MATERIAL` levels. A pixel is outside
    the mask when it belongs to a disc without any, of a diameter of a sixteenth of the face's `width` in
    pixels: what happens to keep its value inside a forged face counts as forged, untouched skin does not.
    Pieces of less than the square of a tenth of the width are specks, and no part of the forgery, unless
    there is nothing larger.
    """
    difference = cv2.absdiff(picture, forged)
    largest = cv2.max(cv2.max(difference[..., 0], difference[..., 1]), difference[..., 2])
    mask = cv2.threshold(largest, MATERIAL - 1, 255, cv2.THRESH_BINARY)[1]
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    size = max(3, 2 * round(width / 32) + 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc)
    x, y, wide, high = cv2.boundingRect(mask)
    there = mask[y : y + high, x : x + wide]
    if there.size:
        there *= _large_pieces(there, (width / 10) ** 2)
    return mask


def _large_pieces(mask: np.ndarray, least: float) -> np.ndarray:
    """Return where connected pieces of a mask have `least` pixels or more, or are the largest (bool)."""
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(mask)
    areas = facts[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # what did not change
    return (areas >= min(least, areas.max()))[pieces]


def face_width(points: np.ndarray) -> float:
    """Return the width in pixels that a face with these landmarks (68 x 2) has when seen from the front."""
    return 4.03 * float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum() / (2 * len(points))))


def window(points: np.ndarray, picture: np.ndarray, margin: float = 0.05) -> Window:
    """Return the rows and columns of `picture` around `points`, grown by `margin` of their extent.

    It is cut at the picture's borders, and empty where the face lies outside.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    grow = margin * (high - low).max() + 1
    sides = np.array(picture.shape[1::-1])
    x0, y0 = np.clip(np.floor(low - grow), 0, sides).astype(int)
    x1, y1 = np.clip(np.ceil(high + grow), 0, sides).astype(int)
    return slice(y0, y1), slice(x0, x1)


def corner(where: Window) -> np.ndarray:
    """Return the upper left corner (x, y) of a window."""
    return np.array([where[1].start, where[0].start], np.float64)


def extent(where: Window) -> tuple[int, int]:
    """Return rows and columns of a window."""
    return where[0].stop - where[0].start, where[1].stop - where[1].start


def warp(
    picture: np.ndarray, points: np.ndarray, onto: np.ndarray, triangles: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return `picture` warped triangle by triangle so that its `points` come to lie at `onto`.

    Piecewise-affine warp (Goshtasby 1986): `triangles` is T x 3 numbers of points, `points` and `onto` are
    P x 2 pixels of `picture` and of the result, which has `shape` (rows, columns). What no triangle covers,
    a triangle without area and what lies beyond the picture's border show the nearest colour there is.
    """
    corners = np.concatenate([onto[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    solid = np.abs(np.linalg.det(corners)) > 1e-3  # twice the area, in square pixels
    affine = np.zeros((len(triangles), 3, 2))
    affine[solid] = np.linalg.solve(corners[solid], points[triangles[solid]])
    affine = np.concatenate([affine, np.full((1, 3, 2), -1.0)]).astype(np.float32)  # the last: no triangle
    owner = np.full(shape, len(triangles), np.int32)
    drawn = _fixed(onto)[triangles]
    for number in np.flatnonzero(solid):
        cv2.fillConvexPoly(owner, drawn[number], int(number), shift=_SUBPIXEL)
    x = np.arange(shape[1], dtype=np.float32)
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    # One row a coefficient, gathered pixel by pixel: how x and y there go by x, by y and from the start.
    x_by_x, y_by_x, x_by_y, y_by_y, x0, y0 = np.ascontiguousarray(affine.reshape(-1, 6).T).take(owner, axis=1)
    at = x_by_x * x + x_by_y * y + x0, y_by_x * x + y_by_y * y + y0
    return cv2.remap(picture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def affine(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return the one affine map (2 x 3) that brings `points` nearest to `onto` (P x 2; least squares)."""
    return np.linalg.lstsq(np.c_[points, np.ones(len(points))], onto, rcond=None)[0].T


def warp_affine(
    picture: np.ndarray, matrix: np.ndarray, shape: tuple[int, int], interpolation: int
) -> np.ndarray:
    """Return `picture` under an affine map (2 x 3) as rows x columns x 3, its border continued outwards."""
    return cv2.warpAffine(picture, matrix, shape[::-1], flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def polygon(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a filled polygon (P x 2 pixels) as H x W float32, 1 inside and 0 outside."""
    weight = np.zeros(shape, np.uint8)
    cv2.fillPoly(weight, [_fixed(points)], 1, shift=_SUBPIXEL)
    return weight.astype(np.float32)


def feathered(points: np.ndarray, shape: tuple[int, int], feather: float) -> np.ndarray:
    """Return a polygon as H x W float32 in 0..1 whose edge falls off over `feather` pixels, inwards only."""
    weight = polygon(points, shape)
    weight[[0, -1]] *= 0  # the edge of the window is an edge of the polygon, or of the picture
    size = 2 * max(1, round(feather / 2)) + 1
    core = cv2.erode(weight, np.ones((size, size), np.uint8), borderValue=1)
    return cv2.GaussianBlur(core, (size, size), 0)


def towards(points: np.ndarray, centre: np.ndarray, scale: float) -> np.ndarray:
    """Return `points` at `scale` times their distance from `centre`."""
    return centre + scale * (points - centre)


def outline(points: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return the contour of a face (27 x 2) along jaw and brows, scaled about the face's middle."""
    return towards(points[OUTLINE], points.mean(axis=0), scale)


def blend(frame: np.ndarray, where: Window, patch: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return a copy of `frame` in which `patch` (h x w x 3, 0..255) covers the window by `weight` (h x w)."""
    forged = frame.copy()
    below = frame[where].astype(np.float32)
    mixed = below + weight[..., None] * (patch - below)
    forged[where] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return forged


def moments(picture: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each channel of h x w x 3 `picture` under `weight` (h x w)."""
    mean, spread = cv2.meanStdDev(picture, mask=(weight > 0.5).astype(np.uint8))  # zeros where there is none
    return mean[:, 0].astype(np.float32), spread[:, 0].astype(np.float32) + 1


def colours_of(like: np.ndarray, picture: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return `picture` (h x w x 3, 0..255) with the mean and the spread of colour of `like` under `weight`.

    Colour transfer of Reinhard et al. 2001 ("Color Transfer between Images", section 3), in CIE L*a*b*, after
    a power of L* that brings the means together: black stays black, and eyes and teeth stay under white when
    a dark face is laid on a light one. The spread is scaled by at most 1.2, lest it amplify noise. float32.
    """
    own, wanted = (cv2.cvtColor(rgb / np.float32(255), cv2.COLOR_RGB2LAB) for rgb in (picture, like))
    mean, spread = moments(wanted, weight)
    light, wanted_light = np.clip(np.float32((moments(own, weight)[0][0], mean[0])) / 100, 0.01, 0.99)
    own[..., 0] = 100 * (own[..., 0] / 100) ** (np.log(wanted_light) / np.log(light))
    own_mean, own_spread = moments(own, weight)
    moved = (own - own_mean) * np.clip(spread / own_spread, 0.67, 1.2) + mean
    return 255 * cv2.cvtColor(moved, cv2.COLOR_LAB2RGB)


def at_scale(picture: np.ndarray, points: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Return `picture` and its landmarks, shrunk where its face is much wider than `width` pixels.

    A face that is made smaller by sampling alone would alias.
    """
    scale = max(width / max(face_width(points), 1e-6), 1 / min(picture.shape[:2]))
    if scale > 0.7:
        return picture, points
    shrunk = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return shrunk, points * scale


def _fixed(points: np.ndarray) -> np.ndarray:
    """Return points as the integers with `_SUBPIXEL` bits after the point that OpenCV draws with."""
    return np.rint(np.clip(points, -30000, 30000) * 2**_SUBPIXEL).astype(np.int32)
