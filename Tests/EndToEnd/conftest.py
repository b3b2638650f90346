"""Which cluster the guide is followed on."""

import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "Tests", "Deploy")]

from site_of_guide import open_site  # noqa: E402


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The cluster that ASYA_E2E_CONTEXT names; refuses to guess."""
    context = os.environ.get("ASYA_E2E_CONTEXT", "")
    if not context:
        pytest.fail("ASYA_E2E_CONTEXT is not set: name a context of kubectl's configuration, or local; see `make test-e2e`")
    with open_site(str(tmp_path_factory.mktemp("guide")), context) as opened:
        yield opened
