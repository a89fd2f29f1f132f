"""Control groups, in a drawn file system: real ones are had on few machines."""

from pathlib import Path

import pytest

from course_utils.grading.cgroups import control_group, parent_group


def draw(root: Path, *, controllers: str = "cpu memory pids", own: str = "/user/scope") -> Path:
    """Draw what a process sees of its own group, and return that group's folder."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "mounts").write_text(
        "tmpfs /tmp tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    )
    (root / "proc" / "self" / "cgroup").write_text(f"0::{own}\n")
    group = root / "sys" / "fs" / "cgroup" / own.lstrip("/")
    group.mkdir(parents=True)
    (group / "cgroup.controllers").write_text(f"{controllers}\n")
    (group / "cgroup.subtree_control").write_text("")
    return group


def test_limits_are_asked_for_and_the_command_enters_before_it_begins(tmp_path, monkeypatch):
    group = draw(tmp_path)
    made = Path.mkdir

    def with_files(folder, *arguments, **options):
        made(folder, *arguments, **options)
        if folder.parent == group:  # as the system does
            for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cgroup.procs"):
                (folder / name).touch()
            (folder / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")

    monkeypatch.setattr(Path, "mkdir", with_files)
    with control_group(6 * 2**30, 512, tmp_path) as found:
        assert (group / "cgroup.subtree_control").read_text() == "+memory +pids"
        assert (found.folder / "memory.max").read_text() == str(6 * 2**30)
        assert (found.folder / "memory.swap.max").read_text() == "0"
        assert (found.folder / "pids.max").read_text() == "512"
        assert found.enter[-1] == str(found.folder)
        assert found.ran_out()


@pytest.mark.parametrize(
    ("controllers", "own"), [("cpu io", "/user/scope"), ("memory pids", "/somewhere/else")]
)
def test_without_controllers_or_a_folder_there_is_no_group(tmp_path, controllers, own):
    draw(tmp_path, controllers=controllers)
    (tmp_path / "proc" / "self" / "cgroup").write_text(f"0::{own}\n")
    assert parent_group(tmp_path) is None
    with control_group(1, 1, tmp_path) as found:
        assert (found.folder, found.enter, found.ran_out()) == (None, [], False)


def test_version_1_is_passed_over(tmp_path):
    draw(tmp_path)
    (tmp_path / "proc" / "self" / "mounts").write_text("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n")
    assert parent_group(tmp_path) is None
