"""A cluster of PostgreSQL in network namespaces: servers that Patroni watches by etcd, and hosts of clients beside them.

This process enters the namespace of the bridge, where etcd is, and moves the cables of all others from there. Needs root and Debian's
packages postgresql, patroni and etcd-server.
"""

import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import outside

NET = "10.87.0."
ETCD = NET + "1"
SERVERS, HOSTS = 3, 4
CLONE_NEWNET = 0x40000000
PASSWORD = "secret"


def bin_dir():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    if os.geteuid() != 0 or not found or not shutil.which("patroni") or not shutil.which("etcd"):
        outside.skip("needs root, and postgresql, patroni and etcd-server (Debian)")
    return found[-1]


def sh(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options).stdout


class Namespace:
    """A machine: its processes, and its cable to the bridge."""

    def __init__(self, cluster, name, address):
        self.name, self.address = f"tenon{os.getpid()}-{name}", address
        self.cable = f"{name}"
        sh("ip", "netns", "add", self.name)
        cluster.namespaces.append(self)

    def connect(self):
        sh("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        sh("ip", "link", "set", self.cable, "master", "bridge", "up")
        sh("ip", "-n", self.name, "addr", "add", self.address + "/24", "dev", "eth0")
        sh("ip", "-n", self.name, "link", "set", "eth0", "up")
        sh("ip", "-n", self.name, "link", "set", "lo", "up")

    def command(self, *command):
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def cut_off(self, is_cut=True):
        sh("ip", "link", "set", self.cable, "down" if is_cut else "up")

    def processes(self):
        return [int(pid) for pid in sh("ip", "netns", "pids", self.name).split()]

    def kill(self):
        """As a machine whose power is cut: nothing of it goes on."""
        while pids := self.processes():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)


class Server(Namespace):
    def __init__(self, cluster, number):
        super().__init__(cluster, f"db{number}", f"{NET}{10 + number}")
        self.cluster, self.number = cluster, number
        self.folder = os.path.join(cluster.folder, f"db{number}")
        self.patroni = None

    def write(self, bin_dir):
        os.mkdir(self.folder)
        tls = {"ssl": "on", "ssl_cert_file": f"{self.cluster.folder}/server.pem",
               "ssl_key_file": f"{self.cluster.folder}/server.key"}
        config = {
            "scope": "tenon", "name": f"db{self.number}",
            "restapi": {"listen": f"{self.address}:8008", "connect_address": f"{self.address}:8008"},
            "etcd": {"host": f"{ETCD}:2379"},
            "bootstrap": {
                "dcs": {"ttl": 5, "loop_wait": 1, "retry_timeout": 3, "primary_start_timeout": 0,
                        "maximum_lag_on_failover": 100_000_000, "synchronous_mode": True, "synchronous_mode_strict": True,
                        "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 200, "wal_keep_size": "512MB"}}},
                "initdb": [{"encoding": "UTF8"}, "data-checksums", "no-sync"]},
            "postgresql": {
                "listen": f"{self.address}:5432", "connect_address": f"{self.address}:5432",
                "data_dir": self.data, "bin_dir": bin_dir, "pgpass": os.path.join(self.folder, "pgpass"),
                "authentication": {"superuser": {"username": "postgres", "password": PASSWORD},
                                   "replication": {"username": "replica", "password": PASSWORD},
                                   "rewind": {"username": "postgres", "password": PASSWORD}},
                "pg_hba": ["local all all trust", "hostssl all tenon 10.87.0.0/24 scram-sha-256",
                           "host all postgres 10.87.0.0/24 scram-sha-256", "host replication replica 10.87.0.0/24 scram-sha-256"],
                # Death of processes is tested, not of disks.
                "parameters": {"unix_socket_directories": self.folder, "fsync": "off", "password_encryption": "scram-sha-256"} | tls}}
        with open(os.path.join(self.folder, "patroni.json"), "w") as file:
            json.dump(config, file)
        shutil.chown(self.folder, "postgres")

    @property
    def data(self):
        return os.path.join(self.folder, "data")

    def start(self):
        log = open(os.path.join(self.cluster.folder, f"db{self.number}.log"), "a")
        self.patroni = subprocess.Popen(
            self.command("runuser", "-u", "postgres", "--", "patroni", os.path.join(self.folder, "patroni.json")),
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/")

    def status(self):
        try:
            with urllib.request.urlopen(f"http://{self.address}:8008/patroni", timeout=1) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)
        except OSError:
            return {}

    def postmaster(self):
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            return int(file.readline())

    def watchers(self):
        """Patroni's own processes."""
        def is_patroni(pid):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    command = file.read().split("\0")
            except OSError:
                return False
            return any(part.endswith("/patroni") for part in command[:3])
        return [pid for pid in self.processes() if is_patroni(pid)]

    def is_standby(self):
        status = self.status()
        return status.get("state") == "running" and status.get("role") == "replica" and "sync_standby" in status


class Cluster:
    def __init__(self):
        tools = bin_dir()
        # Where the user postgres gets to.
        self.folder = tempfile.mkdtemp(prefix="tenon-cluster.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.namespaces, self.etcd = [], None
        hub = Namespace(self, "hub", ETCD)
        with open(f"/run/netns/{hub.name}") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "bridge", "type", "bridge")
        sh("ip", "addr", "add", ETCD + "/24", "dev", "bridge")
        sh("ip", "link", "set", "bridge", "up")
        self.servers = [Server(self, number) for number in range(1, SERVERS + 1)]
        self.hosts = [Namespace(self, f"h{number}", f"{NET}{20 + number}") for number in range(1, HOSTS + 1)]
        for namespace in self.servers + self.hosts:
            namespace.connect()
        self.certificates()
        for server in self.servers:
            server.write(tools)
        log = open(os.path.join(self.folder, "etcd.log"), "a")
        self.etcd = subprocess.Popen(
            ["etcd", "--enable-v2=true", "--data-dir", os.path.join(self.folder, "etcd"),
             "--listen-client-urls", f"http://{ETCD}:2379", "--advertise-client-urls", f"http://{ETCD}:2379",
             "--unsafe-no-fsync"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for server in self.servers:
            server.start()
        self.wait()
        self.sql(f"CREATE ROLE tenon LOGIN PASSWORD '{PASSWORD}'", "postgres")
        self.sql("CREATE DATABASE keys OWNER tenon", "postgres")

    def certificates(self):
        def path(name):
            return os.path.join(self.folder, name)
        names = path("names")
        with open(names, "w") as file:
            file.write("subjectAltName=" + ",".join(f"IP:{server.address}" for server in self.servers))
        curve = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"
        sh("openssl", "req", "-x509", *curve, "-days", 2, "-subj", "/CN=ca", "-keyout", path("ca.key"), "-out", path("ca.pem"))
        sh("openssl", "req", *curve, "-subj", "/CN=server", "-keyout", path("server.key"), "-out", path("server.csr"))
        sh("openssl", "x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
           "-days", 2, "-extfile", names, "-out", path("server.pem"))
        shutil.chown(path("server.key"), "postgres")
        os.chmod(path("server.key"), 0o600)

    def url(self):
        hosts = ",".join(server.address for server in self.servers)
        return f"postgresql://tenon:{PASSWORD}@{hosts}/keys?sslrootcert={self.folder}/ca.pem&connect_timeout=1"

    def leader(self):
        """The server that etcd's readers take for the primary, and that says so itself; `None` while there is none."""
        for server in self.servers:
            status = server.status()
            if status.get("role") in ("master", "primary") and status.get("state") == "running":
                return server
        return None

    def wait(self, other_than=None, standbys=SERVERS - 1, seconds=180):
        """Waits for a primary with so many standbys, one of them synchronous; returns it and the seconds that took."""
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            states = [(server, server.status()) for server in self.servers]
            running = [(server, status) for server, status in states if status.get("state") == "running"
                       or status.get("state") == "streaming"]
            primary = [server for server, status in running if status.get("role") in ("master", "primary") and server is not other_than]
            others = [status for server, status in running if status.get("role") == "replica"]
            if len(primary) == 1 and len(others) >= standbys and any(status.get("sync_standby") for status in others):
                return primary[0], time.monotonic() - begun
            time.sleep(0.1)
        raise AssertionError(f"no primary with {standbys} standbys: {[server.status() for server in self.servers]}")

    def sql(self, statement, database="keys"):
        leader = self.leader()
        return sh("psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-h", leader.folder, "-U", "postgres", "-d", database, "-c", statement)

    def close(self):
        for namespace in self.namespaces[1:]:
            namespace.kill()
        if self.etcd:
            self.etcd.kill()
            self.etcd.wait()
        for namespace in self.namespaces:
            sh("ip", "netns", "del", namespace.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    # Runs a program on a host of a cluster.
    with Cluster() as servers:
        os.environ["TENON_STORE_URL"] = servers.url()
        sys.exit(subprocess.run(servers.hosts[0].command(*sys.argv[1:])).returncode)
