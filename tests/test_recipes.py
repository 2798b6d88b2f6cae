"""Each recipe's settings are right, and a repeated call, as after an interruption, sets the same again."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from config.params import load

ROOT = Path(__file__).parents[1]
SETS = ("trec", "sst2", "sst5", "subj", "cr", "mpqa", "mr")
CALLS = [[path.name] for path in sorted((ROOT / "recipes").glob("*.sh")) if path.name != "sentences.sh"]
CALLS = [call for call in CALLS if "dvc exp run" in (ROOT / "recipes" / call[0]).read_text()]
CALLS += (
    [["sentences.sh", name] for name in SETS]
    + [["directions.sh", "trec"]]
    + [["imdb_scratch_cpu.sh"], ["nsmc_strong.sh"]]
)
# In the place of DVC: sets params.yaml as `dvc exp run -S` does, checks it, and runs nothing.
DVC = """#!/bin/sh
exec {python} - "$@" <<'END'
import sys
sys.path.insert(0, "{root}")
from config.params import load
from dvc.utils.hydra import apply_overrides
words = sys.argv[1:]
apply_overrides("params.yaml", [value for flag, value in zip(words, words[1:]) if flag == "-S"])
load()
END
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipes and params.yaml, with a dvc that only sets params and a python that prints its arguments."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "dvc").write_text(DVC.format(python=sys.executable, root=ROOT))
    (commands / "python").write_text('#!/bin/sh\necho "$@"\n')
    for command in commands.iterdir():
        command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "params.yaml"], check=True)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "params.yaml"], check=True)
    return tmp_path


def call(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([f"recipes/{words[0]}", *words[1:]], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_recipe_sets_valid_params_and_a_repeated_call_sets_the_same(words: list[str], project: Path) -> None:
    params = []
    for _ in range(2):
        done = call(*words, "-S", "train.batch_size=7")
        assert done.returncode == 0, done.stderr
        params.append(load())
    assert params[0] == params[1]
    assert (params[0].data.source, params[0].train.batch_size) == (None, 7)


@pytest.mark.parametrize("recipe", ["imdb.sh", "imdb_scratch_cpu.sh", "sentences.sh trec"])
def test_any_path_of_the_data_arrives_as_it_is(recipe: str, project: Path) -> None:
    path = "~it's, [Größe] (1){2} #3 \\' $PATH=%/1\\"
    assert call(*recipe.split(), path, "-S", "train.batch_size=7").returncode == 0
    assert (load().data.source, load().train.batch_size) == (path, 7)


def test_a_number_as_the_path_of_the_data_stays_a_path(project: Path) -> None:
    assert call("imdb.sh", "1e3").returncode == 0
    assert load().data.source == "1e3"


@pytest.mark.parametrize("staged", [False, True])
def test_a_repeated_call_refuses_an_edit_of_params(staged: bool, project: Path) -> None:
    assert call("imdb.sh").returncode == 0
    params = Path("params.yaml").read_text(encoding="utf-8")
    edited = params.replace("weight_decay: 0.0", "weight_decay: 0.1")
    assert edited != params
    Path("params.yaml").write_text(edited, encoding="utf-8")
    if staged:
        subprocess.run(["git", "add", "params.yaml"], check=True)
    assert call("imdb.sh").returncode == 1
    assert Path("params.yaml").read_text(encoding="utf-8") == edited


@pytest.mark.parametrize("other", ["imdb_scratch_cpu.sh", "directions.sh trec", "tuning.sh"])
def test_a_recipe_refuses_to_add_to_what_another_one_has_set(other: str, project: Path) -> None:
    assert call(*other.split()).returncode == 0
    left = Path("params.yaml").read_text(encoding="utf-8")
    for recipe in (["imdb.sh"], ["sentences.sh", "trec"], ["imdb_scratch.sh"]):
        refused = call(*recipe)
        assert refused.returncode == 1
        assert refused.stderr.startswith(
            "error: params.yaml has changes that are not committed; git checkout HEAD params"
        )
        assert Path("params.yaml").read_text(encoding="utf-8") == left
    subprocess.run(["git", "checkout", "--quiet", "HEAD", "params.yaml"], check=True)
    assert call("imdb.sh").returncode == 0
    assert load().train.adversarial.kind == "none"


def test_only_the_first_row_of_a_data_set_names_it(project: Path) -> None:
    rows = call("directions.sh", "sst2").stdout.splitlines()[-4:]
    starts = [
        "SST-2 | textbook",
        "| shipped",
        "| strong",
        "| strong, matched by parameters",
    ]  # row.py adds a bar before
    assert rows == [f"recipes/row.py {start}" for start in starts]


def test_a_set_that_the_recipe_does_not_know_is_named(project: Path) -> None:
    done = call("sentences.sh", "imdb")
    assert done.returncode == 1
    assert done.stderr == "error: imdb is not one of trec, sst2, sst5, subj, cr, mpqa, mr\n"


def test_reviews_of_a_film_are_in_one_split(tmp_path: Path) -> None:
    files = {"test/pos/0_9.txt": "not read"}
    for label in ("pos", "neg"):
        addresses = [f"http://www.imdb.com/title/tt{number // 4}/usercomments\n" for number in range(40)]
        files[f"train/urls_{label}.txt"] = "".join(addresses)
        files |= {f"train/{label}/{number}_1.txt": f"film {number // 4}<br />{label} é" for number in range(40)}
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    command: list[str | Path] = [
        sys.executable,
        ROOT / "recipes" / "imdb_films.py",
        tmp_path / "archive.tar.gz",
        tmp_path / "films",
    ]
    subprocess.run(command, check=True, capture_output=True)
    rows = {
        split: [json.loads(line) for line in (tmp_path / "films" / f"{split}.jsonl").read_text().splitlines()]
        for split in ("train", "test")
    }
    films = {split: {row["text"].split()[1] for row in rows[split]} for split in rows}
    assert not films["train"] & films["test"]
    assert (len(rows["train"]), len(rows["test"])) == (56, 24)
    assert all(row["text"].split()[2:] == [row["label"], "é"] for row in rows["train"] + rows["test"])
