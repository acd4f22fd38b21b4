"""boto3 against `@connections` of the real `local`.

Usage: management.py <path to the binary local>

The functions run behind a Lambda Invoke API, which is this script: it admits every connection and so learns their ids.
"""

import configparser
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE = 60
FRAME = 128 * 1024
BINARY = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else None


class Functions(BaseHTTPRequestHandler):
    """The Invoke API: lets everything pass, and tells of the events."""

    events: Queue = Queue()

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = b'{"statusCode": 200}'
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.events.put(event["requestContext"])

    def log_message(self, *_):
        pass

    @classmethod
    def next(cls, kind, connection=None):
        """The context of the next event of this type, and of this connection where one is given."""
        while True:
            context = cls.events.get(timeout=PATIENCE)
            if context["eventType"] == kind and connection in (None, context["connectionId"]):
                return context


class Product:
    """The binary, running in a folder of its own."""

    def __init__(self, folder, *options):
        functions = ThreadingHTTPServer(("127.0.0.1", 0), Functions)
        threading.Thread(target=functions.serve_forever, daemon=True).start()
        environment = {"PATH": os.environ["PATH"], "CONFAB_DIR": folder, "PORT": "0"}
        url = f"http://127.0.0.1:{functions.server_port}"
        self.functions = functions
        self.log = open(Path(folder).with_suffix(".log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [BINARY, "--lambda", url, *options],
            env=environment,
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.address = self._address()

    def _address(self):
        for line in self.process.stdout:
            if "REST" in line:
                return line.split("http://")[1].strip()
        raise AssertionError("no banner: " + Path(self.log.name).read_text(encoding="utf-8"))

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.functions.shutdown()
        self.functions.server_close()
        self.log.close()

    def client(self, key_id="an id", key="a key", **options):
        """The SDK's client. What is left open comes from boto3's defaults."""
        return boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=f"http://{self.address}/ws",
            region_name="eu-central-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=key,
            config=Config(**options),
        )


class Case(unittest.TestCase):
    options: tuple = ()

    @classmethod
    def setUpClass(cls):
        cls.parent = tempfile.TemporaryDirectory(prefix="confab_boto3_", ignore_cleanup_errors=True)
        # Postgres' own user must be able to enter the folder.
        os.chmod(cls.parent.name, 0o755)
        cls.folder = str(Path(cls.parent.name) / "confab")
        cls.product = Product(cls.folder, *cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.product.stop()
        cls.parent.cleanup()

    def socket(self, **options):
        """A socket until the test's end, and its connection's id."""
        socket = self.enterContext(connect(f"ws://{self.product.address}/ws", max_size=None, **options))
        return socket, Functions.next("CONNECT")["connectionId"]

    def refusal(self, call, **arguments):
        """Status, code and message of the error that a call ends in."""
        with self.assertRaises(ClientError) as raised:
            call(**arguments)
        response = raised.exception.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


class Unsigned(Case):
    """As it is by default: signatures are not looked at."""

    def test_post_get_delete(self):
        sdk = self.product.client()
        socket, connection = self.socket(user_agent_header="a client")
        answer = sdk.post_to_connection(ConnectionId=connection, Data="é 😀".encode())
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 200)
        self.assertEqual(len(answer["ResponseMetadata"]["RequestId"]), 16)
        self.assertEqual(socket.recv(PATIENCE), "é 😀")
        told = sdk.get_connection(ConnectionId=connection)
        self.assertEqual(told["Identity"], {"SourceIp": "127.0.0.1", "UserAgent": "a client"})
        self.assertLessEqual(told["ConnectedAt"], told["LastActiveAt"])
        self.assertLess(abs(time.time() - told["ConnectedAt"].timestamp()), PATIENCE)
        answer = sdk.delete_connection(ConnectionId=connection)
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 204)
        with self.assertRaises(ConnectionClosed) as closed:
            socket.recv(PATIENCE)
        self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (1000, "Connection Closed Normally"))
        context = Functions.next("DISCONNECT", connection)
        self.assertEqual(context["disconnectStatusCode"], 1000)

    def test_who_has_left_is_gone(self):
        sdk = self.product.client()
        socket, connection = self.socket()
        socket.close()
        Functions.next("DISCONNECT", connection)
        for call, arguments in (
            (sdk.post_to_connection, {"Data": b"x"}),
            (sdk.get_connection, {}),
            (sdk.delete_connection, {}),
        ):
            with self.assertRaises(sdk.exceptions.GoneException):
                call(ConnectionId=connection, **arguments)

    def test_a_frame_over_128_kb_is_too_large(self):
        sdk = self.product.client()
        socket, connection = self.socket()
        sdk.post_to_connection(ConnectionId=connection, Data=b"x" * FRAME)
        self.assertEqual(len(socket.recv(PATIENCE)), FRAME)
        with self.assertRaises(sdk.exceptions.PayloadTooLargeException):
            sdk.post_to_connection(ConnectionId=connection, Data=b"x" * (FRAME + 1))

    def test_what_is_not_text_is_a_bad_request(self):
        sdk = self.product.client()
        _, connection = self.socket()
        status, code, message = self.refusal(sdk.post_to_connection, ConnectionId=connection, Data=b"\xff")
        self.assertEqual((status, code), (400, "BadRequestException"))
        self.assertIn("UTF-8", message)

    def test_an_id_may_be_encoded_in_any_way(self):
        socket, connection = self.socket()
        for path in (
            "@connections/" + connection,
            "@connections/" + connection.replace("=", "%3D"),
            "@connections/" + connection.replace("=", "%3d"),
            "%40connections/" + urllib.parse.quote(connection),
        ):
            request = urllib.request.Request(f"http://{self.product.address}/ws/{path}", data=path.encode())
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                self.assertEqual((answer.status, answer.read()), (200, b""))
            self.assertEqual(socket.recv(PATIENCE), path)

    def test_a_page_or_a_proxy_is_forbidden(self):
        sdk = self.product.client()
        _, connection = self.socket()
        for name, value in (
            ("Origin", "http://localhost"),
            ("Forwarded", "for=192.0.2.7"),
            ("X-Forwarded-For", "192.0.2.7"),
            ("Host", "rebound.example"),
        ):
            handler = lambda request, name=name, value=value, **_: request.headers.add_header(name, value)
            sdk.meta.events.register_first("before-sign.*", handler, unique_id="header")
            with self.assertRaises(sdk.exceptions.ForbiddenException, msg=name):
                sdk.post_to_connection(ConnectionId=connection, Data=b"x")
            sdk.meta.events.unregister("before-sign.*", handler, unique_id="header")

    def test_a_client_that_does_not_read_is_a_limit_and_nothing_arrives_twice(self):
        sdk = self.product.client(retries={"mode": "standard", "max_attempts": 2}, max_pool_connections=40)
        socket, connection = self.socket(max_queue=1)

        def post(number):
            try:
                sdk.post_to_connection(ConnectionId=connection, Data=f"{number}{' ' * 100 * 1024}".encode())
            except sdk.exceptions.LimitExceededException:
                return False
            return True

        with ThreadPoolExecutor(40) as pool:
            posts = [pool.submit(post, number) for number in range(120)]
            while not any(done.done() and not done.result() for done in posts):
                self.assertTrue(any(not done.done() for done in posts), "nothing was refused")
                time.sleep(0.01)
            arrived = []
            reader = threading.Thread(target=lambda: arrived.extend(numbers_until_end(socket)))
            reader.start()
            taken = [number for number, done in enumerate(posts) if done.result(PATIENCE)]
        sdk.post_to_connection(ConnectionId=connection, Data=b"end")
        reader.join(PATIENCE)
        self.assertEqual(sorted(arrived), taken)


def numbers_until_end(socket):
    while (text := socket.recv(PATIENCE)) != "end":
        yield int(text)


class Signed(Case):
    """With --require-sigv4, and the credentials that the first start makes."""

    options = ("--require-sigv4",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path = Path(cls.folder) / "aws-credentials"
        assert path.stat().st_mode & 0o777 == 0o600, oct(path.stat().st_mode)
        parser = configparser.ConfigParser()
        parser.read(path)
        cls.key_id = parser["default"]["aws_access_key_id"]
        cls.key = parser["default"]["aws_secret_access_key"]

    def test_the_right_key_may_call(self):
        socket, connection = self.socket()
        sdk = self.product.client(self.key_id, self.key)
        sdk.post_to_connection(ConnectionId=connection, Data=b"signed")
        self.assertEqual(socket.recv(PATIENCE), "signed")
        self.assertIn("ConnectedAt", sdk.get_connection(ConnectionId=connection))
        sdk.delete_connection(ConnectionId=connection)
        with self.assertRaises(sdk.exceptions.GoneException):
            sdk.get_connection(ConnectionId=connection)

    def test_the_file_is_one_that_sdks_read(self):
        socket, connection = self.socket()
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(Path(self.folder) / "aws-credentials")
        self.addCleanup(os.environ.pop, "AWS_SHARED_CREDENTIALS_FILE")
        session = boto3.Session(region_name="eu-central-1")
        sdk = session.client("apigatewaymanagementapi", endpoint_url=f"http://{self.product.address}/ws")
        sdk.post_to_connection(ConnectionId=connection, Data=b"by file")
        self.assertEqual(socket.recv(PATIENCE), "by file")

    def test_any_other_is_refused(self):
        _, connection = self.socket()
        for key_id, key, code in (
            (self.key_id, "another", "InvalidSignatureException"),
            ("another", self.key, "UnrecognizedClientException"),
        ):
            call = self.product.client(key_id, key).post_to_connection
            self.assertEqual(self.refusal(call, ConnectionId=connection, Data=b"x")[:2], (403, code))
        with self.assertRaises(urllib.error.HTTPError) as unsigned:
            urllib.request.urlopen(f"http://{self.product.address}/ws/@connections/{connection}", timeout=PATIENCE)
        self.assertEqual(unsigned.exception.code, 403)
        self.assertEqual(unsigned.exception.headers["x-amzn-errortype"], "MissingAuthenticationTokenException")
        unsigned.exception.close()


if __name__ == "__main__":
    if BINARY is None:
        sys.exit(__doc__)
    unittest.main()
