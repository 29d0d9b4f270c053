"""What an output cost, by the price list of genai-prices that is installed, where the target does not tell.

Decides nothing about a run. Never fetches a newer list, and never takes a model without a price for free.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stopship.errors import EvidenceError
from stopship.model.case import Json
from stopship.model.suite import MODELS, ReplayPlan


@dataclass(frozen=True, slots=True)
class Prices:
    """One price list."""

    name: str  # `genai-prices 0.2.3 sha256:…`: the same name is the same prices
    provider: str  # "": found by the model's name
    _calculate: Any
    _usage: Any
    by: str = "limits"  # which words of the suite ask for dollars
    word: str = "usd"

    def usd(self, trace: Mapping[str, Json]) -> float:
        """Dollars of an output's usage; EvidenceError where there is no price for it."""
        usage, model = trace.get("usage"), _model(trace)
        if not isinstance(usage, dict) or not model or not {"input_total", "output_total"} & usage.keys():
            raise EvidenceError(
                f"{self.by} has {self.word}, and an output tells neither cost_usd nor usage and model: what "
                "it cost is not known",
                do=f"let the target tell cost_usd, or take {self.word} out of {self.by}",
            )
        raw = usage.get("raw")
        written = raw.get("cache_creation_input_tokens") if isinstance(raw, dict) else None
        counts = {
            "input_tokens": _count(usage.get("input_total")),
            "output_tokens": _count(usage.get("output_total")),
            "cache_read_tokens": _count(usage.get("cached")),
            "cache_write_tokens": _count(written),
        }
        try:
            found = self._calculate(self._usage(**counts), model, provider_id=self.provider or None)
        except LookupError as err:
            listed = self.name.partition(" sha")[0]
            raise EvidenceError(
                f"{self.by} has {self.word}, and {listed} has no price for the model {model!r}",
                do="let the target tell cost_usd, install a newer genai-prices, or take "
                f"{self.word} out of {self.by}",
            ) from err
        return float(found.total_price)


def _model(trace: Mapping[str, Json]) -> str:
    observed = trace.get("observed")
    told = trace.get("model") or (observed.get("model") if isinstance(observed, dict) else None)
    return told if isinstance(told, str) else ""


def _count(value: Json) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def own_provider(plan: ReplayPlan) -> str:
    """The provider whose own address is asked; "": a price is found by the model's name."""
    table = plan.table
    is_own = table is not None and table.kind in MODELS and "base_url" not in table.settings
    return table.kind if table is not None and is_own else ""


def open_prices(provider: str = "", *, by: str = "limits", word: str = "usd") -> Prices:
    """The price list of this environment; EvidenceError where there is none."""
    try:
        import genai_prices
        from genai_prices import data
    except ImportError as err:
        raise EvidenceError(
            f"{by} has {word}, and the package genai-prices is not installed",
            do=f"pip install 'stopship[prices]', or take {word} out of {by}",
        ) from err
    sha256 = hashlib.sha256(Path(data.__file__).read_bytes()).hexdigest()
    name = f"genai-prices {genai_prices.__version__} sha256:{sha256}"
    return Prices(name, provider, genai_prices.calc_price, genai_prices.Usage, by, word)
