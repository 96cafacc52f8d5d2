from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fusegrad.errors import MissingExtra, perhaps, require_extra


def test_perhaps_names_the_nearest() -> None:
    assert perhaps("momentun", ["nesterov", "momentum"]) == '; perhaps you meant "momentum"?'


def test_perhaps_lists_all_where_none_is_near() -> None:
    assert perhaps("xyz", iter(["relu", "gelu"])) == "; known: gelu, relu"
    assert perhaps("xyz", []) == ""


def test_require_extra_imports() -> None:
    assert require_extra("xml.dom", "demo", "reading") is sys.modules["xml.dom"]


@pytest.mark.parametrize("module", ["surely_not_installed", "surely_not_installed.charts"])
def test_require_extra_says_what_to_install(module: str) -> None:
    with pytest.raises(MissingExtra) as error:
        require_extra(module, "demo", "drawing curves")
    assert str(error.value) == 'drawing curves needs surely_not_installed: pip install "fusegrad[demo]"'
    assert error.value.name == "surely_not_installed"


def test_what_an_installed_package_lacks_is_reported_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "halfway.py").write_text("import surely_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed") as error:
        require_extra("halfway", "demo", "drawing curves")
    assert not isinstance(error.value, MissingExtra)
