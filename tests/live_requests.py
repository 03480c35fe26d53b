"""How a test talks to the live page's server: requests one by one, and bytes that no client would send."""

import http.client
import json
import socket

TOKEN = "anybody-may-" + "know-this-one"


def ask(server, path="/", method="GET", body=None, **headers):
    """One request on a connection of its own: the response, with its body read."""
    port = server.access.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    given = {"Host": f"127.0.0.1:{port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    response.text = response.read().decode()
    connection.close()
    return response


def status(server, *arguments, **headers):
    return ask(server, *arguments, **headers).status


def why(response):
    return json.loads(response.text)["error"]["text"]


def raw(server, data: bytes) -> bytes:
    """What the server says to bytes that no client would send."""
    with socket.create_connection(("127.0.0.1", server.access.port), timeout=10) as connection:
        connection.sendall(data)
        said = b""
        while part := connection.recv(65536):
            said += part
        return said
