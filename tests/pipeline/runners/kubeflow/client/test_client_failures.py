"""Every failure between the client and a server is one line, with a code where the user can fix it."""

import ssl
import subprocess
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kfp_api
import pytest

# The SDK's environment has the package that makes one; this machine may have no openssl.
CERTIFICATE = """
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
encoding = serialization.Encoding.PEM
secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
Path(sys.argv[1]).write_bytes(secret)
Path(sys.argv[2]).write_bytes(made.sign(key, hashes.SHA256()).public_bytes(encoding))
"""


def refused(answer):
    """(error code, message)."""
    exit_code, last = answer
    assert set(last) == {"error", "code"}, last
    assert "\n" not in last["error"]
    assert exit_code == (2 if last["code"] else 1)
    return last["code"], last["error"]


@pytest.mark.parametrize(
    ("do", "code", "fact"),
    [
        (401, "kubeflow-not-logged-in", "SIAMESE_KFP_TOKEN"),
        (403, "kubeflow-not-allowed", "(403): rule 403"),
        (404, "kubeflow-not-found", "(404)"),
        (409, "kubeflow-exists", "(409)"),
        (400, "kubeflow-request-refused", "(400): rule 400"),
        (500, None, "(500): rule 500"),
        (503, None, "(503)"),
        ("drop", None, "Remote end closed connection without response"),
        ("page", "kubeflow-not-logged-in", "login page"),
    ],
)
def test_an_error_of_the_server_has_a_code(ask, server, do, code, fact):
    server.set(rules=[{"call": "GET .*/recurringruns", "do": do}])
    found, message = refused(ask("schedules"))
    assert found == code
    assert message.startswith(f"{server.address}: ")
    assert fact in message


def test_a_server_that_does_not_answer(ask, server):
    server.set(rules=[{"call": "POST .*:disable", "do": "hang", "seconds": 2}])
    code, message = refused(ask("stop", run_id="r", connection={"timeout": 60}))
    assert (code, message.endswith("ResourceNotFoundError: r not found")) == ("kubeflow-not-found", True)
    server.set(rules=[{"call": "POST .*:terminate", "do": "hang", "seconds": 2}])
    code, message = refused(ask("stop", run_id="r", connection={"timeout": 0.5}))
    assert code is None
    assert "kubeflow.connection.timeout" in message


def test_an_answer_that_drips_ends_in_time(ask):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            with suppress(OSError):
                while not over.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()

        def log_message(self, *_):
            pass

    over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as dripping:
        threading.Thread(target=dripping.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{dripping.server_port}"
        code, message = refused(ask("schedules", connection={"host": host, "timeout": 0.5}))
        over.set()
        dripping.shutdown()
    assert (code, "kubeflow.connection.timeout" in message) == (None, True)


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("http://127.0.0.1:9", "kubeflow-no-connection"),
        ("http://no-such-host.invalid", "kubeflow-no-connection"),
        ("http://[", "kubeflow-no-address"),
        (None, "kubeflow-no-address"),
    ],
)
def test_a_wrong_address(ask, host, code):
    found, message = refused(ask("schedules", connection={"host": host}))
    assert found == code
    assert message.startswith(f"{host}: " if host else "no address")


def test_plain_http_where_tls_was_asked_for(ask, server):
    assert (
        refused(ask("schedules", connection={"host": server.address.replace("http", "https")}))[0] == "kubeflow-no-tls"
    )


@pytest.fixture
def tls_server(tmp_path):
    """A server with an unknown certificate, and the certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run([kfp_api.PYTHON, "-c", CERTIFICATE, key, certificate], check=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"multi_user": false}' if "healthz" in self.path else b"{}"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}", str(certificate)
        server.shutdown()


def test_a_certificate_is_checked_unless_it_is_named_or_that_is_switched_off(ask, tls_server):
    host, certificate = tls_server
    code, message = refused(ask("schedules", connection={"host": host}))
    assert code == "kubeflow-no-tls"
    assert "certificate verify failed" in message
    assert "kubeflow.connection.ca_file" in message
    assert ask("schedules", connection={"host": host, "ca_file": certificate}) == (0, {"result": {"schedules": []}})
    assert ask("schedules", connection={"host": host, "verify_tls": False}) == (0, {"result": {"schedules": []}})


def test_a_proxy_is_used(ask, server):
    asked = ask("schedules", connection={"host": "http://pipelines.invalid", "proxy": server.address})
    assert asked == (0, {"result": {"schedules": []}})
    assert server.calls()[0]["headers"]["Host"] == "pipelines.invalid"


@pytest.mark.parametrize(
    ("header", "variables"),
    [
        (["authorization", "Bearer secret"], {"SIAMESE_KFP_TOKEN": "secret"}),
        (["cookie", "authservice_session=abc"], {"SIAMESE_KFP_COOKIES": "authservice_session=abc"}),
    ],
)
def test_credentials_come_from_the_environment(ask, server, header, variables):
    server.set(header=header)
    none = dict.fromkeys(variables, "")
    assert refused(ask("schedules"))[0] == "kubeflow-not-logged-in"
    assert ask("schedules", variables) == (0, {"result": {"schedules": []}})
    assert refused(ask("schedules", none))[0] == "kubeflow-not-logged-in"


def test_a_token_in_a_file_is_read_for_every_call(ask, server, tmp_path):
    token, server_of = tmp_path / "token", {"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "token")}
    for text in ("first", "second"):
        token.write_text(text + "\n")
        server.set(header=["authorization", f"Bearer {text}"])
        assert ask("schedules", server_of)[0] == 0
    token.unlink()
    code, message = refused(ask("schedules", server_of))
    assert (code, message) == ("kubeflow-file-unreadable", f"{token}: No such file or directory")
    ask("schedules", {"KF_PIPELINES_SA_TOKEN_PATH": ""})


def test_a_multi_user_server_needs_a_namespace(ask, server):
    server.set(multi_user=True)
    assert refused(ask("schedules"))[0] == "kubeflow-no-namespace"
    assert ask("schedules", connection={"namespace": "vision"})[0] == 0
    assert server.calls("GET", "recurringruns")[-1]["query"]["namespace"] == "vision"
