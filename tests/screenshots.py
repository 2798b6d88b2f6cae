"""Takes the README's pictures of the report, a model and MLflow. `python -m tests.screenshots`, after `make run`."""

import io
import subprocess
import sys
from itertools import islice
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import open_browser

IMAGES = Path("docs/images")
PORT = "5099"


def main() -> None:
    """Writes report.png, gates.png, mlflow_runs.png and mlflow.png."""
    with open_browser(1200, 1900) as browser:
        browser.get((Path.cwd() / "reports" / "comparison.html").as_uri())
        save(browser, "report.png", 1200, 1900)
    explain = ["commands.explain", "--variant", "bilstm", "--seed", "1", "--document", "test-00007", "--no-open"]
    page = subprocess.run(
        [sys.executable, "-m", *explain], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    with open_browser(1180, 1022) as browser:
        browser.get((Path.cwd() / page).as_uri())
        panel = browser.find_element("xpath", "//article[contains(., 'reads forward')]")
        browser.execute_script("window.scrollTo(0, arguments[0].getBoundingClientRect().top - 14)", panel)
        save(browser, "gates.png", 1180, 1022)
    command = [sys.executable, "-m", "commands.ui", "--port", PORT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = islice((line for line in server.stdout if ": http://127.0.0.1" in line), 6)
        pages = dict(line.strip().split(": ", 1) for line in lines)
        with open_browser(1500, 1000) as browser:  # cut where the panel of MLflow's assistant begins
            open_page(browser, pages["trainings, best first"], "bilstm · seed 1")
            save(browser, "mlflow_runs.png", 1108, 540)
            open_page(browser, pages["latest comparison, side by side"], "Duration:")
            save(browser, "mlflow.png", 1108, 900)
        server.terminate()


def open_page(browser: Chrome, address: str, text: str) -> None:
    """Waits until `text` stands there."""
    browser.get(address)
    WebDriverWait(browser, 60).until(
        lambda driver: text in str(driver.execute_script("return document.body.innerText"))
    )


def save(browser: Chrome, name: str, width: int, height: int) -> None:
    """The upper left part of the page, with few colours: a small file."""
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).crop((0, 0, width, height))
    # The octree keeps the few colours of marks and lines; the default merges them with grey.
    picture.convert("RGB").quantize(128, method=Image.Quantize.FASTOCTREE).save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
