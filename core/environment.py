"""Makes a virtual environment relocatable. `python -m core.environment .venv`, as `make` calls it.

pip writes the folder's absolute path into each command, such as .venv/bin/dvc, and Python writes it into `activate`.
After a move these would name a folder that no longer exists; in a copied checkout they would run the original's
environment.
"""

import re
import shutil
import sys
import venv
from pathlib import Path

from core.replacing import replacing

# The shell runs the Python beside the command; Python reads the same lines as an unused string.
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
    """Lets the commands in `folder` find the Python beside them, and rewrites `activate`."""
    venv.EnvBuilder(symlinks=True).create(folder)
    name = re.escape(folder.name.encode())
    absolute = re.compile(ABSOLUTE % (name, name))
    for command in sorted((folder / "bin").iterdir()):
        if command.is_symlink() or not (content := command.read_bytes()).startswith(b"#!"):
            continue
        if head := absolute.match(content):
            with replacing(command) as part:
                part.write_bytes(HEAD + content[head.end() :])
                shutil.copymode(command, part)


if __name__ == "__main__":
    main()
