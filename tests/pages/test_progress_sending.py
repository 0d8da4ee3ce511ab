"""A file on its way into a job: chosen, dropped, sent over a slow line, stopped, sent again."""

import asyncio
from contextlib import suppress

from selenium.webdriver.common.keys import Keys

from tests.browsers.hostile import Hostile
from tests.pages.asking import WATCH_PRESS, acknowledged, ask, cookie_of, quiet_console, slow_network, write_orders
from tests.pages.importing import BAD, begin, job_id, many_orders, orders, wait_for_percent, wait_for_state

__all__ = ["many_orders", "orders", "quiet_console"]


def test_a_file_can_be_dropped(visitor, orders):
    visitor.driver.get(f"{visitor.base}/progress")
    place = visitor.find("#drop").rect
    drag = {
        "x": place["x"] + place["width"] / 2,
        "y": place["y"] + place["height"] / 2,
        "data": {"items": [], "files": [str(orders)], "dragOperationsMask": 1},
    }
    for kind in ("dragEnter", "dragOver"):
        visitor.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **drag})
    visitor.until("return document.getElementById('drop').className.indexOf('over') >= 0")
    visitor.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": "drop", **drag})
    visitor.until("return document.getElementById('chosen-fields').textContent !== ''")
    assert "orders.csv" in visitor.find("#chosen").text
    assert "Fields: order, customer, country, amount" in visitor.find("#chosen").text
    assert visitor.focused() == "start"
    visitor.keys(Keys.ENTER)
    wait_for_state(visitor, "done")


def test_a_file_let_fall_beside_the_zone_does_not_replace_the_page(visitor, orders):
    visitor.driver.get(f"{visitor.base}/progress")
    drag = {"x": 5, "y": 800, "data": {"items": [], "files": [str(orders)], "dragOperationsMask": 1}}
    for kind in ("dragEnter", "dragOver", "drop"):
        visitor.driver.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **drag})
    visitor.until("return document.getElementById('chosen-name').textContent === 'orders.csv'")
    assert visitor.driver.current_url == f"{visitor.base}/progress"


def test_the_first_second_on_a_slow_line(visitor, tmp_path):
    """2 s of latency, 200 kB/s upwards: the press shows at once, then how much of the file is there."""
    file = write_orders(tmp_path / "slow.csv", 20_000, range(0))
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(file))
    with slow_network(visitor, 2000, 200_000):
        visitor.run(WATCH_PRESS, visitor.find("#start"), "click")
        visitor.find("#start").click()
        pressed = acknowledged(visitor)
        assert "sending… 0 of " in pressed["seen"] and "slow.csv" in pressed["seen"]
        assert pressed["ms"] < 100
        assert not visitor.find("#import").is_displayed()
        assert "sending…" in visitor.find("#jobs .pending").text
        facts = "document.getElementById('job-facts').textContent"
        visitor.until(f"return /sending… [1-9][0-9.]* of [0-9.]+ kB/.test({facts})")
        visitor.until(f"return / left$/.test({facts})")
        visitor.until(f"return /waiting for the first row/.test({facts})")
    wait_for_state(visitor, "done")
    assert not visitor.driver.find_elements("css selector", "#jobs .pending")


def test_stopped_on_its_way_nothing_is_imported(visitor, many_orders):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#file").send_keys(str(many_orders))
    with slow_network(visitor, 100, 100_000):
        visitor.find("#start").click()
        visitor.until("return /sending… [1-9]/.test(document.getElementById('job-facts').textContent)")
        visitor.find("#cancel").click()
        assert "Stopped before many.csv was sent" in visitor.find("#file-notice").text
        assert visitor.focused() == "start"
    assert ask(visitor.base, "GET", "/v1/jobs", cookie=cookie_of(visitor)) == {"jobs": []}
    visitor.find("#start").click()  # the file is still chosen
    wait_for_percent(visitor, 1)
    visitor.find("#cancel").click()
    wait_for_state(visitor, "cancelled")


def test_a_file_is_sent_again_where_the_server_went_away(visitor, tmp_path, start_server):
    own = start_server(hold_s=2, heartbeat_s=1, poll_s=0.2)
    visitor.base = own.url
    visitor.driver.get(f"{own.url}/progress?lang=en")
    visitor.find("#file").send_keys(str(write_orders(tmp_path / "again.csv", 20_000, range(0))))
    facts = "document.getElementById('job-facts').textContent"
    with slow_network(visitor, 50, 200_000):
        visitor.find("#start").click()
        visitor.until(f"return /sending… [1-9]/.test({facts})")
        own.kill()
        visitor.until(f"return /the server could not be reached; trying again/.test({facts})")
    own.start()
    wait_for_state(visitor, "done")
    assert len(ask(own.url, "GET", "/v1/jobs", cookie=cookie_of(visitor))["jobs"]) == 1
    assert "20,000 rows imported" in visitor.find("#job-end").text


class HoldsAnswersBack(Hostile):
    """Waits for the end of a task's answer before giving it on, as some proxies do with everything; here it never comes."""

    def __init__(self, target_port: int):
        super().__init__(target_port, "pass")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        is_held = False

        async def up() -> None:
            nonlocal is_held
            while data := await reader.read(65536):
                is_held = is_held or b"POST /v1/run/" in data
                up_writer.write(data)
                await up_writer.drain()

        async def down() -> None:
            while data := await up_reader.read(65536):
                if not is_held:
                    writer.write(data)

        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(up(), down())
        writer.close()
        up_writer.close()


def test_a_job_is_found_where_the_answer_is_held_back(visitor, server, orders):
    with HoldsAnswersBack(server.port) as proxy:
        visitor.base = proxy.url
        begin(visitor, orders)
        wait_for_state(visitor, "done")
        assert visitor.find("#title").text == "orders.csv" and job_id(visitor)
        visitor.until("return document.querySelectorAll('#refused li').length === arguments[0]", len(BAD))


def test_what_cannot_be_imported_is_said_before_it_is_sent(visitor, tmp_path):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#start").click()
    assert visitor.find("#file-notice").text == "Choose a file first."
    assert visitor.focused() == "file"
    for name, content, reason in (
        ("book.xlsx", b"PK", "is a spreadsheet"),
        ("scan.pdf", b"%PDF", "neither CSV nor JSON"),
        ("none.csv", b"", "is empty"),
    ):
        (tmp_path / name).write_bytes(content)
        visitor.find("#file").send_keys(str(tmp_path / name))
        visitor.until("return document.getElementById('file-notice').textContent.indexOf(arguments[0]) > 0", reason)
        visitor.find("#start").click()
        assert visitor.find("#file-notice").text == "Choose a file first."
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(51 * 2**20)
    visitor.find("#file").send_keys(str(tmp_path / "big.csv"))
    visitor.until("return document.getElementById('file-notice').textContent === 'big.csv has 51 MB; an import takes 50 MB at most.'")


def test_the_sample_is_imported(visitor):
    visitor.driver.get(f"{visitor.base}/progress")
    visitor.find("#sample").click()
    visitor.until("return document.getElementById('chosen-name').textContent === 'sample.csv'")
    assert visitor.focused() == "start"
    visitor.keys(Keys.ENTER)
    wait_for_state(visitor, "done")
    assert "396 rows imported and 4 refused" in visitor.find("#job-end").text
