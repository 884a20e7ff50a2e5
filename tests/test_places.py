"""Where a folder lies and whether it survives, on the mount tables of real systems and on this one."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from rag.config import present
from rag.machine.hosts import HOST_VARIABLES, HOSTS, Host, Survives, host_of, is_container_group
from rag.machine.mounts import mount_of, read_mounts
from rag.machine.places import BAKED, Kind, Nature, classify, describe, look
from rag.machine.system import System

DOCKER_ROOT = (
    "1063 853 0:312 / / rw,relatime master:482 - overlay overlay rw,"
    "lowerdir=/var/lib/docker/overlay2/l/YYZ2A:/var/lib/docker/overlay2/l/QK7PB,"
    "upperdir=/var/lib/docker/overlay2/6f1c/diff,workdir=/var/lib/docker/overlay2/6f1c/work\n"
    "1064 1063 0:316 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
    "1065 1063 0:317 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,inode64\n"
    "1069 1065 0:319 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k,inode64\n"
    "1071 1063 8:1 /var/lib/docker/containers/9b1e/hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw\n"
)
NAMED_VOLUME = (
    "1070 1063 8:1 /var/lib/docker/volumes/reranklens/_data /data rw,relatime - ext4 /dev/sda1 rw\n"
)
UNNAMED_VOLUME = NAMED_VOLUME.replace("/volumes/reranklens/", f"/volumes/{'3fa9' * 16}/")
BIND_MOUNT = "1070 1063 259:2 /home/ada/library /data rw,relatime - btrfs /dev/nvme0n1p2 rw,subvol=/@home\n"
DOCKER_READ_ONLY = DOCKER_ROOT.replace("/ / rw,relatime", "/ / ro,relatime")
DOCKER_ON_ZFS = "812 700 0:88 / / rw,relatime master:301 - zfs rpool/docker/7c2e rw,xattr,posixacl\n"
AUFS = "131 88 0:45 / / rw,relatime - aufs none rw,si=8a1f3b,dio,dirperm1\n"
PODMAN = (
    "704 655 0:56 / / rw,relatime - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0,group_id=0\n"
    f"720 704 0:44 /ada/.local/share/containers/storage/volumes/{'be' * 32}/_data /data rw - xfs /dev/b rw\n"
)
RAILWAY = (
    "2201 2100 0:1411 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containers/l/AB,upperdir=/u,"
    "workdir=/w\n"
    "2240 2201 230:16 / /data rw,relatime - ext4 /dev/zd16 rw,discard,stripe=2\n"
)
KUBERNETES = (
    "3521 3177 0:402 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/io.containerd."
    "snapshotter.v1.overlayfs/snapshots/88/fs,upperdir=/s/91/fs,workdir=/s/91/work\n"
    "3530 3521 259:1 /var/lib/kubelet/pods/0c1d/volumes/kubernetes.io~empty-dir/cache /cache rw,noatime"
    " - xfs /dev/nvme0n1p1 rw\n"
    "3531 3521 259:4 / /data rw,relatime - ext4 /dev/nvme2n1 rw\n"
    "3532 3521 0:390 / /scratch rw,relatime - tmpfs tmpfs rw,size=1048576k,inode64\n"
)
LAPTOP = (
    "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro\n"
    "28 22 0:26 / /tmp rw,nosuid,nodev shared:7 - tmpfs tmpfs rw,size=8041964k,nr_inodes=1048576,inode64\n"
    "91 22 8:17 / /media/ada/My\\040Disk rw,nosuid,nodev,relatime shared:44 - ext4 /dev/sdb1 rw\n"
    "95 22 0:51 / /mnt/nas rw,relatime shared:60 - nfs4 nas.local:/export rw,vers=4.2,addr=10.0.0.5\n"
    "99 22 0:77 / /var/lib/docker/overlay2/1f/merged rw,relatime shared:80 - overlay overlay rw,upperdir=/u\n"
)
FEDORA = (
    "64 1 0:34 /root / rw,relatime shared:1 - btrfs /dev/vda3 rw,compress=zstd:1,subvolid=257,subvol=/root\n"
    "103 64 0:34 /home /home rw,relatime shared:52 - btrfs /dev/vda3 rw,subvolid=256,subvol=/home\n"
)
ZFS = (
    "27 1 0:24 / / rw,relatime shared:1 - zfs rpool/ROOT/ubuntu_x1 rw,xattr,posixacl\n"
    "71 27 0:47 / /home/ada rw,relatime shared:33 - zfs rpool/USERDATA/ada_x1 rw,xattr,posixacl\n"
)
WSL = (
    "76 67 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard,errors=remount-ro,data=ordered\n"
    "97 76 0:39 / /mnt/wslg rw,relatime shared:1 - tmpfs none rw\n"
    "104 76 0:52 / /usr/lib/wsl/drivers ro,nosuid,nodev,noatime - 9p none ro,dirsync,aname=drivers\n"
    "119 76 0:66 / /mnt/c rw,noatime - 9p C:\\134 rw,dirsync,aname=drvfs;path=C:\\134;uid=1000\n"
)
FLY = "21 1 254:0 / / rw,relatime - ext4 /dev/vdb rw\n40 21 254:16 / /data rw,relatime - ext4 /dev/vdc rw\n"
GVISOR = (
    "1 0 0:14 / / rw - overlay none rw\n"
    "9 1 0:30 / /mnt/disk rw - ext4 none rw\n"
    "10 1 0:31 / /mnt/nfs rw - nfs 10.1.2.3:/share rw\n"
)


@dataclass(frozen=True)
class Case:
    """A path on a system, and what is to be said of it."""

    path: str
    mountinfo: str
    kind: Kind
    survives: Survives
    variables: tuple[str, ...] = ()
    marked: bool = False
    baked: bool = False

    @property
    def system(self) -> System:
        return System(self.mountinfo, frozenset(self.variables), self.marked)

    @property
    def nature(self) -> Nature:
        return classify(PurePosixPath(self.path), self.system, baked=self.baked)


CASES = {
    "docker, no volume": Case("/data", DOCKER_ROOT, "container layer", "restart"),
    "docker, named volume": Case("/data/x", DOCKER_ROOT + NAMED_VOLUME, "volume", "always"),
    "docker, beside the volume": Case("/database", DOCKER_ROOT + NAMED_VOLUME, "container layer", "restart"),
    "docker, volume without a name": Case("/data", DOCKER_ROOT + UNNAMED_VOLUME, "volume", "restart"),
    "docker, bind mount": Case("/data", DOCKER_ROOT + BIND_MOUNT, "volume", "always"),
    "docker, /dev/shm": Case("/dev/shm/rag", DOCKER_ROOT, "memory", "nothing"),
    "docker, read-only root": Case("/opt/models", DOCKER_READ_ONLY, "image", "always"),
    "docker, baked into the image": Case("/opt/models", DOCKER_ROOT, "image", "always", baked=True),
    "docker, a volume over what was baked": Case(
        "/data", DOCKER_ROOT + UNNAMED_VOLUME, "volume", "restart", baked=True
    ),
    "docker on zfs": Case("/data", DOCKER_ON_ZFS, "container layer", "restart", marked=True),
    "docker on aufs": Case("/data", AUFS, "container layer", "restart"),
    "podman": Case("/srv", PODMAN, "container layer", "restart"),
    "podman, volume without a name": Case("/data", PODMAN, "volume", "restart"),
    "railway": Case("/app/.rag", RAILWAY, "container layer", "restart", ("RAILWAY_PROJECT_ID",)),
    "railway, baked into the image": Case(
        "/opt/models", RAILWAY, "image", "always", ("RAILWAY_PROJECT_ID",), baked=True
    ),
    "railway, its volume": Case("/data", RAILWAY, "volume", "always", ("RAILWAY_PROJECT_ID",)),
    "kubernetes": Case("/app", KUBERNETES, "container layer", "nothing", ("KUBERNETES_SERVICE_HOST",)),
    "kubernetes, emptyDir": Case("/cache", KUBERNETES, "volume", "restart", ("KUBERNETES_SERVICE_HOST",)),
    "kubernetes, claim": Case("/data", KUBERNETES, "volume", "always", ("KUBERNETES_SERVICE_HOST",)),
    "kubernetes, emptyDir in memory": Case(
        "/scratch", KUBERNETES, "memory", "nothing", ("KUBERNETES_SERVICE_HOST",)
    ),
    "a space": Case("/home/user/app", DOCKER_ROOT, "container layer", "nothing", ("SPACE_ID",)),
    "render": Case("/opt/render/project", DOCKER_ROOT, "container layer", "nothing", ("RENDER",)),
    "fly, a machine without marks": Case("/app", FLY, "container layer", "nothing", ("FLY_APP_NAME",)),
    "fly, its volume": Case("/data/rag", FLY, "volume", "always", ("FLY_APP_NAME",)),
    "heroku, whatever is mounted": Case("/data", FLY, "volume", "nothing", ("DYNO",)),
    "cloud run": Case("/app", GVISOR, "container layer", "nothing", ("K_SERVICE",)),
    "cloud run, its passing disk": Case("/mnt/disk", GVISOR, "volume", "nothing", ("K_SERVICE",)),
    "cloud run, nfs": Case("/mnt/nfs", GVISOR, "volume", "always", ("K_SERVICE",)),
    "laptop": Case("/home/ada/.rag", LAPTOP, "disk", "always"),
    "laptop, a folder like an image's": Case("/opt/models", LAPTOP, "disk", "always", baked=True),
    "laptop under `railway run`": Case("/home/ada", LAPTOP, "disk", "always", ("RAILWAY_PROJECT_ID",)),
    "laptop, /tmp in memory": Case("/tmp/rag", LAPTOP, "memory", "nothing"),
    "laptop, a disk with a space": Case("/media/ada/My Disk/rag", LAPTOP, "disk", "always"),
    "laptop, a network disk": Case("/mnt/nas/rag", LAPTOP, "disk", "always"),
    "fedora, btrfs": Case("/home/ada/.rag", FEDORA, "disk", "always"),
    "zfs": Case("/home/ada/.rag", ZFS, "disk", "always"),
    "wsl": Case("/home/ada/.rag", WSL, "disk", "always"),
    "wsl, the Windows disk": Case("/mnt/c/Users/ada", WSL, "disk", "always"),
    "not linux": Case("/Users/ada/.rag", "", "unknown", "unknown"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_place_is_told_by_its_mount_and_its_host(case: Case) -> None:
    assert (case.nature.kind, case.nature.survives) == (case.kind, case.survives)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_does_not_survive_has_a_remedy_and_what_does_needs_none(case: Case) -> None:
    sentence, remedy = describe(Path(case.path), case.nature)
    assert sentence.startswith(case.path)
    assert bool(remedy) is (case.survives != "always")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("railway", "in the container's own layer on Railway"),
        ("heroku, whatever is mounted", "on a passing volume on Heroku"),
        ("kubernetes", "lost at every restart"),
        ("docker, no volume", "lost with every new deployment"),
        ("docker, volume without a name", "on a volume without a name"),
        ("docker, named volume", "it survives new deployments"),
        ("laptop", "on a disk of this machine (ext4, mounted at /): it stays"),
        ("not linux", "does not say"),
    ],
)
def test_the_sentence_names_the_host_and_what_happens(name: str, said: str) -> None:
    assert said in describe(Path(CASES[name].path), CASES[name].nature)[0]


def test_a_volume_without_a_name_is_to_be_given_one() -> None:
    case = CASES["docker, volume without a name"]
    assert "docker run -v reranklens:/data" in describe(Path(case.path), case.nature)[1]


def test_root_on_railway_finds_the_baked_models_part_of_the_image(tmp_path: Path) -> None:
    system = CASES["railway"].system
    (tmp_path / "models").mkdir()
    assert look(tmp_path / "models", system).kind == "container layer"
    (tmp_path / "models" / BAKED).touch()
    place = look(tmp_path / "models", system)
    assert (place.kind, place.survives, place.writable, place.remedy) == ("image", "always", True, "")


def test_beside_the_baked_models_nothing_is_the_images(tmp_path: Path) -> None:
    (tmp_path / BAKED).touch()
    (tmp_path / "other").mkdir()
    assert look(tmp_path / "other", CASES["railway"].system).kind == "container layer"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_came_with_the_image_if_it_is_there_at_all(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    system = CASES["docker, no volume"].system
    assert look(tmp_path, system).kind == "image"
    assert look(tmp_path / "not yet", system).kind == "container layer"


@pytest.mark.parametrize(
    ("name", "contained"),
    [("docker, no volume", True), ("fly, its volume", True), ("laptop", False), ("not linux", False)],
)
def test_a_container_is_told_by_its_root_its_mark_or_its_host(name: str, contained: bool) -> None:
    assert CASES[name].system.contained is contained


@pytest.mark.parametrize("host", HOSTS, ids=[host.name for host in HOSTS])
def test_each_host_is_named_in_a_container_that_has_its_variable(host: Host) -> None:
    named = {host_of([variable], contained=True) for variable in host.variables}
    assert named == {host}


def test_a_space_on_kubernetes_is_called_a_space() -> None:
    host = host_of(["KUBERNETES_SERVICE_HOST", "SPACE_ID"], contained=True)
    assert host is not None
    assert host.name == "Hugging Face Spaces"


def test_only_variables_that_are_set_and_not_empty_count() -> None:
    assert present(HOST_VARIABLES, {"DYNO": "web.1", "RENDER": "", "HOME": "/app"}) == {"DYNO"}


@pytest.mark.parametrize(
    "cgroup",
    [
        "12:memory:/docker/0a1b2c\n",
        "0::/system.slice/docker-0a1b2c.scope\n",
        "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-77.scope\n",
        "0::/machine.slice/libpod-5f.scope/container\n",
    ],
)
def test_the_control_group_of_a_container_is_known(cgroup: str) -> None:
    assert is_container_group(cgroup)


@pytest.mark.parametrize(
    "cgroup", ["", "0::/init.scope\n", "0::/user.slice/user-1000.slice\n", "0::/lxc/101\n"]
)
def test_the_control_group_of_a_machine_is_not_a_containers(cgroup: str) -> None:
    assert not is_container_group(cgroup)


def test_the_later_of_two_mounts_at_one_point_is_seen() -> None:
    twice = "25 1 0:2 / /x rw - ext4 /dev/a rw\n30 25 0:3 / /x ro - tmpfs tmpfs ro\n"
    found = mount_of(PurePosixPath("/x/y"), read_mounts(twice))
    assert found is not None
    assert (found.fs_type, found.read_only) == ("tmpfs", True)


def test_optional_fields_and_escapes_are_read_and_broken_lines_left_out() -> None:
    text = "1 0 8:1 / /a\\134b\\011c rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw\nbroken\n1 2 3 - x\n"
    (mount,) = read_mounts(text)
    assert (str(mount.point), mount.fs_type) == ("/a\\b\tc", "ext4")


def test_a_folder_that_does_not_exist_is_judged_by_the_one_above_it(tmp_path: Path) -> None:
    place = look(tmp_path / "not" / "yet")
    assert (place.path, place.examined) == (tmp_path.resolve() / "not" / "yet", tmp_path.resolve())
    assert place.writable
    assert not (tmp_path / "not").exists()


def test_a_link_is_followed_to_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert look(tmp_path / "link" / "x").path == tmp_path.resolve() / "real" / "x"


def test_links_in_a_circle_are_looked_at_without_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert not look(tmp_path / "a" / "x").path.exists()


def test_a_file_is_no_folder_to_write_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert not look(tmp_path / "file").writable


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_not_writable(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not look(tmp_path / "x").writable


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="this system has no /dev/shm")
def test_the_memory_of_this_machine_is_recognised() -> None:
    place = look(Path("/dev/shm/reranklens"))
    assert (place.kind, place.survives, place.mount_point) == ("memory", "nothing", "/dev/shm")


def test_the_room_is_that_of_the_file_system(tmp_path: Path) -> None:
    place = look(tmp_path)
    status = os.statvfs(tmp_path)
    assert place.total_bytes == status.f_blocks * status.f_frsize
    assert place.free_bytes is not None
    assert 0 <= place.free_bytes <= place.total_bytes


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="only Linux lists its mounts")
def test_the_mount_of_this_folder_is_a_mount_above_it(tmp_path: Path) -> None:
    point = Path(look(tmp_path).mount_point)
    assert point.is_mount()
    assert tmp_path.resolve().is_relative_to(point)
