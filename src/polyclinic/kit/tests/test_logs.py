"""Log lines are JSON, hold no message of an exception, and never stand in the way of an answer."""

import json
import os

from polyclinic.kit.logs import Log


def test_a_line_tells_an_exception_without_its_message(tmp_path):
    file = os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY)
    try:
        raise ValueError("Grace Bennett, born 1996")
    except ValueError as error:
        Log("records", file=file).error("bug", error, interaction="read")
    os.close(file)
    line = json.loads((tmp_path / "log").read_text())
    assert (line["level"], line["event"], line["error"], line["interaction"]) == ("error", "bug", "ValueError", "read")
    assert "Bennett" not in str(line)


def test_a_full_disk_stops_no_one():
    file = os.open("/dev/full", os.O_WRONLY)
    Log("records", file=file).info("request")
    os.close(file)


def test_what_is_less_grave_than_the_level_is_left_out(tmp_path):
    file = os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY)
    Log("records", level="warning", file=file).info("request")
    os.close(file)
    assert (tmp_path / "log").read_text() == ""
