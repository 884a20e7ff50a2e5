"""An uploaded data set on its way into a collection."""

import io
import json
import time
from collections.abc import Mapping
from typing import IO

import pytest

from rag.errors import LibraryError
from rag.jobs import Job
from rag.jobs.data_set import start_data_set
from rag.service import Service


def files(folder: str = "set", **others: bytes) -> dict[str, IO[bytes]]:
    """A data set as a browser uploads its folder."""
    made = {
        "corpus.jsonl": json.dumps({"_id": "d1", "text": "Bread rises."}).encode(),
        "queries.jsonl": json.dumps({"_id": "q1", "text": "What rises?"}).encode(),
        "qrels/test.tsv": b"query-id\tcorpus-id\tscore\nq1\td1\t1\n",
    }
    return {f"{folder}/{name}": io.BytesIO(data) for name, data in (made | others).items()}


def ended(service: Service, uploads: Mapping[str, IO[bytes]], name: str) -> Job:
    job = start_data_set(service, uploads, name, seen_from="seen")
    deadline = time.monotonic() + 60
    while job.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        job = service.jobs.get(job.key) or job
    return job


def test_an_uploaded_folder_becomes_a_collection(service: Service) -> None:
    job = ended(service, files(), "from a folder")
    assert job.state == "done", job.outcome
    assert [judgment.query for judgment in service.library.judgments("from a folder")] == ["What rises?"]


def test_a_path_that_leads_out_of_the_folder_leads_nowhere(service: Service) -> None:
    names = ("../../evil.jsonl", "a\0.jsonl", "", "..", "/", "x" * 300)
    uploads = files("../../../outside") | {name: io.BytesIO(b"{}") for name in names}
    assert ended(service, uploads, "from a strange folder").state == "done"


def test_a_zip_without_a_corpus_says_what_was_expected(service: Service) -> None:
    job = ended(service, {"empty.zip": io.BytesIO(b"PK\x05\x06" + bytes(18))}, "from nothing")
    assert (job.state, "corpus.jsonl" in job.outcome) == ("failed", True)
    assert "from nothing" not in service.library.collections()


def test_what_cannot_be_called_so_is_refused_before_anything_is_read(service: Service) -> None:
    with pytest.raises(LibraryError, match="cannot name a collection"):
        start_data_set(service, files(), "", seen_from="seen")
