-- Dead jobs are few among many: find them, and whether one stands for a key, without a scan.
set local lock_timeout = '4s';

create index pgqueuer_dead_id on pgqueuer (id) where status = 'failed';
create index pgqueuer_dead_key on pgqueuer (dedupe_key) where status = 'failed';
