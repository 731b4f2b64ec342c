-- Resources, their versions, their index and their change feed. Why it looks like this: docs/decisions/0008.

create sequence resource_key increment by 1000;  -- a process takes 1000 keys at a time

-- What stands now. A deleted resource keeps its row, without a body.
create table resource (
    key     bigint primary key,
    type    text collate "C" not null,
    id      text collate "C" not null,
    version integer not null,
    updated timestamptz not null,
    method  text collate "C" not null,
    at      bigint not null,           -- clinical date, microseconds since 1970; -2^63 without one
    terms   bytea not null,            -- this resource's posting.key, eight bytes each, to find them again
    body    bytea,                     -- UTF-8 JSON as it is served
    unique (type, id)
);
create index resource_updated on resource (type, updated, key);
alter table resource set (autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05);

-- What stood before.
create table archive (
    resource bigint not null,
    version  integer not null,
    updated  timestamptz not null,
    method   text collate "C" not null,
    body     bytea,
    primary key (resource, version)    -- also refuses the second of two writers that replace the same version
);

-- One line for each version that ever came to be. Insert only.
create table change (
    seq      bigint generated always as identity primary key,
    xid      xid8 not null default pg_current_xact_id(),
    resource bigint not null,
    type     text collate "C" not null,
    id       text collate "C" not null,
    version  integer not null,
    method   text collate "C" not null,
    updated  timestamptz not null
);
create index change_xid on change (xid, seq);
create index change_type on change (type, seq);

-- Values that are looked up whole (tokens, references, addresses), newest clinical date first.
create table posting (
    key      bigint not null,          -- hash of the term, see repository/keys.py
    at       bigint not null,
    resource bigint not null
);
create index posting_key on posting (key, at, resource);
alter table posting alter column key set statistics 300;  -- the terms counted as common, see repository/plan.py
alter table posting set (autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05);

-- Dates, numbers and quantities: from low to high.
create table span (
    key       bigint not null,
    low       float8 not null,
    high      float8 not null,
    resource  bigint not null,
    unit      bigint,                  -- hash of system and code of the unit
    unit_code bigint                   -- hash of its code, or its name, alone
);
create index span_key on span (key, low, high, resource);
create index span_resource on span (resource, key);

-- Texts, folded; the written form beside them.
create table text_value (
    key      bigint not null,
    value    text collate "C" not null,
    written  text collate "C" not null,
    resource bigint not null
);
create index text_value_key on text_value (key, value, resource);
create index text_value_resource on text_value (resource, key);
