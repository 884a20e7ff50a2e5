# RerankLens in a container. The default models come with its Python packages; others are exported while the
# image is built, so that no restart and no new deployment can lose them:
#
#   docker build -t reranklens .
#   docker build -t reranklens --build-arg EXPORT_MODELS=cross-encoder/mmarco-mMiniLMv2-L12-H384-v1 \
#                              --build-arg RERANKER=cross-encoder/mmarco-mMiniLMv2-L12-H384-v1 .
#
# docs/deploy.md says how to run it, here and on Railway, and what must survive.

ARG PYTHON=python:3.11-slim-bookworm

# Exports what EXPORT_MODELS names, separated by spaces. Without it PyTorch is not even installed.
FROM ${PYTHON} AS export
ARG EXPORT_MODELS=""
# Name PyTorch's CPU index here, or pip may bring gigabytes of CUDA libraries that exporting does not use.
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /app
ENV RAG_MODEL_CACHE=/opt/models
RUN mkdir -p /opt/models
COPY requirements.txt requirements-serve.txt ./
RUN if [ -n "$EXPORT_MODELS" ]; then python -m pip install --no-cache-dir -r requirements.txt; fi
COPY rag/ rag/
# The mark tells `doctor` that this folder is the image's, and comes back with each deployment.
RUN set -f; for model in $EXPORT_MODELS; do python -m rag models export "$model" || exit 1; done \
    && touch /opt/models/.baked \
    && chmod -R a+rX /opt/models


FROM ${PYTHON}
ARG EMBEDDER=""
ARG RERANKER=""
WORKDIR /app
COPY requirements-serve.txt ./
RUN python -m pip install --no-cache-dir -r requirements-serve.txt
# The application and its models belong to root: the process may read them and change nothing.
COPY --from=export /opt/models /opt/models
COPY LICENSE NOTICE requirements.txt streamlit_app.py ./
COPY .streamlit/ .streamlit/
COPY data/ data/
COPY rag/ rag/

# Only /data may be written; mount a volume there. There is no VOLUME instruction: the volume that it makes has
# no name, so the next deployment would begin with an empty one, and Railway builds no image that has it.
# Files keep the permissions of the checkout, which may be its owner's alone.
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin reranklens \
    && install -d -o reranklens -g reranklens /data \
    && chmod -R a+rX /app
USER reranklens
# The server's address is for its first line alone; to find one itself, Streamlit would ask another machine.
ENV HOME=/data \
    PORT=8501 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RAG_HOME=/data \
    RAG_MODEL_CACHE=/opt/models \
    RAG_EMBEDDER=${EMBEDDER} \
    RAG_RERANKER=${RERANKER} \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]

# The shell becomes the server (exec), so that SIGTERM reaches it.
CMD ["sh", "-c", "exec python -m streamlit run streamlit_app.py --server.address 0.0.0.0 --server.port \"$PORT\""]
