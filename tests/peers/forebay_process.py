"""Starts Forebay for the peers: `forebay bus` alone, or `forebay run` on a folder, with its log kept and its end waited for."""

import os
import signal
import subprocess
import time

from ports import free_port
from pymscada_process import listens


class Forebay:
    """One forebay process in a folder of its own; `with Forebay(binary, folder, "bus", "--config", path) as it`."""

    def __init__(self, binary, folder, bus_port, *words):
        self.log_path = os.path.join(folder, "forebay.log")
        self.bus_port = bus_port
        for name in ("run", "state"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [os.path.abspath(binary), *words, "--runtime", os.path.join(folder, "run"), "--state", os.path.join(folder, "state")],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
        )

    @classmethod
    def bus(cls, binary, folder):
        """The bus alone, on a free port."""
        port = free_port()
        path = os.path.join(folder, "bus.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"ip: 127.0.0.1\nport: {port}\n")
        return cls(binary, folder, port, "bus", "--config", path)

    def wait_listening(self, seconds=20):
        """Waits until the bus port accepts; raises with the end of the log when it doesn't."""
        end = time.monotonic() + seconds
        while not listens(self.bus_port):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"forebay does not listen on {self.bus_port}: {self.tail()}")
            time.sleep(0.01)
        return self

    def tail(self, size=3000):
        """The end of its log."""
        with open(self.log_path, "rb") as log:
            return log.read()[-size:].decode(errors="replace")

    def stop(self):
        """SIGTERM, and its exit code; None when it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        finally:
            self.log.close()

    def __enter__(self):
        return self.wait_listening()

    def __exit__(self, *_):
        self.stop()
