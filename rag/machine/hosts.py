"""The hosts whose disks forget, and how a process notices that it runs in a container."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

# What becomes of a file: it is there "always", it outlives a "restart" but no new deployment, or "nothing".
Survives = Literal["always", "restart", "nothing", "unknown"]

# As the runtimes name a container's control group: Docker, Kubernetes, Podman, containerd, CRI-O. LXC is not
# among them: its containers are small machines, and keep their disks.
_CGROUP_OF_A_CONTAINER = re.compile(r"docker[-/]|kubepods|libpod|containerd|crio-")


@dataclass(frozen=True, slots=True)
class Host:
    """A place where containers run: how it is recognised, and what it forgets.

    One of `variables` is set in its processes. Where `certain` is false they are set elsewhere too
    (`railway run` sets them on a laptop), and only name the host of what looks like a container anyway.
    Files outside its volumes survive what `forgets` says. `keeps` are the file-system types that its
    volumes have: ("",) for any, () where there are no volumes. `remedy` says what to do there.
    """

    name: str
    variables: frozenset[str]
    forgets: Survives
    remedy: str
    certain: bool = True
    keeps: tuple[str, ...] = ("",)


# Names and behaviour are those in the hosts' own manuals. The more particular come first: a Space may run
# on Kubernetes.
HOSTS = (
    Host(
        "Railway",
        frozenset({"RAILWAY_PROJECT_ID", "RAILWAY_SERVICE_ID", "RAILWAY_ENVIRONMENT"}),
        forgets="restart",
        # A service has one volume, so that no other folder can have its own.
        remedy="Attach the service's volume at /data, and keep RAG_HOME there",
        certain=False,
    ),
    Host(
        "Hugging Face Spaces",
        frozenset({"SPACE_ID"}),
        forgets="nothing",
        remedy="Give the Space persistent storage, which is mounted at /data, and use a folder in it",
        certain=False,
    ),
    Host(
        "Heroku",
        frozenset({"DYNO"}),
        forgets="nothing",
        remedy="Heroku has no volumes: use another host for what must stay",
        keeps=(),
    ),
    Host(
        "Render",
        frozenset({"RENDER"}),
        forgets="nothing",
        remedy="Attach a persistent disk to the service on Render, with this folder as its mount path",
    ),
    Host(
        "Fly.io",
        frozenset({"FLY_APP_NAME", "FLY_MACHINE_ID"}),
        forgets="nothing",
        remedy="Create a Fly volume and mount it at this folder",
    ),
    Host(
        "Cloud Run",
        frozenset({"K_SERVICE"}),
        forgets="nothing",
        remedy="Mount an NFS volume at this folder: Cloud Run's other disks end with the instance",
        keeps=("nfs",),
    ),
    Host(
        "Kubernetes",
        frozenset({"KUBERNETES_SERVICE_HOST"}),
        forgets="nothing",
        remedy="Mount a persistent volume claim at this folder",
    ),
)
HOST_VARIABLES = frozenset().union(*(host.variables for host in HOSTS))


def is_container_group(cgroup: str) -> bool:
    """Return whether the text of /proc/1/cgroup is that of a container."""
    return _CGROUP_OF_A_CONTAINER.search(cgroup) is not None


def host_of(variables: Collection[str], *, contained: bool) -> Host | None:
    """Return the host that the environment `variables` which are set name, None where they name none.

    `contained` says that this looks like a container without them.
    """
    named = (host for host in HOSTS if not host.variables.isdisjoint(variables))
    return next((host for host in named if contained or host.certain), None)
