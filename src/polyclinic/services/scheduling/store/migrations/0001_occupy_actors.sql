-- Who is occupied when, and by which rules. Why it looks like this: docs/decisions/0020.

create extension if not exists btree_gist;

-- One row: an actor gives one of their places to one holder. That no place is given twice is the exclusion.
create table occupation (
    number  bigint generated always as identity primary key,
    actor   text collate "C" not null,   -- a reference, such as Practitioner/7
    lane    integer not null,
    most    integer,                     -- how many lanes the actor has; null for what overrides the rules
    during  tstzrange not null check (not isempty(during)),  -- buffers included
    places  integer,                     -- how many may be given at once as long as this lasts, overbooked ones apart
    holder  text collate "C" not null,   -- Appointment/1 or Slot/1
    slots   text[] not null default '{}',  -- the Slots that an Appointment takes
    starts  timestamptz not null,        -- of the visit itself, without buffers
    expires timestamptz,                 -- of a hold
    constraint a_lane_is_one_of_the_actors check (lane >= 0 and (most is null and lane >= 1000000 or lane < most)),
    constraint no_place_is_given_twice
        exclude using gist (actor with =, lane with =, during with &&) deferrable initially immediate
);
create index occupation_holder on occupation (holder);
create index occupation_expires on occupation (expires) where expires is not null;
create index occupation_slots on occupation using gin (slots) where slots <> '{}';

-- What Schedules and HealthcareServices say, as every process reads it; the number grows with each change.
create table rule (
    key     integer generated always as identity primary key,
    name    text collate "C" not null unique,  -- Schedule/1 or HealthcareService/1
    number  bigint not null,
    body    bytea                              -- the resource; null where it was deleted
);
create index rule_by_number on rule (number);
create table rule_number (number bigint not null);
insert into rule_number values (0);

-- The Schedule of each Slot, both references.
create table slot_schedule (
    slot     text collate "C" primary key,
    schedule text collate "C" not null
);

-- Who is to be visited and why, as somebody asked when looking for a time; proposals name it by its key.
create table inquiry (
    key     bigint generated always as identity primary key,
    digest  bytea not null unique,
    content bytea not null,             -- JSON
    asked   timestamptz not null
);
create index inquiry_asked on inquiry (asked);
