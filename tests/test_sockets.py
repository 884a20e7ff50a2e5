"""Answers leave at once, on every connection that is accepted."""

import socket

from rag.machine.sockets import send_at_once


def test_connections_of_a_listening_socket_send_at_once() -> None:
    with (
        socket.socket(socket.AF_INET) as listening,
        socket.socket(socket.AF_INET) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        other.bind(("127.0.0.1", 0))
        assert send_at_once() >= 1
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
