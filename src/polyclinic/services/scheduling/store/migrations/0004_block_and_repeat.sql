-- Times that are blocked, and series of visits.

-- What a block wants, whatever others still have of it; what it has is in occupation, under the name of its Slot.
create table block (
    slot    text collate "C" not null,
    actor   text collate "C" not null,   -- who is away, such as Practitioner/7, or the Schedule that is closed
    during  tstzrange not null check (not isempty(during)),
    most    integer not null,            -- how many lanes it takes
    primary key (slot, actor)
);
create index block_times on block using gist (actor, during);
create index slot_schedule_by_schedule on slot_schedule (schedule);

-- Which visits belong to a series, and which one each of them is.
create table series_visit (
    visit   text collate "C" primary key,  -- ids of Appointments
    origin  text collate "C" not null,
    number  integer not null
);
create index series_visit_origin on series_visit (origin, number);
