"""Whatever goes wrong between the client and a server is one sentence, and says whose it is to mend."""

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kfp_api
import pytest

USER, OTHER = 2, 1

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
    code, last = answer
    assert set(last) == {"error", "mend"}, last
    assert "\n" not in last["error"]
    assert code == (USER if last["mend"] else OTHER)
    return code, last["error"]


@pytest.mark.parametrize(
    ("do", "code", "sentence"),
    [
        (401, USER, "not logged in (401): set SIAMESE_KFP_TOKEN"),
        (403, USER, "not allowed (403): told to answer 403"),
        (404, USER, "not found (404)"),
        (409, USER, "it exists already (409)"),
        (400, USER, "refused (400): told to answer 400"),
        (500, OTHER, "the server failed (500): told to answer 500"),
        (503, OTHER, "the server failed (503)"),
        ("drop", OTHER, "the connection broke off: Remote end closed connection without response"),
        ("page", USER, "a web page answered, not the API: a login page, most likely"),
    ],
)
def test_what_the_server_answers(ask, server, do, code, sentence):
    server.set(rules=[{"call": "GET .*/recurringruns", "do": do}])
    found, said = refused(ask("schedules"))
    assert (found, said.startswith(f"{server.address}: {sentence}")) == (code, True), said


def test_a_server_that_does_not_answer(ask, server):
    server.set(rules=[{"call": "POST .*:disable", "do": "hang", "seconds": 2}])
    code, said = refused(ask("stop", run_id="r", connection={"timeout": 60}))
    assert (code, said.endswith("not found (404): ResourceNotFoundError: r not found")) == (USER, True)
    server.set(rules=[{"call": "POST .*:terminate", "do": "hang", "seconds": 2}])
    code, said = refused(ask("stop", run_id="r", connection={"timeout": 0.5}))
    assert (code, said) == (OTHER, f"{server.address}: no answer in time (kubeflow.connection.timeout)")


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9: no connection (refused); is the address right"),
        ("http://no-such-host.invalid", "http://no-such-host.invalid: there is no host of that name"),
        ("http://[", "http://[: "),
        (None, "no address: say --host"),
    ],
)
def test_a_wrong_address(ask, host, sentence):
    code, said = refused(ask("schedules", connection={"host": host}))
    assert (code, said.startswith(sentence)) == (USER, True), said


def test_plain_http_where_tls_was_asked_for(ask, server):
    code, said = refused(ask("schedules", connection={"host": server.address.replace("http", "https")}))
    assert code == USER
    assert "no TLS connection: " in said


@pytest.fixture
def tls_server(tmp_path):
    """A server whose certificate nobody knows; the certificate."""
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
    code, said = refused(ask("schedules", connection={"host": host}))
    assert code == USER
    assert "certificate verify failed" in said
    assert "kubeflow.connection.ca_file" in said
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
    assert refused(ask("schedules"))[0] == USER
    assert ask("schedules", variables) == (0, {"result": {"schedules": []}})
    assert ask("schedules", none)[0] == USER


def test_a_token_in_a_file_is_read_anew(ask, server, tmp_path):
    token, server_of = tmp_path / "token", {"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "token")}
    for text in ("first", "second"):
        token.write_text(text + "\n")
        server.set(header=["authorization", f"Bearer {text}"])
        assert ask("schedules", server_of)[0] == 0
    token.unlink()
    code, said = refused(ask("schedules", server_of))
    assert (code, said) == (USER, f"{token}: No such file or directory")
    ask("schedules", {"KF_PIPELINES_SA_TOKEN_PATH": ""})


def test_a_server_of_many_users_needs_a_namespace(ask, server):
    server.set(multi_user=True)
    assert refused(ask("schedules"))[1].endswith("a server of many users: say --namespace, or set kubeflow.namespace")
    assert ask("schedules", connection={"namespace": "vision"})[0] == 0
    assert server.calls("GET", "recurringruns")[-1]["query"]["namespace"] == "vision"
