-- Search parameters that are defined here, and how far what is kept is indexed by them. docs/decisions/0016.

-- What resources are indexed by, as a number that grows whenever that changes.
create table vocabulary (
    single boolean primary key default true check (single),
    number integer not null
);
insert into vocabulary (number) values (1);

create table search_parameter (
    id         text collate "C" primary key,   -- of the SearchParameter that defines it
    number     integer not null,               -- the first vocabulary that has it as it is now
    code       text not null,
    type       text not null,
    url        text not null,
    expression text not null,
    targets    text[] not null,
    types      text[] not null,                -- resource types that it was added to
    total      bigint not null default 0       -- resources of these types when they were last indexed
);

-- The walk over all resources that indexes them anew. A migration that changes the index asks for one by raising
-- vocabulary.number by one, and "wanted" to the same.
create table reindexing (
    single   boolean primary key default true check (single),
    wanted   integer not null,                 -- every resource is to be indexed with this number or a later one,
    complete integer not null,                 -- and is with this one
    target   integer,                          -- number that the walk under way will have reached; null without one
    type     text collate "C" not null default '',
    id       text collate "C" not null default '',  -- where the walk is
    found    bigint not null default 0,        -- resources it had to index since it last began at the first
    verifies boolean not null default false,   -- whether it has been through all of them before
    done     bigint not null default 0,
    total    bigint not null default 0,
    paused   boolean not null default false
);
insert into reindexing (wanted, complete)
select 1, case when exists (select from resource where body is not null) then 0 else 1 end;

-- The present number; it stays what it is until the end of the transaction.
create function vocabulary_number() returns integer language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(1869771619);
    return (select number from vocabulary);  -- a snapshot of its own, from after the lock
end $$;

-- Let a statement fail that indexes with another vocabulary than the present one.
create function indexed_with(present integer) returns void language plpgsql as $$
begin
    if vocabulary_number() <> present then
        raise exception 'indexed with another vocabulary' using errcode = 'object_not_in_prerequisite_state';
    end if;
end $$;

-- Let a statement fail that did not find all rows as they were read before.
create function all_found(changed bigint, meant bigint) returns void language plpgsql as $$
begin
    if changed <> meant then
        raise exception 'a row was indexed meanwhile' using errcode = 'serialization_failure';
    end if;
end $$;
