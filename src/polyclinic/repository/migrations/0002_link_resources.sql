-- What a resource refers to, where it has anything at all, and how what is in use is spelled. docs/decisions/0014.

alter table resource
    add column identity     bigint not null default 0,      -- hash of Type/id: what a reference to it says
    add column link_paths   bigint[] not null default '{}', -- one for each reference: hash of the element ...
    add column link_targets bigint[] not null default '{}', -- ... and the identity of what it leads to
    add column present      bigint[] not null default '{}', -- hashes of the elements that something was found in
    add column indexed      integer not null default 0;     -- number of the vocabulary that it was indexed with
create index resource_identity on resource (identity);

-- Displays, uris and units in use, by the element they were seen at. Rows are never taken away.
create table spelling (
    path bigint not null,
    text text collate "C" not null,
    primary key (path, text)
);

-- What this service's processes share and nobody else knows.
create table secret (
    name  text collate "C" primary key,
    value bytea not null
);
