import pytest
from faces_on_black import release_on

from course_utils.data.prepare import load_dataset


@pytest.fixture(scope="session")
def released(drawn_data, tmp_path_factory):
    """A detector, the folder that it was released into, and the data set that it was tested on."""
    folder = tmp_path_factory.mktemp("released")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA_ROOT", str(drawn_data))
        patch.setenv("COURSE_CACHE", str(folder / "cache"))
        prepared = load_dataset("assignment_fakes")
        return release_on(prepared, folder / "meso4"), folder / "meso4", prepared
