-- Addresses of calendar feeds. Whoever has one reads the feed, so that only a digest of it is kept.

create table calendar_feed (
    key     bigint generated always as identity primary key,
    digest  bytea not null unique,        -- SHA-256 of the token in the address
    subject text collate "C" not null,    -- whose visits: Schedule/1 or Patient/1
    names   boolean not null,             -- whether patients are named
    made    timestamptz not null
);
create index calendar_feed_subject on calendar_feed (subject);
