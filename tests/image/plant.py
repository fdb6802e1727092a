"""The simulated plant on this side of QEMU's network and serial cable."""

import json
import os
import pathlib
import socket
import subprocess
import time

from machine import Failed


class Plant:
    """Runs while the boxes do; answers on two TCP ports and a pseudo-terminal."""

    def __init__(self, folder, binary, description, ports):
        self.folder = pathlib.Path(folder)
        self.control = str(self.folder / "plant.sock")
        self.tty = str(self.folder / "fan.tty")
        text = pathlib.Path(description).read_text()
        text = text.replace("127.0.0.1:1502", f"127.0.0.1:{ports[0]}").replace("127.0.0.1:1503", f"127.0.0.1:{ports[1]}")
        (self.folder / "plant.yaml").write_text(text)
        ready = self.folder / "plant.json"
        env = {**os.environ, "FOREBAY_DEMO_SERIAL": self.tty}
        with open(ready, "wb") as out, open(self.folder / "plant.log", "wb") as log:
            self.process = subprocess.Popen(
                [binary, "--plant", str(self.folder / "plant.yaml"), "--control", self.control, "--calm"],
                stdout=out, stderr=log, env=env)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            if ready.stat().st_size:
                json.loads(ready.read_text())
                return
            time.sleep(0.1)
        raise Failed(f"the simulated plant didn't start: {(self.folder / 'plant.log').read_text()}")

    def say(self, command):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(self.control)
            line.sendall(command.encode() + b"\n")
            return line.makefile().readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
