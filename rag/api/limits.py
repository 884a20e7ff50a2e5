"""How much a request may ask for. Every refusal names its limit, and `/info` lists them all."""

from rag.config import MAX_RETRIEVE_K
from rag.names import MAX_COLLECTION_CHARS
from rag.parse.limits import MAX_DOCUMENT_CHARS
from rag.question import MAX_QUERY_CHARS

MAX_BODY_BYTES = 10_000_000
MAX_JSON_DEPTH = 32
MAX_PASSAGES = MAX_RETRIEVE_K
MAX_PASSAGE_CHARS = 100_000
MAX_MODEL_CHARS = 300
MAX_ID_CHARS = 200
BODY_PATIENCE_S = 30  # between two parts of a body, and at its beginning
LEAST_BYTES_PER_S = 50_000  # of a body that takes longer
MAX_BYTES_IN_FLIGHT = 100_000_000  # of all bodies of JSON that are being answered
MAX_UPLOAD_FILES = 100
MAX_UPLOADS = 4  # requests at once; each has its files on disk meanwhile
UPLOAD_BODY_FILES = 4  # an upload's body may be as large as this many of the largest files
IMAGE_WIDTHS = (100, 2_000)  # pixels of a page
DEFAULT_IMAGE_WIDTH = 900
MAX_OFFSET = MAX_DOCUMENT_CHARS  # no passage can end later

LIMITS = {
    "body_bytes": MAX_BODY_BYTES,
    "json_depth": MAX_JSON_DEPTH,
    "query_chars": MAX_QUERY_CHARS,
    "collection_chars": MAX_COLLECTION_CHARS,
    "retrieve_k": MAX_RETRIEVE_K,
    "passages": MAX_PASSAGES,
    "passage_chars": MAX_PASSAGE_CHARS,
    "upload_files": MAX_UPLOAD_FILES,
}
