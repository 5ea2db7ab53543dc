"""What each method's numbers are before the first step, as its paper or its authors' code has them."""

import dataclasses

import pytest
import torch
from torch import Tensor

from methods.base import Method, MethodError, Site, delta
from methods.bitfit import BitFit
from methods.dora import DoRA
from methods.fourierft import FourierFT
from methods.ia3 import IA3
from methods.lora import LoRA
from methods.lora_fa import LoRAFA
from methods.lora_xs import LoRAXS
from methods.one_lora import OneLoRA
from methods.pissa import STARTS, PiSSA
from methods.randlora import RandLoRA
from methods.rasa import RaSA
from methods.svft import SVFT
from methods.tied_lora import TiedLoRA
from methods.tinylora import TinyLoRA
from methods.uni_lora import UniLoRA
from methods.vera import VeRA

WIDE, TALL = Site("wide", 300, 200, lambda: torch.eye(200, 300)), Site("tall", 200, 400, lambda: torch.eye(400, 200))


def initial(method: Method) -> dict[str, Tensor]:
    return method.init([WIDE, TALL], torch.Generator().manual_seed(0))


def is_uniform(drawn: Tensor, bound: float) -> bool:
    """Say whether a thousand numbers or more fill the range from -bound to bound; either end is 1% free by chance of
    less than one in a hundred.
    """
    return -bound <= drawn.min() < -0.99 * bound and 0.99 * bound < drawn.max() <= bound


def test_loras_a_is_within_one_over_the_root_of_d_in_and_b_is_zero() -> None:
    drawn = initial(LoRA(rank=8, alpha=16))
    assert is_uniform(drawn["wide.A"], 300**-0.5) and is_uniform(drawn["tall.A"], 200**-0.5)
    assert not drawn["wide.B"].any() and not drawn["tall.B"].any()


def test_dora_starts_as_lora_with_magnitudes_that_are_the_weights() -> None:
    W = torch.randn(12, 20, generator=torch.Generator().manual_seed(0))
    method, site = DoRA(rank=3, alpha=16), Site("w", 20, 12, lambda: W)
    drawn = method.init([site], torch.Generator().manual_seed(0))
    as_lora = LoRA(rank=3, alpha=16).init([site], torch.Generator().manual_seed(0))
    assert torch.equal(drawn["w.A"], as_lora["w.A"]) and not drawn["w.B"].any() and not drawn["w.m"].any()
    assert not method.factors(drawn, {}, [site])["w"].gain.any()  # to the bit, whatever the norms' rounding


def test_veras_matrices_are_kaimings_with_gain_root_2_and_d_is_a_tenth() -> None:
    """U(+-sqrt(6 / fan_in)): of A the fan-in is the widest input, of B the rank."""
    method = VeRA(rank=8)
    frozen = method.frozen([WIDE, TALL])
    assert is_uniform(frozen["A"], (6 / 300) ** 0.5) and is_uniform(frozen["B"], (6 / 8) ** 0.5)
    drawn = initial(method)
    assert drawn["wide.d"].tolist() == [pytest.approx(0.1)] * 8
    assert not drawn["wide.b"].any()


def test_tied_loras_a_is_loras_of_the_hidden_size_and_u_and_v_are_one() -> None:
    drawn = initial(TiedLoRA(rank=8))
    assert is_uniform(drawn["A"], 200**-0.5) and not drawn["B"].any()
    assert drawn["wide.u"].tolist() == [1.0] * 8 and drawn["tall.v"].tolist() == [1.0] * 400


def test_lora_xss_r_is_normal_with_a_deviation_of_a_hundred_thousandth() -> None:
    drawn = initial(LoRAXS(rank=100, alpha=16))["wide.R"]  # 10,000 numbers: errors of 1% and 0.7% of the deviation
    assert abs(drawn.mean()) < 4e-7
    assert drawn.std().item() == pytest.approx(1e-5, rel=0.03)


def test_lora_xs_takes_every_singular_value_and_no_more() -> None:
    factors = LoRAXS(rank=200, alpha=16).frozen([WIDE])
    torch.testing.assert_close(factors["wide.B"] @ factors["wide.A"], WIDE.weight())
    with pytest.raises(MethodError, match="rank must be at most 200"):
        LoRAXS(rank=201, alpha=16).frozen([WIDE])


def test_uni_loras_theta_is_within_a_fiftieth_and_its_projection_keeps_lengths() -> None:
    method = UniLoRA(rank=40, length=2000)  # of 44,000 numbers, so that each entry is used
    drawn = initial(method)["theta"]
    assert is_uniform(drawn, 0.02)
    factors = method.factors({"theta": drawn}, method.frozen([WIDE, TALL]), [WIDE, TALL])
    squares = sum(side.square().sum() for site in factors.values() for side in (site.A, site.B))
    torch.testing.assert_close(squares, drawn.square().sum())


def test_fourierfts_coefficients_are_normal_and_its_places_are_of_the_shape_alone() -> None:
    method = FourierFT(frequencies=10_000, alpha=1.0)
    drawn = initial(method)["wide.c"]  # errors of 1% and 0.7% of the deviation
    assert abs(drawn.mean()) < 0.04
    assert drawn.std().item() == pytest.approx(1.0, rel=0.03)
    frozen = method.frozen([WIDE, TALL, dataclasses.replace(WIDE, name="again")])
    assert frozen.keys() == {"200x300", "400x200"}
    for name, size in (("200x300", 60_000), ("400x200", 80_000)):
        places = frozen[name]
        assert len(places.unique()) == 10_000 and places.min() >= 0 and 0.99 * size < places.max() < size


def test_frequencies_are_at_least_one_and_at_most_the_size_of_a_map() -> None:
    assert initial(FourierFT(frequencies=60_000, alpha=1.0))["wide.c"].shape == (60_000,)
    with pytest.raises(MethodError, match="frequencies must be at most 60000, the size of wide, got 60001"):
        initial(FourierFT(frequencies=60_001, alpha=1.0))
    with pytest.raises(MethodError, match="frequencies must be at least 1, got 0"):
        FourierFT(frequencies=0, alpha=1.0)


def test_randloras_lambda_is_zero_gamma_one_over_d_and_its_bases_uniform_of_deviation_one() -> None:
    method = RandLoRA(rank=30)
    drawn = initial(method)  # of terms of 30, 200 are seven
    assert drawn["wide.lambda"].shape == (7, 30) and not drawn["wide.lambda"].any()
    assert torch.equal(drawn["wide.gamma"], torch.full((7, 200), 1 / 200))
    frozen = method.frozen([WIDE, TALL])
    assert frozen["A"].shape == (30, 200) and frozen["B"].shape == (400, 210)
    for base in frozen.values():
        assert is_uniform(base, base.abs().max().item())
        assert base.std().item() == pytest.approx(1.0, rel=1e-4)
        assert base.abs().max().item() == pytest.approx(3**0.5, rel=0.02)


def test_randloras_change_has_full_rank() -> None:
    method, generator = RandLoRA(rank=30), torch.Generator().manual_seed(0)
    drawn = {name: torch.randn(tensor.shape, generator=generator) for name, tensor in initial(method).items()}
    factors = method.factors(drawn, method.frozen([WIDE, TALL]), [WIDE, TALL])
    for site in (WIDE, TALL):
        assert torch.linalg.matrix_rank(delta(factors[site.name], site)) == 200


def test_tinyloras_v_is_zero_and_its_p_normal_with_a_variance_of_one_over_r() -> None:
    method = TinyLoRA(rank=10, length=50)
    assert not initial(method)["v"].any()
    P = method.frozen([WIDE, TALL])["P"]  # 10,000 numbers: errors of 1% and 0.7% of the deviation
    assert abs(P.mean()) < 0.04 * 10**-0.5
    assert P.std().item() == pytest.approx(10**-0.5, rel=0.03)
    assert not torch.equal(P[0], P[1])


def test_ntie_divides_the_number_of_maps() -> None:
    assert initial(TinyLoRA(rank=2, length=5))["v"].shape == (2, 5)
    assert initial(TinyLoRA(rank=2, length=5, ntie=2))["v"].shape == (1, 5)
    with pytest.raises(MethodError, match="ntie must divide the number of adapted maps, 2, got 3"):
        initial(TinyLoRA(rank=2, length=5, ntie=3))
    with pytest.raises(MethodError, match="ntie must be at least 1, got 0"):
        TinyLoRA(rank=2, length=5, ntie=0)
    with pytest.raises(MethodError, match="length must be at least 1, got 0"):
        TinyLoRA(rank=2, length=0)
    with pytest.raises(MethodError, match="rank must be at most 200 for the SVD of wide"):
        initial(TinyLoRA(rank=201, length=5))


def test_bitfits_changes_are_zero_and_as_many_as_outputs() -> None:
    drawn = initial(BitFit())
    assert {name: len(tensor) for name, tensor in drawn.items()} == {"wide.b": 200, "tall.b": 400}
    assert not any(tensor.any() for tensor in drawn.values())


def test_ia3s_vectors_are_one_and_as_long_as_what_they_scale() -> None:
    method = IA3(feedforward="mlp.down,tall")
    sites = [dataclasses.replace(site, name=f"0.{site.name}") for site in (WIDE, TALL)]
    drawn = method.init([*sites, dataclasses.replace(TALL, name="0.mlp.tall")], None)
    assert [len(drawn[f"0.{name}.l"]) for name in ("wide", "tall", "mlp.tall")] == [200, 200, 400]
    assert not any(tensor.any() for tensor in drawn.values())  # l - 1
    part = dataclasses.replace(TALL, name="0.tall", module="0.whole")
    with pytest.raises(MethodError, match=r"0\.tall is one of several maps of 0\.whole, so that its input"):
        method.init([part], None)


def test_rasas_layers_share_the_ranks_that_each_gives_up_and_weigh_them() -> None:
    method = RaSA(rank=8, shared_rank=2, alpha=12)
    layers = [dataclasses.replace(WIDE, name=f"layer.{number}.wide") for number in range(3)]
    sites = [*layers, dataclasses.replace(TALL, name="layer.0.tall")]
    drawn = method.init(sites, torch.Generator().manual_seed(0))
    pools = {name for name in drawn if name.endswith("_shared")}
    assert pools == {f"layer.0.{own}.{side}_shared" for own in ("wide", "tall") for side in "AB"}
    assert drawn["layer.0.wide.A_shared"].shape == (6, 300) and drawn["layer.0.tall.A_shared"].shape == (2, 200)
    for name in ("layer.0.wide.A", "layer.2.wide.A", "layer.0.wide.A_shared"):
        assert is_uniform(drawn[name], 300**-0.5)
    assert not any(drawn[name].any() for name in drawn if ".B" in name)
    assert drawn["layer.1.wide.D"].tolist() == 6 * [12 / 2 / 6] + 6 * [12 / 2 / 6]
    assert drawn["layer.0.tall.D"].tolist() == 6 * [12 / 2 / 6] + 2 * [12 / 2 / 2]
    factors = method.factors(drawn, {}, sites)
    assert len(factors["layer.2.wide"].A) == 12
    assert torch.equal(factors["layer.2.wide"].A[6:], drawn["layer.0.wide.A_shared"])
    assert torch.equal(factors["layer.2.wide"].A[:6], drawn["layer.2.wide.A"])


def test_rasas_shared_rank_leaves_each_layer_some_and_its_pools_have_one_shape() -> None:
    for shared in (0, 4):
        with pytest.raises(
            MethodError, match=f"shared_rank must be at least 1 and less than the rank, 4, got {shared}"
        ):
            RaSA(rank=4, shared_rank=shared, alpha=1)
    sites = [dataclasses.replace(WIDE, name="0.map"), dataclasses.replace(TALL, name="1.map")]
    with pytest.raises(MethodError, match=r"maps that share ranks must have one shape, and 1\.map and 0\.map differ"):
        RaSA(rank=4, shared_rank=1, alpha=1).init(sites, None)


@pytest.mark.parametrize(
    ("pattern", "d", "entries"), [("banded", 0, 200), ("banded", 1, 598), ("banded", 2, 994), ("random", 0, 200)]
)
def test_svfts_m_is_zero_and_has_the_entries_of_its_pattern(pattern: str, d: int, entries: int) -> None:
    method = SVFT(pattern=pattern, off_diagonals=d)
    drawn = initial(method)
    assert drawn.keys() == {"wide.M", "tall.M"}
    assert all(len(M) == entries and not M.any() for M in drawn.values())
    frozen = method.frozen([WIDE, TALL])
    torch.testing.assert_close(frozen["wide.B"].T @ frozen["wide.B"], torch.eye(200), rtol=0, atol=1e-5)
    ones = {name: torch.ones_like(M) for name, M in drawn.items()}
    C = method.factors(ones, frozen, [WIDE, TALL])["tall"].C
    diagonal = pattern == "banded" and d == 0
    assert (C.ndim == 1) == diagonal == ("200x200" not in frozen)  # which is multiplied entry by entry
    M = torch.diag(C) if diagonal else C
    assert M.count_nonzero() == entries
    rows, columns = M.nonzero(as_tuple=True)
    furthest = (rows - columns).abs().max()
    assert furthest == d if pattern == "banded" else furthest > 100


def test_svfts_pattern_is_known_and_its_off_diagonals_are_there() -> None:
    assert len(initial(SVFT(off_diagonals=199))["wide.M"]) == 200 * 200
    with pytest.raises(MethodError, match=r"off_diagonals must be at most 199 on wide \(200 x 300\), got 200"):
        initial(SVFT(off_diagonals=200))
    with pytest.raises(MethodError, match="off_diagonals must be at least 0, got -1"):
        SVFT(off_diagonals=-1)
    with pytest.raises(MethodError, match="pattern must be one of banded, random, got top_k"):
        SVFT(pattern="top_k")


def test_lora_fas_frozen_a_begins_as_loras() -> None:
    frozen = LoRAFA(rank=8, alpha=16).frozen([WIDE, TALL])
    assert is_uniform(frozen["wide.A"], 300**-0.5) and is_uniform(frozen["tall.A"], 200**-0.5)
    assert not initial(LoRAFA(rank=8, alpha=16))["wide.B"].any()


def test_one_loras_a_is_ones_and_b_is_zero() -> None:
    method = OneLoRA()
    drawn = initial(method)
    assert {name: len(tensor) for name, tensor in drawn.items()} == {"wide.b": 200, "tall.b": 400}
    assert not any(tensor.any() for tensor in drawn.values())
    factors = method.factors(drawn, method.frozen([WIDE, TALL]), [WIDE, TALL])
    assert torch.equal(factors["wide"].A, torch.ones(1, 300)) and torch.equal(factors["tall"].A, torch.ones(1, 200))


@pytest.mark.parametrize("start", STARTS)
def test_pissas_parts_are_of_the_weight_and_what_is_left_has_the_other_singular_values(start: str) -> None:
    W = torch.randn(12, 20, generator=torch.Generator().manual_seed(0))
    site = Site("w", 20, 12, lambda: W)
    frozen = PiSSA(rank=5, start=start).frozen([site])
    A0, B0, values = frozen["w.A0"], frozen["w.B0"], torch.linalg.svdvals(W)
    left = torch.linalg.svdvals(W - B0 @ A0)
    if start == "orthonormal":
        torch.testing.assert_close(B0.T @ B0, torch.eye(5), atol=1e-5, rtol=0)
        assert (A0.diagonal() > 0).all()
        assert (left[7:] < 1e-4).all()  # of twelve
    else:
        others = values[5:] if start == "principal" else values[:7]
        torch.testing.assert_close(left[:7], others, atol=1e-4, rtol=0)
        torch.testing.assert_close(A0.norm(dim=1), B0.norm(dim=0))
    with pytest.raises(MethodError, match="rank must be at most 12 for the SVD of w"):
        PiSSA(rank=13, start=start).frozen([site])


def test_hyperparameters_that_were_checked_stay_as_they_are(method: Method) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.dropout = 1.0
