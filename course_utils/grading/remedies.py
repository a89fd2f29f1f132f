"""What to do where a machine does not let bubblewrap make a sandbox."""

import shutil
import sys
from pathlib import Path

APPARMOR = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
PROFILE = """\
Ubuntu 23.10 and later keep user namespaces from programs that have no AppArmor profile. As root, once:
    printf '%s\\n' 'abi <abi/4.0>,' 'include <tunables/global>' \\
        'profile bwrap /usr/bin/bwrap flags=(unconfined) {' '  userns,' '}' > /etc/apparmor.d/bwrap
    apparmor_parser -r /etc/apparmor.d/bwrap"""
SWITCHES = {
    "proc/sys/user/max_user_namespaces": "user.max_user_namespaces=15000",
    "proc/sys/kernel/unprivileged_userns_clone": "kernel.unprivileged_userns_clone=1",
}
"""What must not be 0, and the setting that is asked of whoever is root."""

CONTAINERS = (".dockerenv", "run/.containerenv")
CONTAINER = """\
If this is a container: its own sandbox forbids another one inside. Start it (Docker, Podman) with
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined
    or with --privileged; or grade on the machine itself."""
MACOS = """\
There are no Linux namespaces here. Grade in a small Linux machine:
    brew install lima && limactl start template://debian && limactl shell debian
    then, inside: sudo apt install bubblewrap python3-venv make, and this course again."""


def remedies(root: Path = Path("/"), system: str = sys.platform) -> list[str]:
    """Return what to do so that bubblewrap works, for each obstacle that can be seen.

    Args:
        root: of the file system that is looked at.
        system: as `sys.platform` names it.
    """
    if system != "linux":
        return [MACOS]
    if shutil.which("bwrap") is None:
        return ["Install it: sudo apt install bubblewrap (Fedora: dnf; Arch: pacman -S; a cluster: ask)."]
    found = [
        f"User namespaces are switched off (/{file} is 0). As root: sysctl -w {setting}; on a cluster's nodes"
        " (Slurm), ask the administrator for it, and try it inside a job: srun course doctor --grading."
        for file, setting in SWITCHES.items()
        if _content(root / file) == "0"
    ]
    if _content(root / APPARMOR) == "1" and not (root / "etc/apparmor.d/bwrap").is_file():
        found.append(PROFILE)
    # Not every container leaves a mark, so that is also what is said where nothing else is in the way.
    if not found or any((root / mark).exists() for mark in CONTAINERS):
        found.append(CONTAINER)
    return found


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
