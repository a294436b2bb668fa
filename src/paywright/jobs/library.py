"""PgQueuer's names, fixed.

Left to itself the library reads them from the environment, even from variables as common as
CHANNEL, TRIGGER, FUNCTION and DURABILITY; our migration does not.
"""

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel

SETTINGS = DBSettings(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=True,
)
ENVIRONMENT = QueryBuilderEnvironment(settings=SETTINGS)
QUEUE = QueryQueueBuilder(settings=SETTINGS)
