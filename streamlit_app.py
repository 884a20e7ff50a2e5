"""Assemble the app: `streamlit run streamlit_app.py` serves the page and the HTTP routes from one process.

The server imports this file for `app`; for each visitor's page Streamlit runs it again as `__main__`.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rag.api.routes import api_routes, on_error
from rag.ui.app import draw
from rag.ui.resources import get_service, lifespan

if __name__ == "__main__":
    draw()
else:
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=api_routes(get_service),
        # A page elsewhere that points its own name at this machine gets no answer.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={Exception: on_error},
    )
