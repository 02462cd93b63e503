# Runs of saved queries: each row in one shard, events that OpenLineage accepts.
#
# A run is planned by an ordinary role in a READ ONLY transaction and read by
# several clients at once, some of which fail and try again, while others write:
# rows per shard sum to the whole as of the basis. What was emitted is decoded from
# the WAL and checked against the part of OpenLineage's schema that is needed, with
# controls that must fail. On a standby runs work as well, and their events are in
# its log. A restart keeps runs, a damaged file is ignored, the oldest run goes.
use strict;
use warnings;
use Datom;
use JSON::PP;
use Test::More;

my $node = server('runs', fsync => 'off', wal_level => 'logical', log_min_messages => 'log', 'datom.max_runs' => 20,
	autovacuum => 'off', 'datom.lineage_namespace' => "'postgres://shop.example:5432'");
my $dbh = db($node);
$dbh->do($_) for 'CREATE SCHEMA s', 'GRANT USAGE ON SCHEMA s TO public', 'CREATE ROLE analyst LOGIN', 'CREATE ROLE curious LOGIN';
datom_table($dbh, 's.pur', ':p/amount' => 'long one', ':p/who' => 'string one');
$dbh->do("INSERT INTO s.pur (e, a, v) SELECT i, ':p/amount', i * 7 % 1000 FROM generate_series(1, 2000) i");
$dbh->do("INSERT INTO s.pur (e, a, v) VALUES (-datom.current_tx(), ':p/amount', 1)");
$dbh->do("INSERT INTO s.pur (e, a, v) SELECT i, ':p/who', 'w' || i FROM generate_series(1, 2000) i");
one($dbh, "SELECT count(*) FROM datom.refresh_entities('s.pur', 's')");
one($dbh, "SELECT datom.save_query('s.training', 'SELECT e, amount, who FROM s.p')");
one($dbh, "SELECT datom.save_query('s.above', 'SELECT e, amount FROM s.p WHERE amount > low', arguments => 'low bigint')");
$dbh->do('GRANT SELECT ON s.training TO analyst, curious');
one($dbh, "SELECT pg_create_logical_replication_slot('events', 'test_decoding')");

sub as_role
{
	my ($on, $role) = @_;
	return DBI->connect(sprintf('dbi:Pg:dbname=postgres;host=%s;port=%d', $on->host, $on->port), $role, '',
		{ RaiseError => 1, PrintError => 0, AutoInactiveDestroy => 1, pg_server_prepare => 0 });
}

# The events in the WAL since this was last asked.
sub decoded
{
	my @events;
	my $now = one($dbh, 'SELECT pg_current_wal_insert_lsn()');
	wait_until('events are flushed, though nobody commits', sub { one($dbh, 'SELECT pg_current_wal_flush_lsn() >= ?', $now) });
	for my $row (@{ $dbh->selectcol_arrayref("SELECT data FROM pg_logical_slot_get_changes('events', NULL, NULL)") })
	{
		push @events, decode_json($1) if $row =~ /^message: transactional: 0 prefix: datom\.openlineage, sz: \d+ content:(.*)/s;
	}
	return @events;
}

#
# OpenLineage 2-0-2: the part of RunEvent and its facets that we use
#
my $uri = qr/^[a-z]+:\S+$/;
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
my $uuid = qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
my $text = qr/^.+$/s;

sub facet { return { _producer => $uri, _schemaURL => qr{^https://openlineage\.io/spec/facets/\d-\d-\d/\w+\.json#/\$defs/\w+$}, @_ } }
my $fields = [ { name => $text, 'type?' => $text } ];
my %dataset = (
	namespace => qr{^postgres://[^/]+:\d+$}, name => qr/^\w+\.\w+\.\w+$/,
	'facets?' => { 'schema?' => facet(fields => $fields), 'version?' => facet(datasetVersion => $time) });
my $SCHEMA = {
	eventType => qr/^(START|RUNNING|COMPLETE|ABORT|FAIL|OTHER)$/, eventTime => $time, producer => $uri,
	schemaURL => qr{^https://openlineage\.io/spec/2-0-2/OpenLineage\.json#/\$defs/RunEvent$},
	run => { runId => $uuid, 'facets?' => {
			nominalTime => facet(nominalStartTime => $time), externalQuery => facet(externalQueryId => $uuid, source => $text),
			executionParameters => facet(parameters => [ { key => $text, 'value?' => qr/^.*$/s } ]) } },
	job => { namespace => $text, name => $text, 'facets?' => {
			sql => facet(query => $text, 'dialect?' => $text),
			jobType => facet(processingType => qr/^BATCH$/, integration => $text, 'jobType?' => $text) } },
	'inputs?' => [ {%dataset} ],
	'outputs?' => [ { %dataset, 'outputFacets?' => { outputStatistics => facet(rowCount => qr/^\d+$/) } } ] };

# What is wrong with a value: one message for each fault. A key that ends in ? may be missing.
sub faults
{
	my ($value, $schema, $where) = @_;
	if (ref $schema eq 'HASH')
	{
		return "$where is no object" unless ref $value eq 'HASH';
		my %known = map { s/\?$//r => $_ } keys %$schema;
		return map({ "$where.$_ is not known" } grep { !$known{$_} } sort keys %$value),
		  map({ exists $value->{$_} ? faults($value->{$_}, $schema->{ $known{$_} }, "$where.$_") :
				$known{$_} =~ /\?$/ ? () : "$where.$_ is missing" } sort keys %known);
	}
	if (ref $schema eq 'ARRAY')
	{
		return "$where is no array" unless ref $value eq 'ARRAY';
		return map { faults($value->[$_], $schema->[0], "$where\[$_]") } 0 .. $#$value;
	}
	return "$where is no scalar" if ref $value || !defined $value;
	return $value =~ $schema ? () : "$where is \"$value\"";
}

sub is_valid
{
	my ($event, $what) = @_;
	is_deeply([ faults($event, $SCHEMA, 'event') ], [], $what);
}

#
# A run by an ordinary role, in a transaction that may write nothing
#
my $analyst = as_role($node, 'analyst');
decoded();
$analyst->do('BEGIN READ ONLY');
my $run = $analyst->selectrow_hashref("SELECT * FROM datom.run('s.training', shards => 7, job => 'nightly')");
$analyst->do('COMMIT');
my ($start, @more) = decoded();
is(@more, 0, 'planning a run emits one event');
is_valid($start, 'which OpenLineage accepts');
is($start->{eventType}, 'START', 'that it has begun');
is($start->{run}{runId}, $run->{run}, 'with its id');
is("$start->{job}{namespace} $start->{job}{name}", 'postgres://shop.example:5432 postgres.nightly', 'and job');
is_deeply([ map { [ $_->{name}, [ map { $_->{name} } @{ $_->{facets}{schema}{fields} } ] ] } @{ $start->{inputs} } ],
	[ [ 'postgres.s.pur', [ ':p/amount', ':p/who' ] ] ], 'what it reads');
is_deeply([ map { "$_->{name} $_->{type}" } @{ $start->{outputs}[0]{facets}{schema}{fields} } ], [ 'e bigint', 'amount bigint', 'who text' ], 'and what it gives');
my ($basis) = $run->{settings} =~ /'(.*)'/;
is($start->{inputs}[0]{facets}{version}{datasetVersion}, $basis, 'as of its basis');
is_deeply([ grep { exists $_->{type} } @{ $start->{inputs}[0]{facets}{schema}{fields} } ], [], 'types of attributes are not for who may not read the table');
is(one($analyst, 'SELECT datom.lineage(?)::jsonb = ?::jsonb', $run->{run}, encode_json($start)), 1, 'lineage() gives the same');

for my $control (
	[ 'without runId' => sub { delete $_[0]{run}{runId} }, 'event.run.runId is missing' ],
	[ 'with a runId that is none' => sub { $_[0]{run}{runId} = 'x' }, 'event.run.runId is "x"' ],
	[ 'without eventTime' => sub { delete $_[0]{eventTime} }, 'event.eventTime is missing' ],
	[ 'of no type' => sub { $_[0]{eventType} = 'BEGIN' }, 'event.eventType is "BEGIN"' ],
	[ 'with a facet of nobody' => sub { delete $_[0]{job}{facets}{sql}{_producer} }, 'event.job.facets.sql._producer is missing' ],
	[ 'with a facet of no schema' => sub { delete $_[0]{inputs}[0]{facets}{version}{_schemaURL} }, 'event.inputs[0].facets.version._schemaURL is missing' ],
	[ 'with a dataset without a name' => sub { delete $_[0]{outputs}[0]{name} }, 'event.outputs[0].name is missing' ],
	[ 'with one input, not many' => sub { $_[0]{inputs} = $_[0]{inputs}[0] }, 'event.inputs is no array' ])
{
	my ($what, $break, $fault) = @$control;
	my $broken = decode_json(encode_json($start));
	$break->($broken);
	is(join(', ', faults($broken, $SCHEMA, 'event')), $fault, "control: an event $what is not accepted");
}

#
# Read in shards, at once, while others write, and with failures
#
my $at = "$run->{settings}; ";
$dbh->do("CREATE TABLE got (shard int, e bigint)");
$dbh->do('GRANT INSERT ON got TO public');
my $writer = spawn(sub {
		my $w = db($node);
		$w->do("INSERT INTO s.pur (e, a, v) SELECT i, ':p/amount', 1 FROM generate_series(3000 + $_ * 10, 3005 + $_ * 10) i") for 1 .. 30;
	});
my $failed = finish(map {
		my $i = $_;
		spawn(sub {
				my $s = as_role($node, 'analyst');
				$s->do($run->{settings});
				if ($i % 3 == 0)
				{
					eval { $s->selectall_arrayref("SELECT 1 / (amount - amount) FROM s.training WHERE ($run->{predicates}[$i])") };
					die 'it should have failed' unless $@;
				}
				my $rows = $s->selectcol_arrayref("$run->{sql} WHERE $run->{predicates}[$i]");
				$s->do("RESET datom.as_of");
				$s->do('INSERT INTO got SELECT ?, unnest(?::bigint[])', undef, $i, "{@{[join ',', @$rows]}}");
			})
	} 0 .. 6);
is($failed + finish($writer), 0, 'all shards were read');
my $whole = one($dbh, "SELECT count(*) FROM datom.entities_as_of(NULL::s.p, '$basis')");
is(one($dbh, 'SELECT count(*) FROM got'), $whole, "the shards have the $whole rows of the whole");
is(one($dbh, 'SELECT count(DISTINCT e) FROM got'), $whole, 'each once');
cmp_ok(one($dbh, 'SELECT count(*) FROM s.p'), '>', $whole, 'control: meanwhile there are more');
is_deeply(
	$dbh->selectall_arrayref('SELECT shard, attempts, rows, state FROM datom.run_shards(?) ORDER BY 1', undef, $run->{run}),
	$dbh->selectall_arrayref("SELECT shard, CASE WHEN shard % 3 = 0 THEN 2 ELSE 1 END, count(*), 'done' FROM got GROUP BY 1 ORDER BY 1"),
	'what was counted is what was read, failures too');
is_deeply($dbh->selectrow_arrayref('SELECT query, job, role, shards_done, rows, state FROM datom.runs WHERE run = ?', undef, $run->{run}),
	[ 's.training', 'nightly', 'analyst', 7, $whole, 'complete' ], 'of the run as well');
my @events = decoded();
# Whoever fails last, when all others have ended, has the run fail for a moment.
is(join(' ', grep { $_ ne 'FAIL' } map { $_->{eventType} } @events), 'COMPLETE', 'one more event');
is_valid($events[-1], 'which OpenLineage accepts');
is("$events[-1]{eventType} $events[-1]{run}{runId} $events[-1]{outputs}[0]{outputFacets}{outputStatistics}{rowCount}", "COMPLETE $run->{run} $whole",
	'that the run is complete, with so many rows');

# A run whose only shard fails, and then does not.
my $once = $analyst->selectrow_hashref("SELECT * FROM datom.run('s.training')");
$analyst->do($once->{settings});
eval { $analyst->do("SELECT 1 / (amount - amount) FROM s.training WHERE $once->{predicates}[0]") };
is(join(' ', map { is_valid($_, 'a valid event'); $_->{eventType} } decoded()), 'START FAIL', 'a run of which all shards have failed has failed');
$analyst->do("SELECT e FROM s.training WHERE $once->{predicates}[0]");
is(join(' ', map { $_->{eventType} } decoded()), 'COMPLETE', 'until it is read after all');
$analyst->do("SELECT e FROM s.training WHERE $once->{predicates}[0]");
is(join(' ', map { $_->{eventType} } decoded()), '', 'once more is nothing to speak of');
# A client that goes away in the middle.
my $gone = $analyst->selectrow_hashref("SELECT * FROM datom.run('s.training')");
my $leaver = as_role($node, 'analyst');
$leaver->do($gone->{settings});
$leaver->do('BEGIN');
$leaver->do("DECLARE c CURSOR FOR SELECT e FROM s.training WHERE $gone->{predicates}[0]");
$leaver->do('FETCH 10 FROM c');
is(one($dbh, 'SELECT state FROM datom.runs WHERE run = ?', $gone->{run}), 'running', 'a cursor is open');
my $pid = one($leaver, 'SELECT pg_backend_pid()');
one($dbh, 'SELECT pg_terminate_backend(?, 300000)', $pid);
is(one($dbh, 'SELECT state FROM datom.runs WHERE run = ?', $gone->{run}), 'failed', 'its session ends, and the shard has failed');
$analyst->do('RESET datom.as_of');

#
# Ended by hand
#
my $aborted = $analyst->selectrow_hashref("SELECT * FROM datom.run('s.training', shards => 3)");
$analyst->do($aborted->{settings});
my $read = @{ $analyst->selectcol_arrayref("$aborted->{sql} WHERE $aborted->{predicates}[0]") };
$leaver = as_role($node, 'analyst');
$leaver->do($_) for $aborted->{settings}, 'BEGIN', "DECLARE c CURSOR FOR SELECT e FROM s.training WHERE $aborted->{predicates}[1]", 'FETCH 10 FROM c';
decoded();
my $other = as_role($node, 'curious');
ok(!eval { one($other, 'SELECT datom.abort_run(?)', $aborted->{run}); 1 } && $other->state eq '42501', "another role's run is not to be ended");
is(one($dbh, 'SELECT state FROM datom.runs WHERE run = ?', $aborted->{run}), 'running', 'and is not');
$other->disconnect;
$analyst->do('BEGIN READ ONLY');
one($analyst, 'SELECT datom.abort_run(?)', $aborted->{run});
$analyst->do('COMMIT');
my @abort = decoded();
is(join(' ', map { is_valid($_, 'a valid event'); "$_->{eventType} $_->{outputs}[0]{outputFacets}{outputStatistics}{rowCount}" } @abort), "ABORT $read", 'a run is ended by hand, with the rows of the shard that was read');
my $end = 'SELECT state, shards_done, rows, ended_at FROM datom.runs WHERE run = ?';
my $then = $dbh->selectrow_arrayref($end, undef, $aborted->{run});
is("@$then[0 .. 2]", "aborted 1 $read", 'that is what it is');
$leaver->do($_) for 'MOVE ALL FROM c', 'COMMIT';
$leaver->disconnect;
is(one($dbh, 'SELECT state FROM datom.run_shards(?) WHERE shard = 1', $aborted->{run}), 'done', 'a shard that was being read is read to its end');
ok(!eval { $analyst->do("SELECT e FROM s.training WHERE $aborted->{predicates}[2]"); 1 } && $analyst->state eq '55000', 'and no other is read');
is_deeply($dbh->selectrow_arrayref($end, undef, $aborted->{run}), $then, 'but the run stays as it was');
is(join(' ', map { $_->{eventType} } decoded()), '', 'and nothing more is said of it');
is(one($analyst, "SELECT datom.lineage(?)->>'eventType'", $aborted->{run}), 'ABORT', 'lineage() says so');
ok(!eval { one($analyst, 'SELECT datom.abort_run(?)', $_); 1 } && $analyst->state eq '55000', 'what has ended is not ended again') for $aborted->{run}, $run->{run};
$analyst->do('RESET datom.as_of');
one($analyst, 'SELECT datom.abort_run(?)', $gone->{run});
is(join(' ', map { $_->{eventType} } decoded()), 'ABORT', 'a run that has failed may be given up');

#
# Who may see what
#
my $curious = as_role($node, 'curious');
is_deeply($curious->selectrow_arrayref('SELECT query, args FROM datom.runs WHERE run = ?', undef, $run->{run}), [ 's.training', undef ], 'others see that a run is, not its arguments');
ok(!eval { one($curious, 'SELECT datom.lineage(?)', $run->{run}); 1 } && $curious->state eq '42501', 'nor its lineage');
ok(!eval { one($curious, "SELECT run FROM datom.run('s.nix')"); 1 } && $curious->state eq '42704', 'a query that is not saved');
$dbh->do('REVOKE EXECUTE ON FUNCTION s.above(bigint) FROM public');
ok(!eval { one($curious, q{SELECT run FROM datom.run('s.above', '[1]')}); 1 } && $curious->state eq '42501', 'nor may they run what they may not ask');
$dbh->do('CREATE VIEW s.locked AS SELECT 1');
one($dbh, "SELECT datom.save_query('s.closed', 'SELECT e FROM s.p')");
$dbh->begin_work;
$dbh->do('LOCK TABLE s.closed IN ACCESS EXCLUSIVE MODE');
$curious->do("SET lock_timeout = '1s'");
ok(!eval { one($curious, q{SELECT run FROM datom.run('s.closed')}); 1 } && $curious->state eq '42501', 'which is asked before any lock');
$dbh->rollback;

#
# A standby
#
$dbh->do('CHECKPOINT');
my $standby = standby($node, 'runs_standby', hot_standby => 'on');
launch($standby);
my $s = as_role($standby, 'analyst');
my $log = -s $standby->logfile;
my $there = $s->selectrow_hashref("SELECT * FROM datom.run('s.training', shards => 2)");
$s->do($there->{settings});
my $sum = 0;
$sum += @{ $s->selectcol_arrayref("$there->{sql} WHERE $_") } for @{ $there->{predicates} };
$s->do('RESET datom.as_of');
my ($there_basis) = $there->{settings} =~ /'(.*)'/;
is($sum, one($dbh, "SELECT count(*) FROM datom.entities_as_of(NULL::s.p, '$there_basis')"), 'a standby has the same rows');
is_deeply($s->selectrow_arrayref('SELECT shards_done, rows, state FROM datom.runs'), [ 2, $sum, 'complete' ], 'and knows its own run');
open my $f, '<', $standby->logfile or die $!;
seek $f, $log, 0;
my @logged = map { /LOG: +OpenLineage event: (\{.*\})$/ ? decode_json($1) : () } <$f>;
is(join(' ', map { is_valid($_, 'a valid event'); $_->{eventType} } @logged), 'START COMPLETE', 'its events are in its log');
one($s, q{SELECT datom.abort_run(run) FROM datom.run('s.training')});
is(one($s, q{SELECT state FROM datom.runs ORDER BY started_at DESC LIMIT 1}), 'aborted', 'a run can be ended there');
$s->do($run->{settings});
ok(!eval { $s->do("SELECT FROM s.training WHERE $run->{predicates}[0]"); 1 } && $s->state eq '42704', "the primary's runs are not its own");
$s->disconnect;
shut_down($standby);

#
# Restarts, and room
#
my $all = 'SELECT run, query, job, args, basis, shards, role, started_at, ended_at, shards_done, rows, state FROM datom.runs ORDER BY 1';
my $shards = 'SELECT r.run, s.* FROM datom.runs r, datom.run_shards(r.run) s ORDER BY 1, 2';
my @before = map { $dbh->selectall_arrayref($_) } $all, $shards;
cmp_ok(@{ $before[0] }, '>', 2, 'there are runs');
sub again
{
	my ($between) = @_;
	$_->disconnect for $dbh, $analyst, $curious;
	shut_down($node);
	$between->() if $between;
	launch($node);
	$dbh = db($node);
}
again();
is_deeply([ map { $dbh->selectall_arrayref($_) } $all, $shards ], \@before, 'a restart keeps them');
is(one($dbh, "SELECT datom.lineage(?)->>'eventType'", $run->{run}), 'COMPLETE', 'and what they are');
is(one($dbh, 'SELECT state FROM datom.runs WHERE run = ?', $aborted->{run}), 'aborted', 'aborted ones too');
my @runs = map { one($dbh, "SELECT run FROM datom.run('s.training')") } 1 .. 25;
is(one($dbh, 'SELECT count(*) FROM datom.runs'), 20, 'there are never more than datom.max_runs');
is_deeply($dbh->selectcol_arrayref('SELECT run FROM datom.runs ORDER BY started_at'), [ @runs[ -20 .. -1 ] ], 'the oldest go');
again(sub { open my $out, '+<', $node->data_dir . '/pg_stat/datom_runs.stat' or die $!; seek $out, 1000, 0; print $out 'x' x 8; close $out });
is(one($dbh, 'SELECT count(*) FROM datom.runs'), 0, 'a damaged file is ignored');

$dbh->disconnect;
done_testing();
