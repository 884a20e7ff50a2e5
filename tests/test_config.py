"""Settings: every variable is read, and a bad one is named."""

from dataclasses import fields
from pathlib import Path

import pytest

from rag.config import Fusion, LlmSettings, RemoteSettings, Settings, bare_environment, usable_cores
from rag.errors import SettingsError

GIVEN = {
    "RAG_HOME": "/srv/library",
    "RAG_EMBEDDER": "an/embedder",
    "RAG_RERANKER": "a/reranker",
    "RAG_RETRIEVE_K": "100",
    "RAG_TOP_K": " 5 ",
    "RAG_THREADS": "3",
    "RAG_PRELOAD": "No",
    "RAG_MAX_UPLOAD_MB": "200",
    "RAG_PARSE_TIMEOUT_S": "12.5",
    "RAG_PARSE_MEMORY_MB": "512",
    "RAG_MODEL_CACHE": "/models",
    "RAG_ALLOWED_HOSTS": "Rerank.example.org, *.example.net,localhost",
    "RAG_QUEUE": "5",
    "RAG_API_KEY": " a-key ",
    "USE_ONNX_RERANKER": "true",
    "MODAL_RERANK_URL": "https://gpu.example.com/rank?token=hidden",
    "RAG_REMOTE_STYLE": "TEI",
    "RAG_REMOTE_API_KEY": "another-key",
    "RAG_REMOTE_TIMEOUT_S": "2.5",
    "RAG_REMOTE_MODEL": "a/remote-model",
    "RAG_REMOTE_MAX_BATCH": "64",
    "RAG_RETRIEVER": "Hybrid",
    "RAG_RRF_CONSTANT": "60",
    "RAG_RRF_WEIGHTS": "1, 2, 0.5",
    "RAG_ORDER": "reranker",
    "LLM_BASE_URL": "http://127.0.0.1:11434/v1/",
    "LLM_MODEL": "a-writer",
    "LLM_API_KEY": "a-third-key",
    "LLM_TIMEOUT_S": "20",
}
NUMBERS = (
    *("RAG_RETRIEVE_K", "RAG_TOP_K", "RAG_THREADS", "RAG_MAX_UPLOAD_MB", "RAG_PARSE_MEMORY_MB", "RAG_QUEUE"),
)
REMOTE = {"MODAL_RERANK_URL": "http://127.0.0.1:9000"}


def test_an_empty_environment_gives_the_defaults_and_this_machines_cores() -> None:
    assert Settings.from_env({}) == Settings(threads=usable_cores())


def test_every_setting_comes_from_its_variable() -> None:
    assert Settings.from_env(GIVEN) == Settings(
        home=Path("/srv/library"),
        embedder="an/embedder",
        reranker="a/reranker",
        retrieve_k=100,
        top_k=5,
        threads=3,
        preload=False,
        max_upload_mb=200,
        parse_timeout_s=12.5,
        parse_memory_mb=512,
        model_cache=Path("/models"),
        allowed_hosts=("127.0.0.1", "localhost", "rerank.example.org", "*.example.net"),
        queue=5,
        api_key="a-key",
        use_onnx_reranker=True,
        remote=RemoteSettings(
            "https://gpu.example.com/rank?token=hidden", "tei", "another-key", 2.5, "a/remote-model", 64
        ),
        retriever="hybrid",
        fusion=Fusion(60, 1.0, 2.0, 0.5),
        order="reranker",
        llm=LlmSettings("http://127.0.0.1:11434/v1", "a-writer", "a-third-key", 20.0),
    )


def test_there_is_a_variable_for_every_setting() -> None:
    groups = {"remote", "fusion", "llm"}
    own = {f"RAG_{field.name.upper()}" for field in fields(Settings) if field.name not in groups}
    own |= {"RAG_RRF_CONSTANT", "RAG_RRF_WEIGHTS"}
    own |= {f"LLM_{field.name.upper()}" for field in fields(LlmSettings)}
    remote = {f"RAG_REMOTE_{field.name.upper()}" for field in fields(RemoteSettings)}
    founding = {"RAG_REMOTE_URL": "MODAL_RERANK_URL", "RAG_USE_ONNX_RERANKER": "USE_ONNX_RERANKER"}
    assert {founding.get(name, name) for name in own | remote} == GIVEN.keys()


def test_no_key_is_shown() -> None:
    shown = repr(Settings.from_env(GIVEN))
    assert "a-key" not in shown
    assert "another-key" not in shown
    assert "a-third-key" not in shown
    assert "11434" not in shown


@pytest.mark.parametrize(
    ("environ", "preferred"),
    [
        ({}, False),
        (REMOTE, True),
        (REMOTE | {"USE_ONNX_RERANKER": "false"}, True),
        (REMOTE | {"USE_ONNX_RERANKER": "true"}, False),
        ({"USE_ONNX_RERANKER": "false"}, False),
    ],
)
def test_a_remote_reranker_is_preferred_unless_the_local_one_is_forced(
    environ: dict[str, str], preferred: bool
) -> None:
    assert Settings.from_env(environ).prefers_remote is preferred


@pytest.mark.parametrize(
    "url",
    ["gpu.example.org", "ftp://gpu.example.com", "http://", "http://[::1", "http://x:99999", "file:///x"],
)
def test_an_address_that_cannot_be_asked_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="MODAL_RERANK_URL") as caught:
        Settings.from_env({"MODAL_RERANK_URL": url})
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAG_REMOTE_STYLE", "openai"),
        ("RAG_REMOTE_TIMEOUT_S", "nan"),
        ("RAG_REMOTE_TIMEOUT_S", "0"),
        ("RAG_REMOTE_TIMEOUT_S", "soon"),
        ("RAG_REMOTE_MAX_BATCH", "0"),
        ("RAG_REMOTE_MAX_BATCH", "1001"),
    ],
)
def test_a_remote_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}='{value}' cannot be used"):
        Settings.from_env(REMOTE | {name: value})


@pytest.mark.parametrize("key", ["two words", "chiave-è", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError, match="RAG_API_KEY") as caught:
        Settings.from_env({"RAG_API_KEY": key})
    assert key not in str(caught.value)


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert Settings.from_env(dict.fromkeys(GIVEN, "")) == Settings.from_env({})


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TOP_K", "7")
    assert Settings.from_env().top_k == 7


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "ten", "1e3", "²", "٣", "99999", "9" * 5000])
def test_a_number_that_cannot_be_used_is_named_with_the_legal_ones(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}='{value}' .* a whole number from 1 to ") as caught:
        Settings.from_env({name: value})
    assert (caught.value.name, caught.value.value) == (name, value)


@pytest.mark.parametrize("value", ["maybe", "on", "2"])
def test_a_truth_value_that_cannot_be_used_is_named_with_the_legal_ones(value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^RAG_PRELOAD='{value}' .* expected true or false\.$"):
        Settings.from_env({"RAG_PRELOAD": value})


@pytest.mark.parametrize(
    ("value", "truth"),
    [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("false", False), ("no", False)],
)
def test_truth_has_three_spellings_either_way(value: str, truth: bool) -> None:
    assert Settings.from_env({"RAG_PRELOAD": value}).preload is truth


@pytest.mark.parametrize("name", ["RAG_RETRIEVE_K", "RAG_TOP_K"])
def test_the_largest_legal_number_is_legal(name: str) -> None:
    assert 1000 in (Settings.from_env({name: "1000"}).retrieve_k, Settings.from_env({name: "1000"}).top_k)


def test_a_tilde_is_the_users_home() -> None:
    assert Settings.from_env({"RAG_HOME": "~/library"}).home == Path.home() / "library"


def test_the_home_of_nobody_is_refused() -> None:
    with pytest.raises(SettingsError, match="RAG_HOME='~no-such-user/library' cannot be used"):
        Settings.from_env({"RAG_HOME": "~no-such-user/library"})


def test_equal_settings_are_one_key() -> None:
    assert len({Settings.from_env(GIVEN), Settings.from_env(GIVEN)}) == 1


def test_at_least_one_core_may_be_used() -> None:
    assert usable_cores() >= 1


def test_a_process_that_reads_files_is_told_no_secret() -> None:
    environ = GIVEN | {"PATH": "/usr/bin", "LLM_API_KEY": "a-key", "AWS_SECRET_ACCESS_KEY": "a-key"}
    assert bare_environment(environ).keys() - {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} == {
        "PATH",
        "MALLOC_ARENA_MAX",
    }
