"""What a data set holds, and the section data of params.yaml for it. `python -m commands.look reviews.zip`.

Shows files, splits, formats, columns, two documents, and what is ignored and why. It runs and changes nothing, except
that it downloads a source that is given by its address.
"""

from config.data import DataParams
from core import command_line
from text.sources.fetch import default_cache, fetch
from text.sources.look_page import page


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("path", help="a file, folder, archive or address")
    command_line.run(lambda namespace: print(look(namespace.path)), arguments)


def look(source: str) -> str:
    """The page about `source`.

    Raises:
        DataError: there is no such source, or it holds no data set.
    """
    return page(fetch(source, default_cache()), DataParams(name="custom", source=source))


if __name__ == "__main__":
    main()
