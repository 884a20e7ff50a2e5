"""Work in the background, seen by everyone in the process."""

from rag.jobs.jobs import Job, JobKey, Jobs, Kind, Report, State, Work

__all__ = ["Job", "JobKey", "Jobs", "Kind", "Report", "State", "Work"]
