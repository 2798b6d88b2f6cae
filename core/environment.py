"""Lets a virtual environment work where it lies now. `python -m core.environment .venv`, as `make` calls it.

pip writes the folder's absolute path into each command, such as .venv/bin/dvc, and Python writes it into `activate`.
After a move they would name a folder that is gone; in a copied checkout they would run the original's environment.
"""

import re
import shutil
import sys
import venv
from pathlib import Path

# Read by the shell, it runs the Python beside the command; read by Python, it is a text that nobody uses.
HEAD = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"
' '''
"""
# As pip writes it: the second form where the path is long or holds spaces.
ABSOLUTE = rb"""#!(?:[^\n]*/%s/bin/python[\d.]*|/bin/sh\n'''exec' [^\n]*/%s/bin/python[\d.]*"? "\$0" "\$@"\n' ''')\n"""


def main() -> None:
    """The command line: the environment's folder."""
    renew(Path(sys.argv[1]).resolve())


def renew(folder: Path) -> None:
    """Has the commands of the environment in `folder` find their Python beside themselves; writes `activate` anew."""
    venv.EnvBuilder(symlinks=True).create(folder)
    name = re.escape(folder.name.encode())
    absolute = re.compile(ABSOLUTE % (name, name))
    for command in sorted((folder / "bin").iterdir()):
        if command.is_symlink() or not (content := command.read_bytes()).startswith(b"#!"):
            continue
        if head := absolute.match(content):
            part = command.with_name(f".{command.name}.part")
            part.write_bytes(HEAD + content[head.end() :])
            shutil.copymode(command, part)
            part.replace(command)


if __name__ == "__main__":
    main()
