"""What a sweep says: how many jobs it has, and how long the rest takes."""

import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from benchmarks import conf, sweep


def test_jobs_are_the_product_of_what_is_swept() -> None:
    methods = len(conf.options("method"))
    with initialize_config_dir(str(conf.CONF), version_base="1.3"):
        assert sweep.jobs_of(["task=glue/rte,glue/mrpc", "method=glob(*, exclude=none)", "seeds=[0,1,2]"]) == 2 * (
            methods - 1
        )
        assert sweep.jobs_of(["method=glob(*)", "method=lora,vera", "train.epochs=range(1,4)"]) == 2 * 3
        assert sweep.jobs_of(["seeds=[0,1,2]", "task=glue/rte"]) == 1


@pytest.mark.parametrize(
    ("number", "seconds", "line"),
    [
        (0, [], "job 1 of 8"),
        (5, [], "job 6 of 8"),
        (5, [4.0, 8.0], "job 6 of 8; about 18 s left"),
        (7, [0.2], "job 8 of 8; about 1 s left"),
        (4, [300.0], "job 5 of 8; about 20 min left"),
        (1, [1200.0, 1400.0], "job 2 of 8; about 2 h 32 min left"),
    ],
)
def test_the_time_left_is_that_of_the_jobs_left_at_the_mean_of_those_that_trained(number, seconds, line) -> None:
    assert sweep.line(number, 8, seconds) == line


def test_a_job_after_a_sweep_that_an_error_ended_is_of_no_sweep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PEFT_SWEEP_JOBS", "4")
    counter, config = sweep.Counter(), OmegaConf.create()
    counter.on_run_start(config)
    counter.on_job_start(config)
    assert capsys.readouterr().out == ""
