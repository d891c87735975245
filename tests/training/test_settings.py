"""Parameters: what is accepted, what is refused, and with which words."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path

import pytest
import yaml

from aftersweep.training.cli import read_words
from aftersweep.training.errors import SettingsError
from aftersweep.training.manual import SMOKE, ceiling_help, fit_help
from aftersweep.training.settings import MODULATIONS, SNR_LEVELS, Settings, read_settings, shown

FACTS = Path(__file__).parents[3] / "shared" / "data" / "sweep-4yfw48ad-facts.yaml"
SOURCE_PARAMETERS = (
    "model_type", "snr_layer_config", "batch_size", "base_lr", "max_lr", "warmup_epochs", "warmup_start_factor",
    "weight_decay", "use_pretrained", "dropout", "epochs", "patience", "snr_list",
)  # fmt: skip


def test_the_parameters_of_the_source_sweep_are_ours() -> None:
    """Its sweep file runs unchanged: every parameter it names exists, with each of its values."""
    assert set(SOURCE_PARAMETERS) <= {item.name for item in fields(Settings)}
    assert len(MODULATIONS) == 17
    assert len(SNR_LEVELS) == 16
    if FACTS.exists():  # the same from the facts themselves, where they lie beside the repository
        facts = yaml.safe_load(FACTS.read_text(encoding="utf-8"))
        assert set(facts["parameters"]) == set(SOURCE_PARAMETERS)
        assert tuple(facts["modulations"]) == MODULATIONS
        for name, spec in facts["parameters"].items():
            for value in spec.get("values", [spec.get("value")]):
                read_settings({name: value, "max_lr": 1e-3} | ({name: value} if name == "max_lr" else {}))


@pytest.mark.parametrize("item", fields(Settings), ids=lambda item: item.name)
def test_every_default_survives_the_command_line(item: Field[object]) -> None:
    """A default, typed as the help shows it, is read back as itself."""
    read = read_settings({item.name: shown(item.default)})
    assert getattr(read, item.name) == item.default
    assert f"--{item.name}=" in fit_help()


def test_a_config_is_read_back() -> None:
    """What a run logs as its config makes the same run again."""
    settings = read_settings(SMOKE)
    assert read_settings(settings.as_config()) == settings
    assert settings.as_config()["snr_list"] == "0,6,12,18"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"batchsize": 3}, "parameter 'batchsize' is not known; did you mean 'batch_size'?"),
        ({"zzz": 3}, "parameter 'zzz' is not known; see aftersweep-train fit --help"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"batch_size": "many"}, "batch_size is 'many'; it must be a number"),
        ({"batch_size": 2.5}, "batch_size is '2.5'; it must be a whole number"),
        ({"batch_size": True}, "batch_size is 'True'; it must be a number"),
        ({"max_lr": "inf"}, "max_lr is inf; it must be finite"),
        ({"max_lr": 0}, "max_lr is 0; it must be over 0"),
        ({"dropout": 1}, "dropout is 1; it must be at most 0.95"),
        ({"use_pretrained": "perhaps"}, "use_pretrained is 'perhaps'; it must be true or false"),
        ({"snr_layer_config": "dual"}, "snr_layer_config is 'dual'; did you mean 'dual_layer'?"),
        ({"modulations": "BPSK,QPKS"}, "modulation 'QPKS' is not known; did you mean 'QPSK'?"),
        ({"modulations": "BPSK,BPSK"}, "modulations is empty or names something twice: BPSK,BPSK"),
        ({"snr_list": ""}, "snr_list is empty or names something twice: "),
        ({"snr_list": "6,0"}, "snr_list must ascend: the distance penalty counts steps along it"),
        ({"base_lr": 1, "max_lr": 0.1}, "base_lr 1 is over max_lr 0.1; the cycle runs between them"),
        ({"epochs": 3, "warmup_epochs": 5}, "warmup_epochs 5 is over epochs 3: training would end in the warm-up"),
        ({"batch_size": 10, "accumulate": 4}, "batch_size 10 is no multiple of accumulate 4"),
    ],
)
def test_what_cannot_be_is_refused_by_name(words: dict[str, object], said: str) -> None:
    """One line: the value, and what it may be."""
    with pytest.raises(SettingsError) as caught:
        read_settings(words)
    assert str(caught.value) == said


def test_words_of_a_command_line() -> None:
    """W&B's agents pass --name=value; people type --name value; ${args_no_hyphens} gives name=value."""
    assert read_words(["--batch_size=8", "--max-lr", "0.1", "seed=3"]) == {
        "batch_size": "8", "max_lr": "0.1", "seed": "3"
    }  # fmt: skip
    for words in (["8"], ["--seed"], ["--seed", "--epochs=3"]):
        with pytest.raises(SettingsError, match="is no parameter; write --name=value"):
            read_words(words)


def test_the_ceilings_help_lists_what_defines_the_data() -> None:
    """And nothing else: a learning rate moves no ceiling."""
    assert "--symbols=" in ceiling_help()
    assert "--max_lr=" not in ceiling_help()
