"""``python on_loopback.py MODULE ...``: a module of Beam's, whose servers listen on loopback alone."""

import runpy
import socket
import sys

import grpc

_server = grpc.server


def _on_loopback(*arguments, **options):
    server = _server(*arguments, **options)
    add = server.add_insecure_port
    server.add_insecure_port = lambda address: add(f"127.0.0.1:{address.rpartition(':')[2]}")
    return server


if __name__ == "__main__":
    grpc.server = _on_loopback
    socket.getfqdn = lambda _name="": "127.0.0.1"  # of this machine, as its workers are given it
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
