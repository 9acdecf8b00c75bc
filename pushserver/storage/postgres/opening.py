"""Opens a PostgreSQL database: its connections, and the parts of the store."""

from contextlib import AsyncExitStack
from functools import partial

from pushserver.clock import Clock
from pushserver.errors import Misconfigured, Unavailable
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import EventType
from pushserver.model.ids import IdGenerator
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.postgres.cluster.asked_time import ask_leader, ask_others
from pushserver.storage.postgres.cluster.connection import ClusterConnection
from pushserver.storage.postgres.cluster.low_watermark import LowWatermark
from pushserver.storage.postgres.cluster.member import ClusterMember
from pushserver.storage.postgres.cluster.task_lock import TaskLock
from pushserver.storage.postgres.commit import command_deadlines
from pushserver.storage.postgres.commit.decisions import DecisionRunner
from pushserver.storage.postgres.commit.group_commit import GroupCommit
from pushserver.storage.postgres.commit.lane_cache import LaneCache
from pushserver.storage.postgres.commit.waiting_counts import (
    count_waiting,
)
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import (
    READER_APPLICATION,
    WRITER_APPLICATION,
    Connection,
)
from pushserver.storage.postgres.connection.pool import Pool
from pushserver.storage.postgres.connection.schema import install_schema
from pushserver.storage.postgres.connection.threads import ConnectionThread, Database
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.audit import SqlAudit
from pushserver.storage.sql.blobs import SqlBlobs
from pushserver.storage.sql.bodies import SqlBodies
from pushserver.storage.sql.clock_store import SqlClock
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.largest_id import largest_id
from pushserver.storage.sql.notifications import SqlNotifications
from pushserver.storage.sql.offset_marks import OffsetMarks
from pushserver.storage.sql.operations import SqlOperations
from pushserver.storage.sql.order_cache import OrderCache
from pushserver.storage.sql.retention import SqlRetention
from pushserver.storage.sql.shadows import SqlShadows
from pushserver.storage.sql.statistics import SqlStatistics
from pushserver.storage.sql.stream_interests import SqlStreamInterests
from pushserver.storage.sql.subscriptions import SqlSubscriptions
from pushserver.storage.sql.tasks import SqlTasks
from pushserver.storage.sql.upgrades import SqlUpgrades
from pushserver.storage.sql.write_jobs import SqlWriter

#: Connections that write, and that read: single commands, lists, and for workers.
(
    _WRITER_CONNECTIONS,
    _DELIVERY_CONNECTIONS,
    _LIST_CONNECTIONS,
    _BACKGROUND_CONNECTIONS,
) = 4, 2, 2, 1
#: Timeouts of writes and reads, in seconds.
_WRITE_TIMEOUT, _READ_TIMEOUT = 5, 20
#: Timeout of the frequent, short queries: after it, the network is considered down.
_CLUSTER_TIMEOUT = 2


async def open_postgres(url: str, clock: Clock) -> PostgresStore:
    """
    Open the database; create the tables if it is empty.

    Raises:
        Misconfigured: it cannot be opened.
    """
    database, exit_stack = Database(url), AsyncExitStack()
    try:
        return await _open(database, clock, exit_stack)
    except Unavailable as error:
        await exit_stack.aclose()
        raise Misconfigured(f"Cannot open the database: {error}") from error
    except BaseException:
        await exit_stack.aclose()
        raise


async def _open(
    database: Database, clock: Clock, exit_stack: AsyncExitStack
) -> PostgresStore:
    def new_thread(
        timeout: int, application_name: str = READER_APPLICATION, **options: bool
    ) -> ConnectionThread:
        thread = ConnectionThread(database, timeout, application_name, **options)
        exit_stack.push_async_callback(thread.close)
        return thread

    def new_pool(size: int, *, custom_plans: bool = False) -> Pool:
        return Pool(
            [new_thread(_READ_TIMEOUT, custom_plans=custom_plans) for _ in range(size)]
        )

    def writer_pids() -> set[int]:
        return {each.pid for each in writers if each.pid is not None}

    writers = [
        new_thread(_WRITE_TIMEOUT, WRITER_APPLICATION)
        for _ in range(_WRITER_CONNECTIONS)
    ]
    database_clock = DatabaseClock(clock)
    await writers[0].run(partial(install_schema, now=clock.now()))
    await writers[0].run(lambda c: database_clock.open(c, ask_others))
    floor = await writers[0].run(largest_id)
    new_id = IdGenerator(clock.now, floor=floor)
    interest = dict[int, frozenset[EventType]]()
    lane_cache = LaneCache(set(), OrderCache(), clock.now)
    feed = ChangeFeed()
    member = ClusterMember(
        feed=feed,
        connection_thread=new_thread(_CLUSTER_TIMEOUT, detects_outage=True),
        cluster=ClusterConnection(database, database_clock, new_id),
        lane_cache=lane_cache,
        writer_pids=writer_pids,
    )
    exit_stack.push_async_callback(member.leave)
    decisions = DecisionRunner(
        lane_cache,
        clock.now,
        new_id,
        interest,
        database_clock,
        member.publish_commit,
        await writers[0].run(count_waiting),
    )
    group_commit = GroupCommit(writers, decisions, clock.now, new_id, database_clock)
    # Plans for lists depend on how rare the filter's values are.
    write, lists = (
        SqlWriter(group_commit),
        new_pool(_LIST_CONNECTIONS, custom_plans=True),
    )
    workers = new_pool(_BACKGROUND_CONNECTIONS)
    lane_cache.is_listening = member.is_listening
    low_watermark = LowWatermark(
        connection_thread=new_thread(_CLUSTER_TIMEOUT),
        database_clock=database_clock,
        new_id=new_id,
        local_watermark=group_commit.low_watermark,
        writer_pids=writer_pids,
        on_behind=member.cluster.sweep.request_full_notice,
    )
    task_lock = TaskLock(new_thread(_READ_TIMEOUT))
    await member.join()
    return PostgresStore(
        feed=feed,
        group_commit=group_commit,
        lane_cache=lane_cache,
        member=member,
        hot_reader=new_pool(_DELIVERY_CONNECTIONS),
        list_reader=lists,
        background_reader=workers,
        write=write,
        low_watermark=low_watermark,
        operations=SqlOperations(lists, workers),
        notifications=SqlNotifications(lists, write, OffsetMarks(is_enabled=False)),
        tasks=SqlTasks(workers, lists, write, task_lock),
        upgrades=SqlUpgrades(lists),
        shadows=SqlShadows(lists, workers),
        subscriptions=SqlSubscriptions(workers, write, low_watermark),
        stream_interests=SqlStreamInterests(workers, write),
        retention=SqlRetention(workers, write, task_lock),
        bodies=SqlBodies(workers, write),
        clock=SqlClock(
            write,
            clock,
            partial(_move_schedules, lane_cache, feed),
            partial(_correct, database_clock, new_id),
            lambda asking: workers.run(partial(ask_leader, clock=asking)),
        ),
        audit=SqlAudit(lists, write, low_watermark),
        blobs=SqlBlobs(lists, workers, write),
        statistics=SqlStatistics(workers, write),
        new_id=new_id,
        event_interest=interest,
        exit_stack=exit_stack,
        server_version=await writers[0].run(_server_version),
    )


def _correct(
    database_clock: DatabaseClock, new_id: IdGenerator, connection: SqlConnection
) -> None:
    """Let other servers read every lane again, and measure anew."""
    command_deadlines.renew_lanes(connection, new_id())
    database_clock.forget_measurements()


def _move_schedules(
    lane_cache: LaneCache, feed: ChangeFeed, jump: int, now: int
) -> None:
    """Move what is scheduled; held polls have to look again."""
    lane_cache.move_schedules(jump, now)
    feed.publish(ChangeNotice(waiting=set(lane_cache.live_devices)))


def _server_version(connection: Connection) -> str:
    """Return the version that the database reports."""
    return str(connection.raw.info.parameter_status("server_version"))
