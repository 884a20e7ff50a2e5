"""The sockets on which this process listens."""

import gc
import socket
from contextlib import suppress


def send_at_once() -> int:
    """Let answers leave without waiting for the client's acknowledgements; return on how many sockets.

    A listening socket's TCP_NODELAY passes to every connection that it accepts. asyncio sets it by itself
    only where a socket names its protocol, which the one that Streamlit makes does not: on a connection
    that is kept open, the body of every answer would then wait 40 ms behind its head (Nagle's algorithm
    and delayed acknowledgements, https://www.rfc-editor.org/rfc/rfc896).
    """
    found = [thing for thing in gc.get_objects() if type(thing) is socket.socket]
    return sum(_is_set_on(one) for one in found)


def _is_set_on(one: socket.socket) -> bool:
    """Set it on a socket that listens for TCP connections; return whether it is one."""
    with suppress(OSError):  # closed meanwhile, or no socket for connections at all
        if one.family in (socket.AF_INET, socket.AF_INET6) and _listens(one):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return True
    return False


def _listens(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
