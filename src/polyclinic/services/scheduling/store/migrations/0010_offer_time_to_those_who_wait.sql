-- Who waits, which time became free, and who was offered it. Why it looks like this: services/scheduling/README.md.

-- Entries of the waitlist: Appointments with the status waitlist.
create table waiting (
    entry text collate "C" primary key,  -- Appointment/1
    since timestamptz not null           -- when it began to wait, as far as the entry itself does not say
);

-- A stretch of time that somebody gave back; it is kept until it is over.
create table freed (
    number bigint generated always as identity primary key,
    source text collate "C" not null,    -- who gave it back: Appointment/1 or Slot/1
    actors text[] not null,              -- whose time it is, as far as they have a calendar
    begins timestamptz not null,
    ends   timestamptz not null
);
create index freed_ends on freed (ends);

-- What is to be looked at: a stretch, for everybody who waits, or an entry, for every stretch. Whoever takes a row
-- away does so in the transaction in which it is looked at, so that it comes back if that process ends.
create table look (
    number bigint generated always as identity primary key,
    freed  bigint,
    entry  text collate "C"
);

-- Who was offered what, and what came of it.
create table offer (
    appointment text collate "C" primary key,  -- the Appointment that is the offer
    entry    text collate "C" not null,  -- to whom
    freed    bigint not null,            -- the stretch
    source   text collate "C" not null,  -- who gave it back
    schedule text collate "C" not null,  -- the calendar that leads the visit
    starts   timestamptz not null,
    made     timestamptz not null,
    expires  timestamptz not null,
    turn     integer not null,           -- 1 for the first to whom this time was offered, 2 for the next
    rank     bytea not null,             -- the parts of the rank, JSON
    answer   text,                       -- accepted or declined, as an AppointmentResponse says it, until it is heeded
    outcome  text,                       -- null: open
    ended    timestamptz
);
create unique index one_open_offer_to_each on offer (entry) where outcome is null;
create index offer_open on offer (expires) where outcome is null;
create index offer_answered on offer (appointment) where outcome is null and answer is not null;
create index offer_accepted on offer (entry) where outcome = 'accepted';
create index offer_entry on offer (entry, made);
create index offer_freed on offer (freed);
create index offer_source on offer (source);

-- Holders of holds that expired and whose time somebody else took before anybody noticed.
create table lapsed (holder text collate "C" not null);
create index lapsed_holder on lapsed (holder);
