"""Which old versions go."""

from components.serving_folder.history import Trail


def expendable(trail: Trail, keep: int) -> list[int]:
    """The versions beyond the ``keep`` that stay: what serves, what a rollback would bring back, then the newest.

    With ``keep`` 1 nothing stays to go back to.
    """
    if trail.serving is None:
        return []
    wanted = [trail.serving, trail.rollback_target(), *reversed(trail.complete)]
    order = dict.fromkeys(version for version in wanted if version in trail.complete)
    stay = list(order)[: max(keep, 1)]
    return [version for version in trail.complete if version not in stay]
