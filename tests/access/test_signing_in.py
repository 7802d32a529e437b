"""What lets people in, put together from what the settings say."""

from pathlib import Path
from typing import Any

import pytest

from iryo.access.code_flow import CodeFlow
from iryo.access.signing_in import SignIn, open_sign_in
from iryo.errors import InvalidInput
from tests.imaging.house import House


def opened(folder: Path, **settings: Any) -> SignIn:
    house = House.made(folder, **settings)
    with house.app as app:
        return open_sign_in(app.settings, app.database, app.access, app.audit)


def test_without_a_provider(tmp_path: Path) -> None:
    found = opened(tmp_path)
    assert found.flow is None
    assert not found.visitors.secure


def test_a_provider_to_sign_in_at(tmp_path: Path) -> None:
    found = opened(
        tmp_path, oidc_issuer="https://idp.example", oidc_client_id="iryo", behind_proxy=True
    )
    assert isinstance(found.flow, CodeFlow)
    assert found.visitors.secure


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"oidc_issuer": "https://idp.example"}, "oidc_audience"),
        ({"oidc_client_id": "iryo"}, "oidc_issuer"),
        ({"oidc_issuer": "http://idp.example", "oidc_client_id": "iryo"}, "oidc_issuer"),
    ],
)
def test_settings_that_are_not_whole(tmp_path: Path, settings: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        opened(tmp_path, **settings)
    assert raised.value.where == where
