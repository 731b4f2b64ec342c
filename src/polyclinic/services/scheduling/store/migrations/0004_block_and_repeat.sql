-- Times that are blocked, series of visits, and Slots that are offered as they are stored.

-- What a block wants, whatever others still have of it; what it has is in occupation, under the name of its Slot.
create table block (
    slot    text collate "C" not null,
    actor   text collate "C" not null,   -- who is away, such as Practitioner/7, or the Schedule that is closed
    during  tstzrange not null check (not isempty(during)),
    most    integer not null,            -- how many lanes it takes
    primary key (slot, actor)
);
create index block_times on block using gist (actor, during);

alter table slot_schedule add column during tstzrange, add column is_free boolean not null default false;
create index slot_schedule_by_schedule on slot_schedule (schedule, lower(during));

-- Which visits belong to a series, and which one each of them is.
create table series_visit (
    visit   text collate "C" primary key,  -- ids of Appointments
    origin  text collate "C" not null,
    number  integer not null
);
create index series_visit_origin on series_visit (origin, number);
