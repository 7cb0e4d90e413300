"""Tests of the section on the values that the first stage of a sweep selected."""

import shutil
from pathlib import Path

from records import parts, record

from digitcmp.report.pages import output
from digitcmp.report.results import Results
from digitcmp.report.sections import sections
from digitcmp.runs.folder import SELECTION

HEADER = "cell,option,value,val_acc,lower,lower_val_acc,upper,upper_val_acc,at_end,seeds\n"


def test_the_selected_values_with_their_neighbours(tmp_path: Path) -> None:
    """The report made from its CSV files, without the runs of both stages, has the same section."""
    root = tmp_path / "sweep"
    for model, lr in (("ws2", 1e-3), ("ws3", 4e-3)):
        for seed in range(2):
            record(root, model, 0.8, seed=seed, lr=lr)
        record(root / "rates", model, 0.9, seed=20, lr=lr)
    rows = [
        '"model=ws3,aux=false,lr=0.004",lr,0.004,0.7,0.002,0.6,,,True,20',
        '"model=ws2,aux=false,lr=0.001",lr,0.001,0.75,0.0005,0.74,0.002,0.71,False,20',
        '"model=ws1,aux=false,lr=0.001",lr,0.001,0.75,0.0005,0.74,0.002,0.71,False,20',  # no runs yet
    ]
    (root / "rates" / SELECTION).write_text(HEADER + "\n".join(rows) + "\n")
    results = Results.load([root])
    assert len(results.runs) == 4
    table, note, *_ = parts(results, "Selected values")
    assert [column.heading for column in table.columns][1:3] == ["selected lr", "validation"]
    assert table.rows == [
        ["WS2", "0.001", "0.750", "0.740 at 0.0005", "0.710 at 0.002"],
        ["WS3", "0.004 (end)", "0.700", "0.600 at 0.002", ""],
    ]
    assert "on seeds 20, which" in note

    output.write(root / "report", output.report_files(results, sections(results)))
    shutil.move(root / "report", tmp_path / "copy")
    again, *_ = parts(Results.load([tmp_path / "copy"]), "Selected values")
    assert again.rows == table.rows
