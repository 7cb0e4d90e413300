"""The command line: `digitcmp COMMAND ...`, or `python -m digitcmp COMMAND ...`."""

import sys
from importlib import import_module

from digitcmp.config import plugins
from digitcmp.errors import ConfigError
from digitcmp.runs.versions import project_version
from digitcmp.training import streams

COMMANDS = {
    "train": ("train one run, or a sweep with -m", "digitcmp train model=ws3 aux=true"),
    "report": ("tables, statistics and figures of a sweep", "digitcmp report multirun/table1 --open"),
    "predict": ("answer the question about your own pictures", "digitcmp predict RUN first.png second.png"),
    "evaluate": ("score a saved run on other pairs", "digitcmp evaluate checkpoint=RUN data.test_pairs=5000"),
    "demo": ("draw two digits in the browser and compare them", "digitcmp demo RUN"),
    "export": ("write a saved network as an ONNX file", "digitcmp export RUN model.onnx"),
}


def usage() -> str:
    """Return the help text, a line for each command with an example."""
    lines = [f"  {name:<10} {summary:<52} {example}" for name, (summary, example) in COMMANDS.items()]
    head = "usage: digitcmp [--plugins MODULE,...] COMMAND ...\n       digitcmp --version\n\n"
    return head + "\n".join(lines) + "\n\ndigitcmp COMMAND --help describes a command."


def main() -> None:
    """Run the command that the first argument names. Exit with 2 and one line if it is unknown."""
    modules: list[str] = []
    if sys.argv[1:2] == ["--plugins"]:
        modules = [name for names in sys.argv[2:3] for name in names.split(",")]
        del sys.argv[1:3]
        try:
            plugins.load(modules)
        except ConfigError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h"):
        print(usage())
        return
    if name == "--version":
        print(f"digitcmp {project_version()}")
        return
    if name not in COMMANDS:
        print(f"digitcmp {name}: unknown command; expected {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    arguments = sys.argv[2:]
    if modules and name == "train":  # a run records its plugins, and the workers of a sweep import them
        typed = [i for i, argument in enumerate(arguments) if "=" in argument and not argument.startswith("-")]
        # Hydra accepts overrides in one place only, not before and after an option such as --config-dir
        arguments.insert(typed[0] if typed else len(arguments), f"plugins=[{','.join(modules)}]")
    sys.argv = [f"digitcmp {name}", *arguments]
    with streams.guarded():
        import_module(f"digitcmp.commands.{name}").main()


if __name__ == "__main__":
    main()
