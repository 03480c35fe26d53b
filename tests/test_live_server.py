"""The live page's server: what its addresses give, whom a newer question supersedes, how it begins and ends."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from live_requests import TOKEN, ask, raw, status, why
from live_world import HandEngine, serving
from refusals import ROOT, refused
from worlds import ARTICLE

from sim.doors.live.desk import Desk, SupersededError
from sim.doors.live.server import _MOST_CONNECTIONS
from sim.doors.live.shelf import Shelf
from sim.ground.faults import InputError


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


def test_a_connection_stays_open_for_many_answers(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.access.port, timeout=30)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        connection.request("GET", "/live.js")
        assert len(connection.getresponse().read()) > 1000
        own = connection.sock.getsockname() if connection.sock else None
        took.append((time.perf_counter() - began, own))
    connection.close()
    assert len({own for _, own in took}) == 1
    assert sorted(seconds for seconds, _ in took)[10] < 0.035  # Nagle's delay and a delayed acknowledgement make 0.04


def test_head_gives_the_same_head_without_a_body(server):
    whole, head = ask(server, "/live.css"), ask(server, "/live.css", "HEAD")
    assert head.text == ""
    assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.text.encode()))


def test_the_command_refuses_in_one_line(tmp_path):
    assert refused("live", "--host", "0.0.0.0").startswith("--host: must be 127.0.0.1")  # noqa: S104
    assert refused("live", "--port", "70000").startswith("--port: must be a whole number from 0 to 65535")
    (tmp_path / "one.yaml").write_text(ARTICLE)
    (tmp_path / "two.yaml").write_text(ARTICLE)
    twice = refused("live", "one.yaml", "two.yaml", cwd=tmp_path)
    assert "two.yaml: has the same name as one.yaml, `article`" in twice
    assert "three.yaml" in refused("live", "three.yaml", cwd=tmp_path)


def test_a_port_that_is_taken_is_told_with_the_way_out(server):
    said = refused("live", "--no-browser", "--port", server.access.port)
    assert said == f"--port: {server.access.port} is taken by another program; leave --port out to get a free one\n"


def test_an_address_that_is_not_ours_is_told():
    assert "no address of this machine" in refused("live", "--no-browser", "--host", "203.0.113.9", "--token", TOKEN)


def test_scenarios_list_the_users_files_first_and_once(tmp_path):
    hostile = tmp_path / "<img src=x onerror=alert(1)>.yaml"
    hostile.write_text("# <script>alert(1)</script>?\n" + ARTICLE)
    with serving(files=[hostile]) as running:
        said = json.loads(ask(running, "/api/scenarios").text)
    names = [each["name"] for each in said["scenarios"]]
    assert said["first"] == names[0] == "article"
    assert len(names) == len(set(names)) > 10
    assert said["scenarios"][0]["file"] == hostile.name
    assert said["scenarios"][0]["question"] == "<script>alert(1)</script>?"
    assert said["scenarios"][1]["file"] is None


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("scenario=%3Cscript%3E", "scenario: `<script>` is not offered here"),
        ("scenario=artcle", "did you mean `article`?"),
        ("scenario=article&api_price=cheap", "'api_price': must be a number, got 'cheap'"),
        ("scenario=article&api_price=nan", "'api_price': must be a number"),
        ("scenario=article&api_price=1e999", "'api_price': must be a number"),
        ("scenario=article&paths=0", "paths: must be a whole number from 1"),
        ("scenario=article&paths=99999999", "paths: must be a whole number from 1"),
        ("scenario=article&paths=-1", "paths: must be a whole number"),
        ("scenario=article&scenario=spot", "address: says something twice"),
        ("&".join(f"a{k}=1" for k in range(300)), "at most 200"),
        ("scenario=article&no_lever=1", "no_lever: is no lever here"),
    ],
)
def test_what_cannot_be_answered_comes_back_as_text(server, query, told):
    response = ask(server, f"/api/answer?{query}")
    assert response.status == 400
    assert response.headers["Content-Type"] == "application/json"
    assert told in why(response)


def test_an_answer_and_a_look_come_as_json(server):
    look = json.loads(ask(server, "/api/look?scenario=article").text)
    assert look["scenario"] == "article"
    answer = json.loads(ask(server, "/api/answer?scenario=article&paths=8&api_price=80").text)
    assert (answer["paths"], answer["values"]) == (8, {"api_price": 80.0})


def test_downloads_are_attachments(server):
    for path, kind in (
        ("/scenario.yaml", "application/yaml"),
        ("/result.csv", "text/csv"),
        ("/report.html", "text/html"),
    ):
        response = ask(server, f"{path}?scenario=article&paths=4")
        assert response.headers["Content-Type"].startswith(kind)
        assert response.headers["Content-Disposition"] == f'attachment; filename="article.{path.partition(".")[2]}"'


def test_our_own_errors_are_told_on_the_terminal_and_not_on_the_page():
    class Broken(HandEngine):
        def answer(self, *given):
            raise ZeroDivisionError("a secret of the house")

    with serving(Broken()) as running:
        response = ask(running, "/api/answer?scenario=article")
        assert response.status == 500
        assert "secret" not in response.text
        assert "a secret of the house" in running.said[0]
        assert status(running) == 200


def test_a_newer_question_supersedes_an_older_one():
    engine = HandEngine(delay=0.05)
    with serving(engine) as running:
        found = {}

        def question(number, paths):
            query = f"/api/answer?scenario=article&page=p&n={number}&paths={paths}"
            found[number] = ask(running, query)

        slow = threading.Thread(target=question, args=(1, 200))  # 10 s if nothing stops it
        slow.start()
        while not engine.asked:
            time.sleep(0.005)
        began = time.monotonic()
        question(2, 1)
        slow.join()
        assert time.monotonic() - began < 5
        assert (found[1].status, found[2].status) == (409, 200)
        question(1, 1)
        assert found[1].status == 409
        assert status(running, "/api/answer?scenario=article&page=another&n=1&paths=1") == 200


def test_questions_that_wait_are_dropped_unworked():
    desk, begun, gate, worked = Desk(threads=1), threading.Event(), threading.Event(), []

    def work(number):
        def answer(_):
            begun.set()
            gate.wait(20)
            worked.append(number)
            return number

        return answer

    def ask_desk(number):
        try:
            answers[number] = desk.ask("page", number, work(number))
        except SupersededError:
            answers[number] = None

    answers = {}
    threads = []
    for number in range(1, 5):
        threads.append(threading.Thread(target=ask_desk, args=(number,)))
        threads[-1].start()
        assert begun.wait(20)
        while desk._newest.get("page") != number:
            time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join()
    assert answers == {1: None, 2: None, 3: None, 4: 4}
    assert worked == [1, 4]


def test_a_file_is_read_anew_when_it_has_changed(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(ARTICLE.replace("name: article", "name: mine"))
    made = []
    shelf = Shelf([file], lambda scenario, _: made.append(scenario.horizon_days))
    shelf.find("mine")
    shelf.find("mine")
    assert made == [365]
    file.write_text(file.read_text().replace("365", "30"))
    shelf.find("mine")
    assert made == [365, 30]
    file.write_text("name: [")
    with pytest.raises(InputError, match=r"mine\.yaml"):
        shelf.find("mine")
    file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        shelf.find("mine")


@pytest.mark.parametrize(("asked", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_ctrl_c_or_a_request_ends_it_at_once_with_one_line(asked, status):
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "live", "--no-browser", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with process:
        first = process.stdout.readline()
        found = re.fullmatch(r"fleetecon live: http://127\.0\.0\.1:(\d+)/  \(Ctrl-C ends it\)\n", first)
        assert found, first
        idle = socket.create_connection(("127.0.0.1", int(found[1])))  # an open connection must not hold it
        began = time.monotonic()
        process.send_signal(asked)
        out, err = process.communicate(timeout=20)
        idle.close()
    assert time.monotonic() - began < 2
    assert (process.returncode, out, err) == (status, "", "\nended\n")


def test_the_usual_port_gives_way_to_a_free_one_where_it_is_taken(monkeypatch, server):
    monkeypatch.setattr("sim.doors.live.server.PORT", server.access.port)
    with serving(port=None) as other:
        assert other.access.port != server.access.port
        assert status(other) == 200


def test_too_many_connections_are_closed_and_the_rest_served(server):
    for _ in range(_MOST_CONNECTIONS):  # connections of other tests may hold some yet
        assert server._free.acquire(timeout=10)
    server._free.release()  # one place
    with socket.create_connection(("127.0.0.1", server.access.port)) as first:
        time.sleep(0.1)
        assert raw(server, b"") == b""
        first.sendall(f"GET /live.css HTTP/1.1\r\nHost: 127.0.0.1:{server.access.port}\r\n\r\n".encode())
        assert first.recv(12) == b"HTTP/1.1 200"
    for _ in range(_MOST_CONNECTIONS - 1):
        server._free.release()
