"""The command line: `digitcmp COMMAND ...`, or `python -m digitcmp COMMAND ...`."""

import argparse
import io
import sys
from importlib import import_module

from digitcmp import __version__
from digitcmp.config import plugins
from digitcmp.errors import ConfigError

COMMANDS = {
    "train": ("train one run, or a sweep with -m", "digitcmp train model=ws3 aux=true"),
    "report": ("tables, statistics and figures of a sweep", "digitcmp report multirun/table1 --open"),
    "predict": ("answer the question about your own pictures", "digitcmp predict RUN first.png second.png"),
    "evaluate": ("score a saved run on other pairs", "digitcmp evaluate checkpoint=RUN data.test_pairs=5000"),
    "demo": ("draw two digits in the browser and compare them", "digitcmp demo RUN"),
    "export": ("write a saved network as an ONNX file", "digitcmp export RUN model.onnx"),
}


def main() -> None:
    """Run the command that the first argument names. Exit with 2 if it is unknown or a plugin cannot be imported."""
    lines = [f"  {name:<10} {summary:<52} {example}" for name, (summary, example) in COMMANDS.items()]
    lines += ["", "digitcmp COMMAND --help describes a command."]
    show = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("digitcmp", epilog="\n".join(lines), formatter_class=show)
    parser.add_argument("--plugins", metavar="MODULE,...", help="modules with your networks, heads, tasks or readers")
    parser.add_argument("--version", action="version", version=f"digitcmp {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args(sys.argv[1:] or ["--help"])
    arguments = given.arguments
    if given.plugins:
        try:
            plugins.load(given.plugins.split(","))
        except ConfigError as error:
            parser.exit(2, f"{error}\n")
    if given.plugins and given.command == "train":  # a run records its plugins, and the workers of a sweep import them
        typed = [i for i, argument in enumerate(arguments) if "=" in argument and not argument.startswith("-")]
        # Hydra accepts overrides in one place only, not before and after an option such as --config-dir
        arguments.insert(typed[0] if typed else len(arguments), f"plugins=[{given.plugins}]")
    run(given.command, [f"digitcmp {given.command}", *arguments])


def run(command: str, arguments: list[str]) -> None:
    """Run a command with these arguments, the first of which is the program."""
    sys.argv = arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not one that a notebook captures
            stream.reconfigure(errors="replace")  # a terminal may lack the sign ±
    import_module(f"digitcmp.commands.{command}").main()


if __name__ == "__main__":
    main()
