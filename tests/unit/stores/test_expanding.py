import pytest

from stores.expanding import faults
from stores.migrate import Migration, shipped_migrations


@pytest.mark.parametrize("migration", shipped_migrations(), ids=lambda migration: migration.name)
def test_the_version_before_survives_each_migration(migration: Migration) -> None:
    assert list(faults(migration.name, migration.sql)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "drop table greeting;",
        "alter table call_log drop column notes;",
        "alter table call_log rename column notes to note;",
        "alter table call_log rename to call;",
        "alter table call_log alter column attempts type bigint;",
        "alter table call_log alter attempts set not null;",
        "alter table call_log add column mood text not null;",
        "alter table call_log add mood text, add column tone text not null check (tone <> '');",
        "alter table call_log add constraint calm check (mood <> 'angry');",
        "alter table call_log alter column mood drop default;",
        "create unique index once on call_log (caller);",
        "revoke select on call_log from alloresto_app;",
        "drop function record_backup(text);",
        "create table mood (id uuid); drop table greeting;",
    ],
)
def test_what_takes_away_or_tightens_is_a_fault(sql: str) -> None:
    assert len(list(faults("0099_x.sql", sql))) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "alter table call_log add column mood text;",
        "alter table call_log add column mood text not null default 'calm';",
        "alter table call_log add column mood text default 'calm' not null;",
        "alter table call_log add column day date not null generated always as (started_at::date) stored;",
        "alter table call_log alter column caller drop not null;",
        "alter table call_log drop constraint call_log_check;",
        "create table mood (id uuid not null, unique (id)); alter table mood add constraint one check (id <> id);",
        "create table mood (id uuid); create unique index moods on mood (id);",
        "create function mood() returns int return 1; revoke execute on function mood() from public;",
        "create index by_mood on call_log (mood);  -- drop table greeting",
        "comment on table call_log is 'never drop table this';",
        "do $$ begin execute 'drop table greeting'; end $$;",
        "-- contract: greeting, unused since 0046\ndrop table greeting;",
    ],
)
def test_what_only_adds_is_none(sql: str) -> None:
    assert list(faults("0099_x.sql", sql)) == []


def test_a_file_that_was_there_before_the_rule_is_left_alone() -> None:
    assert list(faults("0045_x.sql", "drop table greeting;")) == []
