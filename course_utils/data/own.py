"""Data sets of a user's own: pictures in a folder, which have a name from then on."""

import re
from pathlib import Path

from course_utils.data.annotations import annotated_as
from course_utils.data.manifest import Manifest, load_manifest, manifest_names, write_own
from course_utils.data.prepare import PreparedDataset, prepare
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError


def prepare_folder(
    path: Path, name: str | None = None, jobs: int | None = None, progress: bool = True
) -> PreparedDataset:
    """Prepare anybody's own pictures: `real/` and `fake/`, `{train,val,test}/{real,fake}`, or annotated.

    Without split folders, pictures are dealt out by 70, 15 and 15 percent; a real and a fake of the same name
    go to the same split, for the one may be made from the other. Where there are
    annotations of a published form (see `annotations`), the folders' names say nothing. A manifest is written
    to the user's cache, so that the data set has a name from then on: `name`, or else the folder's own.

    Raises:
        CourseError: the folder is not there or has not that form, the name is taken, or see `prepare`.
    """
    root = Path(path).expanduser().resolve()
    name = name or re.sub(r"\W+", "_", root.name.lower()).strip("_")
    refuse_no_name(name)
    manifest = _folder_manifest(root, name)
    if name in manifest_names() and load_manifest(name).root != root:
        raise CourseError(f"There is a data set {name} already, elsewhere. Choose another name with --name.")
    write_own(manifest)
    return prepare(load_manifest(name), jobs, progress)


def refuse_no_name(name: str) -> None:
    """Raise a CourseError if `name` cannot be that of a data set: it is a file's and a folder's."""
    if not re.fullmatch(r"[A-Za-z0-9]\w*", name):
        raise CourseError(f"{name!r} is no name for a data set; expected letters, digits and underscores.")


def _folder_manifest(root: Path, name: str) -> Manifest:
    told, split = {}, {"kind": "given"}
    if form := annotated_as(root):
        told = {"annotations": form}
    elif all((root / label).is_dir() for label in ("real", "fake")):
        told = {"layout": [{"path": "{label}/{name:path}.{extension}", "group": "{name}"}]}
        split = {"kind": "ratios"}
    elif any((root / split / label).is_dir() for split in SPLITS for label in ("real", "fake")):
        told = {"layout": [{"path": "{split}/{label}/{name:path}.{extension}"}]}
        split = {"kind": "folder"}
    else:
        raise CourseError(
            f"{root} has not the expected form: real/ and fake/ folders with pictures; train/, val/ and test/"
            " folders that hold real/ and fake/, or pictures with a name.txt (0 real, 1 fake) beside each"
            " name.jpg; or train.txt, val.txt and test.txt with a line `path label` a picture."
        )
    return Manifest.model_validate(
        {
            "name": name,
            "title": f"Pictures in {root.name}",
            "description": "Pictures of your own.",
            "access": f"They lie in {root}.",
            "terms": "Your own.",
            "may_show": "unknown",
            "citation": "",
            "root": root,
            **told,
            "labels": {"real": 0, "fake": 1},
            "splits": {split["kind"]: split},
            "default_split": split["kind"],
        }
    )
