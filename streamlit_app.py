"""Assemble the app: `streamlit run streamlit_app.py` serves the page and the HTTP routes from one process.

The server imports this file for `app`; for each visitor's page Streamlit runs it again as `__main__`.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rag.api.routes import api_routes, on_error
from rag.config import LOCAL_HOSTS, Settings
from rag.errors import SettingsError
from rag.ui.app import draw
from rag.ui.resources import get_service, lifespan


def _allowed_hosts() -> tuple[str, ...]:
    try:
        return Settings.from_env().allowed_hosts
    except SettingsError:
        return LOCAL_HOSTS  # the lifespan reads the settings too, and says what is wrong with them


if __name__ == "__main__":
    draw()
else:
    app = st.App(
        __file__,
        lifespan=lifespan,
        routes=api_routes(get_service),
        # A page elsewhere that points its own name at this machine gets no answer.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_allowed_hosts())],
        exception_handlers={Exception: on_error},
    )
