"""The one configuration: its sections, loading, overrides, digests and the settings of the cluster."""

from pipeline.config.configuration import DIGITS, Config, as_json
from pipeline.config.loading import UserValues, checked, load_config, read_user_values

__all__ = ["DIGITS", "Config", "UserValues", "as_json", "checked", "load_config", "read_user_values"]
