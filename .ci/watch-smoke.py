"""`local watch` with the real cargo-lambda: two users register, log in and talk through the function binaries, and nothing is left behind.

Needs cargo-lambda on the PATH and the package `websockets`. The argument is the command that starts `local watch`.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request

import websockets

DEADLINE = 1200  # seconds: the first run compiles every function


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or "null")


def user(base, name):
    """Registers and logs in: the token and the id."""
    account = {"username": name, "email": f"{name}@example.com", "password": "correct horse"}
    post(f"{base}/auth/register", account)
    token = post(f"{base}/auth/login", {"email": account["email"], "password": account["password"]})["token"]
    me = urllib.request.Request(f"{base}/users/me", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(me, timeout=30) as answer:
        return token, json.loads(answer.read())["id"]


async def frame(socket, kind):
    """The next frame of this type."""
    while True:
        received = json.loads(await asyncio.wait_for(socket.recv(), 60))
        if received["type"] == kind:
            return received


async def talk(base):
    (ada, _), (bob, bob_id) = user(base, "ada"), user(base, "bob")
    url = base.replace("http://", "ws://") + "/ws?token="
    async with websockets.connect(url + ada, open_timeout=60) as from_ada:
        await from_ada.send(json.dumps({"type": "direct_message", "to": bob_id, "content": "while away"}))
        await frame(from_ada, "direct_message")
        async with websockets.connect(url + bob, open_timeout=60) as to_bob:
            assert (await frame(to_bob, "direct_message"))["content"] == "while away"
            await frame(to_bob, "sync_complete")
            await from_ada.send(json.dumps({"type": "direct_message", "to": bob_id, "content": "hello"}))
            assert (await frame(to_bob, "direct_message"))["content"] == "hello"
            await to_bob.send('{"type":"ping"}')
            await frame(to_bob, "pong")


def processes(marker):
    """The processes whose environment has this in it."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environment:
                if marker.encode() in environment.read():
                    yield int(pid)
        except OSError:
            pass


def end(folder):
    """Ends all that was started: what cargo-lambda started would hold the pipe, and so this process."""
    for pid in processes(f"CONFAB_DIR={folder}"):
        os.kill(pid, signal.SIGKILL)


def main():
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"CONFAB_DIR": folder, "PORT": "0"}
        product = subprocess.Popen(sys.argv[1:], env=environment, stdout=subprocess.PIPE, text=True)
        signal.signal(signal.SIGALRM, lambda *_: end(folder))
        signal.alarm(DEADLINE)
        base = None
        while not base:
            line = product.stdout.readline()
            assert line, "local ended before it served"
            sys.stdout.write(line)
            if found := re.search(r"REST +(http://\S+)", line):
                base = found.group(1)
        # Whatever the functions print: a full pipe would hold them up.
        rest = threading.Thread(target=lambda: [sys.stdout.write(line) for line in product.stdout], daemon=True)
        rest.start()
        try:
            asyncio.run(talk(base))
        finally:
            product.send_signal(signal.SIGINT)
            status = product.wait()
            # Ends when the last process that has the pipe has ended.
            rest.join()
        assert status == 0, status
        left = list(processes(f"CONFAB_DIR={folder}"))
        assert not left, left


main()
