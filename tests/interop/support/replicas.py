"""What two gateways need to be one: a PostgreSQL of their own, over TLS, and HAProxy in front of both."""

from __future__ import annotations

import os
import pathlib
import pwd
import secrets
import shutil
import subprocess
import tempfile

from support import wire
from support.ca import Authority
from support.peers import Program, free_port, listens


def _binaries() -> pathlib.Path:
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert found, "no PostgreSQL in /usr/lib/postgresql"
    return found[-1].parent


class Postgres:
    """A server in a folder of its own. Root may not run one: then it is the user `postgres`, or `nobody`."""

    def __init__(self, authority: Authority) -> None:
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dicomgate-pg-"))
        self._bin = _binaries()
        self._as: dict[str, object] = {}
        if os.getuid() == 0:
            names = [entry.pw_name for entry in pwd.getpwall()]
            own = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self._as = {"user": own.pw_uid, "group": own.pw_gid, "extra_groups": []}
            os.chown(self.folder, own.pw_uid, own.pw_gid)
        self.authority = authority
        certificate = authority.issue("peer-database")
        self._password = secrets.token_hex(16)
        self._place("password", self._password.encode())
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "owner", "-A", "scram-sha-256", "--pwfile", str(self.folder / "password"),
                  "-N", "-E", "UTF8", "--locale=C")  # fmt: skip
        self._place("server.crt", certificate.certificate.read_bytes())
        self._place("server.key", certificate.key.read_bytes())
        settings = {
            "listen_addresses": "'127.0.0.1'", "port": self.port, "unix_socket_directories": f"'{self.folder}'", "ssl": "on",
            "ssl_cert_file": f"'{self.folder / 'server.crt'}'", "ssl_key_file": f"'{self.folder / 'server.key'}'",
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 100, "shared_buffers": "'16MB'",
        }  # fmt: skip
        self._place("more.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()).encode())
        rules = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
        self._place("hba.conf", rules.encode())
        self._process: subprocess.Popen | None = None
        self.start()
        self.sql("CREATE ROLE gate LOGIN PASSWORD '" + self._password + "'")
        self.sql("CREATE DATABASE dicomgate OWNER gate")

    @property
    def url(self) -> str:
        return f"postgres://gate:{self._password}@localhost:{self.port}/dicomgate"

    def _place(self, name: str, raw: bytes) -> None:
        path = self.folder / name
        path.write_bytes(raw)
        path.chmod(0o600)
        if self._as:
            os.chown(path, self._as["user"], self._as["group"])  # type: ignore[arg-type]

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            [str(self._bin / command[0]), *command[1:]], cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C", "PGPASSWORD": self._password}, **self._as,
        )  # fmt: skip
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        with (self.folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-c", f"hba_file={self.folder / 'hba.conf'}",
                 *[one for line in (self.folder / "more.conf").read_text().splitlines() for one in ("-c", line.replace(" = ", "=").replace("'", ""))]],
                cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as,
            )  # fmt: skip
        wire.wait_for(lambda: listens(self.port) and self._answers(), 60, "PostgreSQL")

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "output.log").read_text()[-2000:]
        try:
            return self.sql("SELECT 1", "postgres") == "1"
        except AssertionError:
            return False

    def sql(self, text: str, database: str = "postgres") -> str:
        """What psql says to it, asked as the server's owner."""
        return self._run(
            "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(self.port), "-U", "owner", "-d", database,
            "-c", text,
        ).strip()  # fmt: skip

    def halt(self) -> None:
        """Stops at once, as in a power cut."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(3)
            self._process.wait(30)

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)


class Haproxy(Program):
    """HAProxy with PROXY protocol before the gateways' listeners, healthy as their /ready says.

    `ways` names a frontend and, for each, the gateways' ports and admin ports that it balances over.
    """

    def __init__(self, folder: pathlib.Path, ways: dict[str, list[tuple[int, int]]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ports = {name: free_port() for name in ways}
        text = (
            "global\n    maxconn 4000\n"
            "defaults\n    mode tcp\n    balance roundrobin\n    option redispatch 1\n    retries 5\n    option httpchk GET /ready\n"
            "    timeout connect 5s\n    timeout client 120s\n    timeout server 120s\n    timeout check 2s\n"
        )
        for name, servers in ways.items():
            text += f"listen {name}\n    bind 127.0.0.1:{self.ports[name]}\n"
            for number, (port, admin) in enumerate(servers):
                text += f"    server s{number} 127.0.0.1:{port} send-proxy-v2 check port {admin} inter 200ms fall 1 rise 1\n"
        (folder / "haproxy.cfg").write_text(text)
        super().__init__(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], folder, next(iter(self.ports.values())))
