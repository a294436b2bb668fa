-- Rules as data: every version that was ever loaded, and which one was in force when.
set local lock_timeout = '4s';

create table rule_sets (
    name      text        not null check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    version   text        not null check (version ~ '^[0-9a-f]{12}$'),  -- SHA-256 of the source
    source    text        not null,                                     -- YAML, as it was loaded
    loaded_by text        not null,
    loaded_at timestamptz not null,
    primary key (name, version)
);

-- The newest row of a name is the version in force; going back is one more row.
create table rule_set_activations (
    sequence     bigint      generated always as identity primary key,
    name         text        not null,
    version      text        not null,
    activated_by text        not null,
    activated_at timestamptz not null,
    foreign key (name, version) references rule_sets
);

create index rule_set_activations_name on rule_set_activations (name, sequence desc);
