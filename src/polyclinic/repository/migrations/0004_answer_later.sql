-- Searches whose answer is fetched later, and their answers. Kept for a day.

create table later (
    id       text collate "C" primary key,
    asked    timestamptz not null,
    beat     timestamptz not null,   -- when a process last said that it is at it
    question bytea not null,         -- JSON: path, query, and what was preferred
    status   integer,                -- of the answer; null while it is being found
    answer   bytea
);
create index later_asked on later (asked);
