"""What the machine has: disks that survive or forget, memory, cores, packages."""
