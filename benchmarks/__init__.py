"""Measurements: each script prints rdb, the peers found on the machine and the physical limit, as ratios from one run."""
