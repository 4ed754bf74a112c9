"""The wall clock is set while serve runs: nothing of it is silent."""

import json

import pytest

from g3nops import PHRASE, instant, until

pytestmark = pytest.mark.usefixtures("settable_clock")

FORWARD, BACK = "set forward by", "set back by"


def told(serve):
    return [event["msg"].removeprefix("The clock was ").removesuffix(".") for event in serve.events("clock.stepped")]


def until_told(serve, count=1):
    until(lambda: len(told(serve)) >= count, "the step is told")
    return told(serve)


def stat(serve):
    return serve.http("GET", "/ops/stat").data


def metric(serve, name):
    lines = serve.http("GET", "/metrics").body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"g3nops_clock_{name} "))


def near(seconds, wanted):
    return wanted - 2 <= seconds <= wanted + 2


@pytest.mark.parametrize("step", [301, 86400, -11, -3600, -86400])
def test_a_step_is_told_once_everywhere(bare, step):
    serve = bare.serve(clock=True)
    assert stat(serve)["status"] == "ok" and "clock" not in stat(serve)
    assert metric(serve, "steps_total") == metric(serve, "step_seconds_total") == 0
    bare.clock.ahead(step)
    [line] = until_told(serve)
    assert line.startswith(FORWARD if step > 0 else BACK) and line.endswith("sooner" if step > 0 else "later"), line
    assert near(int(line.split(" by ")[1].split()[0]), abs(step))
    shown = stat(serve)
    assert shown["status"] == "degraded" and near(shown["clock"]["step_seconds"], step), shown
    assert shown["store"]["reachable"] is True
    assert metric(serve, "steps_total") == 1 and near(metric(serve, "step_seconds_total"), abs(step))
    for _ in range(3):
        assert serve.invoke("sweep")["success"]
    assert len(told(serve)) == 1
    result = bare.run("stat", env={"LD_PRELOAD": ""})
    assert "degraded" in result.stdout and ("set forward by" if step > 0 else "set back by") in result.stdout, result
    assert json.loads(bare.run("stat", "--json").stdout)["data"]["clock"] == shown["clock"]


def test_what_a_time_server_does_gently_is_no_step(bare):
    serve = bare.serve(clock=True)
    for seconds in (1, -1, 5, -4, 0, 5):
        bare.clock.ahead(seconds)
        for _ in range(3):
            assert serve.invoke("sweep")["success"]
    assert stat(serve)["status"] == "ok" and not told(serve)


def test_each_step_is_told_also_the_one_that_puts_it_right(bare):
    serve = bare.serve(clock=True)
    for count, seconds in enumerate((3600, 0, -3600, 0), 1):
        bare.clock.ahead(seconds)
        until_told(serve, count)
    assert [line.split(" by ")[0] for line in told(serve)] == ["set forward", "set back", "set back", "set forward"]
    assert metric(serve, "steps_total") == 4


def test_a_vacuum_that_a_step_lets_start_says_so_in_its_record(sample):
    serve = sample.serve(clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    assert "clock_steps" not in serve.vacuum(vacuum_id)
    sample.clock.ahead(301)
    serve.invoke("sweep")
    [step] = serve.vacuum(vacuum_id)["clock_steps"]
    assert set(step) == {"at", "seconds"} and near(step["seconds"], 301)
    vacuum = serve.vacuum_ended(vacuum_id)
    assert vacuum["status"] == "completed" and vacuum["clock_steps"] == [step]
    assert vacuum["started_at"] >= vacuum["execute_at"]


def test_a_vacuum_that_a_step_makes_wait_says_so_and_can_be_cancelled(sample):
    serve = sample.serve(clock=True)
    vacuum_id = serve.do("vacuumall", confirmation_phrase=PHRASE)["vacuum_id"]
    sample.clock.ahead(-86400)
    until(lambda: serve.vacuum(vacuum_id).get("clock_steps"), "it is in the record")
    vacuum = serve.vacuum(vacuum_id)
    assert vacuum["status"] == "pending" and near(vacuum["clock_steps"][0]["seconds"], -86400)
    assert serve.do("vacuumcancel", vacuum_id=vacuum_id)["status"] == "cancelled"
    assert serve.vacuum(vacuum_id)["clock_steps"] == vacuum["clock_steps"]


def test_windows_and_vacuums_that_were_not_there_have_nothing_of_it(sample):
    serve = sample.serve(clock=True)
    sample.clock.ahead(7200)
    until_told(serve)
    vacuum = serve.do("vacuumorg", orgcode="acme")
    window = serve.schedule(7200 + 3600)
    serve.invoke("sweep")
    assert "clock_steps" not in serve.vacuum(vacuum["vacuum_id"]) and "clock_steps" not in window
    assert window["scheduled_start_utc"] > instant(7200)


def test_a_new_serve_begins_with_the_clock_as_it_is(bare):
    bare.clock.ahead(-5 * 86400)
    serve = bare.serve(clock=True)
    assert serve.invoke("sweep")["success"] and stat(serve)["status"] == "ok" and not told(serve)
