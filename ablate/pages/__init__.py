"""What the commands say, as report blocks: from data to headings and tables, without printing anything."""

from typing import TYPE_CHECKING

from ablate.lookup import on_first_use

if TYPE_CHECKING:
    from ablate.pages.comparison import comparison_page
    from ablate.pages.listings import LISTINGS, listing_page
    from ablate.pages.machine import bench_page, doctor_page, network_page, profile_page
    from ablate.pages.studies import counts_page, index_page, plan_page, results_page, status_page

__all__ = [
    "LISTINGS",
    "bench_page",
    "comparison_page",
    "counts_page",
    "doctor_page",
    "index_page",
    "listing_page",
    "network_page",
    "plan_page",
    "profile_page",
    "results_page",
    "status_page",
]

_COMMANDS = {
    "comparison": ("comparison_page",),
    "listings": ("LISTINGS", "listing_page"),
    "machine": ("bench_page", "doctor_page", "network_page", "profile_page"),
    "studies": ("counts_page", "index_page", "plan_page", "results_page", "status_page"),
}

__getattr__ = on_first_use(
    __name__, {name: f"ablate.pages.{module}:{name}" for module, names in _COMMANDS.items() for name in names}
)
