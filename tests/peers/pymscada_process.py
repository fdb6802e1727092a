"""Starts and stops unmodified pymscada modules as processes of their own, on free ports, in a folder that goes away."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ports import free_port

# Python and what pymscada imports take ten seconds to start on a small machine that does other things too.
START_S = 120


def listens(port, host="127.0.0.1"):
    """True when something accepts a connection there."""
    try:
        socket.create_connection((host, port), 0.2).close()
        return True
    except OSError:
        return False


class Module:
    """One `python -m pymscada MODULE` with its log in a file."""

    def __init__(self, folder, module, config, tags=None, listening=None, extra=()):
        self.module = module
        self.port = listening
        self.log_path = os.path.join(folder, f"{module}.log")
        argv = [sys.executable, "-m", "pymscada", module, "--config", config, *extra]
        if tags:
            argv += ["--tags", tags]
        self.log = open(self.log_path, "wb")
        # Its own group, so that a stop reaches everything it may have started.
        self.process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self):
        """The process id."""
        return self.process.pid

    def alive(self):
        """True while the process runs."""
        return self.process.poll() is None

    def wait_listening(self, seconds=START_S):
        """Waits until its port accepts connections; raises with the end of its log when it doesn't."""
        end = time.monotonic() + seconds
        while not listens(self.port):
            if not self.alive() or time.monotonic() > end:
                raise RuntimeError(f"pymscada {self.module} does not listen on {self.port}: {self.tail()}")
            time.sleep(0.02)
        return self

    def tail(self, size=800):
        """The end of what it logged."""
        self.log.flush()
        with open(self.log_path, "rb") as log:
            return log.read()[-size:].decode(errors="replace")

    def stop(self):
        """SIGINT, as its systemd units do, then SIGKILL."""
        for how, patience in ((signal.SIGINT, 1), (signal.SIGKILL, 3)):
            if not self.alive():
                break
            try:
                os.killpg(self.process.pid, how)
                self.process.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.log.close()


class OwnBus:
    """pymscada's bus server on a free port: `with OwnBus() as (host, port)`."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="peer-bus-")
        self.module = None

    def start(self):
        """Starts a fresh bus and returns its address."""
        port = free_port()
        path = os.path.join(self.folder.name, "bus.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"ip: 127.0.0.1\nport: {port}\n")
        self.module = Module(self.folder.name, "bus", path, listening=port).wait_listening()
        return "127.0.0.1", port

    def stop(self):
        """Stops it."""
        if self.module:
            self.module.stop()
            self.module = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()
