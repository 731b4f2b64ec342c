-- What a service calls a change, such as "booked"; null where it was created, updated or deleted and nothing more.

alter table change add column event text collate "C";
