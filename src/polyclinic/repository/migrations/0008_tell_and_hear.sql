-- Events: how far changes are told to other services, and which of their events are settled here. docs/decisions/0019.

-- Places in the change feed of which everything before is on the bus. The last one moves; the others stay where they
-- are, so that what the bus has lost can be told again.
create table told (
    number   bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    place    text,                     -- null: the beginning
    stream   text not null,            -- when the stream was made, which tells it from a later one of its name
    sequence bigint not null           -- of the last message that it had then
);

-- Events that took effect here, or were laid aside.
create table handled (
    event  text collate "C" primary key,
    number bigint generated always as identity unique,
    at     timestamptz not null default now()
);

-- Events that could not be handled so far. Those laid aside are dead letters: nobody tries them until somebody asks.
create table failure (
    number  bigint generated always as identity primary key,
    event   text collate "C" not null unique,
    content text not null,             -- as it came, or as somebody has edited it
    reason  text not null,             -- the class of the error and where it happened; no patient data
    tries   integer not null default 1,
    first   timestamptz not null default now(),
    last    timestamptz not null default now(),
    aside   boolean not null default false
);

alter table change add column trace text;  -- of the request that brought it about (W3C Trace Context, traceparent)
