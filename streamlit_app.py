"""Assemble the app: `streamlit run streamlit_app.py` serves the page and the HTTP routes from one process.

The server imports this file for `app`; for each visitor's page Streamlit runs it again as `__main__`.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rag.api.http import Access
from rag.api.middleware import OwnPagesOnly, SecurityHeaders, on_error
from rag.api.routes import api_routes
from rag.config import Settings
from rag.errors import SettingsError
from rag.ui.app import draw
from rag.ui.resources import get_service, lifespan, stopping


def _settings() -> Settings:
    try:
        return Settings.from_env()
    except SettingsError:
        return Settings()  # the lifespan reads the environment too, and says what is wrong with it


if __name__ == "__main__":
    draw()
else:
    settings = _settings()
    access = Access(settings.api_key, settings.added_hosts)
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=api_routes(get_service, access, stopping),
        middleware=[
            Middleware(SecurityHeaders),
            # A page elsewhere that points its own name at this machine gets no answer.
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts),
            Middleware(OwnPagesOnly, access=access),
        ],
        exception_handlers={Exception: on_error},
    )
