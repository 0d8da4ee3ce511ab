"""The settings that are more than a number: what is taken, and that a wrong one is refused without being repeated."""

import pytest

from settings import load


@pytest.mark.parametrize("bus", ["memory", "redis://localhost", "redis://u:p@h:6380/2", "rediss://[::1]:6379/?ssl_ca_certs=ca.pem"])
def test_a_bus_that_can_be(bus):
    assert load(["--bus", bus]).bus == bus


@pytest.mark.parametrize("bus", ["redis", "http://host", "redis://", "redis:///0", "redis://:secret@h/zero", "redis://:secret@h:port"])
def test_a_bus_that_cannot_be(bus):
    with pytest.raises(SystemExit) as refused:
        load(["--bus", bus])
    assert "ANYWIRE_BUS" in str(refused.value) and "redis://host:6379" in str(refused.value) and "secret" not in str(refused.value)
