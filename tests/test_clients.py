"""Clients that others have written get from the routes what this product's own reranker says."""

from collections.abc import Iterator

import cohere
import httpx
import pytest
from langchain_cohere import CohereRerank
from langchain_core.documents import Document
from rerankers.models.api_rankers import APIRanker

from rag.rerank import Reranker
from rag.timing import Stopwatch

QUERY = "How long does the dough rest?"
TEXTS = [
    "If the boiler stops, read the pressure gauge.",
    "The dough rests for ninety minutes under a damp cloth.",
    "Città, più, perché, naïve, Œuvre, Straße, 中文, 🎉.",
    "Let the glue dry for five minutes before the patch goes on.",
]
Ranking = list[tuple[int, float]]


@pytest.fixture(scope="module")
def expected(reranker: Reranker) -> Ranking:
    """Each text's place in the request and its score, best first."""
    scores = reranker.score(QUERY, TEXTS, watch=Stopwatch())
    return sorted(((i, score.score) for i, score in enumerate(scores)), key=lambda pair: -pair[1])


@pytest.fixture(scope="module")
def cohere_client(base_url: str) -> Iterator[cohere.ClientV2]:
    with httpx.Client() as line:
        yield cohere.ClientV2(api_key="none is needed", base_url=base_url, httpx_client=line)


def test_coheres_own_client_gets_every_score(cohere_client: cohere.ClientV2, expected: Ranking) -> None:
    got = cohere_client.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS)
    assert [(result.index, result.relevance_score) for result in got.results] == expected
    assert got.id


def test_coheres_own_client_gets_the_best_alone(cohere_client: cohere.ClientV2, expected: Ranking) -> None:
    got = cohere_client.rerank(
        model="rerank-v3.5", query=QUERY, documents=TEXTS, top_n=2, max_tokens_per_doc=99
    )
    assert [(result.index, result.relevance_score) for result in got.results] == expected[:2]


def test_coheres_own_client_hears_what_the_answer_says_of_itself(cohere_client: cohere.ClientV2) -> None:
    meta = cohere_client.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS).meta
    assert meta is not None
    assert meta.api_version is not None
    assert meta.api_version.version == "2"
    assert meta.tokens is not None
    assert meta.warnings
    assert "rerank-v3.5" in meta.warnings[0]


def test_coheres_own_client_understands_a_refusal(cohere_client: cohere.ClientV2) -> None:
    with pytest.raises(cohere.UnprocessableEntityError) as caught:
        cohere_client.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS, top_n=0)
    assert "top_n" in caught.value.body["message"]


def test_langchain_orders_its_documents(cohere_client: cohere.ClientV2, expected: Ranking) -> None:
    compressor = CohereRerank(client=cohere_client, model="any", top_n=3)
    documents = [Document(text, metadata={"place": place}) for place, text in enumerate(TEXTS)]
    found = compressor.compress_documents(documents, QUERY)
    assert [(doc.metadata["place"], doc.metadata["relevance_score"]) for doc in found] == expected[:3]
    assert [doc.page_content for doc in found] == [TEXTS[place] for place, _ in expected[:3]]


@pytest.mark.parametrize(
    ("provider", "path"),
    [("text-embeddings-inference", "/rerank"), ("jina", "/v1/rerank"), ("cohere", "/v2/rerank")],
)
def test_the_rerankers_package_speaks_each_dialect(
    base_url: str, expected: Ranking, provider: str, path: str
) -> None:
    client = APIRanker("any", "none is needed", provider, url=base_url + path)
    ranked = client.rank(QUERY, TEXTS)
    assert [(result.doc_id, result.score) for result in ranked.results] == expected
