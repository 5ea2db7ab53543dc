"""What the tests of the methods share: tiny random models, and every method as conf/method/ gives it."""

import pytest
import torch
from support import method_cases
from support.method_cases import CASES
from torch import nn


class Maps(nn.Module):
    """Three linear maps with different sides, all multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.mix, self.down = nn.Linear(8, 24), nn.Linear(24, 16), nn.Linear(16, 8)

    def forward(self, x):
        return self.down(self.mix(self.up(x).tanh()).tanh())


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Products this small are faster on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def maps():
    torch.manual_seed(0)
    return Maps()


@pytest.fixture
def bert():
    """Return a function that builds a random BERT classifier without dropout; its sides are given."""
    return method_cases.bert


@pytest.fixture
def backbone():
    return method_cases.bert()


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.fixture
def settings(name):
    return method_cases.settings_of(name)


@pytest.fixture
def method(settings):
    return method_cases.built(settings)


@pytest.fixture
def randomised():
    """Return a function that draws one run's tensors at random about where the method starts them."""

    def draw(method, sites, seed: int, dtype=torch.float32, std: float = 0.1):
        generator = torch.Generator().manual_seed(seed)
        return {
            name: tensor.to(dtype) + std * torch.randn(tensor.shape, generator=generator, dtype=dtype)
            for name, tensor in method.init(sites, generator).items()
        }

    return draw
