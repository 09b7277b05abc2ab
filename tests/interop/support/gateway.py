"""The gateway under test: writes its two files, runs the program, asks its commands."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

from support import wire
from support.ca import Authority, Certificate
from support.peers import free_port

ROOT = pathlib.Path(__file__).resolve().parents[3]


def program() -> pathlib.Path:
    """The program under test: `DICOMGATE_BIN`, or the release build of this clone."""
    named = os.environ.get("DICOMGATE_BIN")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return pathlib.Path(named) if named else target / "release" / "dicomgate"


class Verbatim(str):
    """A TOML value that is written as it stands."""


def _value(value: object) -> str:
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return json.dumps(str(value) if isinstance(value, pathlib.Path) else value)


def toml(tables: dict[str, object]) -> str:
    """A dictionary of tables, and of lists of tables, as TOML."""
    out = ""
    for name, table in tables.items():
        if isinstance(table, list):
            for one in table:
                out += f"[[{name}]]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in one.items()) + "\n"
        elif isinstance(table, dict):
            out += f"[{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in table.items()) + "\n"
        else:
            out = f"{name} = {_value(table)}\n" + out
    return out


def peer(title: str, certificate: str | None, **more: object) -> dict[str, object]:
    """A peer of the policy, on loopback unless told otherwise."""
    table: dict[str, object] = {"ae_titles": [title]}
    if certificate is not None:
        table["certificate"] = certificate
    return table | {"network": ["127.0.0.0/8"]} | more


def rule(name: str, who: list[str], may: list[str], **more: object) -> dict[str, object]:
    return {"name": name, "who": who, "to": ["PACS"], "may": may} | more


class Gateway:
    """One gateway in a folder of its own: a mutual TLS listener, a plain one where `plain` is set, and an inside one at port `inside`."""

    def __init__(
        self,
        folder: pathlib.Path,
        authority: Authority,
        own: Certificate,
        archive: int,
        *,
        policy: dict[str, object],
        plain: bool = False,
        balancers: list[str] | None = None,
        crl: bool = False,
        archive_settings: dict[str, object] | None = None,
        archives: list[dict[str, object]] | None = None,
        listen: dict[str, object] | None = None,
        inside: int | None = None,
        inside_settings: dict[str, object] | None = None,
        gateway_settings: dict[str, object] | None = None,
        **tables: dict[str, object],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.authority = folder, authority
        self.secure_port, self.plain_port, self.admin_port = free_port(), free_port(), free_port()
        self.inside_port = inside or 0
        self.config, self.policy_file = folder / "gateway.toml", folder / "policy.toml"
        self.process: subprocess.Popen | None = None
        # False: a file that may not grow (RLIMIT_FSIZE) is an error of write(2), as on a full disk, and no signal
        self.restore_signals = True
        self.environment: dict[str, str] = {}
        tls: dict[str, object] = {
            "certificate": own.certificate,
            "private_key": own.key,
            "client_ca": authority.certificate,
        }
        if crl:
            tls["crl"] = authority.crl
        outside: dict[str, object] = {
            "name": "outside",
            "address": f"127.0.0.1:{self.secure_port}",
            "tls": "mutual",
            "serves": "peers",
        }
        if balancers:
            outside["proxy_protocol"] = balancers
        listeners = [outside | (listen or {})]
        if plain:
            listeners.append(
                {"name": "plain", "address": f"127.0.0.1:{self.plain_port}", "tls": "off", "serves": "peers", "network": ["127.0.0.0/8"]}
            )  # fmt: skip
        if inside is not None:
            listeners.append(
                {"name": "inside", "address": f"127.0.0.1:{inside}", "tls": "off", "serves": "archive", "network": ["127.0.0.0/8"]}
                | (inside_settings or {})
            )  # fmt: skip
        first: dict[str, object] = {"ae_title": "PACS", "address": f"127.0.0.1:{archive}"}
        settings: dict[str, object] = {
            "gateway": {"name": "gate-test", "state": folder / "state"} | (gateway_settings or {}),
            "tls": tls,
            "listen": listeners,
            "archive": [first | (archive_settings or {}), *(archives or [])],
            "policy": {"file": self.policy_file},
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
        }
        self.settings = settings | tables
        self.config.write_text(toml(self.settings))
        self.write_policy(policy)

    @property
    def secure(self) -> tuple[str, int]:
        return ("127.0.0.1", self.secure_port)

    @property
    def plain(self) -> tuple[str, int]:
        return ("127.0.0.1", self.plain_port)

    def write_policy(self, policy: dict[str, object] | str) -> None:
        """Puts a policy in place as an editor does: written beside, then renamed over the old one."""
        raw = policy if isinstance(policy, str) else toml(policy)
        beside = self.policy_file.with_suffix(".new")
        beside.write_text(raw)
        beside.replace(self.policy_file)

    # --- the process ---

    def start(self, seconds: float = 20) -> Gateway:
        with (self.folder / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(program()), "run", "--config", str(self.config)],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, restore_signals=self.restore_signals,
                env=os.environ | self.environment,
            )  # fmt: skip
        wire.wait_for(self._up, seconds, "the gateway's /ready")
        return self

    def _up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}:\n{self.output()[-3000:]}"
        return self.ready()

    def ready(self) -> bool:
        try:
            return self.http("/ready")[0] == 200
        except OSError:
            return False

    def http(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as fault:
            return fault.code, fault.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that bear these labels."""
        total = 0.0
        for line in self.http("/metrics")[1].splitlines():
            found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if found and found[1] == name:
                named = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
                if labels.items() <= named.items():
                    total += float(found[3])
        return total

    def output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int | None:
        """SIGTERM, and SIGKILL if that is not enough; the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def reconfigure(self, **tables: object) -> None:
        """Stops it, puts these tables of its configuration in the place of its own, and starts it again."""
        self.stop()
        self.settings |= tables
        self.config.write_text(toml(self.settings))
        self.start()

    def resident(self) -> int:
        """Resident memory in bytes."""
        return self._memory("VmRSS")

    def most_resident(self) -> int:
        """The most that it has ever been, or been since that was forgotten, in bytes."""
        return self._memory("VmHWM")

    def forget_most_resident(self) -> None:
        # The gateway is not dumpable: only root may.
        with contextlib.suppress(PermissionError):
            pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory(self, name: str) -> int:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self) -> int:
        folder = pathlib.Path(f"/proc/{self.pid}/fd")
        try:
            return len(list(folder.iterdir()))
        except PermissionError:
            # The gateway is not dumpable: only root may list them. Their number is the size of the folder (Linux 6.2).
            return folder.stat().st_size

    # --- its commands ---

    def run(self, *arguments: str, ok: bool = True, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """A command of the program, with this gateway's configuration unless the arguments say where the log lies."""
        place = [] if "--state" in arguments else ["--config", str(self.config)]
        done = subprocess.run(
            [str(program()), *arguments, *place],
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        if ok:
            assert done.returncode == 0, f"dicomgate {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def run_with(self, said: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that reads what it is told."""
        done = subprocess.run(
            [str(program()), *arguments, "--config", str(self.config)],
            cwd=self.folder, input=said, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"dicomgate {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def records(self) -> list[dict]:
        """Every audit record, oldest first."""
        return [json.loads(line) for line in self.run("audit", "show", "--format", "json", "--state", str(self.folder / "state")).stdout.splitlines() if line]

    def why(self, *question: str) -> str:
        """The decision in words."""
        return self.run("why", *question).stdout

    # --- callers ---

    def call(self, certificate: Certificate | None, **how: object) -> wire.Wire:
        """A TLS connection with a certificate of the gateway's authority."""
        context = how.pop("context", None) or self.authority.client(certificate)
        assert isinstance(context, ssl.SSLContext)
        return wire.secure(self.secure, context, **how)  # type: ignore[arg-type]
