"""One SeaweedFS: master, volume server, filer and S3 gateway in one process, with its data in a folder."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET, NO_BUCKET = "tests", "no-such-bucket"
# For fsspec, to wait for a failing store less long than a user does.
IMPATIENT = {"config_kwargs": {"read_timeout": 1, "retries": {"total_max_attempts": 1}}}
_ADMIN, _USER = ("admin", "secret of the admin"), ("someone", "secret of someone")
_START_SECONDS = 60
_BUILT = Path(__file__).parents[2] / ".tools" / "weed"
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


def missing() -> str | None:
    """Why there is no SeaweedFS; None if there is one."""
    return None if _binary() else "no SeaweedFS here: `make test-s3` builds it (.tools/weed)"


def _binary() -> str | None:
    return str(_BUILT) if _BUILT.is_file() else shutil.which("weed")


class SeaweedFS:
    """A running store with the bucket ``BUCKET``, in which ``environment`` may read and write, and no more.

    Attributes:
      endpoint: its address.
      port: on loopback.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(len(_PORTS) + 2)
        *ports, self.port, grpc = self._ports
        self.endpoint = f"http://127.0.0.1:{self.port}"
        (folder / "data").mkdir(parents=True)
        (folder / "identities.json").write_text(json.dumps(_identities()))
        given = {
            **dict(zip(_PORTS, map(str, ports), strict=True)),
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": str(folder / "data"),
            "s3": "true",
            "s3.port": str(self.port),
            "s3.port.grpc": str(grpc),
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "s3.localSocket": str(folder / "s3.sock"),
            "filer.localSocket": str(folder / "filer.sock"),
            "s3.config": str(folder / "identities.json"),
            "s3.iam": "false",
            "volume.max": "50",
            "master.volumeSizeLimitMB": "64",
            "master.telemetry": "false",
        }
        self._log = (folder / "log.txt").open("w")
        self._process = subprocess.Popen(
            [str(_binary()), "server", *(f"-{name}={value}" for name, value in given.items())],
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},  # its configuration is looked for there
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._create_bucket()
        except BaseException:
            self.stop()
            raise

    @property
    def version(self) -> str:
        """As it names itself."""
        return subprocess.run([str(_binary()), "version"], capture_output=True, text=True, check=True).stdout.strip()

    def environment(self, endpoint: str | None = None, key: str = _USER[0], secret: str = _USER[1]) -> dict[str, str]:
        """What a user sets, and that nobody asks a cloud for keys."""
        return {
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections, and does not answer."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends it, with the sockets that it opens in /tmp."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        for port in self._ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()

    def _create_bucket(self) -> None:
        quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=_ADMIN[0],
            aws_secret_access_key=_ADMIN[1],
            region_name="us-east-1",
            config=quick,
        )
        until = time.monotonic() + _START_SECONDS
        while not _created(client):
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError((self._folder / "log.txt").read_text()[-3000:])
            time.sleep(0.2)


def _created(client: Any) -> bool:
    """Whether there is a bucket that takes objects, for the first of which a volume has to be made."""
    try:
        with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
            client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
    except (BotoCoreError, ClientError):
        return False
    return True


def _identities() -> dict[str, object]:
    own = [f"{action}:{bucket}" for bucket in (BUCKET, NO_BUCKET) for action in ("Read", "Write", "List", "Tagging")]
    people = {"admin": (_ADMIN, ["Admin"]), "someone": (_USER, own)}
    return {
        "identities": [
            {"name": name, "credentials": [{"accessKey": keys[0], "secretKey": keys[1]}], "actions": actions}
            for name, (keys, actions) in people.items()
        ]
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
