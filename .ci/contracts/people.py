"""Users with messages, made over the API itself: what authenticated calls are made for, and with."""

import itertools
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from websockets.sync.client import connect

PASSWORD = "correct horse"
# How many of a user's messages are there to be edited, and as many to be deleted.
MESSAGES = 4
# A user may make 60 calls at once and one more each second: now and then one is refused, most are not.
CALLS_PER_USER = 75


@dataclass(frozen=True)
class Person:
    """A user who has written to another, and been written to."""

    token: str
    partner: str
    editable: list[str]
    deletable: list[str]
    foreign: list[str]


class People:
    """An endless supply of users, each for so many calls that a rate limit is met now and then and does not get in the way."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._names = (f"person-{number}" for number in itertools.count())
        self._partner = self._register()
        self._turns = self._take_turns()

    def next(self) -> Person:
        """Who makes the next call."""
        return next(self._turns)

    def _take_turns(self) -> Iterator[Person]:
        while True:
            person = self._make()
            yield from itertools.repeat(person, CALLS_PER_USER)

    def _make(self) -> Person:
        user_id, token = self._register()
        partner_id, partner_token = self._partner
        own = self._send(token, partner_id, 2 * MESSAGES)
        return Person(
            token=token,
            partner=partner_id,
            editable=own[:MESSAGES],
            deletable=own[MESSAGES:],
            foreign=self._send(partner_token, user_id, 1),
        )

    def _register(self) -> tuple[str, str]:
        name = next(self._names)
        account = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        self._call("POST", "/auth/register", account)
        token = json.loads(self._call("POST", "/auth/login", account))["token"]
        return json.loads(self._call("GET", "/users/me", token=token))["id"], token

    def _call(self, method: str, path: str, body: dict | None = None, token: str | None = None) -> bytes:
        request = urllib.request.Request(self._base_url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request) as response:
            return response.read()

    def _send(self, token: str, to: str, count: int) -> list[str]:
        """Sends messages and returns their ids. What the user had missed comes before the first acknowledgement."""
        url = self._base_url.replace("http", "ws", 1)
        ids = []
        with connect(f"{url}/ws?token={token}") as socket:
            while json.loads(socket.recv())["type"] != "sync_complete":
                pass
            for number in range(count):
                socket.send(json.dumps({"type": "direct_message", "to": to, "content": f"message {number}"}))
                ids.append(json.loads(socket.recv())["id"])
        return ids
