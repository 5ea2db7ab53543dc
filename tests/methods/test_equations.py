"""Every method's outputs and gradients against its paper's equation, stated here anew in the paper's symbols.

All is in float64, where two right ways to compute a number near 1 differ by some 1e-15 times the number of terms; the
sums here have some hundred terms, so 1e-12 leaves room for rounding and for nothing else.
"""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import linear

from methods.adapter import Adapter
from methods.base import Site
from methods.bitfit import BitFit
from methods.dora import DoRA
from methods.dropout import Rows
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
from methods.vb_lora import VBLoRA
from methods.vera import VeRA

SITES = ("up", "mix", "down")
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


def lora(method, W0, t, frozen):
    """2106.09685, equation 3: Delta W = (alpha / r) B A."""
    return {s: method.alpha / method.rank * t[f"{s}.B"] @ t[f"{s}.A"] for s in SITES}


def rank_stabilized(method, W0, t, frozen):
    """2312.03732: LoRA's change with alpha / sqrt(r)."""
    return {s: method.alpha / math.sqrt(method.rank) * t[f"{s}.B"] @ t[f"{s}.A"] for s in SITES}


def vera(method, W0, t, frozen):
    """2310.11454, equation 2: Delta W = Lambda_b B Lambda_d A, with A and B cut to the shape of W0."""
    A, B = frozen["A"], frozen["B"]
    return {
        s: torch.diag(t[f"{s}.b"]) @ B[: len(W0[s]), :] @ torch.diag(t[f"{s}.d"]) @ A[:, : len(W0[s].T)] for s in SITES
    }


def tied_lora(method, W0, t, frozen):
    """2311.09578: Delta W = Lambda_v B Lambda_u A; entry i of a side reads entry i mod d of the tied factor."""
    d = 8
    changes = {}
    for s in SITES:
        d_out, d_in = W0[s].shape
        A = t["A"][:, [i % d for i in range(d_in)]]
        B = t["B"][[i % d for i in range(d_out)], :]
        changes[s] = torch.diag(t[f"{s}.v"]) @ B @ torch.diag(t[f"{s}.u"]) @ A
    return changes


def lora_xs(method, W0, t, frozen):
    """2405.17604, equation 2, with Sigma beside V: Delta W = (alpha / r) U_r R Sigma_r V_r^T.

    A pair of singular vectors has its sign from the largest entry of the left one.
    """
    changes = {}
    for s in SITES:
        U, Sigma, Vt = np.linalg.svd(W0[s].numpy())
        r = method.rank
        for i in range(r):
            if U[np.abs(U[:, i]).argmax(), i] < 0:
                U[:, i], Vt[i] = -U[:, i], -Vt[i]
        left, right = torch.tensor(U[:, :r]), torch.tensor(np.diag(Sigma[:r]) @ Vt[:r])
        changes[s] = method.alpha / r * left @ t[f"{s}.R"] @ right
    return changes


def vb_lora(method, W0, t, frozen):
    """2405.15179, equations 2 to 4, one sub-vector after the other."""
    r, b, k = method.rank, method.vector_length, method.topk
    logits = iter(t["logits"])

    def concatenation(length):
        parts = []
        for _ in range(length // b):
            sigma = next(logits)
            chosen = sorted(range(method.vectors), key=sigma.tolist().__getitem__, reverse=True)[:k]
            total = sum(sigma[j].exp() for j in chosen)
            parts.append(sum(sigma[j].exp() / total * t["vector_bank"][j] for j in chosen))
        return torch.cat(parts)

    changes = {}
    for s in SITES:
        d_out, d_in = W0[s].shape
        A = torch.stack([concatenation(d_in) for _ in range(r)])
        B = torch.stack([concatenation(d_out) for _ in range(r)], dim=1)
        changes[s] = B @ A
    return changes


def uni_lora(method, W0, t, frozen):
    """2506.00799: theta_D = P theta, with A and B of one site after the other in theta_D, and P^T P = I."""
    P = torch.zeros(len(frozen["places"]), method.length, dtype=torch.float64)
    P[range(len(P)), frozen["places"]] = 1.0
    assert (P.sum(0) > 0).all()  # every entry of theta is used
    P = P / P.norm(dim=0)
    numbers = P @ t["theta"]
    changes, start = {}, 0
    for s in SITES:
        d_out, d_in = W0[s].shape
        A, B = numbers[start:].split([method.rank * d_in, len(numbers) - start - method.rank * d_in])
        changes[s] = B[: d_out * method.rank].reshape(d_out, method.rank) @ A.reshape(method.rank, d_in)
        start += method.rank * (d_in + d_out)
    assert start == len(numbers)
    return changes


def lora_fa(method, W0, t, frozen):
    """2308.03303: LoRA's change, of which A is not trained."""
    return {s: method.alpha / method.rank * t[f"{s}.B"] @ frozen[f"{s}.A"] for s in SITES}


def one_lora(method, W0, t, frozen):
    """2503.08333: the sum of the features, times b."""
    return {s: t[f"{s}.b"].outer(torch.ones(len(W0[s].T), dtype=torch.float64)) for s in SITES}


def pissa(method, W0, t, frozen):
    """2404.02948: W_res + B A for W0, where A and B begin as factors of what W_res lacks."""
    changes, r = {}, method.rank
    for s in SITES:
        if method.start == "orthonormal":
            Q, R = np.linalg.qr(W0[s].numpy())
            A0, B0 = torch.tensor(R[:r]), torch.tensor(Q[:, :r])
        else:
            U, Sigma, Vt = np.linalg.svd(W0[s].numpy(), full_matrices=False)
            chosen = np.arange(r) if method.start == "principal" else np.arange(len(Sigma) - r, len(Sigma))
            A0 = torch.tensor(np.sqrt(Sigma[chosen])[:, None] * Vt[chosen])
            B0 = torch.tensor(U[:, chosen] * np.sqrt(Sigma[chosen]))
        sign = torch.sign((B0 * frozen[f"{s}.B0"]).sum(0))  # a pair may have either
        A0, B0 = sign[:, None] * A0, sign * B0
        W_res = W0[s] - B0 @ A0
        changes[s] = W_res + (B0 + t[f"{s}.B"]) @ (A0 + t[f"{s}.A"]) - W0[s]
    return changes


def dora(method, W0, t, frozen):
    """2402.09353, equation 5: W' = m V' / ||V'||, V' = W0 + (alpha / r) B A; section 4.3: ||V'|| has no gradient."""
    changes = {}
    for s in SITES:
        V = W0[s] + method.alpha / method.rank * t[f"{s}.B"] @ t[f"{s}.A"]
        m = torch.linalg.vector_norm(W0[s], dim=1) + t[f"{s}.m"]
        changes[s] = torch.diag(m / torch.linalg.vector_norm(V, dim=1).detach()) @ V - W0[s]
    return changes


def tinylora(method, W0, t, frozen):
    """2602.04118: Delta W = U Sigma (sum_i v_i P_i) V^T, with a v for each ntie sites."""
    changes = {}
    for place, s in enumerate(SITES):
        U, Sigma, Vt = (torch.tensor(part) for part in np.linalg.svd(W0[s].numpy(), full_matrices=False))
        U, Sigma, Vt = U[:, : method.rank], torch.diag(Sigma[: method.rank]), Vt[: method.rank]
        sign = torch.diag(torch.sign((Vt * frozen[f"{s}.A"]).sum(1)))  # a pair may have either
        v, P = t["v"][place // method.ntie], frozen["P"][place]
        R = sum(v[i] * P[i] for i in range(method.length))
        changes[s] = U @ sign @ Sigma @ R @ sign @ Vt
    return changes


def rasa(method, W0, t, frozen):
    """2503.12576: Delta W_i = [B_i B_S] diag(D_i) [A_i; A_S]. Of maps of several names each has a pool of its own."""
    changes, own = {}, method.rank - method.shared_rank
    for s in SITES:
        D = t[f"{s}.D"]
        private = t[f"{s}.B"] @ torch.diag(D[:own]) @ t[f"{s}.A"]
        changes[s] = private + t[f"{s}.B_shared"] @ torch.diag(D[own:]) @ t[f"{s}.A_shared"]
    return changes


def randlora(method, W0, t, frozen):
    """2502.00987, equation 4: Delta W = sum_j B_j Lambda_j A Gamma_j of a W0 (D, d), D > d; appendix C.4: its scale."""
    changes, r = {}, method.rank
    for s in SITES:
        D, d = max(W0[s].shape), min(W0[s].shape)
        n = math.ceil(d / r)
        B, A = frozen["B"][:D].split(r, dim=1), frozen["A"][:, :d]
        terms = (B[j] @ torch.diag(t[f"{s}.lambda"][j]) @ A @ torch.diag(t[f"{s}.gamma"][j]) for j in range(n))
        change = method.scale / math.sqrt(n) * sum(terms)
        changes[s] = change if W0[s].shape == (D, d) else change.T
    return changes


def fourierft(method, W0, t, frozen):
    """2405.03003, equations 2 to 4, and algorithm 1's division by d1 d2."""
    changes = {}
    for s in SITES:
        d1, d2 = W0[s].shape
        F = torch.zeros(d1, d2, dtype=torch.complex128)
        for place, c in zip(frozen[f"{d1}x{d2}"], t[f"{s}.c"], strict=True):
            F[place // d2, place % d2] = c
        turns = [torch.outer(torch.arange(d), torch.arange(d)).double() / d for d in (d1, d2)]
        P, Q = (torch.exp(2j * math.pi * turn) for turn in turns)
        changes[s] = method.alpha * (P @ F @ Q).real / (d1 * d2)
    return changes


def svft(method, W0, t, frozen):
    """2405.19597, equation 1: U (Sigma + M) V^T for W0, M_ij = 0 for |i - j| > d, or but for random places."""
    changes = {}
    for s in SITES:
        U, Sigma, Vt = (torch.tensor(part) for part in np.linalg.svd(W0[s].numpy(), full_matrices=False))
        sign = torch.sign((U * frozen[f"{s}.B"]).sum(0))  # a pair may have either
        U, Vt, n, d = U * sign, sign[:, None] * Vt, len(Sigma), method.off_diagonals
        places = [(i, j) for i in range(n) for j in range(n) if abs(i - j) <= d]
        if method.pattern == "random":
            assert len(places) == len(set(frozen[f"{n}x{n}"].tolist()))
            places = [divmod(place, n) for place in frozen[f"{n}x{n}"].tolist()]
        M = torch.zeros(n, n, dtype=torch.float64)
        for (i, j), m in zip(places, t[f"{s}.M"], strict=True):
            M[i, j] = m
        changes[s] = U @ (torch.diag(Sigma) + M) @ Vt - W0[s]
    return changes


def ia3(method, W0, t, frozen):
    """2205.05638: l * (W0 x + b) of each map, and W0 (l * x) + b of the feed-forward part's second one."""
    changes = {}
    for s in SITES:
        scale = torch.diag(1 + t[f"{s}.l"])
        changes[s] = (W0[s] @ scale if s == method.feedforward else scale @ W0[s]) - W0[s]
    return changes, {s: 1 + t[f"{s}.l"] for s in SITES if s != method.feedforward}


def bitfit(method, W0, t, frozen):
    """2106.10199: W0 x + b, of which b is trained; here the factor of the bias is of one that has no zeros."""
    return {s: torch.zeros_like(W0[s]) for s in SITES}, {}, {s: t[f"{s}.b"] for s in SITES}


CASES = {
    "bitfit": (BitFit(), bitfit),
    "ia3": (IA3(feedforward="down"), ia3),
    "ia3, no feedforward": (IA3(feedforward=""), ia3),
    "dora": (DoRA(rank=3, alpha=16), dora),
    "lora": (LoRA(rank=3, alpha=16), lora),
    "lora, rank_stabilized": (LoRA(rank=3, alpha=4, rank_stabilized=True), rank_stabilized),
    "vera": (VeRA(rank=5), vera),
    "tied_lora": (TiedLoRA(rank=3), tied_lora),
    "lora_xs": (LoRAXS(rank=3, alpha=16), lora_xs),
    "vb_lora": (VBLoRA(rank=2, vectors=7, vector_length=4, topk=2), vb_lora),
    "fourierft": (FourierFT(frequencies=12, alpha=30), fourierft),
    "randlora": (RandLoRA(rank=3, scale=0.2), randlora),
    "randlora, whole terms": (RandLoRA(rank=4, scale=0.2), randlora),
    "rasa": (RaSA(rank=4, shared_rank=1, alpha=1), rasa),
    "rasa, k of 3": (RaSA(rank=4, shared_rank=3, alpha=1), rasa),
    "svft, plain": (SVFT(), svft),
    "svft, banded": (SVFT(off_diagonals=2), svft),
    "svft, random": (SVFT(pattern="random", off_diagonals=2), svft),
    "tinylora": (TinyLoRA(rank=3, length=4), tinylora),
    "tinylora, ntie": (TinyLoRA(rank=2, length=5, ntie=3), tinylora),
    "uni_lora": (UniLoRA(rank=2, length=20), uni_lora),
    "lora_fa": (LoRAFA(rank=3, alpha=16), lora_fa),
    "one_lora": (OneLoRA(), one_lora),
    **{f"pissa, {start}": (PiSSA(rank=3, start=start), pissa) for start in STARTS},
    "vb_lora, topk 3": (VBLoRA(rank=2, vectors=5, vector_length=8, topk=3), vb_lora),
}


def all_of(changes):
    """Return the changes of weights, and what biases are multiplied by and what is added, which most methods leave."""
    return (*changes, {}, {})[:3] if isinstance(changes, tuple) else (changes, {}, {})


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients_follow_the_papers_equation(case, runs, maps, randomised):
    method, equation = CASES[case]
    model = maps.double().requires_grad_(False)
    W0 = {s: getattr(model, s).weight.clone() for s in SITES}
    bias = {s: getattr(model, s).bias for s in SITES}
    sites = [Site(s, len(W0[s].T), len(W0[s]), lambda s=s: W0[s], bias=lambda s=s: bias[s]) for s in SITES]
    frozen = {n: t.double() if t.is_floating_point() else t for n, t in method.frozen(sites).items()}
    tensors = [randomised(method, sites, seed, torch.float64, std=1.0) for seed in range(runs)]
    adapter = Adapter(model, method, sites, tensors, frozen, Rows())

    generator = torch.Generator().manual_seed(9)
    x = torch.randn(runs, 4, 5, 8, generator=generator, dtype=torch.float64)
    cotangent = torch.randn(runs, 4, 5, 8, generator=generator, dtype=torch.float64)
    output = model(x.flatten(0, 1)).unflatten(0, (runs, -1))
    (output * cotangent).sum().backward()

    for s in range(runs):
        t = {n: tensor.detach().clone().requires_grad_() for n, tensor in tensors[s].items()}
        change, of_bias, added = all_of(equation(method, W0, t, frozen))
        h = x[s]
        for i, site in enumerate(SITES):
            h = linear(
                h if i == 0 else torch.tanh(h),
                W0[site] + change[site],
                of_bias.get(site, 1) * bias[site] + added.get(site, 0),
            )
        (h * cotangent[s]).sum().backward()
        torch.testing.assert_close(output[s], h, **TOLERANCE)
        for n, tensor in t.items():
            assert tensor.grad.any()
            torch.testing.assert_close(
                adapter.trained[n].grad[s], tensor.grad, **TOLERANCE, msg=lambda m, n=n: f"{n} {m}"
            )


def test_lora_xs_factors_are_the_truncated_svd():
    """A is S V^T and B is U: together they are the nearest matrix of rank r (Eckart, Young), which numpy gives too."""
    W = torch.randn(24, 16, generator=torch.Generator().manual_seed(0))
    frozen = LoRAXS(rank=4, alpha=16).frozen([Site("w", 16, 24, lambda: W)])
    A, B = frozen["w.A"], frozen["w.B"]
    U, S, Vt = np.linalg.svd(W.double().numpy(), full_matrices=False)
    # float32 rounding of an SVD of 24 x 16 entries near 1, whose singular values are below 10
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close((B @ A).double(), torch.tensor(U[:, :4] * S[:4] @ Vt[:4]), **close)
    torch.testing.assert_close(B.T @ B, torch.eye(4), **close)
    torch.testing.assert_close(A @ A.T, torch.tensor(np.diag(S[:4] ** 2)).float(), rtol=1e-5, atol=1e-4)
