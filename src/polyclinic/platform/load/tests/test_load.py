import argparse
import asyncio
import io
import json
import os
import signal
import sys

import pytest
from aiohttp import web
from rich.console import Console

from polyclinic.platform.load import add_parser, delivery
from polyclinic.platform.load.answers import Refused
from polyclinic.platform.load.loading import Wish, load
from polyclinic.platform.load.progress import Silence
from polyclinic.platform.load.sources import Place
from polyclinic.platform.load.tally import Tally
from polyclinic.platform.load.tests.examples import tar_of, transaction, written
from polyclinic.platform.load.tests.keeper import Torn


async def loaded(keeper, *paths, **wish):
    return await load(paths, Wish(url=keeper.url, **wish), Silence())


async def test_load_brings_all_resources_of_an_archive_in(keeper, tmp_path):
    tally = await loaded(keeper, tar_of(tmp_path / "a.tar.xz", a=transaction("Ant"), b=transaction("Bee", "Cat")))
    assert keeper.counts() == {"Patient": 3, "Observation": 3}
    assert (tally.created, tally.files, tally.exit) == (6, 2, 0)


async def test_load_twice_is_load_once_and_asks_one_question_per_bundle(keeper, tmp_path):
    path = tar_of(tmp_path / "a.tar.xz", a=transaction("Ant"), b=transaction("Bee"))
    await loaded(keeper, path)
    sent = len(keeper.bundles)
    tally = await loaded(keeper, path)
    assert len(keeper.bundles) == sent
    assert (tally.created, tally.found, tally.exit) == (0, 4, 0)
    assert keeper.counts() == {"Patient": 2, "Observation": 2}


async def test_load_does_not_bring_back_what_was_deleted_since(keeper, tmp_path):
    path = written(tmp_path, "a.json", transaction("Ant"))
    await loaded(keeper, path)
    keeper.gone.update(keeper.kept)
    keeper.kept.clear()
    await loaded(keeper, path)
    assert not keeper.kept


async def test_load_fresh_sends_what_is_there_already(keeper, tmp_path):
    path = written(tmp_path, "a.json", transaction("Ant"))
    await loaded(keeper, path)
    tally = await loaded(keeper, path, fresh=True)
    assert (tally.standing, len(keeper.bundles), keeper.counts()["Patient"]) == (2, 2, 1)


async def test_load_sends_nothing_twice_when_only_the_answer_was_lost(keeper, tmp_path):
    keeper.after = [Torn, web.Response(status=503), web.Response(body=b'{"entry":[')]
    paths = [written(tmp_path, f"{family}.json", transaction(family)) for family in ("Ant", "Bee", "Cat")]
    tally = await loaded(keeper, *paths)
    assert len(keeper.bundles) == 3
    assert keeper.counts() == {"Patient": 3, "Observation": 3}
    assert tally.exit == 0


@pytest.mark.parametrize(
    "failures",
    [[Torn] * 3, [web.Response(status=status) for status in (429, 500, 503, 409)]],
    ids=["torn", "statuses"],
)
async def test_load_waits_out_what_passes(keeper, tmp_path, failures):
    keeper.before = failures
    tally = await loaded(keeper, written(tmp_path, "a.json", transaction("Ant")), clients=1)
    assert (tally.created, tally.exit) == (2, 0)


async def test_load_refuses_a_bundle_after_an_error_that_stays(keeper, tmp_path):
    keeper.before = [web.Response(status=500, text="boom") for _ in range(delivery.FEW + 1)]
    tally = await loaded(keeper, written(tmp_path, "a.json", transaction("Ant")))
    assert tally.exit == 1
    assert "500" in tally.refused[0].reason


async def test_load_ends_when_the_server_stays_away(keeper, tmp_path):
    keeper.before = [Torn] * 100
    tally = await loaded(keeper, written(tmp_path, "a.json", transaction("Ant")), patience=0.5)
    assert tally.exit == 4
    assert "did not take a Bundle" in tally.unreachable


async def test_load_ends_where_no_server_is(tmp_path):
    path = written(tmp_path, "a.json", transaction("Ant"))
    tally = await load([path], Wish(url="http://127.0.0.1:1/fhir", patience=0.3), Silence())
    assert tally.exit == 4
    assert "polyclinic up" in tally.unreachable


async def test_load_ends_where_no_fhir_answers(keeper, tmp_path):
    path = written(tmp_path, "a.json", transaction("Ant"))
    tally = await load([path], Wish(url=keeper.url + "/elsewhere", patience=0.3), Silence())
    assert tally.exit == 4
    assert "GET metadata gave 404" in tally.unreachable


async def test_load_says_which_entry_of_a_transaction_was_refused(keeper, tmp_path):
    keeper.refuses = lambda resource: resource.get("name") == [{"family": "Bee"}]
    path = tar_of(tmp_path / "a.tar.xz", good=transaction("Ant"), bad=transaction("Ant", "Bee"))
    tally = await loaded(keeper, path)
    (refused,) = tally.refused
    assert (refused.place.member, refused.place.entry) == ("bad.json", 2)
    assert (refused.location, refused.reason) == ("birthDate", "this is no date")
    assert (tally.exit, tally.created) == (1, 2)


async def test_load_takes_the_other_lines_of_ndjson_without_the_refused_one(keeper, tmp_path):
    keeper.refuses = lambda resource: resource["id"] == "b"
    lines = [{"resourceType": "Patient", "id": id} for id in "abc"]
    tally = await loaded(keeper, written(tmp_path, "a.ndjson", *lines))
    assert sorted(keeper.kept) == ["Patient/a", "Patient/c"]
    assert [(one.place.line, one.location) for one in tally.refused] == [(2, "Patient.birthDate")]


async def test_load_finds_the_line_that_spoils_the_whole_bundle(keeper, tmp_path):
    lines = [json.dumps({"resourceType": "Patient", "id": f"p{number}"}).encode() for number in range(9)]
    lines[6] = b'{"resourceType":"Patient","id":"p6","language":"\xff"}'
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\n".join(lines))
    tally = await loaded(keeper, path)
    assert sorted(keeper.kept) == [f"Patient/p{number}" for number in range(9) if number != 6]
    assert [one.place.line for one in tally.refused] == [7]


async def test_load_names_broken_documents_and_takes_the_others(keeper, tmp_path):
    good, broken = written(tmp_path, "a.json", transaction("Ant")), written(tmp_path, "b.json", "{")
    tally = await loaded(keeper, good, broken)
    assert (tally.created, tally.exit, tally.refused[0].place.file) == (2, 1, str(broken))


async def test_load_sends_nothing_when_something_cannot_be_read(keeper, tmp_path):
    damaged = tmp_path / "b.tar.xz"
    damaged.write_bytes(tar_of(damaged, b=transaction("Bee")).read_bytes()[:-40])
    tally = await loaded(keeper, written(tmp_path, "a.json", transaction("Ant")), damaged)
    assert (tally.exit, keeper.bundles) == (2, [])
    assert tally.unreadable[0].place.file == str(damaged)


async def test_load_of_nothing_says_so(keeper, tmp_path):
    written(tmp_path, "notes.txt", "hello")
    tally = await loaded(keeper, tmp_path)
    assert (tally.exit, tally.unreadable[0].reason) == (2, "there is no .json and no .ndjson in it")


def arguments(*words):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["load", *words])


@pytest.mark.parametrize("words", [[], ["a", "--url", "localhost:8080"], ["a", "--clients", "0"]])
def test_wrong_usage_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(*words)
    assert ended.value.code == 2
    capsys.readouterr()


async def command(*words):
    """Start ``load`` as a process of its own."""
    script = (
        "import argparse, sys; from polyclinic.platform import load;"
        "p = argparse.ArgumentParser(); load.add_parser(p.add_subparsers());"
        "a = p.parse_args(sys.argv[1:]); sys.exit(a.run(a))"
    )
    pipe = asyncio.subprocess.PIPE
    whole = [sys.executable, "-c", script, "load", *map(str, words)]
    return await asyncio.create_subprocess_exec(*whole, stdout=pipe, stderr=pipe)


async def test_the_report_for_machines_is_one_json_object(keeper, tmp_path):
    path = written(tmp_path, "a.ndjson", {"resourceType": "Patient", "id": "a"}, "{")
    process = await command(path, "--url", keeper.url, "--json")
    output, progress = await process.communicate()
    report = json.loads(output)
    assert report["resources"]["created"] == 1
    assert (report["refused"][0]["line"], report["exit"], process.returncode) == (2, 1, 1)
    assert b"loading 1 files" in progress


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_an_interrupted_load_goes_on_where_it_stopped(keeper, tmp_path, number):
    people = {f"p{number:03}": transaction(f"Family {number}") for number in range(300)}
    path = tar_of(tmp_path / "a.tar.xz", **people)
    process = await command(path, "--url", keeper.url)
    while len(keeper.bundles) < 10:
        await asyncio.sleep(0.002)
    os.kill(process.pid, number)
    output, _ = await process.communicate()
    assert len(keeper.bundles) < 300
    if number != signal.SIGKILL:
        assert process.returncode == 3
        assert b"the same command goes on" in output
    tally = await loaded(keeper, path)
    assert keeper.counts() == {"Patient": 300, "Observation": 300}
    assert tally.found >= 10
    assert tally.exit == 0


async def test_a_pipe_gets_whole_sentences(keeper, tmp_path):
    keeper.refuses = lambda resource: resource.get("name") == [{"family": "Bee"}]
    path = written(tmp_path, "a.json", transaction("Bee"))
    written(tmp_path, "notes.txt", "hello")
    process = await command(tmp_path, "--url", keeper.url)
    output, _ = await process.communicate()
    told = output.decode()
    assert process.returncode == 1
    assert "0 resources created from 1 files" in told
    assert f"refused: {path}, entry 0: birthDate: this is no date" in told
    assert "left out" in told
    assert "notes.txt" in told


def test_a_terminal_gets_refusals_as_a_table():
    screen = Console(file=io.StringIO(), force_terminal=True, width=70, color_system=None)
    place = Place("a-long-name/" * 8 + "end.json", line=3)
    tally = Tally(refused=[Refused(place, "birthDate", "no date")] * 30)
    with screen.capture() as captured:
        tally.print(screen)
    for words in ("Refused", "line", "birthDate", "end.json", "and 10 more refusals"):
        assert words in captured.get()
